# Files that programs answer browsers with, as arrays, so that none of them is needed at run time.

# isthmus_page(LIBRARY HEADER PREFIX FILE...): the header has PREFIX_NAME[] for each file's NAME.
function(isthmus_page library header prefix)
        set(arrays "")
        foreach(file ${ARGN})
                cmake_path(GET file FILENAME name)
                set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
                string(MAKE_C_IDENTIFIER ${name} identifier)
                file(READ ${file} text HEX)
                string(REGEX REPLACE "(..)" "'\\\\x\\1'," text "${text}")
                string(APPEND arrays "static const char ${prefix}_${identifier}[] = {${text}0};\n")
        endforeach()
        file(CONFIGURE OUTPUT generated/${header} CONTENT "@arrays@" @ONLY)
        target_include_directories(${library} PRIVATE ${CMAKE_BINARY_DIR}/generated)
endfunction()

set(camera_page ${CMAKE_SOURCE_DIR}/src/camera/watch/page)
isthmus_page(isthmus_camera camera_page.h camera
        ${camera_page}/index.html ${camera_page}/page.css ${camera_page}/page.js)
set(operator_page ${CMAKE_SOURCE_DIR}/src/gateway/control/page)
isthmus_page(isthmus_gateway operator_page_files.h operator
        ${operator_page}/index.html ${operator_page}/page.css ${operator_page}/page.js
        ${operator_page}/graph.js ${CMAKE_SOURCE_DIR}/docs/log-events.md)
set(hub_page ${CMAKE_SOURCE_DIR}/src/localhub/page)
isthmus_page(isthmus_localhub hub_page_files.h hub
        ${hub_page}/index.html ${hub_page}/page.css ${hub_page}/page.js)
