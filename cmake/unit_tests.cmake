# isthmus_tests(KIND): every tests/KIND/<folder>/<name>_test.c becomes the ctest KIND.<folder>.<name>,
# linked with the library of src/<folder> and what that needs.
function(isthmus_tests kind)
        file(GLOB tests CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/tests/${kind}
                ${CMAKE_SOURCE_DIR}/tests/${kind}/*/*_test.c)
        foreach(test ${tests})
                get_filename_component(folder ${test} DIRECTORY)
                get_filename_component(file ${test} NAME_WE)
                string(REGEX REPLACE "_test$" "" name ${file})
                set(target ${kind}_${folder}_${name})
                add_executable(${target} ${CMAKE_SOURCE_DIR}/tests/${kind}/${test})
                target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
                target_compile_definitions(${target} PRIVATE
                        TEST_PROJECT="${CMAKE_SOURCE_DIR}"
                        TEST_FORMATTER="$<TARGET_FILE:isthmus-formatter>"
                        TEST_CAMERA_VIDEO="${CMAKE_BINARY_DIR}/isthmus-camera-video.so")
                target_link_libraries(${target} PRIVATE isthmus_flags isthmus_${folder}
                        test_support PkgConfig::CMOCKA)
                if(kind STREQUAL component)
                        add_dependencies(${target} isthmus-formatter)
                endif()
                add_test(NAME ${kind}.${folder}.${name} COMMAND ${target})
                set_tests_properties(${kind}.${folder}.${name} PROPERTIES LABELS ${kind}
                        SKIP_RETURN_CODE 77 TIMEOUT 600)
        endforeach()
endfunction()
