/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking HTTP/1.1 client over libcurl's easy interface; see http_client.h. One easy handle a client: it keeps the
 * connections, and curl_easy_reset between calls keeps them while forgetting everything else. */
#include "io/http_client.h"

#include <curl/curl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/public_address.h"

struct trib_http_client {
    CURL *easy;
    CURLM *multi; /* of calls that can be cancelled; made with the first of them */
};

/* One call under way. */
typedef struct call {
    trib_http_client *client;
    const trib_http_client_request *request;
    trib_http_client_reply reply;
    struct curl_slist *headers;
    bool stopped; /* on_body said no, or the call was cancelled */
    bool refused; /* an address that public_only forbids */
} call;

trib_code trib_http_client_new(trib_http_client **ret, trib_error *err) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_http_client *client = calloc(1, sizeof *client);
    if (client) client->easy = curl_easy_init();
    if (!client || !client->easy) {
        free(client);
        curl_global_cleanup();
        return trib_error_set(err, TRIB_NOMEM, NULL);
    }
    *ret = client;
    return TRIB_OK;
}

void trib_http_client_free(trib_http_client *client) {
    if (!client) return;
    curl_easy_cleanup(client->easy);
    if (client->multi) curl_multi_cleanup(client->multi);
    free(client);
    curl_global_cleanup();
}

void trib_http_client_show_url(trib_buf *out, const char *url) {
    trib_str rest = trib_str_make(url, strcspn(url, "?#"));
    const char *scheme_end = strstr(url, "://");
    if (scheme_end && (size_t)(scheme_end - url) + 3 <= rest.len) {
        size_t scheme_len = (size_t)(scheme_end - url) + 3;
        trib_buf_add(out, trib_str_sub(rest, 0, scheme_len));
        rest = trib_str_sub(rest, scheme_len, rest.len);
    }
    /* the last @ before the path: a password may hold one itself */
    size_t slash = trib_str_find(rest, '/');
    size_t authority = slash == SIZE_MAX ? rest.len : slash;
    for (size_t i = authority; i > 0; i--) {
        if (rest.ptr[i - 1] != '@') continue;
        rest = trib_str_sub(rest, i, rest.len);
        break;
    }
    trib_buf_add(out, rest);
}

/* ---- what curl hands over ---- */

static size_t on_head(char *line, size_t size, size_t count, void *arg) {
    call *c = arg;
    size_t n = size * count;
    /* a new status line: what came before was an interim answer (100 Continue) */
    if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) trib_buf_clear(&c->reply.head);
    trib_buf_add_bytes(&c->reply.head, line, n);
    return c->reply.head.failed ? 0 : n;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg) {
    call *c = arg;
    size_t n = size * count;
    long status = 0;
    curl_easy_getinfo(c->client->easy, CURLINFO_RESPONSE_CODE, &status);
    if (c->request->on_body && status >= 200 && status < 300) {
        if (c->request->on_body(c->request->on_body_ctx, trib_str_make(bytes, n))) return n;
        c->stopped = true;
        return 0;
    }
    trib_buf_add_bytes(&c->reply.body, bytes, n);
    return c->reply.body.failed ? 0 : n;
}

/* ---- asking ---- */

/* A line break in a header would let its value add headers of its own. */
static bool header_is_clean(const trib_http_client_header *h) {
    if (h->name.len == 0 || trib_str_find(h->name, ':') != SIZE_MAX) return false;
    static const char bad[] = {'\r', '\n', '\0'};
    for (size_t i = 0; i < sizeof bad; i++) {
        if (trib_str_find(h->name, bad[i]) != SIZE_MAX || trib_str_find(h->value, bad[i]) != SIZE_MAX) return false;
    }
    return true;
}

static bool add_header(call *c, const char *line) {
    struct curl_slist *longer = curl_slist_append(c->headers, line);
    if (!longer) return false;
    c->headers = longer;
    return true;
}

static trib_code set_headers(call *c, trib_error *err) {
    trib_buf line;
    trib_buf_init(&line, TRIB_HTTP_CLIENT_MAX_HEAD_BYTES);
    /* curl would wait a second for a 100 Continue, and would name a form's type for a body without one */
    bool ok = add_header(c, "Expect:") && add_header(c, "Content-Type:");
    for (size_t i = 0; ok && i < c->request->header_count; i++) {
        const trib_http_client_header *h = &c->request->headers[i];
        if (!header_is_clean(h)) {
            trib_buf_deinit(&line);
            return trib_error_set(err, TRIB_USAGE,
                                  "header %zu cannot be sent: a name needs at least one character and no "
                                  "colon, and neither name nor value may hold a line break; remove it",
                                  i + 1);
        }
        trib_buf_clear(&line);
        trib_buf_add(&line, h->name);
        /* curl's way to say: this header with an empty value */
        trib_buf_add_c(&line, h->value.len ? ": " : ";");
        trib_buf_add(&line, h->value);
        trib_buf_add_char(&line, '\0');
        ok = !line.failed && add_header(c, line.ptr);
    }
    trib_buf_deinit(&line);
    return ok ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

static long or_default(uint32_t value, long fallback) {
    if (value == 0) return fallback;
    return value > INT_MAX ? INT_MAX : (long)value;
}

static bool set_times(CURL *easy, const trib_http_client_request *r) {
    long timeout_ms = or_default(r->timeout_ms, TRIB_HTTP_CLIENT_TIMEOUT_MS);
    long connect_ms = or_default(r->connect_timeout_ms, TRIB_HTTP_CLIENT_CONNECT_TIMEOUT_MS);
    if (curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) != CURLE_OK) return false;
    if (!r->on_body) return curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms) == CURLE_OK;
    /* a dump may take an hour, but not a minute in which nothing comes */
    return curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (timeout_ms + 999) / 1000) == CURLE_OK;
}

