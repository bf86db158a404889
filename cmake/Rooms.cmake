# SPDX-License-Identifier: Apache-2.0
# The rooms of the house (ARCHITECTURE.md, "Rooms") as static libraries: one line a room says whom it may know.
# A room without sources yet is an interface library, so that a dependency on it can already be written down.

function(trib_room name)
  cmake_parse_arguments(R "" "" "KNOWS;LIBS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/${name}/*.c")
  if(sources)
    add_library(trib_${name} STATIC ${sources})
    target_include_directories(trib_${name} PUBLIC "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}/include")
    target_link_libraries(trib_${name} PUBLIC trib_flags ${R_LIBS})
    foreach(room ${R_KNOWS})
      target_link_libraries(trib_${name} PUBLIC trib_${room})
    endforeach()
  else()
    add_library(trib_${name} INTERFACE)
    target_link_libraries(trib_${name} INTERFACE trib_flags ${R_LIBS})
    foreach(room ${R_KNOWS})
      target_link_libraries(trib_${name} INTERFACE trib_${room})
    endforeach()
  endif()
endfunction()
