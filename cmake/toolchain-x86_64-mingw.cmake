# Cross-compiling for Windows on x86-64 with mingw-w64: g++-mingw-w64-x86-64-posix (ci/install), and Wine to run the
# tests. Used by the preset `dev-win64`, with the libraries of cmake/mingw-libraries.cmake.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
# The variant with POSIX threads: the other has no std::mutex.
find_program(ASSAY_MINGW_CC NAMES x86_64-w64-mingw32-gcc-posix x86_64-w64-mingw32-gcc)
find_program(ASSAY_MINGW_CXX NAMES x86_64-w64-mingw32-g++-posix x86_64-w64-mingw32-g++)
set(CMAKE_C_COMPILER ${ASSAY_MINGW_CC})
set(CMAKE_CXX_COMPILER ${ASSAY_MINGW_CXX})
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)
# One file a program: no DLL of the compiler has to be found by Wine.
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
if(EXISTS /usr/bin/wine)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${CMAKE_CURRENT_LIST_DIR}/../ci/wine)
endif()
set(CMAKE_FIND_ROOT_PATH /usr/x86_64-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} /usr/x86_64-w64-mingw32/lib/pkgconfig)
