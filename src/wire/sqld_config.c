/* SPDX-License-Identifier: Apache-2.0 */
/* sqld's settings of a namespace; see sqld_config.h. */
#include "wire/sqld_config.h"

/* https://protobuf.dev/programming-guides/encoding/ */
enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5, VARINT_BYTES_MAX = 10 };

static bool take_varint(trib_str *rest, uint64_t *ret) {
    uint64_t value = 0;
    for (size_t i = 0; i < rest->len && i < VARINT_BYTES_MAX; i++) {
        uint64_t bits = (unsigned char)rest->ptr[i];
        if (i == VARINT_BYTES_MAX - 1 && bits > 1) return false; /* past 64 bits */
        value |= (bits & 0x7f) << (7 * i);
        if (bits & 0x80) continue;
        *rest = trib_str_sub(*rest, i + 1, rest->len);
        *ret = value;
        return true;
    }
    return false;
}

static bool take_bytes(trib_str *rest, uint64_t n, trib_str *ret) {
    if (n > rest->len) return false;
    *ret = trib_str_sub(*rest, 0, (size_t)n);
    *rest = trib_str_sub(*rest, (size_t)n, rest->len);
    return true;
}

static bool *bool_field(trib_sqld_config *c, uint64_t field) {
    bool *const fields[] = {&c->block_reads, &c->block_writes, &c->allow_attach, &c->shared_schema};
    static const uint8_t numbers[] = {1, 2, 9, 11};
    for (size_t i = 0; i < sizeof numbers; i++)
        if (numbers[i] == field) return fields[i];
    return NULL;
}

static uint64_t *number_field(trib_sqld_config *c, uint64_t field) {
    uint64_t *const fields[] = {&c->max_db_pages, &c->txn_timeout_s, &c->max_row_size, &c->durability_mode};
    static const uint8_t numbers[] = {4, 8, 10, 13};
    for (size_t i = 0; i < sizeof numbers; i++)
        if (numbers[i] == field) return fields[i];
    return NULL;
}

static trib_str *text_field(trib_sqld_config *c, uint64_t field) {
    trib_str *const fields[] = {&c->block_reason, &c->heartbeat_url, &c->bottomless_db_id, &c->jwt_key,
                                &c->shared_schema_name};
    static const uint8_t numbers[] = {3, 5, 6, 7, 12};
    for (size_t i = 0; i < sizeof numbers; i++)
        if (numbers[i] == field) return fields[i];
    return NULL;
}

static bool take_field(trib_str *rest, trib_sqld_config *c) {
    uint64_t key = 0, number = 0;
    trib_str bytes;
    if (!take_varint(rest, &key) || key >> 3 == 0) return false;
    bool *flag = bool_field(c, key >> 3);
    uint64_t *value = number_field(c, key >> 3);
    trib_str *text = text_field(c, key >> 3);
    switch (key & 7) {
    case WIRE_VARINT:
        if (text || !take_varint(rest, &number)) return false;
        if (flag) *flag = number != 0;
        if (value) *value = number;
        return true;
    case WIRE_BYTES:
        if (flag || value || !take_varint(rest, &number) || !take_bytes(rest, number, &bytes)) return false;
        if (text && !trib_str_utf8_valid(bytes)) return false;
        if (text) *text = bytes;
        return true;
    case WIRE_FIXED64: return !flag && !value && !text && take_bytes(rest, 8, &bytes);
    case WIRE_FIXED32: return !flag && !value && !text && take_bytes(rest, 4, &bytes);
    default: return false; /* groups, which nobody writes any more */
    }
}

bool trib_sqld_config_parse(trib_str message, trib_sqld_config *ret) {
    trib_sqld_config config = {0};
    while (message.len)
        if (!take_field(&message, &config)) return false;
    *ret = config;
    return true;
}
