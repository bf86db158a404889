/* SPDX-License-Identifier: Apache-2.0 */
/* Keyed 64-bit hash (SipHash-2-4) for tables whose keys a peer may choose: without the key nobody can make collisions.
 * Not for signatures or stored data; crypto/hash.h has SHA-256. */
#ifndef TRIB_BASE_HASH_H
#define TRIB_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* 128 secret bits, from trib_env_random, one per process or per table. */
typedef struct trib_hash_key {
    uint64_t k0, k1;
} trib_hash_key;

/* Thread: any. bytes may be NULL when n is 0. */
uint64_t trib_hash_bytes(trib_hash_key key, const void *bytes, size_t n);
uint64_t trib_hash_str(trib_hash_key key, trib_str s);

#endif
