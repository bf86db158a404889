/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the running server; see doctor_live.h. */
#include "cli/doctor_live.h"

#include <string.h>

#include "cli/admin.h"

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

void trib_doctor_look_live(trib_doctor *doctor, trib_cli *cli) {
    const trib_json *answer = NULL;
    trib_admin admin;
    trib_error err;
    trib_code code = open_admin(doctor, &admin, cli, &err);
    if (code == TRIB_OK) code = trib_admin_call(&admin, "GET", "v1/doctor", NULL, &answer, &err);
    if (code == TRIB_OK) look_version(doctor, &admin, answer);
    if (code != TRIB_OK) trib_doctor_add(doctor, TRIB_DOCTOR_SERVER_SILENT, "%s", err.message);
    trib_admin_close(&admin);
}
