/* SPDX-License-Identifier: Apache-2.0 */
/* Files on their way to and from a server; see transfer.h. */
#include "cli/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PIECE_MAX_BYTES = 4 << 20,          /* less where the server says so */
    CHECK_TIMEOUT_MS = 24 * 3600 * 1000 /* as long as the check takes; whoever is tired of waiting stops the command */
};

/* ---- open and close ---- */

trib_code trib_transfer_open(trib_transfer *t, trib_cli *cli, trib_error *err) {
    *t = (trib_transfer){.cli = cli, .interrupt = {-1}};
    trib_progress_init(&t->progress, cli);
    const char *temp = trib_cli_get(cli, "temp");
    if (!temp) temp = trib_cli_variable(cli, "TMPDIR");
    if (!temp || !temp[0]) temp = "/var/tmp";
    int n = snprintf(t->folder, sizeof t->folder, "%s/trib-XXXXXX", temp);
    if (n <= 0 || n >= (int)sizeof t->folder || !mkdtemp(t->folder)) {
        t->folder[0] = '\0';
        return trib_error_set(err, TRIB_IO, "cannot make a folder for files on the way in %s: %s; --temp names another",
                              temp, strerror(errno));
    }
    return trib_interrupt_open(&t->interrupt, err);
}

void trib_transfer_path(const trib_transfer *t, const char *name, char ret[PATH_MAX]) {
    snprintf(ret, PATH_MAX, "%s/%s", t->folder, name);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)type, (void)at;
    return remove(path);
}

int trib_transfer_close(trib_transfer *t, trib_code code, const trib_error *err) {
    trib_progress_end(&t->progress);
    int status = code == TRIB_OK ? TRIB_EXIT_OK : trib_cli_fail(t->cli, err);
    trib_fleet_close(&t->fleet);
    bool stopped = !t->serving || trib_serve_stop(t->serving);
    if (t->folder[0]) (void)nftw(t->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (!stopped) _exit(status); /* what is still running cannot be freed; what was acknowledged is on disk */
    trib_interrupt_close(&t->interrupt);
    if (t->has_config) trib_config_deinit(&t->config);
    return status;
}

trib_code trib_transfer_check(const trib_transfer *t, trib_error *err) {
    if (!trib_interrupt_is_pending(&t->interrupt)) return TRIB_OK;
    return trib_error_set(err, TRIB_CANCELLED, "cancelled; nothing of it is there");
}

/* ---- the server ---- */

static bool was_used(const char *data) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/control.db", data);
    return access(path, F_OK) == 0;
}

/* A data folder that was used before, or that was named: a mistyped default makes no new one. */
static bool may_start(const trib_cli *cli, const char *data) {
    return trib_cli_get(cli, "data") || was_used(data);
}

static trib_code flag(trib_transfer *t, const char *name, const char *value, trib_error *err) {
    return trib_config_add_flag(&t->config, trib_str_c(name), value, err);
}

static trib_code start_server(trib_transfer *t, const char *data, trib_error *err) {
    char user[PATH_MAX], admin[PATH_MAX];
    const trib_serve_options options = {.config = &t->config};
    sigset_t before;
    snprintf(user, sizeof user, "unix:%s/user", t->folder);
    snprintf(admin, sizeof admin, "unix:%s/admin", t->folder);
    trib_code code = trib_config_init(&t->config, err);
    t->has_config = true;
    if (code == TRIB_OK) code = flag(t, "data", data, err);
    if (code == TRIB_OK) code = flag(t, "listen", user, err);
    if (code == TRIB_OK) code = flag(t, "admin-listen", admin, err);
    if (code == TRIB_OK) code = flag(t, "log-level", "error", err);
    if (code == TRIB_OK) code = flag(t, "max-import", "0", err);
    if (code == TRIB_OK) code = trib_config_finish(&t->config, err);
    sigprocmask(SIG_SETMASK, NULL, &before);
    if (code == TRIB_OK) code = trib_serve_start(&options, &t->serving, err);
    sigprocmask(SIG_SETMASK, &before, NULL); /* nobody waits for SIGTERM here: it ends the command, as a kill would */
    return code;
}

