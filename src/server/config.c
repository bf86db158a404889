/* SPDX-License-Identifier: Apache-2.0 */
/* Settings from a table; see config.h. Values stay texts until trib_config_finish parses them all, so that a bad value
 * that a stronger source overrides is not an error. */
#include "server/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "base/units.h"

static const trib_config_row rows[TRIB_CONFIG_COUNT_OF_ROWS] = {
#define X(field, type, def, value, help, example) {#field, TRIB_CONFIG_##type, def, value, help, example},
    TRIB_CONFIG_TABLE(X)
#undef X
};

/* TRIB_ variables that are not settings of the server: of client commands, of the build and its tests. */
static const char *const other_variables[] = {"TRIB_URL",        "TRIB_TOKEN",  "TRIB_ADMIN_URL",
                                              "TRIB_CONFIG",     "TRIB_BIN",    "TRIB_JOBS",
                                              "TRIB_NO_INSTALL", "TRIB_PRESET", "TRIB_SOAK"};

const trib_config_row *trib_config_row_at(size_t id) {
    return &rows[id];
}

static char upper(char c) {
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}

void trib_config_flag_name(size_t id, char out[TRIB_CONFIG_NAME_BYTES]) {
    size_t i = 0;
    for (const char *key = rows[id].key; key[i] && i + 1 < TRIB_CONFIG_NAME_BYTES; i++)
        out[i] = key[i] == '_' ? '-' : key[i];
    out[i] = '\0';
}

void trib_config_variable_name(size_t id, char out[TRIB_CONFIG_NAME_BYTES]) {
    static const char prefix[] = "TRIB_";
    size_t at = sizeof prefix - 1;
    memcpy(out, prefix, at);
    for (const char *key = rows[id].key; *key && at + 1 < TRIB_CONFIG_NAME_BYTES; key++) out[at++] = upper(*key);
    out[at] = '\0';
}

typedef void (*name_writer)(size_t id, char out[TRIB_CONFIG_NAME_BYTES]);

static void key_name(size_t id, char out[TRIB_CONFIG_NAME_BYTES]) {
    size_t n = strlen(rows[id].key);
    memcpy(out, rows[id].key, n + 1);
}

/* The row whose written name is `word`, else TRIB_CONFIG_COUNT_OF_ROWS and a suggestion as " (did you mean ...?)". */
static size_t find(trib_str word, name_writer write_name, char hint[TRIB_CONFIG_NAME_BYTES + 24]) {
    char names[TRIB_CONFIG_COUNT_OF_ROWS][TRIB_CONFIG_NAME_BYTES];
    trib_suggest suggest = {.word = word};
    for (size_t id = 0; id < TRIB_CONFIG_COUNT_OF_ROWS; id++) {
        write_name(id, names[id]);
        if (trib_str_eq_c(word, names[id])) return id;
        trib_suggest_offer(&suggest, trib_str_c(names[id]));
    }
    trib_buf text;
    trib_buf_init(&text, TRIB_CONFIG_NAME_BYTES + 24);
    if (suggest.best.len) trib_buf_printf(&text, " (did you mean %.*s?)", TRIB_STR_ARG(suggest.best));
    trib_str s = text.failed ? (trib_str){0} : trib_buf_str(&text);
    if (s.len) memcpy(hint, s.ptr, s.len);
    hint[s.len] = '\0';
    trib_buf_deinit(&text);
    return TRIB_CONFIG_COUNT_OF_ROWS;
}

static trib_code set(trib_config *config, size_t id, trib_str text, trib_config_origin origin, int line,
                     trib_error *err) {
    if (text.len > TRIB_CONFIG_VALUE_MAX_BYTES || (text.len && memchr(text.ptr, 0, text.len)))
        return trib_error_set(err, TRIB_CONFIG, "the value of %s is longer than %d bytes or has a NUL", rows[id].key,
                              TRIB_CONFIG_VALUE_MAX_BYTES);
    char *copy = malloc(text.len + 1);
    if (!copy) return trib_error_set(err, TRIB_NOMEM, NULL);
    if (text.len) memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    free(config->values[id].text);
    config->values[id].text = copy;
    config->values[id].origin = origin;
    config->values[id].line = line;
    return TRIB_OK;
}

