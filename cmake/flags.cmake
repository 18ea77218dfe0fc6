# Warnings are errors under gcc and clang; hardening in release; sanitizers by preset.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(ISTHMUS_SANITIZE "" CACHE STRING "Sanitizers for -fsanitize=, for example address,undefined")
option(ISTHMUS_FUZZ "Build the libFuzzer targets (clang)" OFF)
option(ISTHMUS_COVERAGE "Measure coverage (gcc)" OFF)

# An assert says which state may follow which; a program in another one must not go on.
foreach(type RELEASE RELWITHDEBINFO MINSIZEREL)
        string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_${type} "${CMAKE_C_FLAGS_${type}}")
endforeach()

# What everything is compiled with; isthmus_flags adds the sanitizers, the fuzzer and coverage.
add_library(isthmus_plain_flags INTERFACE)
add_library(isthmus_flags INTERFACE)
target_link_libraries(isthmus_flags INTERFACE isthmus_plain_flags)
target_include_directories(isthmus_plain_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(isthmus_plain_flags INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64
        ISTHMUS_VERSION="${PROJECT_VERSION}")
target_compile_options(isthmus_plain_flags INTERFACE
        -Wall -Wextra -Wpedantic -Werror -Wshadow -Wpointer-arith -Wcast-qual -Wwrite-strings
        -Wformat=2 -Wundef -Wvla -Wstrict-prototypes -Wold-style-definition -Wmissing-prototypes
        -Wmissing-declarations -Wredundant-decls -Wimplicit-fallthrough -Wconversion
        -Wsign-conversion -Wdouble-promotion -Wdate-time)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
        target_compile_options(isthmus_plain_flags INTERFACE
                -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wformat-signedness
                -Wno-error=stringop-overflow)
else()
        target_compile_options(isthmus_plain_flags INTERFACE
                -Wcomma -Wunreachable-code-aggressive -Wconditional-uninitialized
                -Wno-gnu-statement-expression) # json-c's foreach
endif()

if(ISTHMUS_SANITIZE)
        target_compile_options(isthmus_flags INTERFACE -fsanitize=${ISTHMUS_SANITIZE}
                -fno-sanitize-recover=all -fno-omit-frame-pointer)
        target_link_options(isthmus_flags INTERFACE -fsanitize=${ISTHMUS_SANITIZE})
endif()
if(ISTHMUS_FUZZ)
        target_compile_options(isthmus_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(ISTHMUS_COVERAGE)
        target_compile_options(isthmus_flags INTERFACE --coverage)
        target_link_options(isthmus_flags INTERFACE --coverage)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
        include(CheckCCompilerFlag)
        target_compile_options(isthmus_plain_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
                -fstack-protector-strong -fstack-clash-protection)
        # clang learned the first with 16, and only x86 has the second.
        foreach(flag -ftrivial-auto-var-init=zero -fcf-protection)
                string(MAKE_C_IDENTIFIER "ISTHMUS_HAS${flag}" known)
                check_c_compiler_flag(${flag} ${known})
                if(${known})
                        target_compile_options(isthmus_plain_flags INTERFACE ${flag})
                endif()
        endforeach()
        target_link_options(isthmus_plain_flags INTERFACE -Wl,-z,relro,-z,now)
endif()
