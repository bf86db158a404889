/* SPDX-License-Identifier: Apache-2.0 */
/* Reading from elsewhere, and sending there; see outbound.h. */
#include "server/outbound.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/http_client.h"
#include "wire/url.h"

enum { PIECE_BYTES = 64 << 10 };

static trib_code cannot_read(const char *why, trib_error *err) {
    return trib_error_set(err, TRIB_BAD_REQUEST, "the dump cannot be read: %s", why);
}

/* ---- files ---- */

/* A folder that contains the file, with nothing in between that leads out of it. */
static bool is_below(const char *file, const char *folder) {
    size_t n = strlen(folder);
    return strncmp(file, folder, n) == 0 && (file[n] == '/' || (n > 0 && folder[n - 1] == '/'));
}

static trib_code open_file(const char *folder, const char *url, int *ret_fd, trib_error *err) {
    char path[PATH_MAX], real[PATH_MAX], root[PATH_MAX];
    struct stat st;
    size_t n = 0;
    trib_str coded = trib_str_c(url + strlen("file://"));
    if (!folder)
        return cannot_read("file: URLs are off; set dump_folder to the folder that they may name files of", err);
    if (!trib_str_starts(coded, TRIB_STR("/")) || coded.len >= sizeof path ||
        !trib_percent_decode(coded, false, path, &n) || memchr(path, 0, n))
        return cannot_read("a file: URL is file:///ABSOLUTE/PATH", err);
    path[n] = '\0';
    /* one answer for all that is not in the folder: nobody learns here which files there are */
    if (!realpath(folder, root) || !realpath(path, real) || !is_below(real, root))
        return cannot_read("there is no such file below dump_folder", err);
    int fd = open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *ret_fd = fd;
        return TRIB_OK;
    }
    if (fd >= 0) close(fd);
    return cannot_read("it is no file that the server may read", err);
}

static trib_code get_file(const char *folder, const char *url, bool (*take)(void *ctx, trib_str bytes), void *ctx,
                          trib_error *err) {
    int fd = -1;
    ssize_t n = 0;
    trib_code code = open_file(folder, url, &fd, err);
    char *bytes = code == TRIB_OK ? malloc(PIECE_BYTES) : NULL;
    if (code == TRIB_OK && !bytes) code = trib_error_set(err, TRIB_NOMEM, NULL);
    while (code == TRIB_OK && (n = read(fd, bytes, PIECE_BYTES)) > 0)
        if (!take(ctx, trib_str_make(bytes, (size_t)n))) code = trib_error_set(err, TRIB_CANCELLED, NULL);
    if (code == TRIB_OK && n < 0) code = trib_error_set(err, TRIB_IO, "the dump cannot be read: %s", strerror(errno));
    if (fd >= 0) close(fd);
    free(bytes);
    return code;
}

/* ---- the web ---- */

static trib_code get_web(const char *url, bool (*take)(void *ctx, trib_str bytes), void *ctx, trib_error *err) {
    trib_http_client *client = NULL;
    trib_http_client_reply reply = {0};
    const trib_http_client_request request = {
        .method = "GET", .url = url, .timeout_ms = TRIB_OUTBOUND_IDLE_MS, .on_body = take, .on_body_ctx = ctx};
    trib_code code = trib_http_client_new(&client, err);
    if (code == TRIB_OK) code = trib_http_client_call(client, &request, &reply, err);
    if (code == TRIB_OK && (reply.status < 200 || reply.status > 299))
        code = trib_error_set(err, TRIB_REMOTE, "the dump cannot be read: its server answers HTTP status %d",
                              reply.status);
    trib_http_client_reply_deinit(&reply);
    trib_http_client_free(client);
    return code;
}

static trib_code get(void *ctx, const char *url, bool (*take)(void *ctx, trib_str bytes), void *take_ctx,
                     trib_error *err) {
    const trib_config *config = ctx;
    trib_str text = trib_str_c(url);
    if (trib_str_starts(text, TRIB_STR("file://"))) return get_file(config->dump_folder, url, take, take_ctx, err);
    if (trib_str_starts(text, TRIB_STR("http://")) || trib_str_starts(text, TRIB_STR("https://")))
        return get_web(url, take, take_ctx, err);
    return cannot_read("the URL begins with none of http://, https:// and file:///", err);
}

/* ---- sending ---- */

enum { HEADERS_MAX = 16, ANSWER_MAX_BYTES = 64 << 10 }; /* of an answer */

static void *session_new(void *ctx) {
    trib_http_client *client = NULL;
    (void)ctx;
    return trib_http_client_new(&client, NULL) == TRIB_OK ? client : NULL;
}

static void session_free(void *ctx, void *session) {
    (void)ctx;
    trib_http_client_free(session);
}

static trib_code send_with(trib_http_client *client, const trib_outbound_request *ask, const char *url, int *ret_status,
                           trib_error *err) {
    trib_http_client_header headers[HEADERS_MAX];
    trib_http_client_reply reply = {0};
    size_t count = ask->header_count < HEADERS_MAX ? ask->header_count : HEADERS_MAX;
    for (size_t i = 0; i < count; i++)
        headers[i] = (trib_http_client_header){trib_str_c(ask->headers[i].name), ask->headers[i].value};
    const trib_http_client_request request = {.method = ask->method,
                                              .url = url,
                                              .headers = headers,
                                              .header_count = count,
                                              .body = ask->body,
                                              .timeout_ms = ask->timeout_ms,
                                              .connect_timeout_ms = ask->timeout_ms,
                                              .max_body_bytes = ANSWER_MAX_BYTES,
                                              .stop = ask->stop,
                                              .public_only = ask->public_only};
    trib_code code = trib_http_client_call(client, &request, &reply, err);
    if (code == TRIB_OK) {
        *ret_status = reply.status;
        if (ask->answer) trib_buf_add(ask->answer, trib_buf_str(&reply.body));
    }
    trib_http_client_reply_deinit(&reply);
    return code == TRIB_USAGE ? trib_error_set(err, TRIB_BAD_REQUEST, "such a request cannot be sent") : code;
}

static trib_code send_request(void *ctx, void *session, const trib_outbound_request *request, int *ret_status,
                              trib_error *err) {
    trib_http_client *client = session;
    trib_code code = TRIB_OK;
    (void)ctx;
    char *url = strndup(request->url.ptr, request->url.len);
    if (!url) return trib_error_set(err, TRIB_NOMEM, NULL);
    if (!client) code = trib_http_client_new(&client, err);
    if (code == TRIB_OK) code = send_with(client, request, url, ret_status, err);
    if (!session) trib_http_client_free(client);
    free(url);
    return code;
}

trib_outbound trib_outbound_of(const trib_config *config) {
    return (trib_outbound){.ctx = (void *)(uintptr_t)config,
                           .get = get,
                           .send = send_request,
                           .session_new = session_new,
                           .session_free = session_free};
}
