/* SPDX-License-Identifier: Apache-2.0 */
/* trib export: a tenant, or all of them, as SQLite files or SQL text. The file is fetched whole before it gets its
 * name; SQL is written from the fetched file, so that a slow reader holds nothing in the server. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/shell_int.h"
#include "cli/transfer.h"

extern const trib_cli_command trib_cmd_export;

static trib_code io_error(const char *what, const char *path, trib_error *err) {
    return trib_error_set(err, errno == ENOSPC ? TRIB_DISK_FULL : TRIB_IO, "cannot %s %s: %s", what, path,
                          strerror(errno));
}

/* `path` NULL: standard output. */
static trib_code write_sql(trib_transfer *t, const char *database, const char *path, trib_error *err) {
    char part[PATH_MAX] = "";
    trib_shell sh = {.cli = t->cli, .interrupt = t->interrupt, .link = TRIB_LINK_NONE, .out = t->cli->out};
    if (path) snprintf(part, sizeof part, "%s.part", path);
    if (path) sh.out = fopen(part, "we");
    if (!sh.out) return io_error("write", part, err);
    if (path) (void)fchmod(fileno(sh.out), 0600); /* as the data was in the server: for its owner alone */
    trib_arena_init(&sh.arena, TRIB_SHELL_ARENA_BYTES);
    trib_code code = trib_link_open(&sh.link, t->cli, database, NULL, &sh.interrupt, err);
    if (code == TRIB_OK) trib_shell_dot_dump(&sh, (trib_str){0}); /* says itself what is wrong */
    if (code == TRIB_OK && sh.status != TRIB_EXIT_OK)
        code = trib_error_set(err, TRIB_IO, "the tenant could not be written as SQL");
    trib_link_close(&sh.link, &sh.arena);
    trib_arena_deinit(&sh.arena);
    if (!path) return code;
    if (code == TRIB_OK && (fflush(sh.out) != 0 || fsync(fileno(sh.out)) != 0)) code = io_error("write", part, err);
    if (fclose(sh.out) != 0 && code == TRIB_OK) code = io_error("write", part, err);
    if (code == TRIB_OK && rename(part, path) != 0) code = io_error("write", path, err);
    if (code != TRIB_OK) (void)unlink(part);
    return code;
}

/* To cli->out, as it is. */
static trib_code copy_out(const trib_transfer *t, const char *path, trib_error *err) {
    char bytes[64 << 10];
    size_t n;
    FILE *in = fopen(path, "re");
    if (!in) return io_error("read", path, err);
    while ((n = fread(bytes, 1, sizeof bytes, in)) > 0) {
        if (fwrite(bytes, 1, n, t->cli->out) == n) continue;
        (void)fclose(in);
        return io_error("write", "standard output", err);
    }
    (void)fclose(in);
    return fflush(t->cli->out) == 0 ? TRIB_OK : io_error("write", "standard output", err);
}

static trib_code export_one(trib_transfer *t, const char *name, const char *path, bool sql, trib_error *err) {
    char database[PATH_MAX], size[32];
    struct stat st = {0};
    bool standard = strcmp(path, "-") == 0;
    if (!standard && access(path, F_OK) == 0 && !trib_cli_has(t->cli, "force"))
        return trib_error_set(err, TRIB_USAGE, "the file %s exists; choose another name, or say --force", path);
    trib_arena_reset(&t->fleet.admin.arena);
    trib_transfer_path(t, "database.db", database);
    trib_code code = trib_transfer_fetch(t, name, sql || standard ? database : path, err);
    if (code == TRIB_OK && sql) code = write_sql(t, database, standard ? NULL : path, err);
    else if (code == TRIB_OK && standard) code = copy_out(t, database, err);
    if (code != TRIB_OK || standard || t->cli->json || !t->progress.out) return code;
    if (stat(path, &st) == 0) trib_progress_size(st.st_size, size);
    fprintf(t->cli->out, "exported %s to %s (%s)\n", name, path, st.st_size ? size : "empty");
    return TRIB_OK;
}

