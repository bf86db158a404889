/* SPDX-License-Identifier: Apache-2.0 */
/* Compressed answers. Compressing happens where the answer is made, on the worker: megabytes of it would hold up a
 * loop. Only what the loop adds itself, the end of an answer, is compressed there.
 *
 *   worker: x->out --pack--> x->packed        loop: x->out (a few bytes) --finish--> x->packed -> sent
 *
 * Without memory for it the answer goes out as it is, as long as nothing of it has been sent. A baton and what a client
 * chose stand in one compressed answer, but a baton is good for one request and never compressed twice, so that its
 * length tells nobody anything. */
#include "features/hrana/hrana_int.h"
#include "wire/gzip.h"

#define VARY     "Vary: Accept-Encoding\r\n"
#define ENCODING "Content-Encoding: gzip\r\n"

static void give_up(hrana_exec *x) {
    trib_gzip_free(x->gzip);
    x->gzip = NULL;
    x->gzip_wanted = false;
    trib_buf_deinit(&x->packed);
}

/* All of the output into x->packed. */
static void pack(hrana_exec *x) {
    if (x->out.failed) return;
    bool first = !x->gzip;
    if (first) {
        x->gzip = trib_gzip_new();
        trib_buf_init(&x->packed, x->out.max_bytes);
    }
    if (x->gzip) trib_gzip_add(x->gzip, trib_buf_str(&x->out), false, &x->packed);
    if (!x->gzip || (first && x->packed.failed)) {
        give_up(x);
        return;
    }
    trib_buf_clear(&x->out);
}

void hrana_pack_chunk(hrana_exec *x) {
    if (x->gzip_wanted) pack(x);
}

void hrana_pack_whole(hrana_exec *x) {
    if (!x->gzip_wanted || (!x->gzip && x->out.len < TRIB_GZIP_MIN_BYTES)) return;
    pack(x);
    if (x->gzip && !x->streaming)
        trib_buf_deinit(&x->out); /* the plain form of a large answer is not needed any more */
}

trib_buf *hrana_pack_take(hrana_exec *x) {
    if (!x->gzip) return &x->out;
    trib_gzip_keep(x->gzip);
    return &x->packed;
}

void hrana_pack_drop(hrana_exec *x) {
    trib_buf_clear(&x->out);
    if (!x->gzip) return;
    trib_buf_clear(&x->packed);
    trib_gzip_drop(x->gzip);
}

trib_buf *hrana_pack_finish(hrana_exec *x) {
    if (!x->gzip) return &x->out;
    if (x->out.failed) x->packed.failed = true;
    trib_gzip_add(x->gzip, trib_buf_str(&x->out), true, &x->packed);
    return &x->packed;
}

trib_str hrana_pack_headers(const hrana_exec *x) {
    if (x->gzip) return TRIB_STR(ENCODING VARY);
    return x->streaming || x->out.len >= TRIB_GZIP_MIN_BYTES ? TRIB_STR(VARY) : (trib_str){0};
}
