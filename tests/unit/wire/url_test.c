/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/wire/url.c: percent coding, request targets, queries, URLs of servers. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "wire/url.h"

static void escapes_decode_and_bad_ones_are_refused(void **state) {
    static const struct {
        trib_str in;
        bool plus;
        trib_str out; /* ptr NULL: refused */
    } rows[] = {
        {TRIB_STR(""), false, TRIB_STR("")},
        {TRIB_STR("a%20b"), false, TRIB_STR("a b")},
        {TRIB_STR("%41%6a%6A%00"), false, TRIB_STR("Ajj\0")},
        {TRIB_STR("a+b"), false, TRIB_STR("a+b")},
        {TRIB_STR("a+b%2B"), true, TRIB_STR("a b+")},
        {TRIB_STR("%25%32%30"), false, TRIB_STR("%20")},
        {TRIB_STR("%"), false, {0}},
        {TRIB_STR("%4"), false, {0}},
        {TRIB_STR("%4g"), false, {0}},
        {TRIB_STR("%g4"), false, {0}},
        {TRIB_STR("%%41"), false, {0}},
        {TRIB_STR("ab%"), false, {0}},
        {TRIB_STR("%u0041"), false, {0}},
        {TRIB_STR("%-1"), false, {0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[32];
        size_t n = 777;
        bool ok = trib_percent_decode(rows[i].in, rows[i].plus, out, &n);
        assert_int_equal(ok, rows[i].out.ptr != NULL);
        if (ok) assert_true(trib_str_eq(trib_str_make(out, n), rows[i].out));
        else assert_int_equal(n, 777);
    }
}

static void what_was_encoded_decodes_to_the_same(void **state) {
    char all[256], back[768];
    size_t n;
    trib_buf buf;
    (void)state;
    for (int i = 0; i < 256; i++) all[i] = (char)i;
    trib_buf_init(&buf, 4096);
    trib_percent_encode(trib_str_make(all, 256), &buf);
    for (size_t i = 0; i < buf.len; i++)
        assert_true(buf.ptr[i] > ' ' && buf.ptr[i] < 0x7F && !strchr("+/?#&=", buf.ptr[i]));
    assert_true(trib_percent_decode(trib_buf_str(&buf), true, back, &n));
    assert_true(n == 256 && memcmp(all, back, n) == 0);
    trib_buf_clear(&buf);
    trib_percent_encode(TRIB_STR("aZ0-._~ /"), &buf);
    assert_true(trib_str_eq_c(trib_buf_str(&buf), "aZ0-._~%20%2F"));
    trib_buf_deinit(&buf);
}

typedef struct target_row {
    trib_str target;
    const char *path, *query, *authority; /* path NULL: refused */
} target_row;

static const target_row targets[] = {
    {TRIB_STR("/"), "/", "", ""},
    {TRIB_STR("/v2/pipeline"), "/v2/pipeline", "", ""},
    {TRIB_STR("/ali/v2/pipeline?a=1&b=%20"), "/ali/v2/pipeline", "a=1&b=%20", ""},
    {TRIB_STR("/a?b?c=/d//e"), "/a", "b?c=/d//e", ""},
    {TRIB_STR("/?"), "/", "", ""},
    {TRIB_STR("//"), "/", "", ""},
    {TRIB_STR("/ali//info"), "/ali/info", "", ""},
    {TRIB_STR("///ali///info//"), "/ali/info/", "", ""},
    {TRIB_STR("/wal_log.ReplicationLog/Hello"), "/wal_log.ReplicationLog/Hello", "", ""},
    {TRIB_STR("/a%20b/%C3%A9"), "/a b/\xC3\xA9", "", ""},
    {TRIB_STR("/%61li/v2"), "/ali/v2", "", ""},
    {TRIB_STR("/a%252Fb"), "/a%2Fb", "", ""},
    {TRIB_STR("/.well-known/x"), "/.well-known/x", "", ""},
    {TRIB_STR("/..."), "/...", "", ""},
    {TRIB_STR("/a..b/.c/d."), "/a..b/.c/d.", "", ""},
    {TRIB_STR("*"), "*", "", ""},
    {TRIB_STR("http://h.example:80/a/b?c"), "/a/b", "c", "h.example:80"},
    {TRIB_STR("HTTPS://[::1]:80?q"), "/", "q", "[::1]:80"},
    {TRIB_STR("http://h"), "/", "", "h"},
    {TRIB_STR("http://h//x%20y"), "/x y", "", "h"},
    /* refused */
    {TRIB_STR(""), NULL, "", ""},
    {TRIB_STR("a"), NULL, "", ""},
    {TRIB_STR("**"), NULL, "", ""},
    {TRIB_STR("?a"), NULL, "", ""},
    {TRIB_STR("h:80"), NULL, "", ""},
    {TRIB_STR("ftp://h/"), NULL, "", ""},
    {TRIB_STR("http://"), NULL, "", ""},
    {TRIB_STR("http:///a"), NULL, "", ""},
    {TRIB_STR("http://u@h/"), NULL, "", ""},
    {TRIB_STR("/a#b"), NULL, "", ""},
    {TRIB_STR("/a b"), NULL, "", ""},
    {TRIB_STR("/a\tb"), NULL, "", ""},
    {TRIB_STR("/a\0b"), NULL, "", ""},
    {TRIB_STR("/\xC3\xA9"), NULL, "", ""},
    {TRIB_STR("/a\x7F"), NULL, "", ""},
    {TRIB_STR("/a%00"), NULL, "", ""},
    {TRIB_STR("/a%0A"), NULL, "", ""},
    {TRIB_STR("/a%7f"), NULL, "", ""},
    {TRIB_STR("/a%2F../b"), NULL, "", ""},
    {TRIB_STR("/a%2f%2E%2e%2fb"), NULL, "", ""},
    {TRIB_STR("/%"), NULL, "", ""},
    {TRIB_STR("/%zz"), NULL, "", ""},
    {TRIB_STR("/%C3"), NULL, "", ""},
    {TRIB_STR("/%ED%A0%80"), NULL, "", ""},
    {TRIB_STR("/."), NULL, "", ""},
    {TRIB_STR("/.."), NULL, "", ""},
    {TRIB_STR("/../a"), NULL, "", ""},
    {TRIB_STR("/a/.."), NULL, "", ""},
    {TRIB_STR("/a/../b"), NULL, "", ""},
    {TRIB_STR("/a/./b"), NULL, "", ""},
    {TRIB_STR("/a//../b"), NULL, "", ""},
    {TRIB_STR("/%2e%2e/a"), NULL, "", ""},
    {TRIB_STR("/a/.%2E"), NULL, "", ""},
    {TRIB_STR("/a/%2e"), NULL, "", ""},
    {TRIB_STR("http://h/../a"), NULL, "", ""},
};

static void encoded_slashes_are_told(void **state) {
    static const struct {
        const char *target, *path;
        size_t at;
    } rows[] = {{"/a/b", "/a/b", SIZE_MAX},    {"/a%2Fb", "/a/b", 2},       {"/a%2fb%2fc", "/a/b/c", 2},
                {"//x//%41%2Fb", "/x/A/b", 4}, {"/a/%2F", "/a/", 3},        {"/a%252Fb", "/a%2Fb", SIZE_MAX},
                {"http://h/%2fa", "/a", 1},    {"/a?b=%2F", "/a", SIZE_MAX}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_arena arena;
        trib_target t;
        trib_arena_init(&arena, 8192);
        assert_int_equal(trib_target_parse(&arena, trib_str_c(rows[i].target), &t, NULL), TRIB_OK);
        assert_true(trib_str_eq_c(t.path, rows[i].path));
        if (t.slash_at != rows[i].at) fail_msg("%s: %zu", rows[i].target, t.slash_at);
        trib_arena_deinit(&arena);
    }
}

static void targets_are_split_cleaned_or_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        const target_row *row = &targets[i];
        trib_arena arena;
        trib_target t;
        trib_error err = {0};
        trib_arena_init(&arena, 8192);
        char *copy = malloc(row->target.len ? row->target.len : 1);
        if (row->target.len) memcpy(copy, row->target.ptr, row->target.len);
        trib_code code = trib_target_parse(&arena, trib_str_make(copy, row->target.len), &t, &err);
        if ((code == TRIB_OK) != (row->path != NULL)) fail_msg("%.*s: %s", TRIB_STR_ARG(row->target), err.message);
        if (code == TRIB_OK) {
            assert_true(trib_str_eq_c(t.path, row->path));
            assert_true(trib_str_eq_c(t.query, row->query));
            assert_true(trib_str_eq_c(t.authority, row->authority));
        } else {
            assert_int_equal(code, TRIB_BAD_REQUEST);
            assert_true(err.message[0] != '\0');
        }
        free(copy);
        trib_arena_deinit(&arena);
    }
}

