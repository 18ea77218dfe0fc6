# isthmus-camera-video.so, the plug-in of isthmus-camera for RTSP and V4L2: the only thing that is
# linked with FFmpeg's libraries. It is left out where their headers are not installed.
option(ISTHMUS_CAMERA_VIDEO "Build the camera's plug-in for RTSP and V4L2 if FFmpeg's headers are there" ON)
if(ISTHMUS_CAMERA_VIDEO)
        pkg_check_modules(FFMPEG IMPORTED_TARGET libavformat libavcodec libavdevice libavutil
                libswscale)
endif()
add_custom_target(isthmus-plugins) # nothing, if there is none to build
if(FFMPEG_FOUND)
        add_library(isthmus-camera-video MODULE ${CMAKE_SOURCE_DIR}/src/camera/video/video.c)
        set_target_properties(isthmus-camera-video PROPERTIES PREFIX "")
        target_link_libraries(isthmus-camera-video PRIVATE isthmus_plain_flags PkgConfig::FFMPEG)
        add_dependencies(isthmus-plugins isthmus-camera-video)
        # src/camera/source/video_source.c looks for it there. A package of its own: it needs a hundred
        # others.
        install(TARGETS isthmus-camera-video LIBRARY DESTINATION lib/isthmus COMPONENT camera-video
                OPTIONAL)
else()
        message(STATUS "isthmus-camera-video.so is left out: no RTSP and V4L2 cameras")
endif()
