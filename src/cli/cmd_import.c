/* SPDX-License-Identifier: Apache-2.0 */
/* trib import db | sql: a new tenant from a SQLite file or a dump. The file is copied or made in a private folder
 * first, so that the server gets one whole file, and the tenant is there as a whole or not at all. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/transfer.h"
#include "server/local_copy.h"
#include "wire/tenant_name.h"

extern const trib_cli_command trib_cmd_import_db, trib_cmd_import_sql;

enum { READ_BYTES = 256 << 10, NOTES_BYTES = 1 << 20 };

/* Fit, sent, and said. `path` is in the private folder. */
static trib_code send_file(trib_transfer *t, const char *path, const char *name, trib_error *err) {
    const trib_json *tenant = NULL;
    char size[32];
    int64_t bytes = 0;
    trib_buf notes;
    trib_buf_init(&notes, NOTES_BYTES);
    trib_code code = trib_transfer_check(t, err);
    if (code == TRIB_OK) code = trib_db_copy_fit(path, &notes, &bytes, err);
    if (code == TRIB_OK) code = trib_transfer_send(t, path, name, NULL, &tenant, err);
    if (code == TRIB_OK) {
        trib_transfer_print_notes(t, name, &notes);
        trib_progress_size(bytes, size);
        trib_str url = trib_admin_text(&t->fleet.admin, tenant, "url");
        if (t->cli->json) trib_admin_print_json(t->cli->out, tenant);
        else if (url.len && !t->serving)
            fprintf(t->cli->out, "imported %s (%s), now at %.*s\n", name, size, TRIB_STR_ARG(url));
        else fprintf(t->cli->out, "imported %s (%s)\n", name, size);
    }
    trib_buf_deinit(&notes);
    return code;
}

/* The server, and a free name: known before a large file is read. */
static trib_code open_for(trib_transfer *t, trib_cli *cli, const char *name, trib_error *err) {
    bool known = false;
    trib_code code = trib_transfer_open(t, cli, err);
    if (code == TRIB_OK) code = trib_tenant_name_check(trib_str_c(name), err);
    if (code == TRIB_OK) code = trib_transfer_connect(t, err);
    if (code == TRIB_OK) code = trib_transfer_knows(t, name, &known, err);
    if (code == TRIB_OK && known)
        code = trib_error_set(err, TRIB_TENANT_EXISTS,
                              "tenant \"%s\" already exists; an import makes a new one: choose another name", name);
    return code;
}

/* ---- db ---- */

static int run_db(trib_cli *cli) {
    char path[PATH_MAX];
    trib_transfer t;
    trib_error err;
    const char *file = cli->args[0], *name = cli->args[1];
    trib_code code = open_for(&t, cli, name, &err);
    trib_transfer_path(&t, "database", path);
    trib_progress_begin(&t.progress, "reading", file);
    if (code == TRIB_OK)
        code = trib_local_copy_take(file, path, (trib_copy_progress){trib_progress_tell, &t.progress}, &err);
    if (code == TRIB_OK) code = send_file(&t, path, name, &err);
    return trib_transfer_close(&t, code, &err);
}

static const trib_cli_option options[] = {TRIB_TRANSFER_OPTIONS, TRIB_ADMIN_OPTIONS};
static const trib_cli_example db_examples[] = {
    {"trib import db ./shop.db shop", "a new tenant `shop` on the server of ./data"},
    {"trib import db ./shop.db shop --data /var/lib/trib", "also while no server runs there"},
};

const trib_cli_command trib_cmd_import_db = {
    .name = "import db",
    .args = "FILE TENANT",
    .summary = "Make a tenant from a SQLite file",
    .description =
        "FILE is copied as it is at one moment, with what is in its -wal; it may be in use. The copy gets pages of "
        "4,096\nbytes if it has others. The server checks all of it before the tenant is there, which is then at once "
        "and whole.\nWithout a server on the data folder, the command opens the folder itself.",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .examples = db_examples,
    .example_count = sizeof db_examples / sizeof *db_examples,
    .min_args = 2,
    .max_args = 2,
    .run = run_db,
};

/* ---- sql ---- */

static trib_code load(trib_transfer *t, FILE *in, const char *path, trib_error *err) {
    trib_sql_load *into = NULL;
    int64_t bytes = 0;
    size_t n = 0;
    char *piece = malloc(READ_BYTES);
    trib_code code = piece ? trib_sql_load_open(path, NULL, &into, err) : trib_error_set(err, TRIB_NOMEM, NULL);
    while (code == TRIB_OK && (n = fread(piece, 1, READ_BYTES, in)) > 0) {
        code = trib_sql_load_feed(into, trib_str_make(piece, n), err);
        bytes += (int64_t)n;
        trib_progress_tell(&t->progress, bytes, 0);
        if (code == TRIB_OK) code = trib_transfer_check(t, err);
    }
    if (code == TRIB_OK && ferror(in)) code = trib_error_set(err, TRIB_IO, "the text cannot be read to its end");
    if (code == TRIB_OK) code = trib_sql_load_finish(into, err);
    trib_sql_load_close(into);
    free(piece);
    return code;
}

static int run_sql(trib_cli *cli) {
    char path[PATH_MAX];
    trib_transfer t;
    trib_error err;
    const char *file = cli->args[0], *name = cli->args[1];
    bool standard = strcmp(file, "-") == 0;
    FILE *in = standard ? stdin : NULL;
    trib_code code = open_for(&t, cli, name, &err);
    if (code == TRIB_OK && !standard) {
        in = fopen(file, "re");
        if (!in)
            code = trib_error_set(&err, errno == ENOENT ? TRIB_NOT_FOUND : TRIB_IO, "cannot read the file %s: %s", file,
                                  strerror(errno));
    }
    trib_transfer_path(&t, "database", path);
    trib_progress_begin(&t.progress, "reading", standard ? "standard input" : file);
    if (code == TRIB_OK) code = load(&t, in, path, &err);
    if (in && !standard) (void)fclose(in);
    if (code == TRIB_OK) code = send_file(&t, path, name, &err);
    return trib_transfer_close(&t, code, &err);
}

static const trib_cli_example sql_examples[] = {
    {"trib import sql shop.sql shop", "a dump becomes the tenant `shop`"},
    {"sqlite3 shop.db .dump | trib import sql - shop", "from a pipe"},
};

const trib_cli_command trib_cmd_import_sql = {
    .name = "import sql",
    .args = "FILE TENANT",
    .summary = "Make a tenant from SQL text",
    .description =
        "FILE is a dump as sqlite3, `trib export --format sql` and GET /dump write it; - is standard input. Statements "
        "run one\nafter the other, in one transaction, in a private file; the first error ends it, with the number of "
        "its line, and\nnothing is there then. A dump that was cut off, or that ends with ROLLBACK, is refused.",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .examples = sql_examples,
    .example_count = sizeof sql_examples / sizeof *sql_examples,
    .min_args = 2,
    .max_args = 2,
    .run = run_sql,
};