static void a_plain_path_takes_no_memory_and_others_report_its_lack(void **state) {
    trib_arena arena;
    trib_target t;
    (void)state;
    trib_arena_init(&arena, 0);
    assert_int_equal(trib_target_parse(&arena, TRIB_STR("/ali/v2/pipeline"), &t, NULL), TRIB_OK);
    assert_int_equal(trib_target_parse(&arena, TRIB_STR("/ali//x"), &t, NULL), TRIB_NOMEM);
    trib_query q;
    assert_int_equal(trib_query_parse(&arena, TRIB_STR("a=1"), &q, NULL), TRIB_NOMEM);
    trib_arena_deinit(&arena);
}

static void segments_come_off_a_path_one_by_one(void **state) {
    trib_str path = TRIB_STR("/ali/v2/pipeline");
    (void)state;
    assert_true(trib_str_eq_c(trib_path_take_segment(&path), "ali") && trib_str_eq_c(path, "/v2/pipeline"));
    assert_true(trib_str_eq_c(trib_path_take_segment(&path), "v2") && trib_str_eq_c(path, "/pipeline"));
    assert_true(trib_str_eq_c(trib_path_take_segment(&path), "pipeline") && trib_str_eq_c(path, "/"));
    assert_true(trib_str_eq_c(trib_path_take_segment(&path), "") && trib_str_eq_c(path, "/"));
}

