# assay_library(NAME [DEPS ...]): a static library `assay_NAME` (alias assay::NAME) of the *.cpp in this folder,
# and, with the respective options on, its tests (tests/*_test.cpp) and benchmarks (bench/*_bench.cpp). With ASSAY_PCH
# several files are compiled as one, but for SEPARATE libraries: those of systems, and where files share local names.
# assay_tests(NAME [DEPS ...] [LABELS ...] [TIMEOUT s]): the same for a folder that has only tests.
function(assay_library name)
  cmake_parse_arguments(ARG "SEPARATE" "" "DEPS;PRIVATE_DEPS;TEST_DEPS;TEST_LABELS;SUBDIRS" ${ARGN})
  set(patterns ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  foreach(sub ${ARG_SUBDIRS})
    list(APPEND patterns ${CMAKE_CURRENT_SOURCE_DIR}/${sub}/*.cpp)
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS ${patterns})
  add_library(assay_${name} STATIC ${sources})
  add_library(assay::${name} ALIAS assay_${name})
  set_target_properties(assay_${name} PROPERTIES EXPORT_NAME ${name})
  if(ASSAY_PCH AND NOT ARG_SEPARATE)
    set_target_properties(assay_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8) # a third of the time
  endif()
  target_include_directories(assay_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/compiler/include> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<INSTALL_INTERFACE:include>)
  target_link_libraries(assay_${name} PUBLIC ${ARG_DEPS} $<BUILD_INTERFACE:assay::flags>
    PRIVATE ${ARG_PRIVATE_DEPS})
  assay_tests(${name} DEPS assay::${name} ${ARG_TEST_DEPS} LABELS ${ARG_TEST_LABELS})
endfunction()

# One precompiled header for all tests: it is made for a program, whose flags theirs must equal.
function(assay_precompile_tests target)
  if(NOT TARGET assay_test_pch)
    file(WRITE ${PROJECT_BINARY_DIR}/test_pch.cpp "int main() {}\n")
    add_executable(assay_test_pch ${PROJECT_BINARY_DIR}/test_pch.cpp)
    target_link_libraries(assay_test_pch PRIVATE assay::flags GTest::gtest_main)
    target_compile_definitions(assay_test_pch PRIVATE $<TARGET_PROPERTY:${target},COMPILE_DEFINITIONS>)
    target_compile_options(assay_test_pch PRIVATE $<TARGET_PROPERTY:${target},COMPILE_OPTIONS>)
    target_precompile_headers(assay_test_pch PRIVATE <gtest/gtest.h> <algorithm> <map> <random> <set> <string> <vector>)
  endif()
  target_precompile_headers(${target} REUSE_FROM assay_test_pch)
endfunction()

function(assay_tests name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "DEPS;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS quick)
  endif()
  if(ASSAY_TEST_LABEL) # of the toolchain
    set(ARG_LABELS ${ASSAY_TEST_LABEL})
  endif()
  if(ASSAY_TEST_TIMEOUT) # of the toolchain
    set(ARG_TIMEOUT ${ASSAY_TEST_TIMEOUT})
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  if(ASSAY_TESTS)
    file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/tests/*_test.cpp)
    if(tests)
      add_executable(${name}_tests ${tests})
      target_link_libraries(${name}_tests PRIVATE ${ARG_DEPS} assay::flags GTest::gtest_main)
      target_compile_definitions(${name}_tests PRIVATE ASSAY_SOURCE_DIR="${ASSAY_HOST_ROOT}${PROJECT_SOURCE_DIR}")
      if(CMAKE_CROSSCOMPILING_EMULATOR) # which cannot start a program of the target from within another
        target_compile_definitions(${name}_tests PRIVATE ASSAY_EMULATED=1)
      endif()
      # What a test spends its time on is in the libraries; to optimise it costs half as much again to compile.
      if(NOT MSVC AND NOT CMAKE_CROSSCOMPILING)
        target_compile_options(${name}_tests PRIVATE -O0)
      endif()
      target_compile_options(${name}_tests PRIVATE ${ASSAY_TEST_OPTIONS}) # of the toolchain
      if(ASSAY_PCH)
        assay_precompile_tests(${name}_tests)
      endif()
      gtest_discover_tests(${name}_tests TEST_PREFIX ${name}. DISCOVERY_TIMEOUT 300
        PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
    endif()
  endif()
  if(ASSAY_BENCH)
    file(GLOB benches CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/bench/*_bench.cpp)
    if(benches)
      add_executable(${name}_bench ${benches})
      target_link_libraries(${name}_bench PRIVATE ${ARG_DEPS} assay::flags benchmark::benchmark_main)
      target_compile_definitions(${name}_bench PRIVATE ASSAY_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    endif()
  endif()
endfunction()
