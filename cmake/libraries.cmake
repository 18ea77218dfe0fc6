# Everything comes from Debian packages; tools/setup installs them by name.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(JSON REQUIRED IMPORTED_TARGET json-c)
pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(TLS REQUIRED IMPORTED_TARGET openssl)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(PROTON REQUIRED IMPORTED_TARGET libqpid-proton)
# Debian's libqpid-proton.pc names an include directory that may not exist; the headers are in the
# compiler's own.
set_target_properties(PkgConfig::PROTON PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "")
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
# Debian's libwslay-dev has no .pc file.
find_library(WSLAY_LIBRARY wslay REQUIRED)
pkg_check_modules(GNUTLS REQUIRED IMPORTED_TARGET gnutls)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
pkg_check_modules(JAVASCRIPT REQUIRED IMPORTED_TARGET javascriptcoregtk-4.1)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(JPEG REQUIRED IMPORTED_TARGET libturbojpeg)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(EXPAT REQUIRED IMPORTED_TARGET expat)
pkg_check_modules(CAIRO REQUIRED IMPORTED_TARGET cairo)