/* The address is the one that is connected to: a name that resolves to another one later changes nothing. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
    call *c = arg;
    (void)purpose;
    if (!trib_public_address(&address->addr)) {
        c->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c2, curl_off_t d) {
    call *c = arg;
    (void)a, (void)b, (void)c2, (void)d;
    if (!atomic_load(c->request->stop)) return 0;
    c->stopped = true;
    return 1;
}

static bool set_options(call *c) {
    CURL *easy = c->client->easy;
    const trib_http_client_request *r = c->request;
    const char *method = r->method ? r->method : r->body.len ? "POST" : "GET";
    bool ok = true;
#define SET(option, value) ok = ok && curl_easy_setopt(easy, option, value) == CURLE_OK
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_URL, r->url);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_TCP_NODELAY, 1L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_HTTPHEADER, c->headers);
    SET(CURLOPT_HEADERFUNCTION, on_head);
    SET(CURLOPT_HEADERDATA, c);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, c);
    if (r->public_only) {
        SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
        SET(CURLOPT_OPENSOCKETDATA, c);
    }
    if (r->stop) {
        SET(CURLOPT_NOPROGRESS, 0L);
        SET(CURLOPT_XFERINFOFUNCTION, on_progress);
        SET(CURLOPT_XFERINFODATA, c);
    }
    if (r->unix_socket) SET(CURLOPT_UNIX_SOCKET_PATH, r->unix_socket);
    if (r->tls_pin) {
        SET(CURLOPT_PINNEDPUBLICKEY, r->tls_pin);
        SET(CURLOPT_SSL_VERIFYPEER, 0L);
        SET(CURLOPT_SSL_VERIFYHOST, 0L);
    }
    /* POST, PUT and PATCH always say how long their body is, also an empty one */
    if (r->body.len || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
        SET(CURLOPT_POSTFIELDS, r->body.len ? r->body.ptr : "");
    }
    if (strcmp(method, "HEAD") == 0) SET(CURLOPT_NOBODY, 1L);
    else SET(CURLOPT_CUSTOMREQUEST, method);
#undef SET
    return ok && set_times(easy, r);
}

/* ---- when it fails ---- */

static const char *fix_for(CURLcode failed) {
    if (failed == CURLE_COULDNT_CONNECT) return "start the server there, or correct the address and port";
    if (failed == CURLE_COULDNT_RESOLVE_HOST) return "check the spelling of the host name and the name service";
    if (failed == CURLE_PEER_FAILED_VERIFICATION || failed == CURLE_SSL_CONNECT_ERROR ||
        failed == CURLE_SSL_CACERT_BADFILE || failed == CURLE_SSL_PINNEDPUBKEYNOTMATCH) {
        return "check that the server speaks TLS on this port and that its certificate is trusted; http:// is without "
               "TLS";
    }
    if (failed == CURLE_GOT_NOTHING || failed == CURLE_RECV_ERROR || failed == CURLE_SEND_ERROR ||
        failed == CURLE_PARTIAL_FILE) {
        return "the connection broke; see the server's log, then try again";
    }
    return "check that an HTTP server answers at this address";
}

