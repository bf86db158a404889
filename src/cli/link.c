/* SPDX-License-Identifier: Apache-2.0 */
/* A database behind one door; see link.h. */
#include "cli/link.h"

#include <string.h>

#include "cli/fleet.h"

bool trib_link_is_file(const char *target) {
    return !strstr(target, "://") && strpbrk(target, "/.") != NULL;
}

static trib_code open_tenant(trib_link *link, trib_cli *cli, const char *name, const char *token, trib_error *err) {
    char url[TRIB_REMOTE_URL_BYTES];
    trib_fleet fleet = {0};
    trib_str made = {0};
    trib_code code = trib_fleet_open(&fleet, cli, err);
    if (code == TRIB_OK) code = trib_fleet_url(&fleet, name, url, err);
    if (code == TRIB_OK) code = trib_remote_init(&link->db, link->http, url, "", err);
    if (code == TRIB_OK) trib_remote_set_pin(&link->db, fleet.tls_pin);
    /* also where a token was given: an unknown tenant is told by its name, not by what its token may */
    if (code == TRIB_OK) code = trib_fleet_token(&fleet, name, "12h", &made, err);
    if (code == TRIB_OK) code = trib_remote_set_token(&link->db, token ? token : made.ptr, err);
    trib_fleet_close(&fleet);
    return code;
}

static bool is_cancelled(void *ctx) {
    return trib_interrupt_is_pending(ctx);
}

trib_code trib_link_open(trib_link *link, trib_cli *cli, const char *target, const char *token,
                         trib_interrupt *interrupt, trib_error *err) {
    *link = TRIB_LINK_NONE;
    if (trib_link_is_file(target)) {
        trib_code code = trib_local_file_open(target, &link->local, err);
        if (code == TRIB_OK && interrupt->fd >= 0)
            trib_plain_file_set_cancel(link->local.file, is_cancelled, interrupt);
        return code;
    }
    if (!token) token = trib_cli_variable(cli, "TRIB_TOKEN");
    trib_code code = trib_http_client_new(&link->http, err);
    if (code == TRIB_OK && strstr(target, "://")) {
        code = trib_remote_init(&link->db, link->http, target, "", err);
        if (code == TRIB_OK) code = trib_remote_set_token(&link->db, token, err);
    } else if (code == TRIB_OK) {
        code = open_tenant(link, cli, target, token, err);
    }
    if (interrupt->fd >= 0) link->db.cancel_fd = &interrupt->fd;
    return code;
}

void trib_link_close(trib_link *link, trib_arena *arena) {
    link->db.cancel_fd = NULL;
    if (link->http) trib_sql_session_close(&link->db, &link->session, arena);
    trib_http_client_free(link->http);
    trib_local_file_close(&link->local);
    *link = TRIB_LINK_NONE;
}

static trib_code execute_local(trib_link *link, const trib_sql_stmt *stmt, trib_arena *arena, trib_sql_rows *ret,
                               trib_error *err) {
    trib_plain_rows rows;
    trib_code code =
        trib_plain_file_execute(link->local.file, stmt->sql, stmt->args, stmt->arg_count, arena, &rows, err);
    if (code == TRIB_OK)
        *ret = (trib_sql_rows){rows.col_count, rows.row_count, rows.cols, rows.values, rows.affected_rows};
    return code;
}

static trib_code execute(trib_link *link, trib_sql_session *session, const trib_sql_stmt *stmt, trib_arena *arena,
                         trib_sql_rows *ret, trib_error *err) {
    if (link->local.file) return execute_local(link, stmt, arena, ret, err);
    if (link->http) return trib_sql_execute(&link->db, session, stmt, arena, ret, err);
    return trib_error_set(err, TRIB_USAGE, "no database is open; .connect opens one");
}

trib_code trib_link_execute(trib_link *link, const trib_sql_stmt *stmt, trib_arena *arena, trib_sql_rows *ret,
                            trib_error *err) {
    return execute(link, &link->session, stmt, arena, ret, err);
}

trib_code trib_link_look(trib_link *link, const trib_sql_stmt *stmt, trib_arena *arena, trib_sql_rows *ret,
                         trib_error *err) {
    return execute(link, NULL, stmt, arena, ret, err);
}
