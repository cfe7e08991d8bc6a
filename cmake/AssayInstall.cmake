# What a user of the JIT gets: the public headers, the libraries behind them, and a CMake package.
#
#   find_package(assay CONFIG REQUIRED)
#   target_link_libraries(app PRIVATE assay::jit)
#
# Only compiler/ is installed; the harness stays here. ci/tests/consumer is the test.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(ASSAY_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/assay)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/compiler/include/assay DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT assay)
install(TARGETS assay_ir assay_lang assay_analysis assay_opt assay_codegen assay_x64 assay_a64 assay_unwind assay_os assay_debug assay_debug_info assay_jit
  EXPORT assayTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT assay
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT assay
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT assay)
install(EXPORT assayTargets NAMESPACE assay:: DESTINATION ${ASSAY_PACKAGE_DIR} COMPONENT assay)

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/assayConfig.cmake.in
  ${PROJECT_BINARY_DIR}/package/assayConfig.cmake INSTALL_DESTINATION ${ASSAY_PACKAGE_DIR})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/assayConfigVersion.cmake
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/package/assayConfig.cmake ${PROJECT_BINARY_DIR}/package/assayConfigVersion.cmake
  DESTINATION ${ASSAY_PACKAGE_DIR} COMPONENT assay)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/assay COMPONENT assay)
