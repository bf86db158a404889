/* SPDX-License-Identifier: Apache-2.0 */
/* What `trib completion --words` offers: every command and option of the tables, values, and silence without a server.
 * tests/integration/completion_test.sh drives the real shells, and tenants of a real server. */
#include "cli/completion.h"
#include "support/run_trib.h"

static char *const nothing[] = {NULL};

static run words(const char *typed) {
    char line[400];
    snprintf(line, sizeof line, "completion --words -- %s", typed);
    run r = trib(nothing, line);
    assert_int_equal(r.status, TRIB_EXIT_OK);
    assert_string_equal(r.err, "");
    return r;
}

/* Is `word` a whole candidate of the output? */
static bool offers(const char *out, const char *word) {
    size_t n = strlen(word);
    for (const char *at = out; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
        if (strncmp(at, word, n) == 0 && (at[n] == '\t' || at[n] == '\n')) return true;
    }
    return false;
}

static void what_was_typed_decides_what_is_offered(void **state) {
    (void)state;
    static const struct {
        const char *typed, *offered, *not_offered;
    } rows[] = {
        {"", "tenant", "create"},
        {"ten", "tenant", "token"},
        {"--json ten", "tenant", "token"},
        {"--he", "--help", "--json"},
        {"tenant ", "create", "tenant"},
        {"tenant s", "show", "create"},
        {"nonsense ", NULL, "serve"},
        {"serve --log-", "--log-level", "--listen"},
        {"serve --log-level ", "warn", "--json"},
        {"serve --log-level w", "warn", "debug"},
        {"serve --log-level=w", "--log-level=warn", "warn"},
        {"serve --data ", ":folders", ":files"},
        {"serve --data x --con", "--config", "--data"},
        {"serve --config ", ":files", ":folders"},
        {"serve --no-auth --lis", "--listen", NULL}, /* a switch takes no value */
        {"serve --listen ", NULL, "--json"},         /* an address: nothing that we know */
        {"shell ./", ":files", NULL},
        {"shell x ", NULL, ":files"}, /* takes one */
        {"shell --sql", "--sql", NULL},
        {"help ten", "tenant", "token"},
        {"help tenant c", "create", "list"},
        {"help err", "errors", "tenant"},
        {"help errors TENANT_M", "TENANT_MISSING", "TENANT_EXISTS"},
        {"completion ", "zsh", "--words"},
        {"tenant show -- --", NULL, "--json"}, /* behind -- there are no options */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        run r = words(rows[i].typed);
        if (rows[i].offered && !offers(r.out, rows[i].offered))
            fail_msg("trib %s| does not offer %s but\n%s", rows[i].typed, rows[i].offered, r.out);
        if (rows[i].not_offered && offers(r.out, rows[i].not_offered))
            fail_msg("trib %s| offers %s", rows[i].typed, rows[i].not_offered);
        run_free(&r);
    }
}

static void every_command_is_offered_word_by_word(void **state) {
    (void)state;
    for (size_t i = 0; i < trib_cli_command_count; i++) {
        char before[128] = "", copy[128], *rest = copy;
        snprintf(copy, sizeof copy, "%s", trib_cli_commands[i]->name);
        for (char *word; (word = strsep(&rest, " "));) {
            run r = words(before);
            if (!offers(r.out, word)) fail_msg("trib %s| does not offer %s", before, word);
            run_free(&r);
            size_t n = strlen(before);
            snprintf(before + n, sizeof before - n, "%s ", word);
        }
    }
}

static void every_option_of_every_command_is_offered(void **state) {
    (void)state;
    char line[160], flag[TRIB_CONFIG_NAME_BYTES], name[TRIB_CONFIG_NAME_BYTES + 2];
    for (size_t i = 0; i < trib_cli_command_count; i++) {
        const trib_cli_command *command = trib_cli_commands[i];
        snprintf(line, sizeof line, "%s --", command->name);
        run r = words(line);
        for (size_t k = 0; k < command->option_count; k++) {
            snprintf(name, sizeof name, "--%s", command->options[k].name);
            if (!offers(r.out, name)) fail_msg("trib %s| does not offer %s", line, name);
        }
        for (size_t k = 0; k < TRIB_CONFIG_COUNT_OF_ROWS && command->takes_config; k++) {
            trib_config_flag_name(k, flag);
            snprintf(name, sizeof name, "--%s", flag);
            if (!offers(r.out, name)) fail_msg("trib %s| does not offer %s", line, name);
        }
        assert_true(offers(r.out, "--json") && offers(r.out, "--help"));
        run_free(&r);
    }
}

static void without_a_server_tenants_are_silence(void **state) {
    (void)state;
    run r = words("tenant show --data /nonexistent ");
    assert_string_equal(r.out, "");
    run_free(&r);
    r = words("tenant show --admin-url http://127.0.0.1:1/ ac");
    assert_string_equal(r.out, "");
    run_free(&r);
}

static void each_shell_has_its_script_and_others_are_told(void **state) {
    (void)state;
    static const char *const shells[] = {"bash", "zsh", "fish"};
    char line[64];
    for (size_t i = 0; i < 3; i++) {
        snprintf(line, sizeof line, "completion %s", shells[i]);
        run r = trib(nothing, line);
        assert_int_equal(r.status, TRIB_EXIT_OK);
        assert_string_equal(r.out, trib_completion_script(shells[i]));
        assert_non_null(strstr(r.out, "completion --words -- "));
        run_free(&r);
    }
    run r = trib(nothing, "completion tcsh");
    assert_int_equal(r.status, TRIB_EXIT_USAGE);
    assert_non_null(strstr(r.err, "zsh or fish"));
    run_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_typed_decides_what_is_offered),
        cmocka_unit_test(every_command_is_offered_word_by_word),
        cmocka_unit_test(every_option_of_every_command_is_offered),
        cmocka_unit_test(without_a_server_tenants_are_silence),
        cmocka_unit_test(each_shell_has_its_script_and_others_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
