// SPDX-License-Identifier: Apache-2.0
// Fuzz target of sqld's settings, which come from a file that somebody else wrote.
// rooms: wire base
//
// What is read lies inside the message, a prefix of fields never makes a whole message wrong, and reading twice is
// equal.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/sqld_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok) {
    if (!ok) abort();
}

static void inside(trib_str text, trib_str message) {
    if (text.len) check(text.ptr >= message.ptr && text.ptr + text.len <= message.ptr + message.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    trib_str message = trib_str_make((const char *)data, size);
    trib_sqld_config one, two;
    if (!trib_sqld_config_parse(message, &one)) return 0;
    inside(one.block_reason, message);
    inside(one.heartbeat_url, message);
    inside(one.bottomless_db_id, message);
    inside(one.jwt_key, message);
    inside(one.shared_schema_name, message);
    /* repeated as a whole, the last of each field counts: the same again */
    char *doubled = malloc(2 * size + 1);
    if (!doubled) return 0;
    if (size) memcpy(doubled, data, size);
    if (size) memcpy(doubled + size, data, size);
    check(trib_sqld_config_parse(trib_str_make(doubled, 2 * size), &two));
    check(one.max_db_pages == two.max_db_pages && one.block_writes == two.block_writes);
    check(trib_str_eq(one.block_reason, two.block_reason));
    free(doubled);
    return 0;
}
