/* SPDX-License-Identifier: Apache-2.0 */
/* trib import sqld: every namespace of a data folder of sqld becomes a tenant, with the settings that we have too.
 *
 *   list -> names: all must fit, or nothing begins -> for each: there already? skip : copy, make fit, send
 *
 * What fails is told and the others go on; run again, only what is not there yet is imported. */
#include <string.h>
#include <unistd.h>

#include "cli/sqld_folder.h"
#include "cli/transfer.h"
#include "wire/jwt.h"
#include "wire/tenant_name.h"

extern const trib_cli_command trib_cmd_import_sqld;

enum {
    NOTES_BYTES = 1 << 20,
    SETTINGS_BYTES = 4096,
    SHOWN_NAME_BYTES = 100,
    REASON_BYTES = 159, /* of a block_reason; the server refuses longer ones */
    KEY_BYTES = 1023,   /* of a jwt_key, likewise */
    KEYS_MAX = 8
};

typedef struct moving {
    trib_transfer t;
    trib_sqld_folder folder;
    bool dry;
    bool connected;
    size_t imported, skipped, failed;
} moving;

/* ---- names ---- */

/* OLD=NEW of --rename; several with commas, or the option again. *ret_new empty: none for this name. */
static bool find_rename(const trib_cli *cli, trib_str old, trib_str *ret_new) {
    const char *value;
    for (size_t n = 0; (value = trib_cli_get_nth(cli, "rename", n)) != NULL; n++) {
        trib_str rest = trib_str_c(value);
        while (rest.len) {
            size_t end = trib_str_find(rest, ',');
            trib_str pair = trib_str_sub(rest, 0, end);
            rest = end == SIZE_MAX ? (trib_str){0} : trib_str_sub(rest, end + 1, rest.len);
            /* a name may have '=' in it, a tenant's has none */
            size_t equals = pair.len;
            while (equals > 0 && pair.ptr[equals - 1] != '=') equals--;
            if (equals == 0 || !trib_str_eq(trib_str_sub(pair, 0, equals - 1), old)) continue;
            *ret_new = trib_str_sub(pair, equals, pair.len);
            return true;
        }
    }
    return false;
}

/* The nearest name that fits: lower case, '-' for what does not. */
static void propose(trib_str old, char ret[TRIB_TENANT_NAME_MAX_BYTES + 1]) {
    size_t n = 0;
    for (size_t i = 0; i < old.len && n < TRIB_TENANT_NAME_MAX_BYTES; i++) {
        unsigned char c = (unsigned char)old.ptr[i];
        if (c >= 'A' && c <= 'Z') c = (unsigned char)(c + 'a' - 'A');
        bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!fits) c = '-';
        if (n == 0 && (c == '-' || c == '_')) continue;
        if (c == '-' && n > 0 && ret[n - 1] == '-') continue;
        ret[n++] = (char)c;
    }
    while (n > 0 && ret[n - 1] == '-') n--;
    ret[n] = '\0';
    if (trib_tenant_name_valid(trib_str_make(ret, n)) && !trib_tenant_name_system(trib_str_make(ret, n))) return;
    char word[TRIB_TENANT_NAME_MAX_BYTES + 1];
    memcpy(word, ret, sizeof word);
    snprintf(ret, TRIB_TENANT_NAME_MAX_BYTES + 1, "db-%.50s", word[0] ? word : "1");
}

/* The tenant's name of a namespace. */
static bool name_of(const moving *m, const trib_sqld_namespace *ns, char ret[TRIB_TENANT_NAME_MAX_BYTES + 1]) {
    trib_str name = ns->name;
    (void)find_rename(m->t.cli, ns->name, &name);
    if (!trib_tenant_name_valid(name) || trib_tenant_name_system(name)) return false;
    memcpy(ret, name.ptr, name.len);
    ret[name.len] = '\0';
    return true;
}

static bool is_wanted(const moving *m, const trib_sqld_namespace *ns) {
    const char *only = trib_cli_get(m->t.cli, "only");
    return !only || trib_fleet_fits(trib_str_c(only), ns->name, false);
}

