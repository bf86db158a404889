/* SPDX-License-Identifier: Apache-2.0 */
/* trib doctor: what is wrong with a data folder, the machine and the server on it. The checks are in server/doctor*.c
 * and, for a running server, doctor_live.c; here they are run and told. */
#include <inttypes.h>

#include "cli/cli.h"
#include "cli/doctor_live.h"
#include "server/doctor.h"
#include "wire/json.h"

enum { OUTPUT_MAX_BYTES = 1 << 20 };

/* ---- telling ---- */

static size_t count_of(const trib_doctor *doctor, trib_doctor_severity severity) {
    size_t count = 0;
    for (size_t i = 0; i < doctor->count; i++) {
        const trib_doctor_finding *finding = &doctor->findings[i];
        if (!finding->fixed && trib_doctor_row_at(finding->check)->severity == severity) count++;
    }
    return count;
}

static void print_text(const trib_cli *cli, const trib_doctor *doctor) {
    fprintf(cli->out, "%s: ", doctor->data);
    if (doctor->pid) fprintf(cli->out, "a server runs on it (process %" PRId64 ")\n", doctor->pid);
    else fprintf(cli->out, "%s\n", doctor->running ? "a server runs on it" : "no server runs on it");
    for (int severity = TRIB_DOCTOR_ERROR; severity >= TRIB_DOCTOR_INFO; severity--) {
        for (size_t i = 0; i < doctor->count; i++) {
            const trib_doctor_finding *finding = &doctor->findings[i];
            const trib_doctor_row *row = trib_doctor_row_at(finding->check);
            if ((int)row->severity != severity) continue;
            fprintf(cli->out, "\n%s %s: %s\n", finding->fixed ? "mended" : trib_doctor_severity_text(row->severity),
                    row->id, finding->what);
            if (finding->fixed) continue;
            fprintf(cli->out, "  why: %s\n  fix: %s%s\n", row->why, row->fix,
                    row->fixes && !doctor->fix ? " (--fix does it)" : "");
        }
    }
    fprintf(cli->out, "\n%d checks; errors %zu, warnings %zu, notes %zu\n", TRIB_DOCTOR_CHECK_COUNT,
            count_of(doctor, TRIB_DOCTOR_ERROR), count_of(doctor, TRIB_DOCTOR_WARNING),
            count_of(doctor, TRIB_DOCTOR_INFO));
}

/* A check, and what it has found unless `finding` is NULL. */
static void write_row(trib_json_writer *w, const trib_doctor_row *row, const trib_doctor_finding *finding) {
    trib_jw_object_begin(w);
    trib_jw_member_str(w, "id", trib_str_c(row->id));
    trib_jw_member_str(w, "severity", trib_str_c(trib_doctor_severity_text(row->severity)));
    trib_jw_member_str(w, finding ? "what" : "looks_at", trib_str_c(finding ? finding->what : row->looks));
    trib_jw_member_str(w, "why", trib_str_c(row->why));
    trib_jw_member_str(w, "fix", trib_str_c(row->fix));
    trib_jw_member_bool(w, "fixable", row->fixes);
    if (finding) trib_jw_member_bool(w, "fixed", finding->fixed);
    trib_jw_object_end(w);
}

static void write_json(trib_json_writer *w, const trib_doctor *doctor) {
    trib_jw_object_begin(w);
    trib_jw_member_str(w, "data", trib_str_c(doctor->data));
    trib_jw_member_bool(w, "running", doctor->running);
    if (doctor->pid) trib_jw_member_i64(w, "pid", doctor->pid);
    else trib_jw_member_null(w, "pid");
    trib_jw_member_i64(w, "checks", TRIB_DOCTOR_CHECK_COUNT);
    trib_jw_member_i64(w, "errors", (int64_t)count_of(doctor, TRIB_DOCTOR_ERROR));
    trib_jw_member_i64(w, "warnings", (int64_t)count_of(doctor, TRIB_DOCTOR_WARNING));
    trib_jw_key_c(w, "findings");
    trib_jw_array_begin(w);
    for (size_t i = 0; i < doctor->count; i++) {
        const trib_doctor_finding *finding = &doctor->findings[i];
        write_row(w, trib_doctor_row_at(finding->check), finding);
    }
    trib_jw_array_end(w);
    trib_jw_object_end(w);
}

/* All checks instead of what they find. */
static void write_checks(trib_json_writer *w) {
    trib_jw_array_begin(w);
    for (size_t i = 0; i < TRIB_DOCTOR_CHECK_COUNT; i++) write_row(w, trib_doctor_row_at(i), NULL);
    trib_jw_array_end(w);
}

