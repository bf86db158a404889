/* SPDX-License-Identifier: Apache-2.0 */
/* Structured log; see log.h. A line is built in a fixed buffer on the stack. A field that does not fit as a whole is
 * dropped and the line ends with cut=true, so that a JSON line stays JSON:
 *
 *   [ time level event field field ...           | room for cut=true, brace, newline ]
 *                                      ^ a field is written up to here or taken back */
#include "base/log.h"

#include <string.h>

#include "base/time.h"

enum { TAIL_BYTES = 32 };

typedef struct line {
    char bytes[TRIB_LOG_LINE_BYTES];
    size_t len, max;
    bool full; /* something did not fit since the flag was cleared */
    bool json;
} line;

void trib_log_init(trib_log *log, const trib_env *env, trib_log_level level, trib_log_format format, trib_log_sink sink,
                   void *sink_ctx) {
    *log = (trib_log){.env = env, .level = level, .format = format, .sink = sink, .sink_ctx = sink_ctx};
}

bool trib_log_wants(const trib_log *log, trib_log_level level) {
    return log && log->sink && level >= log->level;
}

static const char *const level_names[] = {
    [TRIB_LOG_DEBUG] = "debug",
    [TRIB_LOG_INFO] = "info",
    [TRIB_LOG_WARN] = "warn",
    [TRIB_LOG_ERROR] = "error",
};

const char *trib_log_level_text(trib_log_level level) {
    return level_names[level];
}

bool trib_log_level_from_text(trib_str text, trib_log_level *ret) {
    for (trib_log_level level = TRIB_LOG_DEBUG; level <= TRIB_LOG_ERROR; level++) {
        if (!trib_str_eq_c(text, level_names[level])) continue;
        *ret = level;
        return true;
    }
    return false;
}

static void put(line *l, trib_str s) {
    if (s.len > l->max - l->len) {
        l->full = true;
        return;
    }
    if (s.len) memcpy(l->bytes + l->len, s.ptr, s.len);
    l->len += s.len;
}

static void put_c(line *l, const char *text) {
    put(l, trib_str_c(text));
}

static void put_u64(line *l, uint64_t value) {
    char space[TRIB_U64_DIGITS];
    put(l, trib_str_of_u64(value, space));
}

static void put_i64(line *l, int64_t value) {
    if (value < 0) put_c(l, "-");
    put_u64(l, value < 0 ? (uint64_t)0 - (uint64_t)value : (uint64_t)value);
}

/* Length of the UTF-8 character at s.ptr[i], 0 if the bytes are none. */
static size_t char_len(trib_str s, size_t i) {
    for (size_t n = 1; n <= 4 && n <= s.len - i; n++) {
        if (trib_str_utf8_valid(trib_str_sub(s, i, i + n))) return n;
    }
    return 0;
}

static uint32_t code_point(const char *at, size_t n) {
    const unsigned char *p = (const unsigned char *)at;
    uint32_t c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) c = c << 6 | (p[i] & 0x3fu);
    return c;
}

/* C0 and C1 controls move the cursor or start an escape sequence; line separators fake a second line; direction marks
 * show a text in another order than it has. */
static bool must_escape(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
           c == 0x200e || c == 0x200f || c == 0x061c || c == 0xfeff;
}

static void put_escaped(line *l, uint32_t c) {
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', hex[c >> 12 & 15], hex[c >> 8 & 15], hex[c >> 4 & 15], hex[c & 15]};
    put(l, trib_str_make(text, sizeof text));
}

/* A JSON string; the text format uses the same spelling where a value needs quotes. */
static void put_quoted(line *l, trib_str s) {
    size_t i = 0;
    put_c(l, "\"");
    while (i < s.len) {
        size_t n = char_len(s, i);
        if (i + (n ? n : 1) > TRIB_LOG_VALUE_BYTES) {
            put_c(l, "...");
            break;
        }
        uint32_t c = n ? code_point(s.ptr + i, n) : 0xfffd;
        if (c == '"') put_c(l, "\\\"");
        else if (c == '\\') put_c(l, "\\\\");
        else if (c == '\n') put_c(l, "\\n");
        else if (n == 0 || must_escape(c)) put_escaped(l, c);
        else put(l, trib_str_sub(s, i, i + n));
        i += n ? n : 1;
    }
    put_c(l, "\"");
}

/* May the value stand without quotes in the text format? */
static bool is_bare(trib_str s) {
    if (s.len == 0 || s.len > TRIB_LOG_VALUE_BYTES) return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (c == '\0' || !strchr("._:/@+-", c))) return false;
    }
    return true;
}

static void put_text(line *l, trib_str s) {
    if (!l->json && is_bare(s)) put(l, s);
    else put_quoted(l, s);
}

static void put_name(line *l, const char *name) {
    put_c(l, l->json ? ",\"" : " ");
    put_c(l, name);
    put_c(l, l->json ? "\":" : "=");
}

static void put_error(line *l, const trib_error *error) {
    put_text(l, trib_str_c(trib_error_wire_code(error)));
    put_name(l, "message");
    put_text(l, trib_str_c(error->message));
}

static void put_field(line *l, const trib_log_field *field) {
    char hex[TRIB_ID_HEX_BYTES];
    if (field->type == TRIB_LOG_TYPE_ERROR && !field->error) return;
    put_name(l, field->name);
    switch (field->type) {
    case TRIB_LOG_TYPE_END: break;
    case TRIB_LOG_TYPE_STR: put_text(l, field->str); break;
    case TRIB_LOG_TYPE_I64: put_i64(l, field->i64); break;
    case TRIB_LOG_TYPE_U64: put_u64(l, field->u64); break;
    case TRIB_LOG_TYPE_BOOL: put_c(l, field->flag ? "true" : "false"); break;
    case TRIB_LOG_TYPE_ID:
        trib_id_to_hex(field->id, hex);
        put_text(l, trib_str_c(hex));
        break;
    case TRIB_LOG_TYPE_ERROR: put_error(l, field->error); break;
    case TRIB_LOG_TYPE_SECRET: put_quoted(l, TRIB_STR("***")); break;
    }
}

static void put_head(line *l, const trib_log *log, trib_log_level level, const char *event) {
    static const char *const upper[] = {"DEBUG", "INFO", "WARN", "ERROR"};
    char time[TRIB_TIME_ISO_BYTES];
    trib_time_to_iso(trib_env_wall_ms(log->env), time);
    put_c(l, l->json ? "{\"time\":\"" : "");
    put_c(l, time);
    put_c(l, l->json ? "\",\"level\":\"" : " ");
    put_c(l, l->json ? level_names[level] : upper[level]);
    put_c(l, l->json ? "\",\"event\":" : " ");
    put_text(l, trib_str_c(event));
}

void trib_log_write(const trib_log *log, trib_log_level level, const char *event, const trib_log_field *fields) {
    if (!trib_log_wants(log, level)) return;
    line l;
    l.len = 0;
    l.max = sizeof l.bytes - TAIL_BYTES;
    l.full = false;
    l.json = log->format == TRIB_LOG_JSON;
    bool cut = false;
    put_head(&l, log, level, event);
    for (; fields->type != TRIB_LOG_TYPE_END; fields++) {
        size_t before = l.len;
        put_field(&l, fields);
        if (!l.full) continue;
        l.len = before;
        l.full = false;
        cut = true;
    }
    l.max = sizeof l.bytes;
    if (cut) {
        put_name(&l, "cut");
        put_c(&l, "true");
    }
    put_c(&l, l.json ? "}\n" : "\n");
    log->sink(log->sink_ctx, level, l.bytes, l.len);
}
