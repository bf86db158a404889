/* SPDX-License-Identifier: Apache-2.0 */
/* Tenants by pattern; see fleet.h. */
#include "cli/fleet.h"

#include <fnmatch.h>
#include <string.h>

#include "wire/url.h"

enum { NAME_BYTES = 128, BODY_MAX_BYTES = 1024 };

trib_code trib_fleet_open(trib_fleet *fleet, trib_cli *cli, trib_error *err) {
    trib_server_file file = {0};
    trib_error ignored;
    fleet->url[0] = fleet->tls_pin[0] = '\0';
    trib_code code = trib_admin_open(&fleet->admin, cli, err);
    bool named = trib_cli_get(cli, "admin-url") || trib_cli_variable(cli, "TRIB_ADMIN_URL");
    /* the server next door is asked directly, not by its public name */
    if (code == TRIB_OK && !named && trib_server_file_read(trib_admin_data_dir(cli), &file, &ignored) == TRIB_OK) {
        memcpy(fleet->url, file.url, sizeof fleet->url);
        memcpy(fleet->tls_pin, file.tls_pin, sizeof fleet->tls_pin);
    }
    return code;
}

void trib_fleet_close(trib_fleet *fleet) {
    trib_admin_close(&fleet->admin);
}

trib_code trib_fleet_url(trib_fleet *fleet, const char *name, char ret_url[TRIB_REMOTE_URL_BYTES], trib_error *err) {
    const trib_json *reply = NULL;
    trib_str url = trib_str_c(fleet->url);
    if (!url.len) {
        trib_arena_reset(&fleet->admin.arena);
        trib_code code =
            trib_admin_call(&fleet->admin, "GET", trib_admin_path(&fleet->admin, name, ""), NULL, &reply, err);
        if (code != TRIB_OK) return code;
        url = trib_admin_text(&fleet->admin, reply, "url");
        name = "";
    }
    if (!url.len)
        return trib_error_set(err, TRIB_CONNECT,
                              "the server of this tenant listens on a socket file only; start it "
                              "with --listen 127.0.0.1:8080 as well");
    int n = snprintf(ret_url, TRIB_REMOTE_URL_BYTES, "%.*s%s%s", TRIB_STR_ARG(url), name, name[0] ? "/" : "");
    if (n <= 0 || n >= TRIB_REMOTE_URL_BYTES) return trib_error_set(err, TRIB_USAGE, "the tenant's URL is too long");
    return TRIB_OK;
}

trib_code trib_fleet_token(trib_fleet *fleet, const char *name, const char *expires, trib_str *ret, trib_error *err) {
    const trib_json *reply = NULL;
    trib_json_writer w;
    trib_buf body;
    trib_arena_reset(&fleet->admin.arena);
    const char *path = name ? trib_admin_path(&fleet->admin, name, "/tokens") : "v1/tokens";
    trib_buf_init(&body, BODY_MAX_BYTES);
    trib_jw_init(&w, &body);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "access", TRIB_STR("rw"));
    trib_jw_member_str(&w, "expires", trib_str_c(expires));
    if (!name) {
        trib_jw_key_c(&w, "namespaces");
        trib_jw_array_begin(&w);
        trib_jw_str_c(&w, "*");
        trib_jw_array_end(&w);
    }
    trib_jw_object_end(&w);
    trib_code code = trib_admin_call(&fleet->admin, "POST", path, &body, &reply, err);
    trib_buf_deinit(&body);
    if (code == TRIB_OK) *ret = trib_arena_dup(&fleet->admin.arena, trib_admin_text(&fleet->admin, reply, "token"));
    return code;
}

/* ---- patterns ---- */

/* The next of a list with commas, into `out`; false at the end. One that is too long to be a name is empty. */
static bool next_pattern(trib_str *rest, char out[NAME_BYTES]) {
    if (rest->len == 0) return false;
    size_t comma = trib_str_find(*rest, ',');
    trib_str word = trib_str_trim(trib_str_sub(*rest, 0, comma == SIZE_MAX ? rest->len : comma));
    *rest = trib_str_sub(*rest, comma == SIZE_MAX ? rest->len : comma + 1, rest->len);
    if (word.len >= NAME_BYTES) word.len = 0;
    if (word.len) memcpy(out, word.ptr, word.len);
    out[word.len] = '\0';
    return true;
}

static bool is_plain(const char *pattern) {
    return !strpbrk(pattern, "*?[");
}

bool trib_fleet_fits(trib_str patterns, trib_str name, bool is_system) {
    char pattern[NAME_BYTES], text[NAME_BYTES];
    if (name.len >= sizeof text) return false;
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    while (next_pattern(&patterns, pattern)) {
        if (is_plain(pattern) ? strcmp(pattern, text) == 0 : !is_system && fnmatch(pattern, text, 0) == 0) return true;
    }
    return false;
}

