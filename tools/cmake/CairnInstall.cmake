# find_package(cairn) and pkg-config after `cmake --install`.
include(CMakePackageConfigHelpers)

set(cairn_installed cairn)
if(CAIRN_HOST)
  list(APPEND cairn_installed cairn_host)
endif()
install(TARGETS ${cairn_installed} EXPORT cairnTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY engine/include/cairn DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT cairnTargets NAMESPACE cairn:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/cairn)
configure_package_config_file(tools/cmake/cairnConfig.cmake.in cairnConfig.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/cairn)
write_basic_package_version_file(cairnConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cairnConfig.cmake ${PROJECT_BINARY_DIR}/cairnConfigVersion.cmake
        tools/cmake/CairnDependencies.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/cairn)
# Wherever it is installed, also with `cmake --install --prefix`.
file(RELATIVE_PATH cairn_pc_to_prefix "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
configure_file(tools/cmake/cairn.pc.in cairn.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/cairn.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