static int print_json(const trib_cli *cli, const trib_doctor *doctor) {
    trib_json_writer w;
    trib_error err;
    trib_buf buf;
    trib_buf_init(&buf, OUTPUT_MAX_BYTES);
    trib_jw_init(&w, &buf);
    if (doctor) write_json(&w, doctor);
    else write_checks(&w);
    bool failed = buf.failed;
    if (!failed) fprintf(cli->out, "%.*s\n", TRIB_STR_ARG(trib_buf_str(&buf)));
    trib_buf_deinit(&buf);
    if (!failed) return TRIB_EXIT_OK;
    trib_error_set(&err, TRIB_NOMEM, NULL);
    return trib_cli_fail(cli, &err);
}

static int print_checks(const trib_cli *cli) {
    if (cli->json) return print_json(cli, NULL);
    for (size_t i = 0; i < TRIB_DOCTOR_CHECK_COUNT; i++) {
        const trib_doctor_row *row = trib_doctor_row_at(i);
        fprintf(cli->out, "%-28s %-8s %-5s %s\n", row->id, trib_doctor_severity_text(row->severity),
                row->fixes ? "--fix" : "", row->looks);
    }
    return TRIB_EXIT_OK;
}

/* ---- running ---- */

static int look(trib_cli *cli, const trib_config *config) {
    static trib_doctor_severity const nothing = TRIB_DOCTOR_INFO;
    trib_doctor doctor;
    trib_error err;
    trib_code code = trib_doctor_open(&doctor, config, trib_cli_has(cli, "fix"), &err);
    if (code == TRIB_OK) {
        if (doctor.running || trib_cli_has(cli, "admin-url")) trib_doctor_look_live(&doctor, cli);
        trib_doctor_look_system(&doctor);
        trib_doctor_look_settings(&doctor);
        trib_doctor_look_folder(&doctor);
    }
    int status = code == TRIB_OK ? TRIB_EXIT_OK : trib_cli_fail(cli, &err);
    if (code == TRIB_OK && cli->json) status = print_json(cli, &doctor);
    else if (code == TRIB_OK) print_text(cli, &doctor);
    trib_doctor_severity worst = code == TRIB_OK ? trib_doctor_worst(&doctor) : nothing;
    trib_doctor_close(&doctor);
    if (status == TRIB_EXIT_OK && worst == TRIB_DOCTOR_ERROR) return TRIB_EXIT_FOUND;
    if (status == TRIB_EXIT_OK && worst == TRIB_DOCTOR_WARNING) return TRIB_EXIT_WARNED;
    return status;
}

static int run_doctor(trib_cli *cli) {
    trib_config config;
    trib_error err;
    if (trib_cli_has(cli, "list")) return print_checks(cli);
    trib_code code = trib_cli_load_config(cli, &config, &err);
    int status = code == TRIB_OK ? look(cli, &config) : trib_cli_fail(cli, &err);
    trib_config_deinit(&config);
    return status;
}

static const trib_cli_option options[] = {
    {"fix", NULL, "mend what is safe to mend: modes, leftovers; orphan files of a stopped server are moved aside"},
    {"list", NULL, "list the checks instead of running them"},
    {"admin-url", "URL", "URL of the server's admin listener, if the data folder does not say it (TRIB_ADMIN_URL)"},
};

static const trib_cli_example examples[] = {
    {"trib doctor --data /var/lib/tributary", "looks a folder over, and the server that runs on it"},
    {"trib doctor --config /etc/tributary/trib.conf --json", "with the server's settings, for a monitoring system"},
    {"trib doctor --fix", "mends what is safe to mend"},
};

extern const trib_cli_command trib_cmd_doctor;
const trib_cli_command trib_cmd_doctor = {
    .name = "doctor",
    .args = "",
    .summary = "Say what is wrong with a data folder, the machine and the server, and how to mend it",
    .description = "Looks at limits, file system, syncs, clock, space and memory, at modes, owners, orphans, logs and "
                   "quarantine in\n"
                   "the data folder, at settings that contradict each other, and asks a running server what its "
                   "clients do wrong.\n"
                   "Give it the server's settings (--config), since it compares them with the machine. It changes "
                   "nothing without\n"
                   "--fix, and never touches the files of a database that a server has open.\n"
                   "Every finding has an id that stays; docs/reference/doctor.md has all. Status 7: errors were found; "
                   "8: nothing\n"
                   "worse than warnings; 0: nothing but notes.",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .examples = examples,
    .example_count = sizeof examples / sizeof *examples,
    .takes_config = true,
    .run = run_doctor,
};
