# Sluice.cmake - what every room shares: compiler settings, the libraries, and two words,
# sluice_test and sluice_program, so that a room's CMakeLists.txt says only what is its own.
include(GNUInstallDirs)
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(CURL REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(EXPAT REQUIRED)
pkg_check_modules(ZMQ REQUIRED IMPORTED_TARGET libzmq)
pkg_check_modules(MSGPACK REQUIRED IMPORTED_TARGET msgpack)
pkg_check_modules(CJSON REQUIRED IMPORTED_TARGET libcjson)
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(LMDB REQUIRED IMPORTED_TARGET lmdb)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON) # the rooms' archives also go into shared libraries
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g -DNDEBUG")

set(SLUICE_SANITIZE "" CACHE STRING "sanitizers to build with, as -fsanitize= takes them")
set(SLUICE_BIN_DIR ${CMAKE_BINARY_DIR}/bin CACHE PATH "where the programs land")
option(SLUICE_WERROR "warnings are errors" ON)
option(SLUICE_FUZZ "build the libFuzzer targets (needs clang)" OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${SLUICE_BIN_DIR})
set(CMAKE_INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}") # an installed program finds its libraries anywhere

add_library(sluice_warnings INTERFACE)
target_compile_options(sluice_warnings INTERFACE
  -Wall -Wextra -Wshadow -Wundef -Wvla -Wpointer-arith -Wwrite-strings -Wformat=2
  -Wstrict-prototypes -Wmissing-prototypes -fno-common -fstack-protector-strong
  -Wno-missing-field-initializers # rows of a table end where zeros begin
  $<$<BOOL:${SLUICE_WERROR}>:-Werror>)
target_compile_definitions(sluice_warnings INTERFACE _GNU_SOURCE SLUICE_VERSION="${PROJECT_VERSION}")

if(SLUICE_SANITIZE)
  add_compile_options(-fsanitize=${SLUICE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SLUICE_SANITIZE})
endif()

if(SLUICE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link) # libFuzzer must see coverage inside the rooms too
endif()

# Unit tests are built by these two, not by `all`: each preset builds what it runs.
add_custom_target(unit_tests)
add_custom_target(threaded_tests)

# sluice_test(name lib...): builds name.c from the room's folder, runs it as <room>.<name>.
function(sluice_test name)
  get_filename_component(room ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  add_executable(${name} EXCLUDE_FROM_ALL ${name}.c)
  add_dependencies(unit_tests ${name})
  target_link_libraries(${name} PRIVATE ${ARGN} PkgConfig::CMOCKA sluice_warnings)
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${room}.${name} COMMAND ${name})
  set_tests_properties(${room}.${name} PROPERTIES TIMEOUT 120 LABELS unit)
  if(SLUICE_SANITIZE MATCHES thread)
    set_tests_properties(${room}.${name} PROPERTIES
      ENVIRONMENT "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/cmake/tsan.supp")
  endif()
endfunction()

# sluice_threaded(name...): tests in which threads meet; `./run test` runs them under ThreadSanitizer too.
function(sluice_threaded)
  get_filename_component(room ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  foreach(name ${ARGN})
    set_property(TEST ${room}.${name} APPEND PROPERTY LABELS tsan)
    add_dependencies(threaded_tests ${name})
  endforeach()
endfunction()

# sluice_pkgconfig(name): makes name.pc from name.pc.in, relative to where it is installed, so that a prefix may move.
function(sluice_pkgconfig name)
  file(RELATIVE_PATH pc_to_prefix /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
  string(REGEX REPLACE "/$" "" pc_to_prefix ${pc_to_prefix})
  configure_file(${name}.pc.in ${name}.pc @ONLY)
endfunction()

# sluice_program(name SOURCES file... LIBS lib...): a program people run; it is installed.
function(sluice_program name)
  cmake_parse_arguments(P "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${P_SOURCES})
  target_link_libraries(${name} PRIVATE ${P_LIBS} sluice_warnings)
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

include(Fuzz)
