/* SPDX-License-Identifier: Apache-2.0 */
/* Structured log: an event name and typed fields, one line an event, as text or as JSON.
 *
 *   trib_log_event(log, TRIB_LOG_INFO, "listening", TRIB_LOG_S("address", address), TRIB_LOG_I("port", port));
 *
 *   2026-11-21T14:28:00.123Z INFO listening address=127.0.0.1 port=8080
 *   {"time":"2026-11-21T14:28:00.123Z","level":"info","event":"listening","address":"127.0.0.1","port":8080}
 *
 * There is no global: who logs was given a trib_log; NULL logs nothing. Writing never allocates, so it works when
 * memory is gone. What a peer sent cannot forge a line or steer a terminal: control characters and direction marks are
 * escaped and broken UTF-8 is replaced. Secrets have a field type of their own and never show. */
#ifndef TRIB_BASE_LOG_H
#define TRIB_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/str.h"

typedef enum trib_log_level { TRIB_LOG_DEBUG, TRIB_LOG_INFO, TRIB_LOG_WARN, TRIB_LOG_ERROR } trib_log_level;

typedef enum trib_log_format { TRIB_LOG_TEXT, TRIB_LOG_JSON } trib_log_format;

enum {
    TRIB_LOG_LINE_BYTES = 8192,  /* longest line, newline included: a log flood costs bounded disk and stack */
    TRIB_LOG_VALUE_BYTES = 1024, /* bytes of one string that are written; the rest becomes "..." */
};

/* Gets one whole line with its newline, valid UTF-8; one call a line, so that one write(2) keeps lines whole.
 * Thread: any, several at once. `line` is borrowed until it returns. */
typedef void (*trib_log_sink)(void *ctx, trib_log_level level, const char *line, size_t len);

typedef struct trib_log {
    const trib_env *env; /* for the time */
    trib_log_sink sink;
    void *sink_ctx;
    trib_log_level level; /* events below it are dropped */
    trib_log_format format;
} trib_log;

/* Set before the log is shared; never changed after. env, sink and sink_ctx are borrowed. Nothing to deinit. */
void trib_log_init(trib_log *log, const trib_env *env, trib_log_level level, trib_log_format format, trib_log_sink sink,
                   void *sink_ctx);

typedef enum trib_log_type {
    TRIB_LOG_TYPE_END, /* 0, ends a list of fields */
    TRIB_LOG_TYPE_STR,
    TRIB_LOG_TYPE_I64,
    TRIB_LOG_TYPE_U64,
    TRIB_LOG_TYPE_BOOL,
    TRIB_LOG_TYPE_ID,
    TRIB_LOG_TYPE_ERROR,
    TRIB_LOG_TYPE_SECRET
} trib_log_type;

/* Made by the macros below. Everything is borrowed until the call returns. */
typedef struct trib_log_field {
    trib_log_type type;
    const char *name; /* snake_case literal */
    union {
        trib_str str;
        int64_t i64;
        uint64_t u64;
        bool flag;
        trib_id id;
        const trib_error *error;
    };
} trib_log_field;

#define TRIB_LOG_S(key, value)  ((trib_log_field){.type = TRIB_LOG_TYPE_STR, .name = (key), .str = (value)})
#define TRIB_LOG_C(key, value)  ((trib_log_field){.type = TRIB_LOG_TYPE_STR, .name = (key), .str = trib_str_c(value)})
#define TRIB_LOG_I(key, value)  ((trib_log_field){.type = TRIB_LOG_TYPE_I64, .name = (key), .i64 = (value)})
#define TRIB_LOG_U(key, value)  ((trib_log_field){.type = TRIB_LOG_TYPE_U64, .name = (key), .u64 = (value)})
#define TRIB_LOG_B(key, value)  ((trib_log_field){.type = TRIB_LOG_TYPE_BOOL, .name = (key), .flag = (value)})
#define TRIB_LOG_ID(key, value) ((trib_log_field){.type = TRIB_LOG_TYPE_ID, .name = (key), .id = (value)})
/* Two fields, "code" and "message", of a trib_error (may be NULL: none). */
#define TRIB_LOG_ERR(value) ((trib_log_field){.type = TRIB_LOG_TYPE_ERROR, .name = "code", .error = (value)})
/* That a secret was there, never what it was: not even its length. The value is not taken at all. */
#define TRIB_LOG_SECRET(key) ((trib_log_field){.type = TRIB_LOG_TYPE_SECRET, .name = (key)})
#define TRIB_LOG_END         ((trib_log_field){.type = TRIB_LOG_TYPE_END})

/* False: an event of this level would not be written. log may be NULL. */
bool trib_log_wants(const trib_log *log, trib_log_level level);

/* Writes one line; fields end with TRIB_LOG_END. event: snake_case literal. Thread: any. */
void trib_log_write(const trib_log *log, trib_log_level level, const char *event, const trib_log_field *fields);

/* The usual way in. Fields are not evaluated when the level is off. */
#define trib_log_event(log, level, event, ...)                                                                         \
    do {                                                                                                               \
        if (trib_log_wants((log), (level)))                                                                            \
            trib_log_write((log), (level), (event),                                                                    \
                           (const trib_log_field[]){__VA_ARGS__ __VA_OPT__(, ) TRIB_LOG_END});                         \
    } while (0)

const char *trib_log_level_text(trib_log_level level);
/* "debug", "info", "warn", "error"; false leaves *ret alone. */
bool trib_log_level_from_text(trib_str text, trib_log_level *ret);

#endif
