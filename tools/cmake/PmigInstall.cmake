# What other projects find: pmig.pc and find_package(pmig), which has pmig_add_executable().
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/pmig)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/pmig-config.cmake.in ${PROJECT_BINARY_DIR}/pmig-config.cmake
	INSTALL_DESTINATION ${package_dir} PATH_VARS CMAKE_INSTALL_BINDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/pmig-config-version.cmake COMPATIBILITY SameMinorVersion)
configure_file(${CMAKE_CURRENT_LIST_DIR}/pmig.pc.in ${PROJECT_BINARY_DIR}/pmig.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/pmig-config.cmake ${PROJECT_BINARY_DIR}/pmig-config-version.cmake
	${CMAKE_CURRENT_LIST_DIR}/PmigPrograms.cmake DESTINATION ${package_dir})
install(FILES ${PROJECT_BINARY_DIR}/pmig.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
