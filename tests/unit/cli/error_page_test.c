/* SPDX-License-Identifier: Apache-2.0 */
/* Every error says what, why, how to mend it, its code and its page: on the page, and on the terminal of who ran a
 * command. (tests/unit/core/http_test.c: in the body of an HTTP answer.) */
#include "cli/error_page.h"
#include "support/run_trib.h"

/* What `trib_cli_fail` prints for this error, from the table's own meaning. */
static char *failure(trib_code code, bool json) {
    char *text = NULL;
    size_t bytes;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    trib_cli cli = {.err = out, .json = json};
    trib_error err;
    trib_error_set(&err, code, NULL);
    trib_cli_fail(&cli, &err);
    fclose(out);
    return text;
}

static void needs(trib_code code, const char *text, const char *part) {
    if (!strstr(text, part)) fail_msg("%s lacks \"%s\" in:\n%s", trib_code_text(code), part, text);
}

static bool is_inside_only(trib_code code) {
    return code == TRIB_AGAIN; /* never leaves the program, so has no page */
}

static void every_error_has_a_page_with_what_when_fix_and_client(void **state) {
    (void)state;
    char line[128];
    for (int i = TRIB_OK + 1; i < TRIB_CODE_COUNT; i++) {
        trib_code code = (trib_code)i;
        const char *page = trib_error_page_get(trib_str_c(trib_code_text(code)));
        if (is_inside_only(code)) {
            assert_null(page);
            continue;
        }
        if (!page) fail_msg("%s has no page docs/errors/%s.md", trib_code_text(code), trib_code_text(code));
        snprintf(line, sizeof line, "# %s", trib_code_text(code));
        assert_true(strncmp(page, line, strlen(line)) == 0);
        needs(code, page, trib_code_meaning(code) + 1); /* what; a page begins it with a capital */
        snprintf(line, sizeof line, "\nHTTP %d · gRPC %d · the same request %s\n", trib_code_http(code),
                 trib_code_grpc(code), trib_code_retry(code) ? "may work later as it is" : "fails again");
        needs(code, page, line);
        const char *const parts[] = {"When", "Fix", "Client"};
        for (size_t k = 0; k < 3; k++) {
            trib_buf first;
            trib_buf_init(&first, 1024);
            trib_error_page_add_first(&first, page, parts[k]);
            trib_str text = trib_buf_str(&first);
            if (first.failed || text.len < 12)
                fail_msg("%s: the page's **%s.** has no sentence: %.*s", trib_code_text(code), parts[k],
                         TRIB_STR_ARG(text));
            trib_buf_deinit(&first);
        }
    }
}

static void every_error_on_a_terminal_has_what_fix_code_and_page(void **state) {
    (void)state;
    char part[256];
    for (int i = TRIB_OK + 1; i < TRIB_CODE_COUNT; i++) {
        trib_code code = (trib_code)i;
        if (is_inside_only(code)) continue;
        char *text = failure(code, false);
        snprintf(part, sizeof part, "trib: %s\n  fix:  ", trib_code_meaning(code));
        needs(code, text, part);
        snprintf(part, sizeof part, "\n  code: %s (trib help errors %s)\n", trib_code_text(code), trib_code_text(code));
        needs(code, text, part);
        free(text);
        text = failure(code, true);
        snprintf(part, sizeof part, "\"code\":\"%s\",\"fix\":\"", trib_code_text(code));
        needs(code, text, part);
        snprintf(part, sizeof part, "\",\"docs\":\"trib help errors %s\"}\n", trib_code_text(code));
        needs(code, text, part);
        free(text);
    }
}

static void a_first_sentence_is_one_plain_line(void **state) {
    (void)state;
    static const struct {
        const char *page, *first;
    } rows[] = {
        {"# X\n\n**Fix.** Do `a. B`\nor [that](x.md). Then more.\n\nEnd.", "Do `a."}, /* pages do not write this */
        {"# X\n\n**Fix.** Set 1.5 of\n[the limit](../x.md#y) to e.g. two. `trib` tells.\n",
         "Set 1.5 of the limit to e.g. two."},
        {"# X\n\n**Fix.** No stop at the end\n\nOther.", "No stop at the end"},
        {"# X\n\n**When.** Never.", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_buf out;
        trib_buf_init(&out, 256);
        trib_error_page_add_first(&out, rows[i].page, "Fix");
        assert_int_equal(trib_buf_str(&out).len, strlen(rows[i].first));
        assert_memory_equal(trib_buf_str(&out).ptr, rows[i].first, strlen(rows[i].first));
        trib_buf_deinit(&out);
    }
}

static void codes_are_found_in_any_case_and_sqlites_share_a_page(void **state) {
    (void)state;
    const char *page = trib_error_page_get(TRIB_STR("SQLITE_ERROR"));
    assert_non_null(page);
    assert_ptr_equal(page, trib_error_page_get(TRIB_STR("sqlite_constraint")));
    assert_string_equal(trib_error_page_code(TRIB_STR("Sqlite_Busy")), "SQLITE_ERROR");
    assert_string_equal(trib_error_page_code(TRIB_STR("bad_json")), "BAD_JSON");
    assert_null(trib_error_page_get(TRIB_STR("")));
    assert_null(trib_error_page_get(TRIB_STR("BAD")));
    assert_null(trib_error_page_get(TRIB_STR("README")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_page_with_what_when_fix_and_client),
        cmocka_unit_test(every_error_on_a_terminal_has_what_fix_code_and_page),
        cmocka_unit_test(a_first_sentence_is_one_plain_line),
        cmocka_unit_test(codes_are_found_in_any_case_and_sqlites_share_a_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
