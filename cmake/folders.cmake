# isthmus_folder(NAME [NEEDS folder...] [LIBRARIES target...]): src/NAME/*.c and src/NAME/*/*.c as one
# static library. A new file is found at the next build; nothing is listed by hand. The formatter's
# worker is a program of its own (formatter_worker.cmake), and so is every *_main.c; camera/video is a
# plug-in (camera_video.cmake). store/postgres is left out where there is no libpq (store_postgres.cmake).
function(isthmus_folder name)
        cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "NEEDS;LIBRARIES")
        file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.c
                ${CMAKE_SOURCE_DIR}/src/${name}/*/*.c)
        list(FILTER sources EXCLUDE REGEX "/src/formatter/worker/|/src/camera/video/|/src/store/postgres/|_main\\.c$")
        if(NOT sources)
                add_library(isthmus_${name} INTERFACE)
                set(scope INTERFACE)
        else()
                add_library(isthmus_${name} STATIC ${sources})
                target_link_libraries(isthmus_${name} PRIVATE isthmus_flags)
                set(scope PUBLIC)
        endif()
        list(TRANSFORM ARG_NEEDS PREPEND isthmus_)
        target_link_libraries(isthmus_${name} ${scope} ${ARG_NEEDS} ${ARG_LIBRARIES})
endfunction()
