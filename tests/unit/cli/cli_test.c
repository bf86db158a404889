/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: help and manual from the table, options, suggestions, exit statuses, config show. */
#include <unistd.h>

#include "support/run_trib.h"

static char *const nothing[] = {NULL};

static void each_line_gives_its_status_and_text(void **state) {
    (void)state;
    static const struct {
        const char *line;
        int status;
        const char *out, *err; /* parts; NULL: must be empty */
    } rows[] = {
        {"", TRIB_EXIT_USAGE, NULL, "Usage: trib COMMAND"},
        {"--help", TRIB_EXIT_OK, "Usage: trib COMMAND", NULL},
        {"help", TRIB_EXIT_OK, "serve", NULL},
        {"version", TRIB_EXIT_OK, "tributary " TRIB_VERSION "\n", NULL},
        {"--version", TRIB_EXIT_OK, "tributary " TRIB_VERSION "\n", NULL},
        {"version --json", TRIB_EXIT_OK, "{\"name\":\"tributary\",\"version\":\"" TRIB_VERSION "\"}\n", NULL},
        {"--json version", TRIB_EXIT_OK, "{\"name\":\"tributary\"", NULL},
        {"version extra", TRIB_EXIT_USAGE, NULL, "does not take 'extra'"},
        {"version --loud", TRIB_EXIT_USAGE, NULL, "there is no option --loud"},
        {"version -v", TRIB_EXIT_USAGE, NULL, "two dashes"},
        {"versoin", TRIB_EXIT_USAGE, NULL, "did you mean `trib version`?"},
        {"zzzzzz", TRIB_EXIT_USAGE, NULL, "`trib help` lists all"},
        {"serv --help", TRIB_EXIT_USAGE, NULL, "did you mean `trib serve`?"},
        {"serve --help", TRIB_EXIT_OK, "--admin-listen ADDRESS", NULL},
        {"serve --lisen x", TRIB_EXIT_USAGE, NULL, "did you mean --listen?"},
        {"serve --listen", TRIB_EXIT_USAGE, NULL, "needs a value"},
        {"serve --no-auth --listen 0.0.0.0:0", TRIB_EXIT_USAGE, NULL, "no_auth would open every database"},
        {"serve --config /nonexistent/x", TRIB_EXIT_USAGE, NULL, "cannot be opened"},
        {"help serve", TRIB_EXIT_OK, "Exit status:", NULL},
        {"help sevre", TRIB_EXIT_USAGE, NULL, "did you mean `trib serve`?"},
        {"help config", TRIB_EXIT_OK, "config show", NULL},
        {"--help", TRIB_EXIT_OK, "Examples:\n  trib serve ", NULL},
        {"--help", TRIB_EXIT_OK, "  trib token create acme\n", NULL},
        {"tenant --help", TRIB_EXIT_OK, "Examples:\n  trib tenant create acme\n", NULL},
        {"token --help", TRIB_EXIT_OK, "  trib token rotate-keys\n", NULL},
        {"help --json", TRIB_EXIT_OK, "[{\"name\":\"serve\",\"args\":\"\",\"summary\":\"Run the server\"", NULL},
        {"help tenant --json", TRIB_EXIT_OK, "[{\"name\":\"tenant create\"", NULL},
        {"help zzzzzz --json", TRIB_EXIT_USAGE, NULL, "\"code\":\"USAGE\",\"fix\":\"`trib COMMAND --help`"},
        {"help errors", TRIB_EXIT_OK, "  TENANT_MISSING ", NULL},
        {"help errors tenant_missing", TRIB_EXIT_OK, "TENANT_MISSING\n\n", NULL},
        {"help errors SQLITE_BUSY", TRIB_EXIT_OK, "SQLITE_ERROR and the other", NULL},
        {"help errors CANCELLED --json", TRIB_EXIT_OK, "{\"code\":\"CANCELLED\",\"page\":\"CANCELLED\\n", NULL},
        {"help errors TENANT_MISING", TRIB_EXIT_USAGE, NULL, "did you mean TENANT_MISSING?"},
        {"help errors AGAIN", TRIB_EXIT_USAGE, NULL, "there is no error 'AGAIN'"},
        {"dev No_Name", TRIB_EXIT_USAGE, NULL, "byte 0x4E at position 0"},
        {"config", TRIB_EXIT_USAGE, NULL, "config show"},
        {"config --help", TRIB_EXIT_OK, "config show", NULL},
        {"config shwo", TRIB_EXIT_USAGE, NULL, "did you mean `trib config show`?"},
        {"config show --loops 3 --origin", TRIB_EXIT_OK, "# from: command line\nloops = 3\n", NULL},
        {"config show --loops=3", TRIB_EXIT_OK, "\nloops = 3\n", NULL},
        {"config show --admin-key hunter2", TRIB_EXIT_OK, "admin_key = ********\n", NULL},
        {"config show --json", TRIB_EXIT_OK, "\"loops\":{\"value\":\"0\",\"origin\":\"default\"}", NULL},
        {"config show --loops x --json", TRIB_EXIT_USAGE, NULL, "\"code\":\"CONFIG_INVALID\",\"fix\":"},
        {"help --man", TRIB_EXIT_OK, ".TH TRIB 1 ", NULL},
        {"help --man serve", TRIB_EXIT_OK, ".TH TRIB\\-SERVE 1 ", NULL},
        {"help --man zzzzzz", TRIB_EXIT_USAGE, NULL, "`trib help` lists all"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        run r = trib(nothing, rows[i].line);
        if (r.status != rows[i].status) fail_msg("trib %s: status %d; %s%s", rows[i].line, r.status, r.out, r.err);
        if (rows[i].out ? !strstr(r.out, rows[i].out) : r.out[0]) fail_msg("trib %s: out: %s", rows[i].line, r.out);
        if (rows[i].err ? !strstr(r.err, rows[i].err) : r.err[0]) fail_msg("trib %s: err: %s", rows[i].line, r.err);
        run_free(&r);
    }
}

static void every_command_has_a_help_with_examples_and_its_options(void **state) {
    (void)state;
    char line[128];
    for (size_t i = 0; i < trib_cli_command_count; i++) {
        const trib_cli_command *command = trib_cli_commands[i];
        assert_true(command->example_count > 0);
        assert_non_null(command->run);
        snprintf(line, sizeof line, "%s --help", command->name);
        run r = trib(nothing, line);
        assert_int_equal(r.status, TRIB_EXIT_OK);
        assert_non_null(strstr(r.out, command->summary));
        assert_non_null(strstr(r.out, "\nExamples:\n  "));
        for (size_t k = 0; k < command->option_count; k++) {
            snprintf(line, sizeof line, "\n  --%s ", command->options[k].name);
            if (!strstr(r.out, line)) fail_msg("trib %s --help lacks%s", command->name, line);
        }
        run_free(&r);
    }
}

static void what_config_show_prints_can_be_read_back(void **state) {
    (void)state;
    char path[] = "/tmp/trib-config-XXXXXX", line[128];
    run first = trib(nothing, "config show --loops 3 --origin");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, first.out, strlen(first.out)), (ssize_t)strlen(first.out));
    close(fd);
    snprintf(line, sizeof line, "config show --config %s", path);
    run second = trib(nothing, line);
    assert_int_equal(second.status, TRIB_EXIT_OK);
    assert_non_null(strstr(second.out, "\nloops = 3\n"));
    unlink(path);
    run_free(&first);
    run_free(&second);
}

