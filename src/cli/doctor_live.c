/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the running server; see doctor_live.h. */
#include "cli/doctor_live.h"

#include <string.h>

#include "base/time.h"
#include "cli/admin.h"
#include "io/env_native.h"
#include "wire/url.h"

enum { SCRUB_OLD_DAYS = 35 };

static trib_code open_admin(const trib_doctor *doctor, trib_admin *admin, trib_cli *cli, trib_error *err) {
    trib_server_file file = {0};
    const char *url = trib_cli_get(cli, "admin-url");
    const char *key = trib_cli_get(cli, "admin-key");
    if (!url) url = trib_cli_variable(cli, "TRIB_ADMIN_URL");
    if (!key) key = trib_cli_variable(cli, "TRIB_ADMIN_KEY");
    *admin = (trib_admin){.cli = cli};
    if (!url || !url[0]) {
        trib_code code = trib_server_file_read(doctor->data, &file, err);
        if (code != TRIB_OK) return code;
        if (!file.admin_url[0]) return trib_error_set(err, TRIB_CONNECT, "it has no admin listener");
        url = file.admin_url;
        if (!key || !key[0]) key = file.admin_key;
    }
    trib_code code = trib_admin_open_at(admin, cli, url, key, err);
    if (code == TRIB_OK && url == file.admin_url) trib_remote_set_pin(&admin->remote, file.admin_tls_pin);
    return code;
}

static void look_version(trib_doctor *doctor, trib_admin *admin, const trib_json *answer) {
    trib_str version = trib_admin_text(admin, answer, "version");
    if (version.len && !trib_str_eq_c(version, TRIB_VERSION))
        trib_doctor_add(doctor, TRIB_DOCTOR_SERVER_OTHER, "the server is version %.*s, this program " TRIB_VERSION,
                        TRIB_STR_ARG(version));
}

/* ---- which databases it knows ---- */

static trib_code add_ids(trib_doctor *doctor, trib_admin *admin, const trib_json *page, trib_error *err) {
    const trib_json *row = trib_json_first(trib_json_get(page, "namespaces"));
    for (; row; row = trib_json_next(row)) {
        int64_t created_ms = 0;
        trib_str id = trib_admin_text(admin, row, "id");
        if (!id.len) return trib_error_set(err, TRIB_INTERNAL, "the server is older and tells no ids");
        trib_code code = trib_doctor_add_id(doctor, id, err);
        if (code != TRIB_OK) return code;
        if (trib_time_from_iso(trib_admin_text(admin, row, "created_at"), &created_ms) &&
            created_ms > doctor->newest_ms)
            doctor->newest_ms = created_ms;
    }
    return TRIB_OK;
}

/* Tenants, or those that can come back. */
static trib_code read_ids(trib_doctor *doctor, trib_admin *admin, const char *which, trib_error *err) {
    char path[2 * TRIB_REMOTE_URL_BYTES];
    snprintf(path, sizeof path, "v1/namespaces?limit=1000%s", which);
    for (bool more = true; more;) {
        const trib_json *page = NULL;
        trib_buf coded;
        trib_arena_reset(&admin->arena);
        trib_code code = trib_admin_call(admin, "GET", path, NULL, &page, err);
        if (code == TRIB_OK) code = add_ids(doctor, admin, page, err);
        if (code != TRIB_OK) return code;
        trib_str next = trib_admin_text(admin, page, "next_cursor");
        more = next.len > 0;
        trib_buf_init(&coded, TRIB_REMOTE_URL_BYTES);
        trib_percent_encode(next, &coded);
        snprintf(path, sizeof path, "v1/namespaces?limit=1000%s&cursor=%.*s", which,
                 TRIB_STR_ARG(trib_buf_str(&coded)));
        trib_buf_deinit(&coded);
    }
    return TRIB_OK;
}

/* ---- what it has seen ---- */

/* The counter's id is the check's without "client-". */
static void look_mistakes(trib_doctor *doctor, trib_admin *admin, const trib_json *answer) {
    const trib_json *row = trib_json_first(trib_json_get(answer, "mistakes"));
    for (; row; row = trib_json_next(row)) {
        int64_t count = 0;
        trib_str id = trib_admin_text(admin, row, "id");
        if (!trib_json_i64(trib_json_get(row, "count"), &count) || count <= 0) continue;
        for (size_t i = TRIB_DOCTOR_CLIENT_SLASH; i < TRIB_DOCTOR_CHECK_COUNT; i++) {
            const char *check = trib_doctor_row_at(i)->id;
            if (strncmp(check, "client-", 7) != 0 || !trib_str_eq_c(id, check + 7)) continue;
            trib_doctor_add(doctor, (trib_doctor_check)i, "%lld since the server started, the last at %.*s",
                            (long long)count, TRIB_STR_ARG(trib_admin_text(admin, row, "last_at")));
        }
    }
}

static void look_scrub(trib_doctor *doctor, trib_admin *admin, const trib_json *scrub) {
    int64_t damaged = 0, full_ms = 0, now_ms = trib_env_wall_ms(trib_env_native());
    bool running = false;
    (void)trib_json_bool(trib_json_get(scrub, "running"), &running);
    (void)trib_json_i64(trib_json_get(scrub, "damaged"), &damaged);
    trib_str full = trib_admin_text(admin, scrub, "full_at"), began = trib_admin_text(admin, scrub, "began_at");
    if (damaged > 0)
        trib_doctor_add(doctor, TRIB_DOCTOR_SCRUB_FOUND, "%lld damaged databases, in the scrub of %.*s",
                        (long long)damaged, TRIB_STR_ARG(began));
    /* a server that never had one counts from its first start */
    if (running || !trib_time_from_iso(full.len ? full : began, &full_ms)) return;
    if (now_ms - full_ms > (int64_t)SCRUB_OLD_DAYS * 24 * 3600 * 1000)
        trib_doctor_add(doctor, TRIB_DOCTOR_SCRUB_OLD, "the last scrub of all databases: %.*s",
                        TRIB_STR_ARG(full.len ? full : TRIB_STR("never")));
}

void trib_doctor_look_live(trib_doctor *doctor, trib_cli *cli) {
    const trib_json *answer = NULL;
    trib_admin admin;
    trib_error err;
    trib_code code = open_admin(doctor, &admin, cli, &err);
    if (code == TRIB_OK) code = trib_admin_call(&admin, "GET", "v1/doctor", NULL, &answer, &err);
    if (code == TRIB_OK) {
        look_version(doctor, &admin, answer);
        look_mistakes(doctor, &admin, answer);
        look_scrub(doctor, &admin, trib_json_get(answer, "scrub"));
        code = read_ids(doctor, &admin, "", &err);
    }
    if (code == TRIB_OK) code = read_ids(doctor, &admin, "&deleted=true", &err);
    doctor->knows_ids = code == TRIB_OK;
    if (code != TRIB_OK) trib_doctor_add(doctor, TRIB_DOCTOR_SERVER_SILENT, "%s", err.message);
    trib_admin_close(&admin);
}
