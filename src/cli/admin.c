/* SPDX-License-Identifier: Apache-2.0 */
/* Talking to the admin API; see admin.h. */
#include "cli/admin.h"

#include "wire/url.h"

const char *trib_admin_data_dir(const trib_cli *cli) {
    const char *dir = trib_cli_get(cli, "data");
    if (!dir) dir = trib_cli_variable(cli, "TRIB_DATA");
    return dir && dir[0] ? dir : "data";
}

/* An option before a variable. */
static const char *setting(const trib_cli *cli, const char *option, const char *variable) {
    const char *value = trib_cli_get(cli, option);
    return value ? value : trib_cli_variable(cli, variable);
}

trib_code trib_admin_open_at(trib_admin *admin, trib_cli *cli, const char *url, const char *key, trib_error *err) {
    *admin = (trib_admin){.cli = cli};
    trib_arena_init(&admin->arena, TRIB_ADMIN_ARENA_BYTES);
    trib_code code = trib_http_client_new(&admin->http, err);
    if (code == TRIB_OK) code = trib_remote_init(&admin->remote, admin->http, url, "", err);
    return code == TRIB_OK ? trib_remote_set_admin_key(&admin->remote, key, err) : code;
}

trib_code trib_admin_open(trib_admin *admin, trib_cli *cli, trib_error *err) {
    trib_server_file file = {0};
    const char *url = setting(cli, "admin-url", "TRIB_ADMIN_URL"), *key = setting(cli, "admin-key", "TRIB_ADMIN_KEY");
    *admin = (trib_admin){.cli = cli};
    if (!url || !url[0]) {
        const char *data = trib_admin_data_dir(cli);
        trib_code code = trib_server_file_read(data, &file, err);
        if (code != TRIB_OK) return code;
        if (!file.admin_url[0]) {
            return trib_error_set(err, TRIB_CONNECT,
                                  "the server on %s has no admin listener; start it with --admin-listen 127.0.0.1:0",
                                  data);
        }
        url = file.admin_url;
        if (!key || !key[0]) key = file.admin_key;
    }
    trib_code code = trib_admin_open_at(admin, cli, url, key, err);
    if (code == TRIB_OK && url == file.admin_url) trib_remote_set_pin(&admin->remote, file.admin_tls_pin);
    return code;
}

void trib_admin_close(trib_admin *admin) {
    if (admin->http) trib_http_client_free(admin->http);
    trib_arena_deinit(&admin->arena);
}

const char *trib_admin_path(trib_admin *admin, const char *name, const char *rest) {
    trib_buf coded;
    trib_buf_init(&coded, TRIB_REMOTE_URL_BYTES);
    trib_percent_encode(trib_str_c(name), &coded);
    trib_str path = trib_arena_printf(&admin->arena, "v1/namespaces/%.*s%s", TRIB_STR_ARG(trib_buf_str(&coded)), rest);
    bool failed = coded.failed;
    trib_buf_deinit(&coded);
    return failed ? NULL : path.ptr;
}

trib_code trib_admin_call(trib_admin *admin, const char *method, const char *path, const trib_buf *body,
                          const trib_json **ret, trib_error *err) {
    if (!path || (body && body->failed)) return trib_error_set(err, TRIB_USAGE, "the names are too long for a request");
    return trib_remote_call(&admin->remote, method, path, body ? trib_buf_str(body) : (trib_str){0}, &admin->arena, ret,
                            err);
}

/* `value` into a fresh buffer, which the caller deinits. */
static void to_json(trib_buf *buf, const trib_json *value) {
    trib_json_writer w;
    trib_buf_init(buf, TRIB_ADMIN_ARENA_BYTES);
    trib_jw_init(&w, buf);
    if (value) trib_jw_value(&w, value);
    else trib_jw_null(&w);
}

void trib_admin_print_json(FILE *out, const trib_json *value) {
    trib_buf buf;
    to_json(&buf, value);
    trib_str text = trib_buf_str(&buf);
    fwrite(text.ptr, 1, text.len, out);
    fputc('\n', out);
    trib_buf_deinit(&buf);
}

trib_str trib_admin_text(trib_admin *admin, const trib_json *object, const char *key) {
    const trib_json *value = trib_json_get(object, key);
    trib_str text = {0};
    trib_buf buf;
    if (trib_json_absent(value) || trib_json_str(value, &text)) return text;
    to_json(&buf, value);
    text = trib_arena_dup(&admin->arena, trib_buf_str(&buf));
    trib_buf_deinit(&buf);
    return text;
}
