# The libraries that the build finds, for systems for which Debian packages none (mingw-w64, macOS): GoogleTest is built from the
# sources that libgtest-dev brings; fmt, CLI11 and nlohmann-json are headers, the host's. Its other headers must not be
# seen, so each library's folder is linked to from a folder in the build. Included by the presets `dev-win64`,
# `dev-winarm64` and `macos-*` (CMAKE_PROJECT_TOP_LEVEL_INCLUDES); find_package then finds the redirections that are
# written here.
set(redirects ${CMAKE_FIND_PACKAGE_REDIRECTS_DIR})
set(host_headers ${CMAKE_BINARY_DIR}/host-headers)
file(MAKE_DIRECTORY ${host_headers})

function(assay_header_library package target folder definition)
  if(NOT EXISTS /usr/include/${folder})
    message(FATAL_ERROR "this preset needs /usr/include/${folder} (ci/install brings it)")
  endif()
  file(CREATE_LINK /usr/include/${folder} ${host_headers}/${folder} SYMBOLIC)
  string(TOLOWER ${package} name)
  file(WRITE ${redirects}/${name}-config.cmake "
if(NOT TARGET ${target})
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_include_directories(${target} SYSTEM INTERFACE ${host_headers})
  target_compile_definitions(${target} INTERFACE ${definition})
endif()
")
endfunction()

assay_header_library(fmt fmt::fmt fmt FMT_HEADER_ONLY=1)
assay_header_library(CLI11 CLI11::CLI11 CLI "")
assay_header_library(nlohmann_json nlohmann_json::nlohmann_json nlohmann "")

if(NOT EXISTS /usr/src/googletest/CMakeLists.txt)
  message(FATAL_ERROR "this preset needs GoogleTest's sources in /usr/src/googletest (package libgtest-dev)")
endif()
file(WRITE ${redirects}/gtest-config.cmake "
if(NOT TARGET GTest::gtest_main)
  set(BUILD_GMOCK OFF CACHE INTERNAL \"\")
  set(INSTALL_GTEST OFF CACHE INTERNAL \"\")
  add_subdirectory(/usr/src/googletest ${CMAKE_BINARY_DIR}/googletest EXCLUDE_FROM_ALL SYSTEM)
endif()
")
