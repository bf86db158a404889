/* SPDX-License-Identifier: Apache-2.0 */
/* Reading RoaringBitmaps; see roaring.h. The offsets that the format may hold are not used: containers follow one
 * another, and what is not looked at cannot lie. */
#include "wire/roaring.h"

enum { COOKIE_NO_RUNS = 12346, COOKIE_RUNS = 12347, OFFSETS_FROM = 4, ARRAY_MAX = 4096, BITS_BYTES = 8192 };

static uint32_t le16(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}
static uint32_t le32(const uint8_t *p) {
    return le16(p) | le16(p + 2) << 16;
}

typedef struct place {
    const uint8_t *p;
    size_t left;
} place;

static const uint8_t *take(place *at, size_t n) {
    const uint8_t *p = at->p;
    if (at->left < n) return NULL;
    at->p += n;
    at->left -= n;
    return p;
}

static uint32_t key_of(const trib_roaring *set, uint32_t i) {
    return le16(set->keys + 4 * (size_t)i);
}
static uint32_t cardinality(const trib_roaring *set, uint32_t i) {
    return le16(set->keys + 4 * (size_t)i + 2) + 1;
}
static bool is_run(const trib_roaring *set, uint32_t i) {
    return set->run && (set->run[i / 8] & (1U << (i % 8))) != 0;
}

static const uint8_t *take_container(const trib_roaring *set, uint32_t i, place *at) {
    if (is_run(set, i)) {
        if (at->left < 2) return NULL;
        return take(at, 2 + 4 * (size_t)le16(at->p));
    }
    uint32_t n = cardinality(set, i);
    return take(at, n <= ARRAY_MAX ? 2 * (size_t)n : BITS_BYTES);
}

/* Up to the containers. */
static bool read_head(trib_str bytes, trib_roaring *ret, place *at) {
    *ret = (trib_roaring){.bytes = bytes};
    *at = (place){(const uint8_t *)bytes.ptr, bytes.len};
    const uint8_t *p = take(at, 4);
    if (!p) return false;
    uint32_t cookie = le32(p);
    if ((cookie & 0xffff) == COOKIE_RUNS) {
        ret->count = (cookie >> 16) + 1;
        if (!(ret->run = take(at, (ret->count + 7) / 8))) return false;
    } else {
        if (cookie != COOKIE_NO_RUNS || !(p = take(at, 4))) return false;
        ret->count = le32(p);
        if (ret->count > TRIB_ROARING_CONTAINERS_MAX) return false;
    }
    if (!(ret->keys = take(at, 4 * (size_t)ret->count))) return false;
    bool has_offsets = !ret->run || ret->count >= OFFSETS_FROM;
    return !has_offsets || take(at, 4 * (size_t)ret->count);
}

bool trib_roaring_read(trib_str bytes, trib_roaring *ret) {
    place at;
    if (bytes.len == 0) {
        *ret = (trib_roaring){.count = 0};
        return true;
    }
    if (!read_head(bytes, ret, &at)) return false;
    for (uint32_t i = 0; i < ret->count; i++) {
        if (i > 0 && key_of(ret, i) <= key_of(ret, i - 1)) return false;
        if (!take_container(ret, i, &at)) return false;
    }
    return true;
}

static bool array_has(const uint8_t *values, uint32_t n, uint32_t low) {
    uint32_t from = 0;
    while (from < n) {
        uint32_t middle = from + (n - from) / 2;
        uint32_t value = le16(values + 2 * (size_t)middle);
        if (value == low) return true;
        if (value < low) from = middle + 1;
        else n = middle;
    }
    return false;
}

static bool runs_have(const uint8_t *container, uint32_t low) {
    uint32_t n = le16(container);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t start = le16(container + 2 + 4 * (size_t)i);
        if (low >= start && low - start <= le16(container + 4 + 4 * (size_t)i)) return true;
    }
    return false;
}

bool trib_roaring_has(const trib_roaring *set, uint32_t value) {
    trib_roaring head;
    place at;
    uint32_t low = value & 0xffff;
    if (set->count == 0 || !read_head(set->bytes, &head, &at)) return false;
    for (uint32_t i = 0; i < set->count; i++) {
        const uint8_t *container = take_container(set, i, &at);
        uint32_t key = key_of(set, i);
        if (!container || key > value >> 16) return false;
        if (key < value >> 16) continue;
        if (is_run(set, i)) return runs_have(container, low);
        uint32_t n = cardinality(set, i);
        if (n <= ARRAY_MAX) return array_has(container, n, low);
        return (container[low / 8] & (1U << (low % 8))) != 0;
    }
    return false;
}
