# Cross-compiling for Windows on ARM64 with zig's Clang, mingw-w64 and libc++, and Wine for ARM64 in qemu-aarch64 to run the
# tests: both from ci/install-cross. Used by the preset `dev-winarm64`, with the libraries of cmake/mingw-libraries.cmake.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/toolchain-zig.cmake)
set(CMAKE_C_COMPILER_TARGET aarch64-windows-gnu)
set(CMAKE_CXX_COMPILER_TARGET aarch64-windows-gnu)
set(ASSAY_TEST_LABEL winearm) # instead of the tests' own
set(ASSAY_TEST_TIMEOUT 600)   # a throw takes a hundred times what it does elsewhere
set(CMAKE_CROSSCOMPILING_EMULATOR ${CMAKE_CURRENT_LIST_DIR}/../ci/wine-arm64)
# What this machine's absolute paths begin with in there. Wine looks for the drive of the folder that it is started in
# by comparing the root's inode; qemu shows it that of QEMU_LD_PREFIX instead, so it finds none and there is no current
# drive.
set(ASSAY_HOST_ROOT Z:)
# Wine 8's RtlRestoreContext leaves vector registers as they are, so that what C++ code keeps in d8-d15 over a throw is
# lost: tests keep nothing there. (compiler/jit/tests/instance_test.cpp asks whether it is so.) Without optimisation zig
# adds stack protectors, for which it would not link a library.
set(ASSAY_TEST_OPTIONS -O0 -fno-stack-protector)
# FindThreads would take its tries, which do not link, for proof of a library of POSIX threads.
set(CMAKE_HAVE_PTHREADS_CREATE FALSE)
set(CMAKE_HAVE_PTHREAD_CREATE FALSE)
set(THREADS_HAVE_PTHREAD_ARG FALSE)
