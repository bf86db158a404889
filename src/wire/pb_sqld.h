/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of a namespace as sqld keeps them in its metastore: the message of proto/sqld.proto. Pure. */
#ifndef TRIB_WIRE_PB_SQLD_H
#define TRIB_WIRE_PB_SQLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum { TRIB_SQLD_PAGE_BYTES = 4096 };

/* Texts lie in the arena; empty: absent. Numbers: 0 where absent. */
typedef struct trib_sqld_config {
    bool block_reads, block_writes, allow_attach, shared_schema;
    trib_str block_reason, heartbeat_url, bottomless_db_id, jwt_key, shared_schema_name;
    uint64_t max_db_pages, txn_timeout_s, max_row_size, durability_mode;
} trib_sqld_config;

/* False: it is no message of this kind, or, if arena->failed, no memory; *ret is untouched then. Fields that are not
 *        known are passed over, and of a
 * repeated one the last counts, as protobuf wants it. */
bool trib_sqld_config_parse(trib_arena *arena, trib_str message, trib_sqld_config *ret);

#endif