static void the_environment_reaches_the_settings(void **state) {
    (void)state;
    char *const environment[] = {"TRIB_LOOPS=7", NULL}, *const wrong[] = {"TRIB_LOPS=7", NULL};
    run r = trib(environment, "config show --origin");
    assert_non_null(strstr(r.out, "# from: environment\nloops = 7\n"));
    run_free(&r);
    r = trib(wrong, "config show");
    assert_int_equal(r.status, TRIB_EXIT_USAGE);
    assert_non_null(strstr(r.err, "did you mean TRIB_LOOPS?"));
    run_free(&r);
}

static void codes_have_the_documented_statuses(void **state) {
    (void)state;
    assert_int_equal(trib_cli_exit_status(TRIB_OK), 0);
    assert_int_equal(trib_cli_exit_status(TRIB_IO), 1);
    assert_int_equal(trib_cli_exit_status(TRIB_CONFIG), 2);
    assert_int_equal(trib_cli_exit_status(TRIB_BAD_REQUEST), 2); /* by --expires tomorrow */
    assert_int_equal(trib_cli_exit_status(TRIB_TENANT_NAME_INVALID), 2);
    assert_int_equal(trib_cli_exit_status(TRIB_CONNECT), 3);
    assert_int_equal(trib_cli_exit_status(TRIB_TENANT_NOT_FOUND), 4);
    assert_int_equal(trib_cli_exit_status(TRIB_UNAUTHORIZED), 5);
    assert_int_equal(trib_cli_exit_status(TRIB_FORBIDDEN), 5);
    assert_int_equal(trib_cli_exit_status(TRIB_TENANT_EXISTS), 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_gives_its_status_and_text),
        cmocka_unit_test(every_command_has_a_help_with_examples_and_its_options),
        cmocka_unit_test(what_config_show_prints_can_be_read_back),
        cmocka_unit_test(the_environment_reaches_the_settings),
        cmocka_unit_test(codes_have_the_documented_statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