static bool has_url(const trib_cli *cli) {
    const char *url = trib_cli_get(cli, "admin-url");
    if (!url) url = trib_cli_variable(cli, "TRIB_ADMIN_URL");
    return url && url[0];
}

bool trib_transfer_can_connect(const trib_transfer *t) {
    return has_url(t->cli) || was_used(trib_admin_data_dir(t->cli));
}

trib_code trib_transfer_connect(trib_transfer *t, trib_error *err) {
    trib_server_file file;
    trib_cli *cli = t->cli;
    trib_code code = TRIB_OK;
    if (!has_url(cli)) {
        const char *data = trib_admin_data_dir(cli);
        code = trib_server_file_read(data, &file, err);
        if (code == TRIB_CONNECT && may_start(cli, data)) code = start_server(t, data, err);
    }
    if (code == TRIB_OK) code = trib_fleet_open(&t->fleet, cli, err);
    if (t->interrupt.fd >= 0) t->fleet.admin.remote.cancel_fd = &t->interrupt.fd;
    return code;
}

trib_code trib_transfer_knows(trib_transfer *t, const char *name, bool *ret, trib_error *err) {
    const trib_json *tenant = NULL;
    trib_admin *admin = &t->fleet.admin;
    trib_code code = trib_admin_call(admin, "GET", trib_admin_path(admin, name, ""), NULL, &tenant, err);
    *ret = code == TRIB_OK;
    return code == TRIB_TENANT_NOT_FOUND ? TRIB_OK : code;
}

/* ---- send ---- */

static trib_code io_error(const char *what, const char *path, trib_error *err) {
    return trib_error_set(err, errno == ENOSPC ? TRIB_DISK_FULL : TRIB_IO, "cannot %s %s: %s", what, path,
                          strerror(errno));
}

static trib_code begin_import(trib_transfer *t, const char *name, char ret_id[64], size_t *ret_piece, trib_error *err) {
    const trib_json *answer = NULL;
    int64_t piece = 0;
    trib_admin *admin = &t->fleet.admin;
    trib_code code = trib_admin_call(admin, "POST", trib_admin_path(admin, name, "/import"), NULL, &answer, err);
    if (code != TRIB_OK) return code;
    trib_str id = trib_admin_text(admin, answer, "import");
    if (!id.len || id.len >= 64 || !trib_json_i64(trib_json_get(answer, "chunk_bytes"), &piece) || piece < 4096)
        return trib_error_set(err, TRIB_REMOTE, "the server's answer to an import cannot be read; is it a Tributary?");
    memcpy(ret_id, id.ptr, id.len);
    ret_id[id.len] = '\0';
    *ret_piece = piece < PIECE_MAX_BYTES ? (size_t)piece : PIECE_MAX_BYTES;
    return TRIB_OK;
}

static trib_code send_piece(trib_transfer *t, const char *id, int64_t offset, trib_str bytes, trib_error *err) {
    char path[160];
    const trib_json *answer = NULL;
    trib_arena_reset(&t->fleet.admin.arena);
    snprintf(path, sizeof path, "v1/imports/%s?offset=%lld", id, (long long)offset);
    return trib_remote_call(&t->fleet.admin.remote, "POST", path, bytes, &t->fleet.admin.arena, &answer, err);
}

static trib_code send_pieces(trib_transfer *t, const char *path, const char *id, size_t piece, trib_error *err) {
    FILE *file = fopen(path, "re");
    char *bytes = file ? malloc(piece) : NULL;
    struct stat st = {0};
    trib_code code = TRIB_OK;
    int64_t at = 0;
    size_t n = 0;
    if (!file) return io_error("read", path, err);
    if (!bytes) code = trib_error_set(err, TRIB_NOMEM, NULL);
    (void)fstat(fileno(file), &st);
    while (code == TRIB_OK && (n = fread(bytes, 1, piece, file)) > 0) {
        code = send_piece(t, id, at, trib_str_make(bytes, n), err);
        at += (int64_t)n;
        trib_progress_tell(&t->progress, at, st.st_size);
    }
    if (code == TRIB_OK && ferror(file)) code = io_error("read", path, err);
    free(bytes);
    (void)fclose(file);
    return code;
}

