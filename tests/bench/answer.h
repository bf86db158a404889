/* SPDX-License-Identifier: Apache-2.0 */
/* Reads HTTP/1.1 answers just far enough to know where each ends. */
#ifndef TRIB_BENCH_ANSWER_H
#define TRIB_BENCH_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ANSWER_HEAD_MAX_BYTES = 8192 };

typedef enum answer_state { ANSWER_HEAD, ANSWER_LENGTH, ANSWER_CHUNK_SIZE, ANSWER_CHUNK, ANSWER_TRAILER } answer_state;

typedef struct answer {
    answer_state state;
    int status;
    bool last; /* the server said Connection: close */
    char head[ANSWER_HEAD_MAX_BYTES];
    size_t head_len;
    uint64_t left; /* of the body or the chunk, its line end included */
} answer;

/* Ready for the next one. */
void answer_begin(answer *a);
/* false: this is no HTTP, or more than was asked for. *ret_done: the answer is complete. */
bool answer_feed(answer *a, const char *bytes, size_t n, bool *ret_done);

#endif