static void query_parameters_are_decoded_and_the_first_of_a_name_counts(void **state) {
    trib_arena arena;
    trib_query q;
    (void)state;
    trib_arena_init(&arena, 8192);
    assert_int_equal(trib_query_parse(&arena, TRIB_STR("a=1&b=x+y%26z&&a=2&flag&=v&%63=d&e=f=g&"), &q, NULL), TRIB_OK);
    assert_int_equal(q.count, 7);
    assert_true(trib_str_eq_c(*trib_query_get(&q, "a"), "1"));
    assert_true(trib_str_eq_c(*trib_query_get(&q, "b"), "x y&z"));
    assert_true(trib_str_eq_c(*trib_query_get(&q, "flag"), ""));
    assert_true(trib_str_eq_c(*trib_query_get(&q, ""), "v"));
    assert_true(trib_str_eq_c(*trib_query_get(&q, "c"), "d"));
    assert_true(trib_str_eq_c(*trib_query_get(&q, "e"), "f=g"));
    assert_null(trib_query_get(&q, "z"));
    assert_int_equal(trib_query_parse(&arena, (trib_str){0}, &q, NULL), TRIB_OK);
    assert_int_equal(q.count, 0);
    trib_arena_deinit(&arena);
}

static void bad_queries_are_refused(void **state) {
    static const trib_str queries[] = {TRIB_STR("a=%"),   TRIB_STR("%zz=1"), TRIB_STR("a=%00"), TRIB_STR("a=\0"),
                                       TRIB_STR("a\0&b"), TRIB_STR("a=%FF"), TRIB_STR("a=\xFF")};
    char many[2 * TRIB_QUERY_MAX_PARAMS + 2];
    trib_arena arena;
    trib_query q;
    (void)state;
    trib_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        assert_int_equal(trib_query_parse(&arena, queries[i], &q, NULL), TRIB_BAD_REQUEST);
    }
    for (size_t i = 0; i < sizeof many; i++) many[i] = i % 2 ? '&' : 'a';
    assert_int_equal(trib_query_parse(&arena, trib_str_make(many, 2 * TRIB_QUERY_MAX_PARAMS - 1), &q, NULL), TRIB_OK);
    assert_int_equal(q.count, TRIB_QUERY_MAX_PARAMS);
    assert_int_equal(trib_query_parse(&arena, trib_str_make(many, sizeof many), &q, NULL), TRIB_BAD_REQUEST);
    trib_arena_deinit(&arena);
}