trib_code trib_transfer_send(trib_transfer *t, const char *path, const char *name, const trib_buf *settings,
                             const trib_json **ret, trib_error *err) {
    char id[64], finish[128];
    size_t piece = 0;
    trib_error ignored;
    const trib_json *answer = NULL;
    trib_admin *admin = &t->fleet.admin;
    trib_progress_begin(&t->progress, "sending", name);
    trib_code code = begin_import(t, name, id, &piece, err);
    if (code != TRIB_OK) return code;
    code = send_pieces(t, path, id, piece, err);
    trib_arena_reset(&admin->arena);
    uint32_t timeout_ms = admin->remote.timeout_ms;
    admin->remote.timeout_ms = CHECK_TIMEOUT_MS;
    snprintf(finish, sizeof finish, "v1/imports/%s/finish", id);
    if (code == TRIB_OK) code = trib_admin_call(admin, "POST", finish, settings, ret, err);
    admin->remote.timeout_ms = timeout_ms;
    trib_progress_end(&t->progress);
    if (code == TRIB_OK || code == TRIB_CONNECT) return code;
    /* the server need not keep half of it until the import is too old; Ctrl-C is pending still */
    const int *cancel_fd = admin->remote.cancel_fd;
    admin->remote.cancel_fd = NULL;
    snprintf(finish, sizeof finish, "v1/imports/%s", id);
    (void)trib_admin_call(admin, "DELETE", finish, NULL, &answer, &ignored);
    admin->remote.cancel_fd = cancel_fd;
    return code;
}

/* ---- fetch ---- */

typedef struct fetch {
    trib_transfer *transfer;
    FILE *file;
    int64_t bytes;
    bool failed;
} fetch;

static bool take_bytes(void *ctx, trib_str bytes) {
    fetch *f = ctx;
    f->failed = bytes.len && fwrite(bytes.ptr, 1, bytes.len, f->file) != bytes.len;
    f->bytes += (int64_t)bytes.len;
    trib_progress_tell(&f->transfer->progress, f->bytes, 0);
    return !f->failed;
}

trib_code trib_transfer_fetch(trib_transfer *t, const char *name, const char *path, trib_error *err) {
    char part[PATH_MAX];
    fetch f = {.transfer = t};
    trib_admin *admin = &t->fleet.admin;
    int n = snprintf(part, sizeof part, "%s.part", path);
    if (n <= 0 || n >= (int)sizeof part) return trib_error_set(err, TRIB_USAGE, "the path is too long: %s", path);
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    f.file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!f.file) return io_error("write", part, err);
    trib_progress_begin(&t->progress, "fetching", name);
    const char *from = trib_admin_path(admin, name, "/export");
    trib_code code = from ? trib_remote_download(&admin->remote, from, take_bytes, &f, &admin->arena, err)
                          : trib_error_set(err, TRIB_NOMEM, NULL);
    if (f.failed) code = io_error("write", part, err);
    if (code == TRIB_OK && (fflush(f.file) != 0 || fsync(fd) != 0)) code = io_error("write", part, err);
    if (fclose(f.file) != 0 && code == TRIB_OK) code = io_error("write", part, err);
    if (code == TRIB_OK && rename(part, path) != 0) code = io_error("write", path, err);
    if (code != TRIB_OK) (void)unlink(part);
    trib_progress_end(&t->progress);
    return code;
}

/* ---- notes ---- */

void trib_transfer_print_notes(const trib_transfer *t, const char *name, const trib_buf *notes) {
    trib_str rest = trib_buf_str(notes);
    if (!t->progress.out) return;
    while (rest.len) {
        size_t end = trib_str_find(rest, '\n');
        fprintf(t->cli->err, "%s: note: %.*s\n", name, TRIB_STR_ARG(trib_str_sub(rest, 0, end)));
        rest = end == SIZE_MAX ? (trib_str){0} : trib_str_sub(rest, end + 1, rest.len);
    }
}
