# What `make install` puts where, and the Debian packages that `make deb` makes of it: isthmus;
# isthmus-camera, whose libraries a gateway does not need; and isthmus-camera-video
# (camera_video.cmake), if it is built.
set(ISTHMUS_UNIT_DIR "lib/systemd/system" CACHE STRING "Folder of systemd units below the prefix")
set(ISTHMUS_USER_UNIT_DIR "lib/systemd/user" CACHE STRING "The same of users' units")
configure_file(packaging/isthmus-gateway.service.in isthmus-gateway.service @ONLY)
configure_file(packaging/isthmus-camera.service.in isthmus-camera.service @ONLY)
configure_file(packaging/isthmus-hub.service.in isthmus-hub.service @ONLY)

install(TARGETS isthmus RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT isthmus)
# Nobody runs it by hand; src/formatter/formatter_process.c looks for it there.
install(TARGETS isthmus-formatter RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/isthmus
        COMPONENT isthmus)
install(FILES docs/man/isthmus.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT isthmus)
install(FILES packaging/completion/isthmus
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT isthmus)
install(FILES packaging/completion/_isthmus
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT isthmus)
install(FILES docs/man/isthmus.json.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5 COMPONENT isthmus)
install(FILES ${CMAKE_BINARY_DIR}/isthmus-gateway.service DESTINATION ${ISTHMUS_UNIT_DIR}
        COMPONENT isthmus)
install(FILES ${CMAKE_BINARY_DIR}/isthmus-hub.service DESTINATION ${ISTHMUS_USER_UNIT_DIR}
        COMPONENT isthmus)
install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT isthmus)
install(FILES packaging/monitoring/alert-rules.yml packaging/monitoring/dashboard.json
        DESTINATION ${CMAKE_INSTALL_DATADIR}/isthmus/monitoring COMPONENT isthmus)

install(FILES packaging/container/Containerfile packaging/container/kubernetes.yaml
        packaging/container/kubernetes-replicas.yaml
        DESTINATION ${CMAKE_INSTALL_DATADIR}/isthmus/container COMPONENT isthmus)

install(TARGETS isthmus-camera RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT camera)
install(FILES docs/man/isthmus-camera.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT camera)
install(FILES packaging/completion/isthmus-camera
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT camera)
install(FILES packaging/completion/_isthmus-camera
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT camera)
install(FILES ${CMAKE_BINARY_DIR}/isthmus-camera.service DESTINATION ${ISTHMUS_UNIT_DIR}
        COMPONENT camera)
install(FILES docs/camera.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR}-camera COMPONENT camera)

set(CPACK_PACKAGE_CONTACT "the isthmus maintainers")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL isthmus camera)
if(TARGET isthmus-camera-video)
        list(APPEND CPACK_COMPONENTS_ALL camera-video)
endif()
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_ISTHMUS_PACKAGE_NAME isthmus)
set(CPACK_DEBIAN_CAMERA_PACKAGE_NAME isthmus-camera)
set(CPACK_DEBIAN_CAMERA-VIDEO_PACKAGE_NAME isthmus-camera-video)
set(CPACK_DEBIAN_CAMERA-VIDEO_PACKAGE_DEPENDS isthmus-camera)
set(CPACK_DEBIAN_CAMERA-VIDEO_DESCRIPTION "RTSP and V4L2 cameras for isthmus-camera")
set(CPACK_DEBIAN_CAMERA_DESCRIPTION "Counts what cameras see, and tells Azure IoT Hub")
set(CPACK_DEBIAN_CAMERA_PACKAGE_RECOMMENDS fonts-dejavu-core)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
if(CMAKE_CROSSCOMPILING AND CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64")
        # dpkg-shlibdeps looks at libraries that are installed, which another machine's are not. The
        # packages that hold them have the same names and versions on all machines of one release,
        # so they are taken from this machine's packages (`make deb ARCH=arm64` makes both).
        set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE arm64)
        set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS OFF)
        foreach(component ${CPACK_COMPONENTS_ALL})
                string(TOUPPER ${component} upper)
                set(package ${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
                file(GLOB ours ${CMAKE_SOURCE_DIR}/build-deb/${package}_${PROJECT_VERSION}*.deb)
                if(ours)
                        execute_process(COMMAND dpkg-deb -f ${ours} Depends
                                OUTPUT_VARIABLE CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS
                                OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
                endif()
        endforeach()
endif()
set(CPACK_STRIP_FILES ON)
include(CPack)
