# SPDX-License-Identifier: Apache-2.0
# The messages of src/wire/proto as the static library trib_proto: protobuf-c's compiler makes a header and a table of
# fields from each .proto at build time. Only src/wire/pb* may include <trib_proto/NAME.pb-c.h> (tools/layers.txt).
find_program(TRIB_PROTOC protoc-c REQUIRED)
set(proto_folder "${CMAKE_BINARY_DIR}/proto")
file(GLOB proto_files CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/wire/proto/*.proto")
foreach(file ${proto_files})
  get_filename_component(name "${file}" NAME_WE)
  set(made "${proto_folder}/trib_proto/${name}.pb-c.c" "${proto_folder}/trib_proto/${name}.pb-c.h")
  add_custom_command(
    OUTPUT ${made}
    COMMAND "${CMAKE_COMMAND}" -E make_directory "${proto_folder}/trib_proto"
    COMMAND "${TRIB_PROTOC}" "--proto_path=${CMAKE_SOURCE_DIR}/src/wire/proto" "--c_out=${proto_folder}/trib_proto" "${file}"
    DEPENDS "${file}"
    COMMENT "Making C of ${name}.proto")
  list(APPEND proto_made ${made})
endforeach()
add_library(trib_proto STATIC ${proto_made})
target_include_directories(trib_proto SYSTEM PUBLIC "${proto_folder}")
target_compile_options(trib_proto PRIVATE -w) # generated: tables, and wrappers that nobody calls
target_link_libraries(trib_proto PUBLIC PkgConfig::PROTOBUFC)
