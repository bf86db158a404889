/* SPDX-License-Identifier: Apache-2.0 */
/* The shell's commands with a dot: their table, finding one, and those that are short; see shell_int.h. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "base/suggest.h"
#include "cli/fleet.h"
#include "cli/shell_int.h"

const trib_cli_option trib_shell_dots[TRIB_SHELL_DOT_COUNT] = {
#define X(name, args, what) {"." #name, args, what},
    TRIB_SHELL_DOTS(X)
#undef X
};

static void (*const runs[])(trib_shell *sh, trib_str line) = {
#define X(name, args, what) trib_shell_dot_##name,
    TRIB_SHELL_DOTS(X)
#undef X
};

static const char *const names[] = {
#define X(name, args, what) "." #name,
    TRIB_SHELL_DOTS(X)
#undef X
};

void trib_shell_run_dot(trib_shell *sh, trib_str line) {
    trib_suggest suggest = {.word = trib_shell_take_word(&line)};
    trib_error err;
    while (line.len && memchr(" \t\r\n", line.ptr[line.len - 1], 4)) line.len--;
    for (size_t i = 0; i < TRIB_SHELL_DOT_COUNT; i++) {
        trib_suggest_offer(&suggest, trib_str_c(names[i]));
        if (!trib_str_eq_c(suggest.word, names[i])) continue;
        runs[i](sh, line);
        return;
    }
    trib_str typed = trib_str_sub(suggest.word, 0, 64), best = suggest.best;
    trib_error_set(&err, TRIB_USAGE, "there is no command %.*s%s%.*s%s; .help lists them", TRIB_STR_ARG(typed),
                   best.len ? " (did you mean " : "", TRIB_STR_ARG(best), best.len ? "?)" : "");
    trib_shell_print_error(sh, &err);
}

void trib_shell_dot_usage(trib_shell *sh, const char *name, const char *why) {
    trib_error err;
    for (size_t i = 0; i < TRIB_SHELL_DOT_COUNT; i++) {
        if (strcmp(names[i], name) != 0) continue;
        trib_error_set(&err, TRIB_USAGE, "%s %s; it is written `%s %s`", name, why, name,
                       trib_shell_dots[i].value_name);
        trib_shell_print_error(sh, &err);
    }
}

/* ---- what is in the database ---- */

void trib_shell_dot_tables(trib_shell *sh, trib_str line) {
    (void)line;
    trib_shell_run_sql(
        sh,
        TRIB_STR("SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' "
                 "ORDER BY name"));
}

/* The texts alone, so that they can be run again. */
void trib_shell_dot_schema(trib_shell *sh, trib_str line) {
    trib_str table = trib_shell_take_word(&line);
    const trib_value arg = {.type = TRIB_VALUE_TEXT, .bytes = table};
    const trib_sql_stmt stmt = {
        table.len ? TRIB_STR("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND tbl_name = ? ORDER BY rowid")
                  : TRIB_STR("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid"),
        &arg, table.len ? 1 : 0};
    trib_sql_rows rows;
    trib_error err;
    if (trib_shell_execute(sh, &stmt, &rows, &err) != TRIB_OK) {
        trib_shell_print_error(sh, &err);
        return;
    }
    for (size_t i = 0; i < rows.row_count * rows.col_count; i++) {
        if (rows.values[i].type == TRIB_VALUE_TEXT) fprintf(sh->out, "%.*s;\n", TRIB_STR_ARG(rows.values[i].bytes));
    }
    fflush(sh->out);
}

/* ---- settings of the shell ---- */

void trib_shell_dot_mode(trib_shell *sh, trib_str line) {
    if (!trib_rows_format_from_text(trib_shell_take_word(&line), &sh->format))
        trib_shell_dot_usage(sh, ".mode", "takes table, box, markdown, json, csv or line");
}

void trib_shell_dot_timer(trib_shell *sh, trib_str line) {
    trib_str word = trib_shell_take_word(&line);
    bool on = trib_str_ieq_c(word, "on");
    if (on || trib_str_ieq_c(word, "off")) sh->timer = on;
    else trib_shell_dot_usage(sh, ".timer", "takes on or off");
}

static void close_output(trib_shell *sh) {
    if (sh->out == sh->cli->out) return;
    trib_error err;
    bool ok = !ferror(sh->out);
    ok = fclose(sh->out) == 0 && ok;
    sh->out = sh->cli->out;
    if (ok) return;
    trib_error_set(&err, TRIB_IO, "not everything could be written to the output file; is the disk full?");
    trib_shell_print_error(sh, &err);
}

void trib_shell_dot_output(trib_shell *sh, trib_str line) {
    trib_str name = trib_shell_take_word(&line);
    trib_error err;
    close_output(sh);
    if (!name.len) return;
    FILE *file = trib_shell_open_file(name, "we", &err);
    if (file) sh->out = file;
    else trib_shell_print_error(sh, &err);
}

