# What `make install` puts where, and the Debian package that `make deb` makes of it.
set(ISTHMUS_UNIT_DIR "lib/systemd/system" CACHE STRING "Folder of systemd units below the prefix")
configure_file(packaging/isthmus-gateway.service.in isthmus-gateway.service @ONLY)

install(TARGETS isthmus RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# Nobody runs it by hand; src/formatter/formatter_process.c looks for it there.
install(TARGETS isthmus-formatter RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/isthmus)
install(FILES docs/man/isthmus.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES docs/man/isthmus.json.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES ${CMAKE_BINARY_DIR}/isthmus-gateway.service DESTINATION ${ISTHMUS_UNIT_DIR})
install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(CPACK_PACKAGE_CONTACT "the isthmus maintainers")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_STRIP_FILES ON)
include(CPack)