static trib_code explain(const call *c, CURLcode failed, trib_error *err) {
    trib_buf shown;
    trib_buf_init(&shown, TRIB_ERROR_MESSAGE_BYTES * 4);
    trib_http_client_show_url(&shown, c->request->url);
    trib_str url = trib_buf_str(&shown);
    if (url.len > 200) url.len = 200;
    const char *socket_path = c->request->unix_socket;
    const char *through = socket_path ? " through the socket " : "";
    if (!socket_path) socket_path = "";
    /* curl's long message may quote the URL with its query, so it is not shown; the errno says more than the short
     * one */
    const char *why = curl_easy_strerror(failed);
    long os_error = 0;
    curl_easy_getinfo(c->client->easy, CURLINFO_OS_ERRNO, &os_error);
    if (failed == CURLE_COULDNT_CONNECT && os_error) why = strerror((int)os_error);

    trib_code code;
    if (c->stopped) {
        code = trib_error_set(err, TRIB_CANCELLED, "reading %.*s was stopped", TRIB_STR_ARG(url));
    } else if (failed == CURLE_OUT_OF_MEMORY) {
        code = trib_error_set(err, TRIB_NOMEM, NULL);
    } else if (failed == CURLE_WRITE_ERROR) {
        code = trib_error_set(err, TRIB_RESPONSE_TOO_LARGE,
                              "the answer of %.*s is larger than the %zu bytes that are taken; "
                              "ask for less",
                              TRIB_STR_ARG(url), c->reply.body.max_bytes);
    } else if (failed == CURLE_OPERATION_TIMEDOUT) {
        code = trib_error_set(err, TRIB_REQUEST_TIMEOUT,
                              "%.*s%s%s did not answer in time; the server may be overloaded or "
                              "the address may be filtered: try again, or give it more time",
                              TRIB_STR_ARG(url), through, socket_path);
    } else if (failed == CURLE_URL_MALFORMAT || failed == CURLE_UNSUPPORTED_PROTOCOL) {
        code = trib_error_set(err, TRIB_USAGE,
                              "\"%.*s\" is not a URL that can be used; write http://host:port/path or "
                              "https://host/path",
                              TRIB_STR_ARG(url));
    } else if (c->refused) {
        code = trib_error_set(err, TRIB_CONNECT,
                              "%.*s is at no address of the public internet; private, loopback and link-local ones are "
                              "not sent to",
                              TRIB_STR_ARG(url));
    } else {
        code = trib_error_set(err, TRIB_CONNECT, "cannot reach %.*s%s%s: %s; %s", TRIB_STR_ARG(url), through,
                              socket_path, why, fix_for(failed));
    }
    trib_buf_deinit(&shown);
    if (err) err->detail = (int)failed;
    return code;
}

enum { LOOK_AROUND_MS = 1000 };

/* Drives the transfer until it ends or cancel_fd can be read. */
static CURLcode perform_multi(call *c) {
    CURLM *multi = c->client->multi;
    int running = 1, left;
    while (running && !c->stopped) {
        struct curl_waitfd cancel = {.fd = *c->request->cancel_fd, .events = CURL_WAIT_POLLIN};
        if (curl_multi_perform(multi, &running) != CURLM_OK) return CURLE_FAILED_INIT;
        if (running && curl_multi_poll(multi, &cancel, 1, LOOK_AROUND_MS, NULL) != CURLM_OK) return CURLE_FAILED_INIT;
        if (running && cancel.revents) c->stopped = true;
    }
    for (CURLMsg *message; (message = curl_multi_info_read(multi, &left));) {
        if (message->msg == CURLMSG_DONE) return message->data.result;
    }
    return CURLE_ABORTED_BY_CALLBACK;
}

static CURLcode perform(call *c) {
    trib_http_client *client = c->client;
    if (!c->request->cancel_fd) return curl_easy_perform(client->easy);
    if (!client->multi) client->multi = curl_multi_init();
    if (!client->multi || curl_multi_add_handle(client->multi, client->easy) != CURLM_OK) return CURLE_OUT_OF_MEMORY;
    CURLcode result = perform_multi(c);
    curl_multi_remove_handle(client->multi, client->easy);
    return result;
}

trib_code trib_http_client_call(trib_http_client *client, const trib_http_client_request *request,
                                trib_http_client_reply *ret_reply, trib_error *err) {
    call c = {.client = client, .request = request};
    trib_buf_init(&c.reply.head, TRIB_HTTP_CLIENT_MAX_HEAD_BYTES);
    trib_buf_init(&c.reply.body, request->max_body_bytes ? request->max_body_bytes : TRIB_HTTP_CLIENT_MAX_BODY_BYTES);

    trib_code code = set_headers(&c, err);
    if (code == TRIB_OK && !set_options(&c)) code = trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) {
        CURLcode failed = perform(&c);
        if (failed != CURLE_OK) code = explain(&c, failed, err);
    }
    long status = 0;
    curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_reset(client->easy); /* nothing may point to this call any more */
    curl_slist_free_all(c.headers);
    if (code != TRIB_OK) {
        trib_http_client_reply_deinit(&c.reply);
        return code;
    }
    c.reply.status = (int)status;
    *ret_reply = c.reply;
    return TRIB_OK;
}

trib_str trib_http_client_reply_header(const trib_http_client_reply *reply, const char *name) {
    trib_str rest = trib_buf_str(&reply->head);
    while (rest.len) {
        size_t end = trib_str_find(rest, '\n');
        if (end == SIZE_MAX) end = rest.len;
        trib_str line = trib_str_sub(rest, 0, end);
        rest = trib_str_sub(rest, end + 1, rest.len);
        size_t colon = trib_str_find(line, ':');
        if (colon == SIZE_MAX || !trib_str_ieq_c(trib_str_sub(line, 0, colon), name)) continue;
        trib_str value = trib_str_sub(line, colon + 1, line.len);
        if (value.len && value.ptr[value.len - 1] == '\r') value.len--;
        return trib_str_trim(value);
    }
    return (trib_str){0};
}

void trib_http_client_reply_deinit(trib_http_client_reply *reply) {
    if (!reply) return;
    trib_buf_deinit(&reply->head);
    trib_buf_deinit(&reply->body);
}
