/* SPDX-License-Identifier: Apache-2.0 */
/* JSON (RFC 8259): a reader that makes a tree in an arena, and a streaming writer over a trib_buf. Pure functions over
 * bytes.
 *
 *   {"a":[1,"x"]}      object --first--> array (key "a") --first--> number 1 --next--> string "x"
 *
 * Integers stay exact: a number keeps its token, and its int64 value if it is written as an integer and fits. Strings
 * without escapes, keys and number tokens point into the text, so the text must live as long as the tree. */
#ifndef TRIB_WIRE_JSON_H
#define TRIB_WIRE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/f64.h"
#include "base/str.h"

/* Deepest nesting of arrays and objects, read or written. Stops "[[[[..." from exhausting the stack of whoever walks
 * the tree by recursion. */
#define TRIB_JSON_MAX_DEPTH 64

/* Most members of one object. Look-up walks the members: stops objects made to make every look-up slow. */
#define TRIB_JSON_MAX_OBJECT_KEYS 10000

/* Most values (members, elements, the root) of a document, wherever the arena has a generous budget: two bytes of text
 * ("1,") become a node of 48, so this bounds a tree to 192 MiB. Arrays have no limit of their own. */
#define TRIB_JSON_MAX_VALUES (4 * 1024 * 1024)

typedef enum trib_json_kind {
    TRIB_JSON_NULL,
    TRIB_JSON_BOOL,
    TRIB_JSON_NUMBER,
    TRIB_JSON_STRING,
    TRIB_JSON_ARRAY,
    TRIB_JSON_OBJECT,
} trib_json_kind;

/* A value. Read through the functions below; walking children by `first` and `next` is fine too. */
typedef struct trib_json {
    unsigned char kind; /* trib_json_kind */
    bool is_integer;    /* number: written without '.' and exponent, and fits int64 */
    bool is_true;       /* bool */
    uint32_t count;     /* array, object: children; number: length of its token */
    trib_str key;       /* name of a member; {NULL, 0} for elements and the root */
    union {
        trib_str str; /* string, decoded */
        struct {
            const char *token;
            int64_t integer; /* if is_integer */
        } number;
        struct trib_json *first; /* array, object: first child or NULL */
    } u;
    struct trib_json *next; /* following sibling or NULL */
} trib_json;

/* Parses the whole of `text`: one value, nothing but white space around it. Strict: no comments, no trailing commas, no
 * NaN, no byte order mark, UTF-8 only, no lone surrogates. Of members with the same name the last one counts
 * (JSON.parse).
 * Owns:   *ret lives in `arena` and borrows from `text`.
 * Errors: TRIB_BAD_JSON (malformed, or past a limit above), err->detail = byte offset; TRIB_NOMEM when the arena failed
 *         or had failed before.
 * Thread: any; the arena belongs to the caller. */
trib_code trib_json_parse(trib_arena *arena, trib_str text, const trib_json **ret, trib_error *err);

/* The same, but an object that has two members of one name is TRIB_BAD_JSON: for tokens and other signed texts, where
 * two readers must not see different values. */
trib_code trib_json_parse_unique(trib_arena *arena, trib_str text, const trib_json **ret, trib_error *err);

/* All of these take NULL (an absent member) and values of the wrong kind: they answer NULL, 0 or false and leave *ret
 * alone, so `trib_json_str(trib_json_get(stmt, "sql"), &sql)` is safe. */

/* The member `key` of an object; NULL if it is absent. A member that is JSON null is a value, not NULL. */
const trib_json *trib_json_get(const trib_json *object, const char *key);
const trib_json *trib_json_get_str(const trib_json *object, trib_str key);

/* Children in order: for (c = trib_json_first(v); c; c = trib_json_next(c)). */
const trib_json *trib_json_first(const trib_json *container);
const trib_json *trib_json_next(const trib_json *child);
/* Element or member number `index`, found by walking: for short arrays only, never as a loop. */
const trib_json *trib_json_at(const trib_json *container, size_t index);
/* Children of an array or object. */
size_t trib_json_count(const trib_json *container);

