# SPDX-License-Identifier: Apache-2.0
# The built-in stream types src/deal/types/NAME.json as C, so that the program works without files: stream_types.c, made at
# build time by embed.awk. The order is that of the registry: an opcode that several types open with means the first.
set(trib_stream_type_files "")
foreach(name food ride grocery parcel service rental)
  list(APPEND trib_stream_type_files "${CMAKE_SOURCE_DIR}/src/deal/types/${name}.json")
endforeach()
set(trib_stream_types "${CMAKE_BINARY_DIR}/stream_types.c")
add_custom_command(
  OUTPUT "${trib_stream_types}"
  COMMAND awk -v header=deal/registry.h -v type=trib_deal_builtin -v table=trib_deal_builtins -v count_name=trib_deal_builtin_count -f
          "${CMAKE_SOURCE_DIR}/cmake/embed.awk" ${trib_stream_type_files} > "${trib_stream_types}.new"
  COMMAND "${CMAKE_COMMAND}" -E rename "${trib_stream_types}.new" "${trib_stream_types}"
  DEPENDS ${trib_stream_type_files} "${CMAKE_SOURCE_DIR}/cmake/embed.awk"
  COMMENT "Embedding the stream types")
target_sources(trib_deal PRIVATE "${trib_stream_types}")