void trib_shell_dot_read(trib_shell *sh, trib_str line) {
    trib_error err;
    trib_str name = trib_shell_take_word(&line);
    if (name.len == 0) {
        trib_shell_dot_usage(sh, ".read", "takes the name of a file");
        return;
    }
    FILE *file = NULL;
    if (sh->depth < TRIB_SHELL_READ_DEPTH_MAX) file = trib_shell_open_file(name, "re", &err);
    else trib_error_set(&err, TRIB_USAGE, "%.*s is not read: files read files too deeply", TRIB_STR_ARG(name));
    if (!file) {
        trib_shell_print_error(sh, &err);
        return;
    }
    sh->depth++;
    trib_shell_run_file(sh, file);
    sh->depth--;
    fclose(file);
}

void trib_shell_dot_connect(trib_shell *sh, trib_str line) {
    char target[TRIB_SHELL_PATH_BYTES];
    trib_str name = trib_shell_take_word(&line);
    trib_link other;
    trib_error err;
    if (name.len == 0 || name.len >= sizeof target) {
        trib_shell_dot_usage(sh, ".connect", "takes a URL, a tenant or a file");
        return;
    }
    memcpy(target, name.ptr, name.len);
    target[name.len] = '\0';
    trib_code code = trib_link_open(&other, sh->cli, target, NULL, &sh->interrupt, &err);
    /* a server is asked at once, so that a mistyped URL leaves the shell where it was */
    const trib_sql_stmt hello = {.sql = TRIB_STR("SELECT 1")};
    trib_sql_rows rows;
    trib_arena_reset(&sh->arena);
    if (code == TRIB_OK) code = trib_link_look(&other, &hello, &sh->arena, &rows, &err);
    if (code != TRIB_OK) {
        trib_link_close(&other, &sh->arena);
        trib_shell_print_error(sh, &err);
        return;
    }
    trib_link_close(&sh->link, &sh->arena);
    sh->link = other;
    sh->catalog_is_old = true;
    if (sh->interactive) fprintf(sh->cli->out, "%s\n", sh->link.local.file ? target : sh->link.db.url);
}

void trib_shell_dot_help(trib_shell *sh, trib_str line) {
    trib_str word = trib_shell_take_word(&line);
    for (size_t i = 0; i < TRIB_SHELL_DOT_COUNT; i++) {
        const trib_cli_option *row = &trib_shell_dots[i];
        if (word.len && !trib_str_eq_c(word, row->name) && !trib_str_eq_c(word, row->name + 1)) continue;
        fprintf(sh->out, "%-9s %s%s%s\n", row->name, row->value_name, row->value_name[0] ? "  " : "", row->help);
    }
    if (!word.len) fprintf(sh->out, "Anything else is SQL and ends with a semicolon. Ctrl-C cancels, TAB completes.\n");
    fflush(sh->out);
}

void trib_shell_dot_quit(trib_shell *sh, trib_str line) {
    (void)line;
    sh->quit = true;
}

/* ---- TAB ---- */

/* Files of the folder that the word names, folders with a slash behind them. */
static void offer_files(trib_complete *c) {
    char folder[TRIB_SHELL_PATH_BYTES], path[TRIB_SHELL_PATH_BYTES + 300];
    size_t slash = c->word.len;
    struct stat info;
    while (slash > 0 && c->word.ptr[slash - 1] != '/') slash--;
    trib_str prefix = trib_str_sub(c->word, 0, slash), rest = trib_str_sub(c->word, slash, c->word.len);
    if (prefix.len >= sizeof folder) return;
    snprintf(folder, sizeof folder, "%.*s", TRIB_STR_ARG(prefix.len ? prefix : TRIB_STR("./")));
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        trib_str name = trib_str_c(entry->d_name);
        if (name.ptr[0] == '.' && rest.len == 0) continue;
        snprintf(path, sizeof path, "%s%s", folder, entry->d_name);
        bool is_folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
        trib_str item =
            trib_arena_printf(c->arena, "%.*s%s%s", TRIB_STR_ARG(prefix), entry->d_name, is_folder ? "/" : "");
        size_t before = c->count;
        if (item.ptr) trib_complete_offer(c, item);
        if (is_folder && c->count > before) c->keep_open = true;
    }
    if (dir) closedir(dir);
}

static void offer_tenants(trib_shell *sh, trib_complete *c) {
    trib_fleet fleet = {0};
    trib_names tenants = {0};
    trib_error err;
    if (trib_fleet_open(&fleet, sh->cli, &err) == TRIB_OK &&
        trib_fleet_begin(&fleet, c->word, c->arena, &tenants, &err) == TRIB_OK) {
        for (size_t i = 0; i < tenants.count; i++) trib_complete_offer(c, tenants.items[i]);
    }
    trib_fleet_close(&fleet);
}

void trib_shell_complete(void *ctx, trib_complete *wanted) {
    trib_shell *sh = ctx;
    bool tenants = wanted->kind == TRIB_COMPLETE_TENANT || wanted->kind == TRIB_COMPLETE_TARGET;
    bool files = wanted->kind == TRIB_COMPLETE_FILE || wanted->kind == TRIB_COMPLETE_TARGET;
    if (tenants) offer_tenants(sh, wanted);
    if (files) offer_files(wanted);
    if (tenants || files) return;
    trib_complete_offer_words(wanted, trib_shell_catalog(sh), names, TRIB_SHELL_DOT_COUNT);
}
