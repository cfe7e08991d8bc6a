# Cross-compiling for Linux on ARM64, on Debian and its kin: g++-aarch64-linux-gnu, libraries of the foreign architecture
# arm64 (ci/install), and qemu-aarch64 to run the tests. Used by the preset `dev-arm64`.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
find_program(ASSAY_QEMU_AARCH64 qemu-aarch64)
if(ASSAY_QEMU_AARCH64)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${ASSAY_QEMU_AARCH64})
endif()
# Programs are the host's. Libraries and packages come from the multiarch folders only: those of the host would be found
# too, and cannot be linked.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
list(APPEND CMAKE_IGNORE_PATH /usr/lib/x86_64-linux-gnu /usr/lib/x86_64-linux-gnu/cmake /lib/x86_64-linux-gnu)
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)