/* All names, before anything begins: a name that is told late is told after hours. */
static trib_code check_names(const moving *m, trib_error *err) {
    size_t bad = 0, at = 0;
    char name[TRIB_TENANT_NAME_MAX_BYTES + 1], other[TRIB_TENANT_NAME_MAX_BYTES + 1];
    for (size_t i = 0; i < m->folder.count; i++) {
        const trib_sqld_namespace *ns = &m->folder.items[i];
        if (!is_wanted(m, ns) || ns->unlisted) continue;
        if (!name_of(m, ns, name)) {
            char better[TRIB_TENANT_NAME_MAX_BYTES + 1] = "";
            trib_str shown = trib_str_sub(ns->name, 0, SHOWN_NAME_BYTES);
            propose(ns->name, better);
            fprintf(m->t.cli->err, "%.*s: no tenant can have this name; for example --rename '%.*s=%s'\n",
                    TRIB_STR_ARG(shown), TRIB_STR_ARG(shown), better);
            if (bad++ == 0) at = i;
            continue;
        }
        for (size_t k = 0; k < i; k++) {
            const trib_sqld_namespace *before = &m->folder.items[k];
            if (!is_wanted(m, before) || before->unlisted || !name_of(m, before, other) || strcmp(name, other) != 0)
                continue;
            return trib_error_set(err, TRIB_USAGE,
                                  "two namespaces would become the tenant \"%s\"; --rename one of them", name);
        }
    }
    if (bad == 0) return TRIB_OK;
    return trib_error_set(
        err, TRIB_TENANT_NAME_INVALID,
        "%zu namespace(s) have names that no tenant can have, \"%.*s\" for one: a name has a-z, 0-9, _ "
        "and -, begins with a letter or digit, and is none of the server's own; say --rename OLD=NEW "
        "for each; nothing was imported",
        bad, TRIB_STR_ARG(trib_str_sub(m->folder.items[at].name, 0, SHOWN_NAME_BYTES)));
}

/* ---- settings ---- */

static void member_reason(trib_json_writer *w, trib_str reason, trib_buf *notes) {
    size_t len = reason.len;
    if (len > REASON_BYTES) {
        len = REASON_BYTES;
        while (len > 0 && ((unsigned char)reason.ptr[len] & 0xc0) == 0x80) len--; /* not inside a character */
        trib_buf_printf(notes, "block_reason was cut to %d bytes\n", REASON_BYTES);
    }
    if (len) trib_jw_member_str(w, "block_reason", trib_str_sub(reason, 0, len));
}

static void member_key(trib_json_writer *w, trib_str key, trib_buf *notes) {
    trib_ed25519_pub *keys[KEYS_MAX] = {0};
    size_t count = 0;
    trib_error why = {0};
    if (key.len == 0) return;
    trib_code code = key.len > KEY_BYTES ? trib_error_set(&why, TRIB_CONFIG, "it is longer than %d bytes", KEY_BYTES)
                                         : trib_jwt_keys_from_text(key, KEYS_MAX, keys, &count, &why);
    for (size_t i = 0; i < count; i++) trib_ed25519_pub_free(keys[i]);
    if (code == TRIB_OK) trib_jw_member_str(w, "jwt_key", key);
    else trib_buf_printf(notes, "jwt_key is not taken over (%s): make tokens with `trib token create`\n", why.message);
}

/* The settings that we have too, as PATCH takes them, and a note for each that we have not. same_name: tokens that were
 * signed for sqld under the key of all its namespaces mean this one. */
static void write_settings(const trib_sqld_config *c, bool same_name, trib_buf *settings, trib_buf *notes) {
    enum { MOST_SECONDS = 600 };
    const uint64_t most_pages = (UINT64_C(1) << 46) / TRIB_SQLD_PAGE_BYTES;
    trib_json_writer w;
    trib_jw_init(&w, settings);
    trib_jw_object_begin(&w);
    if (c->block_reads) trib_jw_member_bool(&w, "block_reads", true);
    if (c->block_writes) trib_jw_member_bool(&w, "block_writes", true);
    if (c->allow_attach) trib_jw_member_bool(&w, "allow_attach", true);
    member_reason(&w, c->block_reason, notes);
    /* sqld's "none" is 1,000 PB */
    if (c->max_db_pages > 0 && c->max_db_pages <= most_pages)
        trib_jw_member_i64(&w, "max_bytes", (int64_t)(c->max_db_pages * TRIB_SQLD_PAGE_BYTES));
    uint64_t seconds = c->txn_timeout_s < MOST_SECONDS ? c->txn_timeout_s : MOST_SECONDS;
    if (seconds) trib_jw_member_i64(&w, "txn_steal_ms", (int64_t)seconds * 1000);
    member_key(&w, c->jwt_key, notes);
    if (same_name && !c->jwt_key.len) trib_jw_member_bool(&w, "old_tokens", true);
    trib_jw_object_end(&w);
    if (c->shared_schema || c->shared_schema_name.len)
        trib_buf_add_c(notes, "the shared schema is not taken over: each tenant has its own from now on\n");
    if (c->heartbeat_url.len) trib_buf_add_c(notes, "heartbeat_url is not taken over; GET /metrics has the numbers\n");
    if (c->bottomless_db_id.len) trib_buf_add_c(notes, "the backup to S3 (bottomless) is not taken over\n");
    if (c->max_row_size) trib_buf_add_c(notes, "max_row_size is not taken over: max_row is for the whole server\n");
}