trib_code trib_config_init(trib_config *config, trib_error *err) {
    *config = (trib_config){0};
    for (size_t id = 0; id < TRIB_CONFIG_COUNT_OF_ROWS; id++) {
        trib_code code = set(config, id, trib_str_c(rows[id].default_text), TRIB_CONFIG_FROM_DEFAULT, 0, err);
        if (code) return code;
    }
    return TRIB_OK;
}

void trib_config_deinit(trib_config *config) {
    if (!config) return;
    for (size_t id = 0; id < TRIB_CONFIG_COUNT_OF_ROWS; id++) free(config->values[id].text);
    *config = (trib_config){0};
}

/* ---- sources ---- */

static trib_code add_line(trib_config *config, const char *name, int line_no, trib_str line, trib_error *err) {
    char hint[TRIB_CONFIG_NAME_BYTES + 24];
    size_t equals = trib_str_find(line, '=');
    if (equals == SIZE_MAX)
        return trib_error_set(err, TRIB_CONFIG, "%s:%d: a line must be `key = value` or start with #", name, line_no);
    trib_str key = trib_str_trim(trib_str_sub(line, 0, equals));
    trib_str value = trib_str_trim(trib_str_sub(line, equals + 1, line.len));
    if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
        value = trib_str_sub(value, 1, value.len - 1);
    size_t id = find(key, key_name, hint);
    if (id == TRIB_CONFIG_COUNT_OF_ROWS)
        return trib_error_set(err, TRIB_CONFIG, "%s:%d: there is no setting %.*s%s; `trib config show` lists all", name,
                              line_no, TRIB_STR_ARG(key), hint);
    if (config->values[id].line)
        return trib_error_set(err, TRIB_CONFIG, "%s:%d: %s is set a second time, first in line %d; remove one", name,
                              line_no, rows[id].key, config->values[id].line);
    return set(config, id, value, TRIB_CONFIG_FROM_FILE, line_no, err);
}

trib_code trib_config_add_file(trib_config *config, const char *name, trib_str text, trib_error *err) {
    size_t at = 0;
    if (text.len > TRIB_CONFIG_FILE_MAX_BYTES || !trib_str_utf8_valid(text))
        return trib_error_set(err, TRIB_CONFIG, "%s is not a settings file: it is larger than %d bytes or not UTF-8",
                              name, TRIB_CONFIG_FILE_MAX_BYTES);
    for (int line_no = 1; at < text.len; line_no++) {
        trib_str rest = trib_str_sub(text, at, text.len);
        size_t end = trib_str_find(rest, '\n');
        trib_str line = trib_str_sub(rest, 0, end == SIZE_MAX ? rest.len : end);
        at += line.len + 1;
        if (line.len && line.ptr[line.len - 1] == '\r') line.len--;
        line = trib_str_trim(line);
        if (line.len == 0 || line.ptr[0] == '#') continue;
        trib_code code = add_line(config, name, line_no, line, err);
        if (code) return code;
    }
    return TRIB_OK;
}

static bool is_other_variable(trib_str name) {
    for (size_t i = 0; i < sizeof other_variables / sizeof *other_variables; i++) {
        if (trib_str_eq_c(name, other_variables[i])) return true;
    }
    return trib_str_starts(name, TRIB_STR("TRIB_TEST_"));
}

trib_code trib_config_add_environment(trib_config *config, char *const *entries, trib_error *err) {
    char hint[TRIB_CONFIG_NAME_BYTES + 24];
    for (; *entries; entries++) {
        trib_str entry = trib_str_c(*entries);
        size_t equals = trib_str_find(entry, '=');
        if (equals == SIZE_MAX || !trib_str_starts(entry, TRIB_STR("TRIB_"))) continue;
        trib_str name = trib_str_sub(entry, 0, equals);
        if (is_other_variable(name)) continue;
        size_t id = find(name, trib_config_variable_name, hint);
        if (id == TRIB_CONFIG_COUNT_OF_ROWS)
            return trib_error_set(err, TRIB_CONFIG, "the environment sets %.*s, which is no setting%s; unset it",
                                  TRIB_STR_ARG(name), hint);
        trib_str value = trib_str_sub(entry, equals + 1, entry.len);
        trib_code code = set(config, id, value, TRIB_CONFIG_FROM_ENVIRONMENT, 0, err);
        if (code) return code;
    }
    return TRIB_OK;
}