/* ---- lists ---- */

typedef struct finding {
    trib_str patterns; /* or, with is_prefix, what the names begin with */
    bool is_prefix;
    trib_arena *arena;
    trib_buf names; /* of trib_str */
} finding;

static bool has(const finding *f, trib_str name) {
    for (size_t at = 0; at < f->names.len; at += sizeof name) {
        trib_str seen;
        memcpy(&seen, f->names.ptr + at, sizeof seen);
        if (trib_str_eq(seen, name)) return true;
    }
    return false;
}

static void add(finding *f, trib_str name) {
    trib_str copy = trib_arena_dup(f->arena, name);
    trib_buf_add_bytes(&f->names, &copy, sizeof copy);
}

static void add_page(finding *f, const trib_json *page) {
    const trib_json *tenant = trib_json_first(trib_json_get(page, "namespaces"));
    for (; tenant; tenant = trib_json_next(tenant)) {
        trib_str name = {0};
        bool is_system = false;
        trib_json_str(trib_json_get(tenant, "name"), &name);
        trib_json_bool(trib_json_get(tenant, "system"), &is_system);
        bool fits = f->is_prefix ? trib_str_starts(name, f->patterns) : trib_fleet_fits(f->patterns, name, is_system);
        if (name.len && fits) add(f, name);
    }
}

/* The page behind `cursor`, which becomes the next one's: empty at the end. */
static trib_code read_page(trib_fleet *fleet, finding *f, char cursor[TRIB_REMOTE_URL_BYTES], trib_error *err) {
    char path[2 * TRIB_REMOTE_URL_BYTES];
    const trib_json *page = NULL;
    trib_str next = {0};
    trib_arena_reset(&fleet->admin.arena);
    snprintf(path, sizeof path, "v1/namespaces?limit=%d%s%s", TRIB_FLEET_PAGE, cursor[0] ? "&cursor=" : "", cursor);
    trib_code code = trib_admin_call(&fleet->admin, "GET", path, NULL, &page, err);
    if (code != TRIB_OK) return code;
    add_page(f, page);
    trib_json_str(trib_json_get(page, "next_cursor"), &next);
    if (next.len >= TRIB_REMOTE_URL_BYTES) next.len = 0;
    if (next.len) memcpy(cursor, next.ptr, next.len);
    cursor[next.len] = '\0';
    return TRIB_OK;
}

static trib_code read_pages(trib_fleet *fleet, finding *f, trib_error *err) {
    char cursor[TRIB_REMOTE_URL_BYTES] = "";
    trib_code code;
    do code = read_page(fleet, f, cursor, err);
    while (code == TRIB_OK && cursor[0]);
    return code;
}

/* Moves the names out and ends the finding. */
static trib_code finish(finding *f, trib_code code, trib_names *ret, trib_error *err) {
    trib_str *items = trib_arena_alloc(f->arena, f->names.len);
    if (code == TRIB_OK && (!items || f->names.failed)) code = trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) {
        if (f->names.len) memcpy(items, f->names.ptr, f->names.len);
        *ret = (trib_names){items, f->names.len / sizeof *items};
    }
    trib_buf_deinit(&f->names);
    return code;
}

trib_code trib_fleet_begin(trib_fleet *fleet, trib_str prefix, trib_arena *arena, trib_names *ret, trib_error *err) {
    finding f = {.patterns = prefix, .is_prefix = true, .arena = arena};
    char cursor[TRIB_REMOTE_URL_BYTES] = "";
    trib_buf_init(&f.names, arena->budget_bytes);
    for (size_t i = 0; i < prefix.len; i++) {
        char c = prefix.ptr[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!fine || prefix.len >= NAME_BYTES) return finish(&f, TRIB_OK, ret, err); /* no name begins so */
    }
    /* names come in order: those behind the prefix's own place */
    if (prefix.len) memcpy(cursor, prefix.ptr, prefix.len);
    return finish(&f, read_page(fleet, &f, cursor, err), ret, err);
}

trib_code trib_fleet_find(trib_fleet *fleet, trib_str patterns, trib_arena *arena, trib_names *ret, trib_error *err) {
    finding f = {.patterns = patterns, .arena = arena};
    char pattern[NAME_BYTES];
    bool any_pattern = false;
    trib_code code = TRIB_OK;
    trib_buf_init(&f.names, arena->budget_bytes);
    for (trib_str rest = patterns; next_pattern(&rest, pattern);) any_pattern = any_pattern || !is_plain(pattern);
    if (any_pattern) code = read_pages(fleet, &f, err);
    for (trib_str rest = patterns; code == TRIB_OK && next_pattern(&rest, pattern);) {
        if (pattern[0] && is_plain(pattern) && !has(&f, trib_str_c(pattern))) add(&f, trib_str_c(pattern));
    }
    return finish(&f, code, ret, err);
}
