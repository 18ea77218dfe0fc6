# isthmus-formatter, the program that runs payload formatters: the only one with JavaScriptCore and
# libseccomp. It takes the few sources of other folders that it needs as its own, because it is
# never built with a sanitizer: their shadow memory and their system calls go neither with the
# engine's heap nor with the filter. What it shares with the gateway is tested under them there.
file(GLOB scripts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/formatter/worker/javascript/*.js)
set(arrays "")
foreach(script ${scripts})
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${script})
        get_filename_component(name ${script} NAME_WE)
        file(READ ${script} text HEX)
        string(REGEX REPLACE "(..)" "'\\\\x\\1'," text "${text}")
        string(APPEND arrays "static const char formatter_${name}_js[] = {${text}0};\n")
endforeach()
file(CONFIGURE OUTPUT generated/formatter_scripts.h CONTENT "@arrays@" @ONLY)

file(GLOB worker_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/formatter/worker/*.c)
set(shared_sources formatter/formatter_wire.c base/buf.c base/clock.c base/mem.c base/reason.c
        base/text.c base/thread.c base/utf8.c)
list(TRANSFORM shared_sources PREPEND ${CMAKE_SOURCE_DIR}/src/)

add_executable(isthmus-formatter ${worker_sources} ${shared_sources})
target_include_directories(isthmus-formatter PRIVATE ${CMAKE_BINARY_DIR}/generated)
target_link_libraries(isthmus-formatter PRIVATE isthmus_plain_flags PkgConfig::JAVASCRIPT
        PkgConfig::SECCOMP Threads::Threads m)

# Exported, but in no public header: better a clear word here than an undefined symbol.
include(CheckFunctionExists)
set(CMAKE_REQUIRED_LIBRARIES PkgConfig::JAVASCRIPT)
check_function_exists(JSContextGroupSetExecutionTimeLimit ISTHMUS_HAVE_EXECUTION_TIME_LIMIT)
unset(CMAKE_REQUIRED_LIBRARIES)
if(NOT ISTHMUS_HAVE_EXECUTION_TIME_LIMIT)
        message(FATAL_ERROR "this JavaScriptCore has no JSContextGroupSetExecutionTimeLimit")
endif()
