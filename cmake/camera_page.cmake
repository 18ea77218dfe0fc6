# The files of the camera's page (src/camera/watch/page) as arrays, so that the program needs none of
# them at run time.
set(arrays "")
foreach(name index.html page.css page.js)
        set(file ${CMAKE_SOURCE_DIR}/src/camera/watch/page/${name})
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
        string(MAKE_C_IDENTIFIER ${name} identifier)
        file(READ ${file} text HEX)
        string(REGEX REPLACE "(..)" "'\\\\x\\1'," text "${text}")
        string(APPEND arrays "static const char camera_${identifier}[] = {${text}0};\n")
endforeach()
file(CONFIGURE OUTPUT generated/camera_page.h CONTENT "@arrays@" @ONLY)
target_include_directories(isthmus_camera PRIVATE ${CMAKE_BINARY_DIR}/generated)
