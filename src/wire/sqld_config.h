/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of a namespace as sqld keeps them in its metastore: a protobuf message DatabaseConfig, field numbers as
 * below. Pure.
 *
 *   1 block_reads  2 block_writes  3 block_reason  4 max_db_pages  5 heartbeat_url  6 bottomless_db_id  7 jwt_key
 *   8 txn_timeout_s  9 allow_attach  10 max_row_size  11 shared_schema  12 shared_schema_name  13 durability_mode */
#ifndef TRIB_WIRE_SQLD_CONFIG_H
#define TRIB_WIRE_SQLD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { TRIB_SQLD_PAGE_BYTES = 4096 };

/* Texts are borrowed from the message; empty: absent. Numbers: 0 where absent. */
typedef struct trib_sqld_config {
    bool block_reads, block_writes, allow_attach, shared_schema;
    trib_str block_reason, heartbeat_url, bottomless_db_id, jwt_key, shared_schema_name;
    uint64_t max_db_pages, txn_timeout_s, max_row_size, durability_mode;
} trib_sqld_config;

/* False: it is no message of this kind; *ret is untouched then. Fields that are not known are passed over, and of a
 * repeated one the last counts, as protobuf wants it. */
bool trib_sqld_config_parse(trib_str message, trib_sqld_config *ret);

#endif
