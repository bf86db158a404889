/* SPDX-License-Identifier: Apache-2.0 */
/* Hash map from strings to pointers; see map.h. */
#include "base/map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* gcc -fanalyzer loses sight of memory that an object beyond a function owns; LeakSanitizer watches instead. */
#if defined TRIB_ANALYZE && !defined __clang__
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

enum { FIRST_CAP = 8 };

void trib_map_init(trib_map *map, trib_map_keys keys, trib_hash_key seed) {
    *map = (trib_map){.seed = seed, .keys = keys};
}

/* Copied keys were made by copy_key below, so the const was ours to give away. */
static void free_key(const trib_map *map, trib_str key) {
    if (map->keys == TRIB_MAP_COPY_KEYS) free((void *)(uintptr_t)key.ptr);
}

void trib_map_deinit(trib_map *map) {
    if (!map) return;
    for (size_t i = 0; i < map->cap; i++) {
        if (map->slots[i].hash) free_key(map, map->slots[i].key);
    }
    free(map->slots);
    map->slots = NULL;
    map->cap = map->count = 0;
}

static uint64_t hash_key(const trib_map *map, trib_str key) {
    uint64_t hash = trib_hash_str(map->seed, key);
    return hash ? hash : 1;
}

/* The key's slot, or the free slot where it belongs. The table has a free slot always, so the walk ends. */
static size_t find(const trib_map *map, uint64_t hash, trib_str key) {
    size_t mask = map->cap - 1;
    size_t i = (size_t)hash & mask;
    while (map->slots[i].hash && (map->slots[i].hash != hash || !trib_str_eq(map->slots[i].key, key)))
        i = (i + 1) & mask;
    return i;
}

void *trib_map_get(const trib_map *map, trib_str key) {
    if (map->count == 0) return NULL;
    size_t i = find(map, hash_key(map, key), key);
    return map->slots[i].hash ? map->slots[i].value : NULL;
}

trib_code trib_map_reserve(trib_map *map, size_t count) {
    size_t cap = map->cap ? map->cap : FIRST_CAP;
    while (count > cap / 4 * 3) {
        if (cap > SIZE_MAX / 2 / sizeof(trib_map_slot)) return TRIB_NOMEM;
        cap *= 2;
    }
    if (cap == map->cap) return TRIB_OK;
    trib_map_slot *slots = calloc(cap, sizeof *slots);
    if (!slots) return TRIB_NOMEM;
    trib_map grown = *map;
    grown.slots = slots;
    grown.cap = cap;
    for (size_t i = 0; i < map->cap; i++) {
        const trib_map_slot *slot = &map->slots[i];
        if (slot->hash) slots[find(&grown, slot->hash, slot->key)] = *slot;
    }
    free(map->slots);
    *map = grown;
    return TRIB_OK;
}

static trib_code copy_key(const trib_map *map, trib_str key, trib_str *ret) {
    *ret = key;
    if (map->keys == TRIB_MAP_BORROW_KEYS) return TRIB_OK;
    char *copy = malloc(key.len + 1);
    if (!copy) return TRIB_NOMEM;
    if (key.len) memcpy(copy, key.ptr, key.len);
    copy[key.len] = '\0';
    *ret = trib_str_make(copy, key.len); // NOLINT(clang-analyzer-unix.Malloc): *ret owns the copy
    return TRIB_OK;
}

trib_code trib_map_set(trib_map *map, trib_str key, void *value, void **ret_old) {
    assert(value);
    uint64_t hash = hash_key(map, key);
    if (map->count) {
        trib_map_slot *slot = &map->slots[find(map, hash, key)];
        if (slot->hash) {
            if (ret_old) *ret_old = slot->value;
            if (map->keys == TRIB_MAP_BORROW_KEYS) slot->key = key;
            slot->value = value;
            return TRIB_OK;
        }
    }
    trib_code code = trib_map_reserve(map, map->count + 1);
    if (code) return code;
    trib_str kept;
    code = copy_key(map, key, &kept);
    if (code) return code;
    map->slots[find(map, hash, key)] = (trib_map_slot){hash, kept, value};
    map->count++;
    if (ret_old) *ret_old = NULL;
    return TRIB_OK;
}

/* Fills the hole at i: an entry further on may move back into it unless its home lies behind the hole. */
static void close_hole(trib_map *map, size_t i) {
    size_t mask = map->cap - 1;
    size_t next = i;
    for (;;) {
        next = (next + 1) & mask;
        if (!map->slots[next].hash) break;
        size_t home = (size_t)map->slots[next].hash & mask;
        if (((next - home) & mask) < ((next - i) & mask)) continue;
        map->slots[i] = map->slots[next];
        i = next;
    }
    map->slots[i] = (trib_map_slot){0};
}

void *trib_map_take(trib_map *map, trib_str key) {
    if (map->count == 0) return NULL;
    size_t i = find(map, hash_key(map, key), key);
    if (!map->slots[i].hash) return NULL;
    void *value = map->slots[i].value;
    free_key(map, map->slots[i].key);
    close_hole(map, i);
    map->count--;
    return value;
}

bool trib_map_next(const trib_map *map, size_t *cursor, trib_str *ret_key, void **ret_value) {
    while (*cursor < map->cap) {
        const trib_map_slot *slot = &map->slots[(*cursor)++];
        if (!slot->hash) continue;
        if (ret_key) *ret_key = slot->key;
        if (ret_value) *ret_value = slot->value;
        return true;
    }
    return false;
}
