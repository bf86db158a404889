# SPDX-License-Identifier: Apache-2.0
# Compiler flags of docs/style (shared by every room); carried by the interface library trib_flags.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(trib_flags INTERFACE)
target_compile_definitions(trib_flags INTERFACE _GNU_SOURCE)
target_compile_options(trib_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wvla -Wformat=2 -Wundef -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
  -Wcast-align -Wnull-dereference -Wimplicit-fallthrough -Wswitch-enum -Wdouble-promotion
  -fno-strict-aliasing -fvisibility=hidden)
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
  # clang-format breaks long texts, also those in rows of tables; limits are constants of enumerations, in sums of doubles, too
  target_compile_options(trib_flags INTERFACE -Wno-string-concatenation -Wno-enum-float-conversion)
endif()
if(TRIB_WERROR)
  target_compile_options(trib_flags INTERFACE -Werror)
endif()
if(TRIB_SANITIZE)
  target_compile_options(trib_flags INTERFACE -fsanitize=${TRIB_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(trib_flags INTERFACE -fsanitize=${TRIB_SANITIZE})
  if(TRIB_SANITIZE MATCHES "undefined")
    target_compile_options(trib_flags INTERFACE -fno-sanitize-recover=all)
  endif()
endif()
if(TRIB_COVERAGE)
  target_compile_options(trib_flags INTERFACE --coverage)
  target_link_options(trib_flags INTERFACE --coverage)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_options(trib_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong)
  target_link_options(trib_flags INTERFACE -pie -Wl,-z,relro,-z,now)
endif()
