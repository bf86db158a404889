/* SPDX-License-Identifier: Apache-2.0 */
/* sqld's settings of a namespace; see pb_sqld.h. */
#include "wire/pb_sqld.h"

#include <trib_proto/sqld.pb-c.h>

#include "wire/pb_int.h"

bool trib_sqld_config_parse(trib_arena *arena, trib_str message, trib_sqld_config *ret) {
    const Trib__Sqld__DatabaseConfig *from =
        (const void *)trib_pb_unpack(arena, &trib__sqld__database_config__descriptor, message);
    if (!from) return false;
    trib_sqld_config config = {
        .block_reads = from->block_reads,
        .block_writes = from->block_writes,
        .allow_attach = from->allow_attach,
        .shared_schema = from->shared_schema,
        .block_reason = trib_pb_str(from->block_reason),
        .heartbeat_url = trib_pb_str(from->heartbeat_url),
        .bottomless_db_id = trib_pb_str(from->bottomless_db_id),
        .jwt_key = trib_pb_str(from->jwt_key),
        .shared_schema_name = trib_pb_str(from->shared_schema_name),
        .max_db_pages = from->max_db_pages,
        .txn_timeout_s = from->txn_timeout_s,
        .max_row_size = from->max_row_size,
        .durability_mode = from->durability_mode,
    };
    const trib_str texts[] = {config.block_reason, config.heartbeat_url, config.bottomless_db_id, config.jwt_key,
                              config.shared_schema_name};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!trib_str_utf8_valid(texts[i])) return false;
    *ret = config;
    return true;
}
