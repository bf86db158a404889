/* SPDX-License-Identifier: Apache-2.0 */
/* See answer.h. */
#include "answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

void answer_begin(answer *a) {
    a->state = ANSWER_HEAD;
    a->head_len = 0;
    a->left = 0;
}

/* The value of a header in a NUL-terminated head, or NULL. */
static const char *header(const char *head, const char *name) {
    size_t n = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, n) != 0 || line[2 + n] != ':') continue;
        line += 3 + n;
        return line + strspn(line, " \t");
    }
    return NULL;
}

/* Takes head bytes; returns how many belonged to it, or -1 if this is no HTTP. */
static ssize_t read_head(answer *a, const char *bytes, size_t n) {
    size_t before = a->head_len, room = ANSWER_HEAD_MAX_BYTES - 1 - before;
    size_t take = n < room ? n : room;
    memcpy(a->head + before, bytes, take);
    a->head_len += take;
    const char *end = memmem(a->head, a->head_len, "\r\n\r\n", 4);
    if (!end) return a->head_len == ANSWER_HEAD_MAX_BYTES - 1 ? -1 : (ssize_t)take;
    size_t head_bytes = (size_t)(end - a->head) + 4;
    a->head[head_bytes] = '\0';
    if (strncmp(a->head, "HTTP/1.", 7) != 0 || a->head_len < 12) return -1;
    a->status = (int)strtol(a->head + 9, NULL, 10);
    const char *connection = header(a->head, "Connection"), *length = header(a->head, "Content-Length");
    const char *coding = header(a->head, "Transfer-Encoding");
    a->last = connection && strncasecmp(connection, "close", 5) == 0;
    a->left = length ? strtoull(length, NULL, 10) : 0;
    a->state = coding && strncasecmp(coding, "chunked", 7) == 0 ? ANSWER_CHUNK_SIZE : ANSWER_LENGTH;
    a->head_len = 0; /* from here on it holds chunk size lines */
    return (ssize_t)(head_bytes - before);
}

/* Takes the bytes of one line; true when it is complete (then head[0..head_len) is the line without its end). */
static bool read_line(answer *a, const char **bytes, size_t *n) {
    while (*n > 0 && a->head_len < ANSWER_HEAD_MAX_BYTES - 1) {
        char byte = *(*bytes)++;
        (*n)--;
        if (byte == '\n') {
            a->head[a->head_len] = '\0';
            return true;
        }
        if (byte != '\r') a->head[a->head_len++] = byte;
    }
    return false;
}

bool answer_feed(answer *a, const char *bytes, size_t n, bool *ret_done) {
    *ret_done = false;
    while (n > 0 || (a->state == ANSWER_LENGTH && a->left == 0)) {
        if (a->state == ANSWER_HEAD) {
            ssize_t used = read_head(a, bytes, n);
            if (used < 0) return false;
            bytes += used;
            n -= (size_t)used;
        } else if (a->state == ANSWER_LENGTH || a->state == ANSWER_CHUNK) {
            size_t take = n < a->left ? n : (size_t)a->left;
            a->left -= take;
            bytes += take;
            n -= take;
            if (a->left) continue;
            if (a->state == ANSWER_LENGTH) {
                *ret_done = true;
                return n == 0; /* bytes that nobody asked for */
            }
            a->state = ANSWER_CHUNK_SIZE;
        } else if (read_line(a, &bytes, &n)) {
            bool empty = a->head_len == 0;
            a->head_len = 0;
            if (a->state == ANSWER_TRAILER) {
                if (!empty) continue;
                *ret_done = true;
                return n == 0;
            }
            a->left = strtoull(a->head, NULL, 16);
            a->state = a->left ? ANSWER_CHUNK : ANSWER_TRAILER;
            a->left += 2;
        } else if (n > 0) {
            return false; /* an endless line */
        }
    }
    return true;
}
