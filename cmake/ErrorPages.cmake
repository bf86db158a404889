# SPDX-License-Identifier: Apache-2.0
# The pages docs/errors/CODE.md as C, so that `trib help errors CODE` has them without a network: error_pages.c, made at
# build time by embed.awk. A new page needs no line here.
file(GLOB trib_error_page_files CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/docs/errors/*.md")
list(REMOVE_ITEM trib_error_page_files "${CMAKE_SOURCE_DIR}/docs/errors/README.md")
set(trib_error_pages "${CMAKE_BINARY_DIR}/error_pages.c")
add_custom_command(
  OUTPUT "${trib_error_pages}"
  COMMAND awk -v header=cli/error_page.h -v type=trib_error_page_row -v table=trib_error_pages -v count_name=trib_error_page_count -f
          "${CMAKE_SOURCE_DIR}/cmake/embed.awk" ${trib_error_page_files} > "${trib_error_pages}.new"
  COMMAND "${CMAKE_COMMAND}" -E rename "${trib_error_pages}.new" "${trib_error_pages}"
  DEPENDS ${trib_error_page_files} "${CMAKE_SOURCE_DIR}/cmake/embed.awk"
  COMMENT "Embedding the pages of errors")