/* ---- one namespace ---- */

static void remove_copies(const char *path) {
    static const char *const suffixes[] = {"", "-wal", "-journal", "-shm"};
    char name[PATH_MAX + 16];
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
}

static void tell(const moving *m, const char *what, const char *name, int64_t bytes, const trib_buf *settings) {
    char size[32];
    const trib_cli *cli = m->t.cli;
    trib_str text = settings ? trib_buf_str(settings) : (trib_str){0};
    trib_progress_size(bytes, size);
    if (cli->json) {
        trib_json_writer w;
        trib_buf line;
        trib_buf_init(&line, 2 * (size_t)SETTINGS_BYTES);
        trib_jw_init(&w, &line);
        trib_jw_object_begin(&w);
        trib_jw_member_str(&w, "tenant", trib_str_c(name));
        trib_jw_member_str(&w, "result", trib_str_c(what));
        trib_jw_member_i64(&w, "bytes", bytes);
        trib_jw_object_end(&w);
        fprintf(cli->out, "%.*s\n", TRIB_STR_ARG(trib_buf_str(&line)));
        trib_buf_deinit(&line);
    } else if (text.len > 2) {
        fprintf(cli->out, "%s %s (%s), with %.*s\n", what, name, size, TRIB_STR_ARG(text));
    } else {
        fprintf(cli->out, "%s %s (%s)\n", what, name, size);
    }
    fflush(cli->out);
}

static trib_code move_data(moving *m, const trib_sqld_namespace *ns, const char *name, trib_buf *settings,
                           trib_buf *notes, int64_t *ret_bytes, trib_error *err) {
    char path[PATH_MAX];
    const trib_json *tenant = NULL;
    trib_transfer_path(&m->t, "database", path);
    remove_copies(path);
    trib_progress_begin(&m->t.progress, "reading", name);
    FILE *empty = ns->path ? NULL : fopen(path, "we");
    if (empty) (void)fclose(empty);
    trib_code code = TRIB_OK;
    if (ns->path) code = trib_sqld_folder_copy(ns, path, (trib_copy_progress){trib_progress_tell, &m->t.progress}, err);
    if (code == TRIB_OK) code = trib_transfer_check(&m->t, err);
    if (code == TRIB_OK) code = trib_db_copy_fit(path, notes, ret_bytes, err);
    if (code == TRIB_OK && !m->dry) code = trib_transfer_send(&m->t, path, name, settings, &tenant, err);
    trib_progress_end(&m->t.progress);
    remove_copies(path);
    return code;
}

static trib_code move_one(moving *m, const trib_sqld_namespace *ns, trib_error *err) {
    char name[TRIB_TENANT_NAME_MAX_BYTES + 1] = "";
    bool known = false;
    int64_t bytes = 0;
    trib_buf settings, notes;
    if (!name_of(m, ns, name)) return TRIB_OK;
    trib_arena_reset(&m->t.fleet.admin.arena);
    trib_code code = m->connected ? trib_transfer_knows(&m->t, name, &known, err) : TRIB_OK;
    if (code == TRIB_OK && known) {
        tell(m, "skipped, there already:", name, ns->bytes, NULL);
        m->skipped++;
        return TRIB_OK;
    }
    trib_buf_init(&settings, SETTINGS_BYTES);
    trib_buf_init(&notes, NOTES_BYTES);
    if (ns->bad_config) trib_buf_add_c(&notes, "its settings in the metastore cannot be read; it has the defaults\n");
    write_settings(&ns->config, trib_str_eq_c(ns->name, name), &settings, &notes);
    if (code == TRIB_OK) code = move_data(m, ns, name, &settings, &notes, &bytes, err);
    if (code == TRIB_OK) {
        tell(m, m->dry ? "would import" : "imported", name, bytes, &settings);
        trib_transfer_print_notes(&m->t, name, &notes);
        m->imported++;
    }
    trib_buf_deinit(&settings);
    trib_buf_deinit(&notes);
    return code;
}

