/* SPDX-License-Identifier: Apache-2.0 */
/* 128-bit random ids; see ids.h. */
#include "base/ids.h"

#include <string.h>

static trib_code no_randomness(trib_error *err) {
    return trib_error_set(
        err, TRIB_INTERNAL,
        "the system's random source gave no usable bytes, so no id can be made; check that the process may "
        "use getrandom() or read /dev/urandom");
}

trib_code trib_id_random(const trib_env *env, trib_id *ret, trib_error *err) {
    trib_id id = {0};
    /* A zero id out of a "successful" source is a broken source, never chance. */
    if (!trib_env_random(env, id.bytes, sizeof id.bytes) || trib_id_is_zero(id)) return no_randomness(err);
    *ret = id;
    return TRIB_OK;
}

trib_code trib_id_by_time(const trib_env *env, trib_id *ret, trib_error *err) {
    trib_id id;
    trib_code code = trib_id_random(env, &id, err);
    if (code) return code;
    uint64_t ms = (uint64_t)trib_env_wall_ms(env);
    for (int i = 0; i < 6; i++) id.bytes[i] = (uint8_t)(ms >> (5 - i) * 8);
    *ret = id;
    return TRIB_OK;
}

trib_code trib_id_random_uuid(const trib_env *env, trib_id *ret, trib_error *err) {
    trib_id id;
    trib_code code = trib_id_random(env, &id, err);
    if (code) return code;
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x40);
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    *ret = id;
    return TRIB_OK;
}

bool trib_id_eq(trib_id a, trib_id b) {
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

bool trib_id_is_zero(trib_id id) {
    return trib_id_eq(id, (trib_id){0});
}

static void put_hex(uint8_t byte, char *out) {
    static const char digits[] = "0123456789abcdef";
    out[0] = digits[byte >> 4];
    out[1] = digits[byte & 15];
}

static int hex_digit(char c, bool upper_too) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (upper_too && c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static bool get_hex(const char *at, bool upper_too, uint8_t *ret) {
    int high = hex_digit(at[0], upper_too), low = hex_digit(at[1], upper_too);
    if (high < 0 || low < 0) return false;
    *ret = (uint8_t)(high << 4 | low);
    return true;
}

void trib_id_to_hex(trib_id id, char ret_hex[TRIB_ID_HEX_BYTES]) {
    for (size_t i = 0; i < TRIB_ID_BYTES; i++) put_hex(id.bytes[i], ret_hex + 2 * i);
    ret_hex[TRIB_ID_HEX_BYTES - 1] = '\0';
}

bool trib_id_from_hex(trib_str hex, trib_id *ret) {
    trib_id id;
    if (hex.len != TRIB_ID_HEX_BYTES - 1) return false;
    for (size_t i = 0; i < TRIB_ID_BYTES; i++) {
        if (!get_hex(hex.ptr + 2 * i, false, &id.bytes[i])) return false;
    }
    if (trib_id_is_zero(id)) return false;
    *ret = id;
    return true;
}

/* Does a dash stand before byte i? */
static bool dash_before(size_t i) {
    return i == 4 || i == 6 || i == 8 || i == 10;
}

void trib_id_to_uuid(trib_id id, char ret_uuid[TRIB_ID_UUID_BYTES]) {
    char *at = ret_uuid;
    for (size_t i = 0; i < TRIB_ID_BYTES; i++) {
        if (dash_before(i)) *at++ = '-';
        put_hex(id.bytes[i], at);
        at += 2;
    }
    *at = '\0';
}

bool trib_id_from_uuid(trib_str uuid, trib_id *ret) {
    trib_id id;
    if (uuid.len != TRIB_ID_UUID_BYTES - 1) return false;
    const char *at = uuid.ptr;
    for (size_t i = 0; i < TRIB_ID_BYTES; i++) {
        if (dash_before(i) && *at++ != '-') return false;
        if (!get_hex(at, true, &id.bytes[i])) return false;
        at += 2;
    }
    if (trib_id_is_zero(id)) return false;
    *ret = id;
    return true;
}