static void urls_of_servers_are_taken_apart(void **state) {
    static const struct {
        const char *text;
        trib_url_scheme scheme;
        bool tls;
        bool is_ipv6;
        unsigned port;
        const char *host, *path, *query;
    } rows[] = {
        {"http://127.0.0.1:8080/ali/", TRIB_URL_HTTP, false, false, 8080, "127.0.0.1", "/ali/", ""},
        {"http://localhost", TRIB_URL_HTTP, false, false, 80, "localhost", "/", ""},
        {"HTTPS://Ali.Example.com/a?b=c", TRIB_URL_HTTPS, true, false, 443, "Ali.Example.com", "/a", "b=c"},
        {"libsql://db-org.example.com", TRIB_URL_LIBSQL, true, false, 443, "db-org.example.com", "/", ""},
        {"libsql://127.0.0.1:8080/ali/?tls=0", TRIB_URL_LIBSQL, false, false, 8080, "127.0.0.1", "/ali/", "tls=0"},
        {"libsql://h?tls=1&x=y", TRIB_URL_LIBSQL, true, false, 443, "h", "/", "tls=1&x=y"},
        {"ws://h:1", TRIB_URL_WS, false, false, 1, "h", "/", ""},
        {"wss://h?tls=1", TRIB_URL_WSS, true, false, 443, "h", "/", "tls=1"},
        {"http://[::1]:65535/x", TRIB_URL_HTTP, false, true, 65535, "::1", "/x", ""},
        {"https://[2001:db8::7]", TRIB_URL_HTTPS, true, true, 443, "2001:db8::7", "/", ""},
        {"http://[::ffff:1.2.3.4]/", TRIB_URL_HTTP, false, true, 80, "::ffff:1.2.3.4", "/", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_url url;
        trib_error err = {0};
        if (trib_url_parse(trib_str_c(rows[i].text), &url, &err) != TRIB_OK)
            fail_msg("%s: %s", rows[i].text, err.message);
        assert_int_equal(url.scheme, rows[i].scheme);
        assert_int_equal(url.tls, rows[i].tls);
        assert_int_equal(url.is_ipv6, rows[i].is_ipv6);
        assert_int_equal(url.port, rows[i].port);
        assert_true(trib_str_eq_c(url.host, rows[i].host));
        assert_true(trib_str_eq_c(url.path, rows[i].path));
        assert_true(trib_str_eq_c(url.query, rows[i].query));
    }
    assert_string_equal(trib_url_scheme_text(TRIB_URL_LIBSQL), "libsql");
}

static void bad_urls_are_refused(void **state) {
    static const trib_str urls[] = {
        TRIB_STR(""),
        TRIB_STR("h"),
        TRIB_STR("h:80"),
        TRIB_STR("/path"),
        TRIB_STR("ftp://h"),
        TRIB_STR("http:/h"),
        TRIB_STR("http:h"),
        TRIB_STR("http://"),
        TRIB_STR("http:///x"),
        TRIB_STR("http://:80"),
        TRIB_STR("http://h:"),
        TRIB_STR("http://h:0"),
        TRIB_STR("http://h:65536"),
        TRIB_STR("http://h:8x"),
        TRIB_STR("http://h:-1"),
        TRIB_STR("http://h:80:80"),
        TRIB_STR("http://u:p@h"),
        TRIB_STR("http://u@h/"),
        TRIB_STR("http://h/#f"),
        TRIB_STR("http://h /"),
        TRIB_STR(" http://h"),
        TRIB_STR("http://h\0/"),
        TRIB_STR("http://h\r\n"),
        TRIB_STR("http://h%41/"),
        TRIB_STR("http://b\xC3\xBC"
                 "cher/"),
        TRIB_STR("http://["),
        TRIB_STR("http://[]"),
        TRIB_STR("http://[::1"),
        TRIB_STR("http://[::1]x"),
        TRIB_STR("http://[::1]80"),
        TRIB_STR("http://[1.2.3.4]"),
        TRIB_STR("http://[fe80::1%25eth0]/"),
        TRIB_STR("http://::1/"),
        TRIB_STR("libsql://h?tls=0"),
        TRIB_STR("libsql://h:1?tls=2"),
        TRIB_STR("https://h?tls=0"),
        TRIB_STR("http://h?tls=1"),
        TRIB_STR("libsql://h:1?tls="),
    };
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        trib_url url;
        trib_error err = {0};
        if (trib_url_parse(urls[i], &url, &err) != TRIB_BAD_REQUEST) fail_msg("accepted %.*s", TRIB_STR_ARG(urls[i]));
        assert_true(err.message[0] != '\0');
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_decode_and_bad_ones_are_refused),
        cmocka_unit_test(what_was_encoded_decodes_to_the_same),
        cmocka_unit_test(encoded_slashes_are_told),
        cmocka_unit_test(targets_are_split_cleaned_or_refused),
        cmocka_unit_test(a_plain_path_takes_no_memory_and_others_report_its_lack),
        cmocka_unit_test(segments_come_off_a_path_one_by_one),
        cmocka_unit_test(query_parameters_are_decoded_and_the_first_of_a_name_counts),
        cmocka_unit_test(bad_queries_are_refused),
        cmocka_unit_test(urls_of_servers_are_taken_apart),
        cmocka_unit_test(bad_urls_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
