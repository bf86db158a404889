# SPDX-License-Identifier: Apache-2.0
# SQLite as the static library trib_sqlite: the amalgamation that tools/sqlite-build.sh makes from Debian 13's source
# package, with our options, or the system's library where that is new enough (-DTRIB_SYSTEM_SQLITE=ON).
if(TRIB_SYSTEM_SQLITE)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(SQLITE3 REQUIRED IMPORTED_TARGET sqlite3>=3.46)
  add_library(trib_sqlite INTERFACE)
  target_link_libraries(trib_sqlite INTERFACE PkgConfig::SQLITE3)
else()
  if(NOT EXISTS "${TRIB_SQLITE_DIR}/sqlite3.c")
    message(FATAL_ERROR "${TRIB_SQLITE_DIR}/sqlite3.c is missing: run tools/sqlite-build.sh first (make does)")
  endif()
  # sqlite_all.c includes sqlite3.c, with RANDOM ROWID in it, and adds what needs its private structures
  # (src/store/sqlite_seam.h).
  include(cmake/SqliteRandomRowid.cmake)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${TRIB_SQLITE_DIR}/sqlite3.c")
  trib_sqlite_random_rowid("${TRIB_SQLITE_DIR}/sqlite3.c" "${CMAKE_BINARY_DIR}/sqlite/sqlite3_random_rowid.c")
  add_library(trib_sqlite STATIC "${CMAKE_SOURCE_DIR}/cmake/sqlite_all.c")
  set_source_files_properties("${CMAKE_SOURCE_DIR}/cmake/sqlite_all.c" PROPERTIES
                              OBJECT_DEPENDS "${CMAKE_BINARY_DIR}/sqlite/sqlite3_random_rowid.c")
  target_include_directories(trib_sqlite SYSTEM PUBLIC "${TRIB_SQLITE_DIR}" PRIVATE "${CMAKE_BINARY_DIR}/sqlite")
  # Tests do not need its last percent of speed, and -O1 halves the longest step of their builds. It is checked for what
  # our calls do to its memory; undefined behaviour and -fanalyzer are for our own code (they triple the time).
  if(CMAKE_BUILD_TYPE STREQUAL "Debug")
    set(sqlite_level -O1)
  else()
    set(sqlite_level -O2)
  endif()
  target_compile_options(trib_sqlite PRIVATE -w ${sqlite_level} -g $<$<C_COMPILER_ID:GNU>:-fno-analyzer>)
  if(TRIB_SANITIZE)
    string(REPLACE "," ";" sqlite_sanitize "${TRIB_SANITIZE}")
    list(REMOVE_ITEM sqlite_sanitize undefined)
    list(TRANSFORM sqlite_sanitize PREPEND "-fsanitize=")
    target_compile_options(trib_sqlite PRIVATE ${sqlite_sanitize} -fno-omit-frame-pointer)
  endif()
  # HAVE_FDATASYNC: without it SQLite calls fsync, which also writes the times of the file.
  target_compile_definitions(trib_sqlite PRIVATE
    _GNU_SOURCE HAVE_FDATASYNC=1
    SQLITE_THREADSAFE=2 SQLITE_DQS=3 SQLITE_OMIT_LOAD_EXTENSION SQLITE_DEFAULT_MEMSTATUS=0
    SQLITE_ENABLE_FTS5 SQLITE_ENABLE_RTREE SQLITE_ENABLE_STAT4 SQLITE_ENABLE_MATH_FUNCTIONS
    SQLITE_ENABLE_DBSTAT_VTAB SQLITE_ENABLE_DBPAGE_VTAB SQLITE_ENABLE_COLUMN_METADATA SQLITE_LIKE_DOESNT_MATCH_BLOBS
    SQLITE_DEFAULT_WAL_SYNCHRONOUS=1 SQLITE_USE_URI=0
    SQLITE_DEFAULT_PCACHE_INITSZ=0) # else each connection takes room for 20 pages at once, and most touch 5
  target_compile_definitions(trib_sqlite PUBLIC TRIB_SQLITE_SEAM SQLITE_ENABLE_SESSION SQLITE_ENABLE_PREUPDATE_HOOK SQLITE_ENABLE_SNAPSHOT)
  target_link_libraries(trib_sqlite PUBLIC m pthread dl)
endif()