static trib_code export_all(trib_transfer *t, const char *folder, bool sql, trib_error *err) {
    char path[PATH_MAX];
    trib_names names = {0};
    trib_arena arena;
    trib_arena_init(&arena, TRIB_ADMIN_ARENA_BYTES);
    trib_code code = trib_fleet_find(&t->fleet, TRIB_STR("*"), &arena, &names, err);
    if (code == TRIB_OK && mkdir(folder, 0700) != 0 && errno != EEXIST) code = io_error("make the folder", folder, err);
    for (size_t i = 0; code == TRIB_OK && i < names.count; i++) {
        char name[TRIB_REMOTE_URL_BYTES];
        snprintf(name, sizeof name, "%.*s", TRIB_STR_ARG(names.items[i]));
        snprintf(path, sizeof path, "%s/%s.%s", folder, name, sql ? "sql" : "db");
        code = export_one(t, name, path, sql, err);
        if (code == TRIB_TENANT_NOT_FOUND) code = TRIB_OK; /* deleted since the list was made */
    }
    if (code == TRIB_OK && t->progress.out) fprintf(t->cli->out, "%zu tenant(s) exported to %s\n", names.count, folder);
    trib_arena_deinit(&arena);
    return code;
}

static trib_code read_words(const trib_cli *cli, bool *ret_sql, trib_error *err) {
    const char *format = trib_cli_get(cli, "format"), *all = trib_cli_get(cli, "all");
    *ret_sql = format && strcmp(format, "sql") == 0;
    if (format && !*ret_sql && strcmp(format, "db") != 0)
        return trib_error_set(err, TRIB_USAGE, "--format is db or sql, not \"%s\"", format);
    if (all ? cli->arg_count != 0 : cli->arg_count != 2)
        return trib_error_set(err, TRIB_USAGE, "what is exported, and where to: TENANT FILE, or --all FOLDER");
    return TRIB_OK;
}

static int run_export(trib_cli *cli) {
    trib_transfer t = {.interrupt = {-1}, .cli = cli};
    trib_error err;
    bool sql = false;
    const char *all = trib_cli_get(cli, "all");
    trib_code code = read_words(cli, &sql, &err);
    if (code != TRIB_OK) return trib_cli_fail(cli, &err);
    code = trib_transfer_open(&t, cli, &err);
    if (code == TRIB_OK) code = trib_transfer_connect(&t, &err);
    if (code == TRIB_OK && all) code = export_all(&t, all, sql, &err);
    else if (code == TRIB_OK) code = export_one(&t, cli->args[0], cli->args[1], sql, &err);
    return trib_transfer_close(&t, code, &err);
}

static const trib_cli_option options[] = {
    {"format", "db|sql", "a SQLite file (db), or SQL text that makes it again"},
    {"all", "FOLDER", "every tenant, as FOLDER/TENANT.db or .sql"},
    {"force", NULL, "write over a file that exists"},
    TRIB_TRANSFER_OPTIONS,
    TRIB_ADMIN_OPTIONS,
};

static const trib_cli_example examples[] = {
    {"trib export acme acme.db", "the database of now, as one SQLite file"},
    {"trib export acme - --format sql | gzip > acme.sql.gz", "as SQL text, to a pipe"},
    {"trib export --all backup-2026-06-01", "every tenant, a file each"},
};

const trib_cli_command trib_cmd_export = {
    .name = "export",
    .args = "[TENANT FILE]",
    .summary = "Write tenants to SQLite files or as SQL text",
    .description =
        "The file has the database as it is at one moment; the tenant stays in use. - is standard output. The "
        "file gets its\nname when it is whole. It needs no other file beside it, and `trib import db` takes "
        "it back. Without a server on the\ndata folder, the command opens the folder itself.",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .examples = examples,
    .example_count = sizeof examples / sizeof *examples,
    .max_args = 2,
    .run = run_export,
};
