# store/postgres, the store in a PostgreSQL database: the only thing that is linked with libpq. It is
# left out where libpq's headers are not installed.
option(ISTHMUS_POSTGRESQL "Build the store in PostgreSQL if libpq's headers are there" ON)
if(ISTHMUS_POSTGRESQL)
        pkg_check_modules(PQ IMPORTED_TARGET libpq>=14)
endif()
if(PQ_FOUND)
        file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/store/postgres/*.c)
        target_sources(isthmus_store PRIVATE ${sources})
        target_link_libraries(isthmus_store PUBLIC PkgConfig::PQ)
        target_compile_definitions(isthmus_store PRIVATE ISTHMUS_POSTGRESQL)
else()
        message(STATUS "the store in PostgreSQL is left out: no libpq")
endif()