bool trib_json_is(const trib_json *value, trib_json_kind kind);
/* True for JSON null; false for NULL. */
bool trib_json_is_null(const trib_json *value);
/* True for an absent value and for JSON null: clients send absent members either way. */
bool trib_json_absent(const trib_json *value);

bool trib_json_str(const trib_json *value, trib_str *ret);
bool trib_json_bool(const trib_json *value, bool *ret);
/* False also for 1.0, 1e3 and what is past int64. */
bool trib_json_i64(const trib_json *value, int64_t *ret);
/* The nearest double; false also past its range (1e400). Tiny numbers become 0, "-0" is -0.0. */
bool trib_json_f64(const trib_json *value, double *ret);
/* The number exactly as it was written. */
bool trib_json_number_token(const trib_json *value, trib_str *ret);

/* "null", "true or false", "a number" ...: for messages; NULL is "nothing". */
const char *trib_json_kind_text(const trib_json *value);

/* ---- writer ----
 *
 *   trib_jw_init(&w, buf);
 *   trib_jw_object_begin(&w);
 *   trib_jw_key_c(&w, "baton");  trib_jw_null(&w);
 *   trib_jw_object_end(&w);
 *
 * Commas and colons come by themselves. Failure sticks in the buffer (buf->failed) and is checked once at the end. A
 * value without a key in an object, a key in an array, an end without its begin, a second root: assert. */
typedef struct trib_json_writer {
    trib_buf *buf;        /* borrowed */
    uint64_t object_bits; /* bit d: the container at depth d+1 is an object */
    unsigned depth;       /* open containers, at most TRIB_JSON_MAX_DEPTH */
    bool comma;           /* something stands before the next value at this level */
    bool has_key;         /* a key waits for its value */
} trib_json_writer;

/* Starts a document at the end of `buf` (one writer each for the lines of newline-delimited JSON). */
void trib_jw_init(trib_json_writer *w, trib_buf *buf);
/* True when the document is complete: one root, everything closed. */
bool trib_jw_done(const trib_json_writer *w);

void trib_jw_object_begin(trib_json_writer *w);
void trib_jw_object_end(trib_json_writer *w);
void trib_jw_array_begin(trib_json_writer *w);
void trib_jw_array_end(trib_json_writer *w);
void trib_jw_key(trib_json_writer *w, trib_str key);
void trib_jw_key_c(trib_json_writer *w, const char *key);

/* Escapes; each byte that is not part of well-formed UTF-8 becomes U+FFFD. */
void trib_jw_str(trib_json_writer *w, trib_str s);
void trib_jw_str_c(trib_json_writer *w, const char *s);
void trib_jw_i64(trib_json_writer *w, int64_t value);
void trib_jw_u64(trib_json_writer *w, uint64_t value);
/* In quotes: clients whose numbers are doubles get every bit. */
void trib_jw_i64_string(trib_json_writer *w, int64_t value);
/* The shortest digits that read back as the same double, laid out as JavaScript does (46, 0.1, 1e+21); -0.0 is "-0.0",
 * so it survives; NaN and infinities are null. */
void trib_jw_f64(trib_json_writer *w, double value);
/* The same, but -0.0 is "0": byte for byte JSON.stringify. */
void trib_jw_f64_js(trib_json_writer *w, double value);
void trib_jw_bool(trib_json_writer *w, bool value);
void trib_jw_null(trib_json_writer *w);
/* A string with the bytes in standard base64, without padding. */
void trib_jw_base64(trib_json_writer *w, const void *bytes, size_t n);
/* A value that already is JSON. */
void trib_jw_raw(trib_json_writer *w, trib_str json);
/* A parsed value; number tokens are written as they were read. */
void trib_jw_value(trib_json_writer *w, const trib_json *value);

/* key + value in one call */
void trib_jw_member_str(trib_json_writer *w, const char *key, trib_str s);
void trib_jw_member_i64(trib_json_writer *w, const char *key, int64_t value);
void trib_jw_member_bool(trib_json_writer *w, const char *key, bool value);
void trib_jw_member_null(trib_json_writer *w, const char *key);

#endif
