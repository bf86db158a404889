// SPDX-License-Identifier: Apache-2.0
// Fuzz target of request targets, queries, server URLs and tenant names.
// rooms: wire base
//
// An accepted path begins with '/', has no NUL, no "//", no dot segment and is UTF-8; cleaning it again (after
// encoding) changes nothing. A valid tenant name is its own URL and host label. Everything else is refused with a
// message.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/tenant_name.h"
#include "wire/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok) {
    if (!ok) abort();
}

static void check_path(trib_str path) {
    trib_str rest = path;
    check(path.len > 0 && path.ptr[0] == '/' && trib_str_utf8_valid(path) && !memchr(path.ptr, 0, path.len));
    for (size_t i = 0; i + 1 < path.len; i++) check(path.ptr[i] != '/' || path.ptr[i + 1] != '/');
    while (rest.len > 1) {
        trib_str segment = trib_path_take_segment(&rest);
        check(segment.len > 0 && !trib_str_eq_c(segment, ".") && !trib_str_eq_c(segment, ".."));
    }
}

/* Encoding each segment of a clean path and parsing that gives the path back. */
static void check_again(trib_arena *arena, trib_str path) {
    trib_buf buf;
    trib_target again;
    trib_str rest = path;
    trib_buf_init(&buf, 1 << 20);
    while (rest.len > 1) {
        trib_buf_add_char(&buf, '/');
        trib_percent_encode(trib_path_take_segment(&rest), &buf);
    }
    if (path.ptr[path.len - 1] == '/') trib_buf_add_char(&buf, '/');
    check(trib_target_parse(arena, trib_buf_str(&buf), &again, NULL) == TRIB_OK);
    check(trib_str_eq(again.path, path));
    trib_buf_deinit(&buf);
}

static void fuzz_target(trib_arena *arena, trib_str text) {
    trib_target target;
    trib_error err = {0};
    if (trib_target_parse(arena, text, &target, &err) != TRIB_OK) {
        check(err.code == TRIB_BAD_REQUEST && err.message[0] != '\0');
        return;
    }
    if (trib_str_eq_c(target.path, "*")) return;
    check_path(target.path);
    check_again(arena, target.path);
}

static void fuzz_query(trib_arena *arena, trib_str text) {
    trib_query query;
    if (trib_query_parse(arena, text, &query, NULL) != TRIB_OK) return;
    check(query.count <= TRIB_QUERY_MAX_PARAMS);
    for (size_t i = 0; i < query.count; i++) {
        trib_str name = query.params[i].name, value = query.params[i].value;
        check(trib_str_utf8_valid(name) && trib_str_utf8_valid(value));
        check(!memchr(name.len ? name.ptr : "x", 0, name.len) && !memchr(value.len ? value.ptr : "x", 0, value.len));
    }
}

static void fuzz_url(trib_str text) {
    trib_url url;
    trib_error err = {0};
    if (trib_url_parse(text, &url, &err) != TRIB_OK) {
        check(err.code == TRIB_BAD_REQUEST && err.message[0] != '\0');
        return;
    }
    check(url.port > 0 && url.host.len > 0 && url.host.len <= TRIB_URL_MAX_HOST_BYTES);
    check(url.path.len > 0 && url.path.ptr[0] == '/');
    for (size_t i = 0; i < url.host.len; i++)
        check(url.host.ptr[i] > ' ' && url.host.ptr[i] < 0x7F && url.host.ptr[i] != '@');
}

static void fuzz_name(trib_arena *arena, trib_str text) {
    char out[TRIB_TENANT_NAME_MAX_BYTES];
    trib_str label = {0};
    trib_error err = {0};
    trib_tenant_host_label(text, TRIB_STR("x.y"), out, &label);
    if (trib_tenant_name_check(text, &err) != TRIB_OK) {
        check(err.code == TRIB_TENANT_NAME_INVALID && trib_str_utf8_valid(trib_str_c(err.message)));
        return;
    }
    check(text.len >= 1 && text.len <= TRIB_TENANT_NAME_MAX_BYTES && !trib_tenant_name_reserved(text));
    trib_target target;
    trib_str path = trib_arena_printf(arena, "/%.*s/v2/pipeline", TRIB_STR_ARG(text));
    check(trib_target_parse(arena, path, &target, NULL) == TRIB_OK);
    check(trib_str_eq(trib_path_take_segment(&target.path), text) && trib_str_eq_c(target.path, "/v2/pipeline"));
    trib_str host = trib_arena_printf(arena, "%.*s.x.y:80", TRIB_STR_ARG(text));
    check(trib_tenant_host_label(host, TRIB_STR("X.Y"), out, &label) && trib_str_eq(label, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    trib_str text = {(const char *)data, size};
    trib_arena arena;
    trib_arena_init(&arena, 16 << 20);
    fuzz_target(&arena, text);
    fuzz_query(&arena, text);
    fuzz_url(text);
    fuzz_name(&arena, text);
    trib_arena_deinit(&arena);
    return 0;
}
