# Files that programs answer browsers with, as arrays, so that none of them is needed at run time.

# isthmus_page(LIBRARY NAME FILE...): generated/NAME.h has NAME[], which http/http_page.h answers:
# the files, and the looks that all pages have in common.
function(isthmus_page library page)
        set(arrays "")
        set(rows "")
        foreach(file ${CMAKE_SOURCE_DIR}/src/http/base.css ${ARGN})
                cmake_path(GET file FILENAME name)
                cmake_path(GET file EXTENSION LAST_ONLY kind)
                set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
                string(MAKE_C_IDENTIFIER ${page}_${name} array)
                file(READ ${file} text HEX)
                string(REGEX REPLACE "(..)" "'\\\\x\\1'," text "${text}")
                string(APPEND arrays "static const char ${array}[] = {${text}0};\n")
                string(REPLACE "index.html" "" path "/${name}")
                set(type_.html text/html)
                set(type_.css text/css)
                set(type_.js text/javascript)
                set(type_.md text/plain)
                string(APPEND rows "{\"${path}\", \"${type_${kind}}; charset=utf-8\", "
                        "${array}, sizeof(${array}) - 1},\n")
        endforeach()
        file(CONFIGURE OUTPUT generated/${page}.h @ONLY CONTENT "#include \"http/http_page.h\"
@arrays@static const struct http_page_file ${page}[] = {
@rows@{NULL, NULL, NULL, 0},
};
")
        target_include_directories(${library} PRIVATE ${CMAKE_BINARY_DIR}/generated)
endfunction()

set(page ${CMAKE_SOURCE_DIR}/src/camera/watch/page)
isthmus_page(isthmus_camera camera_files ${page}/index.html ${page}/page.css ${page}/page.js)
set(page ${CMAKE_SOURCE_DIR}/src/gateway/control/page)
isthmus_page(isthmus_gateway operator_files ${page}/index.html ${page}/page.css ${page}/page.js
        ${page}/graph.js ${CMAKE_SOURCE_DIR}/docs/log-events.md)
set(page ${CMAKE_SOURCE_DIR}/src/localhub/page)
isthmus_page(isthmus_localhub hub_files ${page}/index.html ${page}/page.css ${page}/page.js)