bool trib_config_knows_flag(trib_str name, bool *ret_switch) {
    char hint[TRIB_CONFIG_NAME_BYTES + 24];
    size_t id = find(name, trib_config_flag_name, hint);
    if (id == TRIB_CONFIG_COUNT_OF_ROWS) return false;
    *ret_switch = rows[id].type == TRIB_CONFIG_BOOL;
    return true;
}

trib_code trib_config_add_flag(trib_config *config, trib_str name, const char *value, trib_error *err) {
    char hint[TRIB_CONFIG_NAME_BYTES + 24];
    size_t id = find(name, trib_config_flag_name, hint);
    if (id == TRIB_CONFIG_COUNT_OF_ROWS)
        return trib_error_set(err, TRIB_USAGE, "there is no option --%.*s%s", TRIB_STR_ARG(name), hint);
    bool is_switch = rows[id].type == TRIB_CONFIG_BOOL;
    if (!value && !is_switch)
        return trib_error_set(err, TRIB_USAGE, "the option --%.*s needs a value, like %s", TRIB_STR_ARG(name),
                              rows[id].example);
    return set(config, id, trib_str_c(value ? value : "true"), TRIB_CONFIG_FROM_FLAG, 0, err);
}

/* ---- values ---- */

static bool parse_bool(trib_str text, bool *ret) {
    static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < 4; i++) {
        if (trib_str_eq_c(text, yes[i]) || trib_str_eq_c(text, no[i])) {
            *ret = trib_str_eq_c(text, yes[i]);
            return true;
        }
    }
    return false;
}

static bool parse_u32(trib_str text, uint32_t *ret) {
    uint64_t value;
    if (!trib_str_u64(text, &value) || value > UINT32_MAX) return false;
    *ret = (uint32_t)value;
    return true;
}

static bool parse_duration(trib_str text, uint32_t *ret) {
    int64_t ms;
    if (!trib_units_duration_ms(text, &ms) || ms < 0 || ms > UINT32_MAX) return false;
    *ret = (uint32_t)ms;
    return true;
}

static bool parse_format(trib_str text, trib_log_format *ret) {
    if (!trib_str_eq_c(text, "text") && !trib_str_eq_c(text, "json")) return false;
    *ret = trib_str_eq_c(text, "json") ? TRIB_LOG_JSON : TRIB_LOG_TEXT;
    return true;
}

static const char *type_wants(trib_config_type type) {
    switch (type) {
    case TRIB_CONFIG_STR:
    case TRIB_CONFIG_SECRET: return "a text";
    case TRIB_CONFIG_ADDRESS: return "an address such as 127.0.0.1:8080, [::1]:8080 or unix:/path";
    case TRIB_CONFIG_BOOL: return "true or false";
    case TRIB_CONFIG_COUNT: return "a whole number";
    case TRIB_CONFIG_DURATION: return "a time with a unit, such as 60s or 5m";
    case TRIB_CONFIG_BYTES: return "a size, such as 10MiB";
    case TRIB_CONFIG_LEVEL: return "debug, info, warn or error";
    case TRIB_CONFIG_FORMAT: return "text or json";
    }
    return "";
}

static bool parse_value(trib_config_type type, const char *text, void *field) {
    trib_str s = trib_str_c(text);
    switch (type) {
    case TRIB_CONFIG_STR:
    case TRIB_CONFIG_SECRET:
    case TRIB_CONFIG_ADDRESS:
        if (type == TRIB_CONFIG_ADDRESS && s.len && trib_str_find(s, ':') == SIZE_MAX) return false;
        *(const char **)field = s.len ? text : NULL;
        return true;
    case TRIB_CONFIG_BOOL: return parse_bool(s, field);
    case TRIB_CONFIG_COUNT: return parse_u32(s, field);
    case TRIB_CONFIG_DURATION: return parse_duration(s, field);
    case TRIB_CONFIG_BYTES: return trib_units_bytes(s, field);
    case TRIB_CONFIG_LEVEL: return trib_log_level_from_text(s, field);
    case TRIB_CONFIG_FORMAT: return parse_format(s, field);
    }
    return false;
}

