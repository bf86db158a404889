/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the HTTP/1.1 parser over bytes that arrive in given pieces and writes down everything it says, as one text: two
 * runs that give the same text saw the same events, heads, bodies, error and leftover.
 *
 *   GET /x 1.1 keep {host: a|b: c} [body]   a message: flags are keep or close, 100, upgrade; 200 OK 1.1 for a response
 *   !BAD_HTTP                               the error
 *   ~12                                     more is needed; 12 bytes of an unfinished message are left in the input
 *
 * Before each call the input is copied to a fresh allocation of exactly its size, so that a sanitizer sees every read
 * past the end and every slice into an old input. */
#ifndef TRIB_TESTS_HTTP1_TRANSCRIPT_H
#define TRIB_TESTS_HTTP1_TRANSCRIPT_H

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "wire/http1.h"

typedef struct http1_run {
    bool is_response, answers_head, closes, discards;
    uint64_t max_body_bytes;
    /* how many bytes the next piece has; NULL: everything at once */
    size_t (*next_piece)(void *ctx);
    void *ctx;
} http1_run;

static inline void http1_write_head(trib_buf *out, const trib_http1_head *h) {
    if (h->status) {
        trib_buf_printf(out, "%d %.*s", h->status, TRIB_STR_ARG(h->reason));
    } else {
        trib_buf_add(out, h->method);
        trib_buf_add_char(out, ' ');
        trib_buf_add(out, h->target);
        if (!trib_str_eq(h->path, h->target)) trib_buf_printf(out, "->%.*s", TRIB_STR_ARG(h->path));
    }
    trib_buf_printf(out, " 1.%d %s%s%s {", h->minor_version, h->keep_alive ? "keep" : "close",
                    h->expect_continue ? " 100" : "", h->upgrade ? " upgrade" : "");
    for (size_t i = 0; i < h->field_count; i++) {
        if (i) trib_buf_add_char(out, '|');
        trib_buf_add(out, trib_http1_field_name(h, i));
        trib_buf_add(out, TRIB_STR(": "));
        trib_buf_add(out, trib_http1_field_value(h, i));
    }
    trib_buf_add_char(out, '}');
}

/* Appends the transcript; *ret_message (may be NULL) gets the error's text. */
static inline void http1_transcript(const http1_run *run, trib_str bytes, trib_buf *out, trib_error *ret_error) {
    trib_http1_parser p;
    trib_buf in, body, head;
    trib_error err = {0};
    trib_http1_parser_init(&p, run->is_response);
    trib_buf_init(&in, SIZE_MAX / 2);
    trib_buf_init(&body, SIZE_MAX / 2);
    trib_buf_init(&head, SIZE_MAX / 2);
    if (run->answers_head) trib_http1_parser_set_answers_head(&p);
    size_t fed = 0;
    char *copy = NULL;
    for (bool closed = false, over = false; !over;) {
        char *old = copy;
        copy = malloc(in.len ? in.len : 1);
        if (!copy) abort();
        if (in.len) memcpy(copy, in.ptr, in.len);
        free(old);
        size_t used;
        switch (trib_http1_parser_next(&p, trib_str_make(copy, in.len), &used, &err)) {
        case TRIB_HTTP1_NEED:
            trib_buf_consume(&in, used);
            if (fed == bytes.len && (closed || !run->closes)) {
                if (!trib_http1_parser_is_idle(&p)) trib_buf_printf(out, "~%zu", in.len);
                over = true;
            } else if (fed == bytes.len) {
                trib_http1_parser_set_closed(&p);
                closed = true;
            } else {
                size_t n = run->next_piece ? run->next_piece(run->ctx) : bytes.len;
                if (n > bytes.len - fed) n = bytes.len - fed;
                trib_buf_add_bytes(&in, bytes.ptr + fed, n);
                fed += n;
            }
            break;
        case TRIB_HTTP1_HEAD:
            http1_write_head(out, &p.head);
            trib_buf_clear(&head);
            http1_write_head(&head, &p.head);
            trib_buf_clear(&body);
            trib_http1_parser_set_body(&p, run->discards ? NULL : &body, run->max_body_bytes);
            break;
        case TRIB_HTTP1_MESSAGE: {
            /* the head must still read the same after its input moved or was dropped */
            size_t before = out->len;
            http1_write_head(out, &p.head);
            if (!trib_str_eq(trib_str_make(out->ptr + before, out->len - before), trib_buf_str(&head))) abort();
            out->len = before;
            trib_buf_add(out, TRIB_STR(" ["));
            trib_buf_add(out, p.body);
            trib_buf_add(out, TRIB_STR("]\n"));
            /* an upgraded connection speaks something else from here on */
            over = p.head.status == 101;
            trib_buf_consume(&in, used);
            if (over) trib_buf_printf(out, "~%zu", in.len + (bytes.len - fed));
            break;
        }
        case TRIB_HTTP1_ERROR:
            trib_buf_printf(out, "!%s", trib_code_name(err.code));
            if (ret_error) *ret_error = err;
            over = true;
            break;
        }
    }
    free(copy);
    trib_http1_parser_deinit(&p);
    trib_buf_deinit(&in);
    trib_buf_deinit(&body);
    trib_buf_deinit(&head);
}

#endif
