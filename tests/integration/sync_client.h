/* SPDX-License-Identifier: Apache-2.0 */
/* For tests that count what a sync brings: stands at a position of the tenant "t" and asks for what is new, without
 * keeping it. Over V2 and /pull-updates; needs --no-auth. */
#ifndef TRIB_TESTS_INTEGRATION_SYNC_CLIENT_H
#define TRIB_TESTS_INTEGRATION_SYNC_CLIENT_H

#include "integration/talk.h"

enum { SYNC_FRAME_BYTES = 24 + 4096 };

typedef struct sync_client {
    talk talk;
    unsigned long long generation, have; /* V2 */
    char revision[64];                   /* /pull-updates */
} sync_client;

/* Runs one statement on its own. */
static inline void sync_sql(sync_client *c, const char *statement) {
    char body[800];
    snprintf(body, sizeof body, "{\"requests\":[{\"type\":\"sequence\",\"sql\":\"%s\"},{\"type\":\"close\"}]}",
             statement);
    if (talk_ask(&c->talk, "POST", "/t/v2/pipeline", NULL, body) == 200 && !talk_says(&c->talk, "\"type\":\"error\""))
        return;
    fprintf(stderr, "%d %.300s\n", c->talk.status, c->talk.body ? c->talk.body : "");
    die(statement);
}

/* More rows of blobs in the table item, which is made with the first ones. */
static inline void sync_fill(sync_client *c, unsigned rows, unsigned row_bytes) {
    char fill[300];
    snprintf(fill, sizeof fill,
             "INSERT INTO item(n, body) WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < %u) "
             "SELECT 0, randomblob(%u) FROM i",
             rows, row_bytes);
    sync_sql(c, "CREATE TABLE IF NOT EXISTS item(id INTEGER PRIMARY KEY, n, body)");
    sync_sql(c, fill);
}

/* c->talk.body_len is what came; a body of "nothing new" is short. */
static inline void sync_v2(sync_client *c) {
    char path[120];
    snprintf(path, sizeof path, "/t/sync/%llu/%llu/%llu", c->generation, c->have + 1, c->have + 129);
    int status = talk_ask(&c->talk, "GET", path, NULL, NULL);
    if (status == 200) c->have += c->talk.body_len / SYNC_FRAME_BYTES;
    else if (status != 400) die("/sync");
}

/* page_0_only: with a RoaringBitmap of 0 alone. */
static inline void sync_pull_pages(sync_client *c, bool page_0_only) {
    static const char page_0[] = "\x2a\x12\x3a\x30\0\0\x01\0\0\0\0\0\0\0\x10\0\0\0\0\0";
    char body[160];
    size_t n = strlen(c->revision), len = 0;
    if (n > 0) {
        body[len++] = 0x1a;
        body[len++] = (char)n;
        memcpy(body + len, c->revision, n);
        len += n;
    }
    if (page_0_only) {
        memcpy(body + len, page_0, sizeof page_0 - 1);
        len += sizeof page_0 - 1;
    }
    if (talk_ask_bytes(&c->talk, "POST", "/t/pull-updates", NULL, "application/protobuf", body, len) != 200)
        die("/pull-updates");
    /* the header's length, 0x0a, length of the revision, the revision */
    if (c->talk.body_len < 4 || c->talk.body[1] != 0x0a) die("an answer of /pull-updates");
    n = (size_t)(unsigned char)c->talk.body[2];
    if (n >= sizeof c->revision || n + 3 > c->talk.body_len) die("an answer of /pull-updates");
    memcpy(c->revision, c->talk.body + 3, n);
    c->revision[n] = '\0';
}

static inline void sync_pull(sync_client *c) {
    sync_pull_pages(c, false);
}

/* At the newest position, without fetching the database. */
static inline void sync_begin(sync_client *c, int port) {
    *c = (sync_client){.talk = {.port = port, .fd = -1}};
    if (talk_ask(&c->talk, "GET", "/t/info", NULL, NULL) != 200) die("/info");
    c->generation = strtoull(strchr(c->talk.body, ':') + 1, NULL, 10);
    sync_pull_pages(c, true);
    c->have = strtoull(strchr(c->revision, '-') + 1, NULL, 16);
}

#endif