bool trib_config_is_local_address(trib_str address) {
    static const trib_str local[] = {{"127.", 4}, {"[::1]:", 6}, {"localhost:", 10}, {"unix:", 5}};
    for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
        if (trib_str_starts(address, local[i])) return true;
    }
    return false;
}

/* A certificate and its key belong together, and to a listener that others than this machine's users can reach. */
static trib_code check_tls(const char *prefix, const char *cert, const char *key, const char *listen, trib_error *err) {
    if (!cert != !key)
        return trib_error_set(err, TRIB_CONFIG, "%stls_%s is set without %stls_%s; TLS needs both files", prefix,
                              cert ? "cert" : "key", prefix, cert ? "key" : "cert");
    if (cert && listen && trib_str_starts(trib_str_c(listen), TRIB_STR("unix:")))
        return trib_error_set(err, TRIB_CONFIG,
                              "%slisten is a unix socket, where TLS protects nothing; leave %stls_cert and %stls_key "
                              "out",
                              prefix, prefix, prefix);
    return TRIB_OK;
}

static trib_code check_together(const trib_config *config, trib_error *err) {
    if (!config->listen && !config->admin_listen)
        return trib_error_set(err, TRIB_CONFIG,
                              "neither listen nor admin_listen has an address, so nobody could connect");
    if (!config->data) return trib_error_set(err, TRIB_CONFIG, "data is empty; name the folder of the databases");
    const char *open[] = {config->listen, config->admin_listen};
    for (size_t i = 0; i < 2 && config->no_auth; i++) {
        if (!open[i] || trib_config_is_local_address(trib_str_c(open[i]))) continue;
        return trib_error_set(
            err, TRIB_CONFIG,
            "no_auth would open every database to the network on %s; listen on 127.0.0.1, [::1] or a unix "
            "socket, or leave no_auth out and make tokens with `trib token create`",
            open[i]);
    }
    trib_code code = check_tls("", config->tls_cert, config->tls_key, config->listen, err);
    if (code == TRIB_OK)
        code = check_tls("admin_", config->admin_tls_cert, config->admin_tls_key, config->admin_listen, err);
    if (code != TRIB_OK) return code;
    size_t n = config->public_url ? strlen(config->public_url) : 0;
    if (n && config->public_url[n - 1] != '/')
        return trib_error_set(err, TRIB_CONFIG, "public_url must end with a slash, or clients drop its last part: %s/",
                              config->public_url);
    return TRIB_OK;
}

trib_code trib_config_finish(trib_config *config, trib_error *err) {
    void *const fields[TRIB_CONFIG_COUNT_OF_ROWS] = {
#define X(field, type, def, value, help, example) &config->field,
        TRIB_CONFIG_TABLE(X)
#undef X
    };
    for (size_t id = 0; id < TRIB_CONFIG_COUNT_OF_ROWS; id++) {
        if (parse_value(rows[id].type, config->values[id].text, fields[id])) continue;
        return trib_error_set(err, TRIB_CONFIG, "%s = %s (from the %s) is not %s", rows[id].key,
                              trib_config_text(config, id), trib_config_origin_text(config->values[id].origin),
                              type_wants(rows[id].type));
    }
    return check_together(config, err);
}

const char *trib_config_text(const trib_config *config, size_t id) {
    const char *text = config->values[id].text;
    return rows[id].type == TRIB_CONFIG_SECRET && text[0] ? "********" : text;
}

trib_config_origin trib_config_get_origin(const trib_config *config, size_t id) {
    return config->values[id].origin;
}

const char *trib_config_origin_text(trib_config_origin origin) {
    switch (origin) {
    case TRIB_CONFIG_FROM_DEFAULT: return "default";
    case TRIB_CONFIG_FROM_FILE: return "file";
    case TRIB_CONFIG_FROM_ENVIRONMENT: return "environment";
    case TRIB_CONFIG_FROM_FLAG: return "command line";
    }
    return "";
}