/* What ends everything: the others would fail too. */
static bool is_fatal(trib_code code) {
    return code == TRIB_CONNECT || code == TRIB_CANCELLED || code == TRIB_DISK_FULL || code == TRIB_NOMEM ||
           code == TRIB_UNAUTHORIZED || code == TRIB_SHUTTING_DOWN;
}

static trib_code move_all(moving *m, trib_error *err) {
    trib_code code = TRIB_OK;
    for (size_t i = 0; code == TRIB_OK && i < m->folder.count; i++) {
        const trib_sqld_namespace *ns = &m->folder.items[i];
        trib_str shown = trib_str_sub(ns->name, 0, SHOWN_NAME_BYTES);
        if (!is_wanted(m, ns)) continue;
        if (ns->unlisted) {
            m->skipped++;
            if (m->t.progress.out)
                fprintf(
                    m->t.cli->err,
                    "%.*s: note: left out, since sqld's metastore does not list it; `trib import db` takes its file "
                    "%s\n",
                    TRIB_STR_ARG(shown), ns->path);
            continue;
        }
        code = move_one(m, ns, err);
        if (code == TRIB_OK || is_fatal(code)) continue;
        m->failed++;
        fprintf(m->t.cli->err, "%.*s: %s\n", TRIB_STR_ARG(shown), err->message);
        code = TRIB_OK;
    }
    if (!m->t.cli->json)
        fprintf(m->t.cli->out, "%zu %s, %zu skipped, %zu failed\n", m->imported,
                m->dry ? "would be imported" : "imported", m->skipped, m->failed);
    if (code == TRIB_OK && m->failed)
        code =
            trib_error_set(err, TRIB_IMPORT_REFUSED,
                           "%zu namespace(s) could not be imported, as said above; mend them and run the same command "
                           "again: it takes only what is not there yet",
                           m->failed);
    return code;
}

static int run_sqld(trib_cli *cli) {
    moving m = {.dry = trib_cli_has(cli, "dry-run")};
    trib_error err;
    trib_code code = trib_transfer_open(&m.t, cli, &err);
    if (code == TRIB_OK) code = trib_sqld_folder_open(&m.folder, cli->args[0], m.t.folder, &err);
    if (code == TRIB_OK) code = check_names(&m, &err);
    if (code == TRIB_OK && (!m.dry || trib_transfer_can_connect(&m.t))) {
        code = trib_transfer_connect(&m.t, &err);
        m.connected = code == TRIB_OK;
    }
    if (code == TRIB_OK) code = move_all(&m, &err);
    trib_sqld_folder_close(&m.folder);
    return trib_transfer_close(&m.t, code, &err);
}

static const trib_cli_option options[] = {
    {"dry-run", NULL, "read and check everything, import nothing"},
    {"rename", "OLD=NEW", "another name for a namespace; several with commas, or the option again"},
    {"only", "PATTERN", "these namespaces: 'shop-*', or names with commas"},
    TRIB_TRANSFER_OPTIONS,
    TRIB_ADMIN_OPTIONS,
};

static const trib_cli_example examples[] = {
    {"trib import sqld /var/lib/sqld --dry-run", "what would become which tenant, and what stands in the way"},
    {"trib import sqld /var/lib/sqld --data /var/lib/trib", "all of it; run again, it takes what is not there yet"},
    {"trib import sqld ./data.sqld --rename default=app", "the database of a sqld without namespaces"},
};

const trib_cli_command trib_cmd_import_sqld = {
    .name = "import sqld",
    .args = "FOLDER",
    .summary = "Make tenants from a data folder of sqld",
    .description =
        "FOLDER is what sqld has as --db-path. sqld must be stopped; nothing in FOLDER is changed, and what its logs "
        "hold "
        "comes\nwith it. Each namespace becomes a tenant, with its blocks, size limit and transaction timeout from the "
        "metastore; what is\nnot taken over is told. One that is there already is skipped, so the command can be run "
        "again. Tokens go on\nworking where the server has their key: jwt_key comes along, auth_jwt_key_file is "
        "a setting.",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .examples = examples,
    .example_count = sizeof examples / sizeof *examples,
    .min_args = 1,
    .max_args = 1,
    .run = run_sqld,
};
