/* SPDX-License-Identifier: Apache-2.0 */
/* Manual pages: every command, option and setting is on its page, and no text of the tables becomes a troff request.
 * tests/integration/pages_test.sh has them judged by mandoc and groff. */
#include "support/run_trib.h"

static char *const nothing[] = {NULL};

/* "tenant-create" as troff has it. */
static void in_troff(char *out, size_t room, const char *text) {
    size_t n = 0;
    for (; *text && n + 3 < room; text++) {
        if (*text == '-') out[n++] = '\\';
        out[n++] = *text;
    }
    out[n] = '\0';
}

static void holds(const run *r, const char *line, const char *name) {
    char text[256];
    in_troff(text, sizeof text, name);
    if (!strstr(r->out, text)) fail_msg("trib %s lacks %s:\n%s", line, text, r->out);
}

/* Requests and macros that man.c writes; a line that begins with another dot came from a text. */
static void has_only_known_requests(const run *r, const char *line) {
    static const char *const known[] = {".TH ", ".SH ", ".SS ", ".TP\n", ".PP\n", ".B ", ".BR ", ".br\n"};
    for (const char *at = r->out; at; at = strchr(at, '\n')) {
        if (*at == '\n') at++;
        if (*at == '\'') fail_msg("trib %s: a line begins with a quote: %.40s", line, at);
        if (*at != '.') continue;
        bool good = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            good = good || strncmp(at, known[i], strlen(known[i])) == 0;
        if (!good) fail_msg("trib %s: unknown request %.40s", line, at);
    }
}

static void every_command_is_on_its_page_with_all_options_and_settings(void **state) {
    (void)state;
    char line[160], name[128], flag[TRIB_CONFIG_NAME_BYTES];
    for (size_t i = 0; i < trib_cli_command_count; i++) {
        const trib_cli_command *command = trib_cli_commands[i];
        snprintf(line, sizeof line, "help --man %s", command->name);
        run r = trib(nothing, line);
        assert_int_equal(r.status, TRIB_EXIT_OK);
        has_only_known_requests(&r, line);
        holds(&r, line, command->name);
        for (size_t k = 0; k < command->option_count; k++) {
            snprintf(name, sizeof name, "\n\\fB--%s\\fR", command->options[k].name);
            holds(&r, line, name);
        }
        for (size_t k = 0; k < TRIB_CONFIG_COUNT_OF_ROWS && command->takes_config; k++) {
            trib_config_flag_name(k, flag);
            snprintf(name, sizeof name, "\n\\fB--%s\\fR", flag);
            holds(&r, line, name);
        }
        for (size_t k = 0; k < trib_common_option_count; k++) holds(&r, line, trib_common_options[k].name);
        run_free(&r);
    }
}

static void the_overview_names_every_command_and_variable(void **state) {
    (void)state;
    char name[160];
    run r = trib(nothing, "help --man");
    has_only_known_requests(&r, "help --man");
    for (size_t i = 0; i < trib_cli_command_count; i++) {
        snprintf(name, sizeof name, "\n\\fBtrib %s\\fR", trib_cli_commands[i]->name);
        holds(&r, "help --man", name);
        holds(&r, "help --man", trib_cli_commands[i]->summary[0] ? ".BR trib-" : "");
    }
    for (size_t i = 0; i < trib_variable_count; i++) holds(&r, "help --man", trib_variables[i].name);
    run_free(&r);
}

static void the_settings_page_has_every_setting_under_its_three_names(void **state) {
    (void)state;
    char name[TRIB_CONFIG_NAME_BYTES];
    run r = trib(nothing, "help --man trib.conf");
    assert_int_equal(r.status, TRIB_EXIT_OK);
    assert_non_null(strstr(r.out, ".TH TRIB.CONF 5 "));
    has_only_known_requests(&r, "help --man trib.conf");
    for (size_t i = 0; i < TRIB_CONFIG_COUNT_OF_ROWS; i++) {
        holds(&r, "trib.conf", trib_config_row_at(i)->key);
        trib_config_flag_name(i, name);
        holds(&r, "trib.conf", name);
        trib_config_variable_name(i, name);
        holds(&r, "trib.conf", name);
    }
    run_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_is_on_its_page_with_all_options_and_settings),
        cmocka_unit_test(the_overview_names_every_command_and_variable),
        cmocka_unit_test(the_settings_page_has_every_setting_under_its_three_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
