/* SPDX-License-Identifier: Apache-2.0 */
/* The replica torture's own words; how it works is told in replicas_test.c.
 *
 *   replica: an image (pages) and a position, moved on by `protocol->sync`, one request or a few a call
 *
 *     no image --bootstrap--> NEWS --sync--> CURRENT      AGAIN: the server is away or asks to come back later
 *        ^                                      |         BROKEN: an answer that no server may give
 *        `----- conflict, or at random ---------' */
#ifndef TRIB_TESTS_FAULT_REPLICAS_H
#define TRIB_TESTS_FAULT_REPLICAS_H

#include <pthread.h>
#include <stdatomic.h>

#include "integration/talk.h"

enum {
    REPLICA_PAGE = 4096,
    REPLICA_FRAME = 24 + REPLICA_PAGE,
    REPLICAS = 50,
    REPLICA_WRITERS = 3,
    REPLICA_HISTORY = 1 << 16,
    REPLICA_DRAIN_TRIES = 20, /* syncs of DRAIN in which more is written offline */
};

/* A database as a replica holds it. */
typedef struct image {
    uint8_t *bytes;
    size_t pages, cap;
} image;

void image_clear(image *im);
void image_deinit(image *im);
void image_copy(image *to, const image *from);
/* New pages are zeroes. */
void image_resize(image *im, size_t pages);
/* page: from 1; the image grows where it must. */
void image_put(image *im, uint32_t page, const uint8_t *bytes);
/* Of all bytes but those that every writer counts on by itself (page 1's change counter). */
uint64_t image_sum(const image *im);
/* integrity_check, and what every transaction keeps true. False: *why says what is wrong. ret_dump may be NULL: all
 * contents as one text. */
bool image_check(const image *im, text *ret_dump, char *why, size_t cap);
/* The same of a file that nobody has open. */
bool image_check_file(const char *path, text *ret_dump, char *why, size_t cap);
/* A few transactions as an offline client makes them; *frames gets them as frames of a log. False: SQLite refused. */
bool image_write(image *im, uint64_t *random, int who, text *frames);

typedef enum sync_outcome { SYNC_NEWS, SYNC_CURRENT, SYNC_AGAIN, SYNC_BROKEN } sync_outcome;
typedef struct torture torture;
typedef struct replica replica;

typedef struct protocol {
    const char *name;
    const char *type; /* of its bodies */
    int share;        /* of the replicas, in parts of all shares */
    sync_outcome (*sync)(replica *r);
    void (*forget)(replica *r); /* as on the first day */
} protocol;
extern const protocol replica_v2, replica_pull, replica_v1;

struct replica {
    torture *torture;
    const protocol *protocol;
    int no;
    uint64_t random;
    pthread_t thread;
    talk talk;
    image image;
    bool has_image;
    uint64_t position; /* a hash of its name; 0: not known */
    /* V2 */
    uint64_t generation, have; /* frames of it; V1: the next frame */
    bool climbing;             /* in the generation between two epochs */
    bool offline;              /* writes by itself */
    image local;               /* with what is not pushed yet; V1: with the frames of an unfinished commit */
    text frames;
    /* pull-updates; V1: the session's token */
    char revision[64];
    char log_id[64]; /* V1 */
    unsigned pieces_failed;
    /* for the torture */
    unsigned tries; /* without getting further, in the phase at hand */
    atomic_int reached;
};

typedef enum phase { RUN, DRAIN, SETTLE, PARK, OVER } phase;

typedef struct known {
    uint64_t position, sum;
    int who;
} known;

struct torture {
    server server;
    atomic_int port; /* 0: the server is down */
    atomic_int phase;
    atomic_bool writing;
    replica replicas[REPLICAS];
    pthread_mutex_t lock; /* of history */
    known history[REPLICA_HISTORY];
    atomic_ulong news, current, unanswered, bootstraps, climbs, pushes, conflicts, commits, refused, checks, same_place;
    atomic_ulong differences, damaged, broken, stuck; /* the failures */
};

uint64_t replica_random(uint64_t *state);
uint64_t replica_hash(uint64_t h, const void *bytes, size_t n);
/* Counts and tells a failure. */
__attribute__((format(printf, 3, 4))) void replica_fail(atomic_ulong *counter, const replica *r, const char *format,
                                                        ...);
/* A request to the server as it is now; 0: it is away. */
int replica_ask(replica *r, const char *method, const char *path, const void *body, size_t body_len);
/* What to do about a status that the protocol does not know: AGAIN where any server may say so. */
sync_outcome replica_unexpected(replica *r, const char *what);
/* "name":123 of the last answer; 0 if it is not there. */
uint64_t replica_number(const replica *r, const char *name);

/* A thread. */
void *replica_writer(void *torture);

#endif
