/* SPDX-License-Identifier: Apache-2.0 */
/* The files by which commands find a local server; see server_file.h. */
#include "server/server_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/json.h"

/* "<data>/<name><suffix>"; false when it does not fit a path. */
static bool path_of(const char *data_dir, const char *name, const char *suffix, char out[PATH_MAX]) {
    int n = snprintf(out, PATH_MAX, "%s/%s%s", data_dir, name, suffix);
    return n > 0 && n < PATH_MAX;
}

static trib_code io_error(trib_error *err, const char *what, const char *path) {
    return trib_error_set(err, TRIB_IO, "cannot %s %s: %s", what, path, strerror(errno));
}

static bool write_all(int fd, trib_str text) {
    while (text.len) {
        ssize_t n = write(fd, text.ptr, text.len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        text = trib_str_sub(text, (size_t)n, text.len);
    }
    return true;
}

static trib_code write_file(const char *data_dir, const char *name, mode_t mode, trib_str text, trib_error *err) {
    char path[PATH_MAX], temp[PATH_MAX];
    if (!path_of(data_dir, name, "", path) || !path_of(data_dir, name, ".new", temp)) {
        return trib_error_set(err, TRIB_IO, "the path of the data folder is too long");
    }
    unlink(temp); /* a left one may have another mode */
    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) return io_error(err, "write", temp);
    bool ok = write_all(fd, text);
    ok = close(fd) == 0 && ok;
    if (ok && rename(temp, path) == 0) return TRIB_OK;
    trib_code code = io_error(err, "write", path);
    unlink(temp);
    return code;
}

trib_code trib_server_file_write(const char *data_dir, const trib_server_file *file, trib_error *err) {
    trib_json_writer w;
    trib_buf buf;
    trib_code code = TRIB_OK;
    if (file->admin_key[0]) {
        trib_buf_init(&buf, TRIB_SERVER_FILE_KEY_BYTES + 1);
        trib_buf_printf(&buf, "%s\n", file->admin_key);
        code = buf.failed ? trib_error_set(err, TRIB_NOMEM, NULL)
                          : write_file(data_dir, "admin.key", 0600, trib_buf_str(&buf), err);
        trib_buf_deinit(&buf);
    }
    if (code != TRIB_OK) return code;
    trib_buf_init(&buf, TRIB_SERVER_FILE_MAX_BYTES);
    trib_jw_init(&w, &buf);
    trib_jw_object_begin(&w);
    trib_jw_member_i64(&w, "pid", file->pid);
    trib_jw_member_str(&w, "url", trib_str_c(file->url));
    trib_jw_member_str(&w, "admin_url", trib_str_c(file->admin_url));
    trib_jw_member_bool(&w, "admin_key", file->admin_key[0] != '\0');
    trib_jw_member_str(&w, "tls_pin", trib_str_c(file->tls_pin));
    trib_jw_member_str(&w, "admin_tls_pin", trib_str_c(file->admin_tls_pin));
    trib_jw_member_str(&w, "version", trib_str_c(file->version));
    trib_jw_object_end(&w);
    trib_buf_add_char(&buf, '\n');
    code = buf.failed ? trib_error_set(err, TRIB_NOMEM, NULL)
                      : write_file(data_dir, "server.json", 0644, trib_buf_str(&buf), err);
    trib_buf_deinit(&buf);
    return code;
}

/* The file's text into `text`; CONNECT when there is none. */
static trib_code read_file(const char *data_dir, const char *name, char text[TRIB_SERVER_FILE_MAX_BYTES],
                           size_t *ret_len, trib_error *err) {
    char path[PATH_MAX];
    size_t len = 0;
    if (!path_of(data_dir, name, "", path))
        return trib_error_set(err, TRIB_IO, "the path of the data folder is too long");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        if (errno != ENOENT && errno != ENOTDIR) return io_error(err, "read", path);
        return trib_error_set(
            err, TRIB_CONNECT,
            "no server runs on the data folder %s (it has no %s); start one with `trib serve --data %s`, or name "
            "another with --data or --admin-url",
            data_dir, name, data_dir);
    }
    for (;;) {
        ssize_t n = read(fd, text + len, TRIB_SERVER_FILE_MAX_BYTES - len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            trib_code code = io_error(err, "read", path);
            close(fd);
            return code;
        }
        if (n == 0 || len + (size_t)n == TRIB_SERVER_FILE_MAX_BYTES) {
            len += (size_t)n;
            break;
        }
        len += (size_t)n;
    }
    close(fd);
    *ret_len = len;
    return TRIB_OK;
}

static bool copy_member(const trib_json *object, const char *key, char *out, size_t bytes) {
    trib_str text;
    if (!trib_json_str(trib_json_get(object, key), &text) || text.len >= bytes) return false;
    if (text.len) memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

static trib_code parse(const char *data_dir, trib_str text, bool *ret_has_key, trib_server_file *ret, trib_error *err) {
    const trib_json *root;
    trib_arena arena;
    trib_arena_init(&arena, 64 * 1024);
    trib_code code = trib_json_parse(&arena, text, &root, err);
    bool ok = code == TRIB_OK && trib_json_i64(trib_json_get(root, "pid"), &ret->pid) && ret->pid > 0 &&
              ret->pid <= INT_MAX && copy_member(root, "url", ret->url, sizeof ret->url) &&
              copy_member(root, "admin_url", ret->admin_url, sizeof ret->admin_url) &&
              copy_member(root, "tls_pin", ret->tls_pin, sizeof ret->tls_pin) &&
              copy_member(root, "admin_tls_pin", ret->admin_tls_pin, sizeof ret->admin_tls_pin) &&
              copy_member(root, "version", ret->version, sizeof ret->version) &&
              trib_json_bool(trib_json_get(root, "admin_key"), ret_has_key);
    trib_arena_deinit(&arena);
    if (ok) return TRIB_OK;
    return trib_error_set(err, TRIB_CONFIG, "%s/server.json is malformed; it is written anew when the server starts",
                          data_dir);
}

trib_code trib_server_file_read(const char *data_dir, trib_server_file *ret, trib_error *err) {
    char text[TRIB_SERVER_FILE_MAX_BYTES];
    trib_server_file file = {0};
    size_t len = 0;
    bool has_key = false;
    trib_code code = read_file(data_dir, "server.json", text, &len, err);
    if (code == TRIB_OK) code = parse(data_dir, trib_str_make(text, len), &has_key, &file, err);
    if (code != TRIB_OK) return code;
    if (kill((pid_t)file.pid, 0) != 0 && errno == ESRCH) {
        return trib_error_set(err, TRIB_CONNECT,
                              "no server runs on the data folder %s any more (process %lld is gone); start one with "
                              "`trib serve --data %s`",
                              data_dir, (long long)file.pid, data_dir);
    }
    if (has_key) {
        code = read_file(data_dir, "admin.key", text, &len, err);
        if (code != TRIB_OK) return code;
        trib_str key = trib_str_make(text, len);
        while (key.len && (key.ptr[key.len - 1] == '\n' || key.ptr[key.len - 1] == '\r')) key.len--;
        if (key.len == 0 || key.len >= sizeof file.admin_key) {
            return trib_error_set(err, TRIB_CONFIG,
                                  "%s/admin.key is malformed; it is written anew when the server starts", data_dir);
        }
        memcpy(file.admin_key, key.ptr, key.len);
        file.admin_key[key.len] = '\0';
    }
    *ret = file;
    return TRIB_OK;
}

void trib_server_file_remove(const char *data_dir) {
    char path[PATH_MAX];
    if (path_of(data_dir, "server.json", "", path)) unlink(path);
}
