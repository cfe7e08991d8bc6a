# The build's switches. None changes what a program means or what a test accepts.
option(ASSAY_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(ASSAY_BENCH "Build the benchmarks" OFF)
option(ASSAY_COMMAND "Build the harness in fuzz/ and its command `assay`" ON)
option(ASSAY_VERIFY "Verify IR after each stage and check every register allocation" ON)
option(ASSAY_MUTANTS "Compile in the bank of planted bugs (inactive until chosen at run time)" OFF)
option(ASSAY_FUZZERS "Build the libFuzzer targets (clang only)" OFF)
# Off where presets build with -O1: there GCC 12 warns of bounds inside std::string that nobody leaves (gcc PR105329).
option(ASSAY_WERROR "Warnings are errors" ${PROJECT_IS_TOP_LEVEL})
option(ASSAY_PCH "Precompile what tests include, and compile several files as one: quicker from nothing, but ccache keeps little of it" OFF)
set(ASSAY_SANITIZE "" CACHE STRING "Sanitizers for every target, e.g. address,undefined")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# Functions and lines suffice for a backtrace. What -g says of types and variables, of which -O2 leaves few, costs a third
# of the time of a build.
if(CMAKE_CXX_FLAGS_RELWITHDEBINFO STREQUAL "-O2 -g -DNDEBUG")
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")
endif()

find_program(ASSAY_CCACHE ccache)
if(ASSAY_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ASSAY_CCACHE})
endif()

if(ASSAY_COMMAND)
  find_package(fmt REQUIRED)
endif()
find_package(Threads REQUIRED)
if(ASSAY_TESTS)
  enable_testing()
  include(GoogleTest)
  find_package(GTest REQUIRED)
endif()
if(ASSAY_BENCH)
  find_package(benchmark REQUIRED)
endif()

add_library(assay_flags INTERFACE)
add_library(assay::flags ALIAS assay_flags)
target_compile_features(assay_flags INTERFACE cxx_std_20)
if(MSVC)
  target_compile_options(assay_flags INTERFACE /W4 /permissive- /EHsc $<$<BOOL:${ASSAY_WERROR}>:/WX>)
else()
  target_compile_options(assay_flags INTERFACE -Wall -Wextra -Wshadow -Wno-missing-field-initializers
    -fno-strict-aliasing $<$<BOOL:${ASSAY_WERROR}>:-Werror>)
  # GCC 12 and 13 report -Wrestrict inside std::string at -O3 where there is no overlap (gcc PR105651).
  target_compile_options(assay_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
  # Position-independent code of GCC calls functions through what a shared library might put in their place, and puts
  # none into its callers. Nothing is put in place of ours.
  target_compile_options(assay_flags INTERFACE
    $<$<AND:$<CXX_COMPILER_ID:GNU>,$<CONFIG:Release>>:-fno-semantic-interposition>)
  # Clang finds a deprecated function in what libstdc++ 12 makes of std::stable_sort.
  target_compile_options(assay_flags INTERFACE $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>)
endif()
if(ASSAY_VERIFY)
  target_compile_definitions(assay_flags INTERFACE ASSAY_VERIFY=1)
endif()
if(ASSAY_MUTANTS)
  target_compile_definitions(assay_flags INTERFACE ASSAY_MUTANTS=1)
endif()
# What libFuzzer learns from, by folder (a directory property): "edges" in the compiler and the oracle; "none" in the
# harness itself, where coverage says nothing about the subject. Compared constants are not traced: programs are
# mutated as programs, which has no use for them, and the calls cost a third of the time.
define_property(DIRECTORY PROPERTY ASSAY_COVERAGE INHERITED BRIEF_DOCS "edges or none")
define_property(TARGET PROPERTY ASSAY_COVERAGE INHERITED BRIEF_DOCS "edges or none")
set_directory_properties(PROPERTIES ASSAY_COVERAGE edges)
if(ASSAY_SANITIZE MATCHES "fuzzer")
  set(coverage $<TARGET_PROPERTY:ASSAY_COVERAGE>)
  target_compile_options(assay_flags INTERFACE -fno-omit-frame-pointer
    $<$<STREQUAL:${coverage},edges>:-fsanitize=${ASSAY_SANITIZE}>
    $<$<STREQUAL:${coverage},edges>:-fno-sanitize-coverage=trace-cmp,indirect-calls>)
  target_link_options(assay_flags INTERFACE -fsanitize=${ASSAY_SANITIZE})
elseif(ASSAY_SANITIZE)
  target_compile_options(assay_flags INTERFACE -fsanitize=${ASSAY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  target_link_options(assay_flags INTERFACE -fsanitize=${ASSAY_SANITIZE})
  # Clang's check of calls through pointers reads the bytes before the function. Before compiled code there may be none.
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND ASSAY_SANITIZE MATCHES "undefined")
    target_compile_options(assay_flags INTERFACE -fno-sanitize=function)
  endif()
endif()
# A cross-compiling GCC looks for a linker with its own prefix, which lld has not.
find_program(ASSAY_LLD NAMES ld.lld ld.lld-19)
if(ASSAY_LLD AND NOT MSVC AND NOT APPLE AND NOT CMAKE_CROSSCOMPILING)
  target_link_options(assay_flags INTERFACE -fuse-ld=lld)
endif()
