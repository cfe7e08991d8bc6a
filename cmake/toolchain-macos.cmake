# Cross-compiling for macOS with zig's Clang and its stubs of the system's libraries (ci/install-cross). What it makes cannot be run
# here: it says that the code compiles and links. Used by the presets `macos-arm64` and `macos-x64`, which set
# CMAKE_SYSTEM_PROCESSOR.
set(CMAKE_SYSTEM_NAME Darwin)
include(${CMAKE_CURRENT_LIST_DIR}/toolchain-zig.cmake)
# Tests are asked for their names when ctest runs, not when they are built: here none can be run.
set(CMAKE_GTEST_DISCOVER_TESTS_DISCOVERY_MODE PRE_TEST)
set(CMAKE_INSTALL_NAME_TOOL /bin/false) # asked for, not used: no library is shared, and nothing is installed
