/* SPDX-License-Identifier: Apache-2.0 */
/* Malformed and hostile HTTP against the real program: each row must get a clear 4xx or 5xx answer with a request id
 * and a closed connection, or (rows with keep) an answer after which the connection works on; the server must live. */
#include "server.h"

#define HOST "Host: 127.0.0.1\r\n"
#define POST "POST /acme/v2/pipeline HTTP/1.1\r\n" HOST

typedef struct row {
    const char *name, *bytes;
    int status;
    bool keep;     /* the connection stays usable */
    bool shut;     /* we close our sending side after the bytes */
    size_t repeat; /* send `bytes` once, then `filler` so often */
    const char *filler;
} row;

static const row rows[] = {
    {.name = "TLS hello", .bytes = "\x16\x03\x01\x02\x01\x01\xfc\x03\x03\r\n\r\n", .status = 400},
    {.name = "HTTP/2 preface", .bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .status = 505},
    {.name = "HTTP/0.9", .bytes = "GET /\r\n\r\n", .status = 400},
    {.name = "HTTP/3", .bytes = "GET / HTTP/3.0\r\n" HOST "\r\n", .status = 505},
    {.name = "lower-case version", .bytes = "GET / http/1.1\r\n" HOST "\r\n", .status = 400},
    {.name = "two spaces", .bytes = "GET  /health HTTP/1.1\r\n" HOST "\r\n", .status = 400},
    {.name = "tab instead of space", .bytes = "GET\t/health HTTP/1.1\r\n" HOST "\r\n", .status = 400},
    {.name = "method with a control character", .bytes = "G\x01T /health HTTP/1.1\r\n" HOST "\r\n", .status = 400},
    {.name = "no host", .bytes = "GET /health HTTP/1.1\r\n\r\n", .status = 400},
    {.name = "two hosts", .bytes = "GET /health HTTP/1.1\r\n" HOST HOST "\r\n", .status = 400},
    {.name = "host with a user", .bytes = "GET /health HTTP/1.1\r\nHost: a@b\r\n\r\n", .status = 400},
    {.name = "header without colon", .bytes = "GET /health HTTP/1.1\r\n" HOST "what\r\n\r\n", .status = 400},
    {.name = "space before colon", .bytes = "GET /health HTTP/1.1\r\nHost : a\r\n\r\n", .status = 400},
    {.name = "folded header", .bytes = "GET /health HTTP/1.1\r\n" HOST "a: b\r\n c\r\n\r\n", .status = 400},
    {.name = "bare LF", .bytes = "GET /health HTTP/1.1\nHost: a\n\n", .status = 400},
    {.name = "bare CR in a header", .bytes = "GET /health HTTP/1.1\r\n" HOST "a: b\rc\r\n\r\n", .status = 400},
    {.name = "empty header name", .bytes = "GET /health HTTP/1.1\r\n" HOST ": b\r\n\r\n", .status = 400},
    {.name = "CONNECT", .bytes = "CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", .status = 501},
    {.name = "target without slash", .bytes = "GET health HTTP/1.1\r\n" HOST "\r\n", .status = 400},
    {.name = "raw UTF-8 in the target", .bytes = "GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", .status = 400},
    {.name = "bad escape", .bytes = "GET /%zz HTTP/1.1\r\n" HOST "\r\n", .status = 400, .keep = true},
    {.name = "encoded NUL", .bytes = "GET /a%00 HTTP/1.1\r\n" HOST "\r\n", .status = 400, .keep = true},
    {.name = "encoded slash", .bytes = "GET /a%2fv2 HTTP/1.1\r\n" HOST "\r\n", .status = 400, .keep = true},
    {.name = "dot segments", .bytes = "GET /a/../health HTTP/1.1\r\n" HOST "\r\n", .status = 400, .keep = true},
    {.name = "encoded dot segments",
     .bytes = "GET /%2e%2e/health HTTP/1.1\r\n" HOST "\r\n",
     .status = 400,
     .keep = true},
    {.name = "length and chunked",
     .bytes = POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     .status = 400},
    {.name = "two lengths", .bytes = POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", .status = 400},
    {.name = "list of lengths", .bytes = POST "Content-Length: 3, 3\r\n\r\nabc", .status = 400},
    {.name = "negative length", .bytes = POST "Content-Length: -1\r\n\r\n", .status = 400},
    {.name = "length with a sign", .bytes = POST "Content-Length: +3\r\n\r\nabc", .status = 400},
    {.name = "hexadecimal length", .bytes = POST "Content-Length: 0x3\r\n\r\nabc", .status = 400},
    {.name = "length past 64 bits", .bytes = POST "Content-Length: 18446744073709551617\r\n\r\n", .status = 400},
    {.name = "enormous length", .bytes = POST "Content-Length: 9223372036854775807\r\n\r\n", .status = 413},
    {.name = "unknown transfer coding", .bytes = POST "Transfer-Encoding: gzip, chunked\r\n\r\n", .status = 501},
    {.name = "chunked twice", .bytes = POST "Transfer-Encoding: chunked, chunked\r\n\r\n", .status = 501},
    {.name = "chunked spelled with a tab",
     .bytes = POST "Transfer-Encoding:\x0b"
                   "chunked\r\n\r\n0\r\n\r\n",
     .status = 400},
    {.name = "chunk size that is no number", .bytes = POST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", .status = 400},
    {.name = "chunk size past 64 bits",
     .bytes = POST "Transfer-Encoding: chunked\r\n\r\n11111111111111111\r\n",
     .status = 400},
    {.name = "chunk longer than its size",
     .bytes = POST "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
     .status = 400},
    {.name = "enormous chunk", .bytes = POST "Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n", .status = 413},
    {.name = "bad trailer", .bytes = POST "Transfer-Encoding: chunked\r\n\r\n0\r\nwhat\r\n\r\n", .status = 400},
    {.name = "head that is cut off", .bytes = "GET /health HTTP/1.1\r\nHost: ", .status = 400, .shut = true},
    {.name = "body that is cut off", .bytes = POST "Content-Length: 100\r\n\r\nabc", .status = 400, .shut = true},
    {.name = "chunked body that is cut off",
     .bytes = POST "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
     .status = 400,
     .shut = true},
    {.name = "endless target", .bytes = "GET /", .status = 414, .repeat = 20000, .filler = "a"},
    {.name = "endless header", .bytes = "GET / HTTP/1.1\r\nx: ", .status = 431, .repeat = 40000, .filler = "a"},
    {.name = "endless headers", .bytes = "GET / HTTP/1.1\r\n", .status = 431, .repeat = 20000, .filler = "x: y\r\n"},
    {.name = "endless first line of junk", .bytes = "", .status = 414, .repeat = 40000, .filler = "\x80"},
    {.name = "unknown path", .bytes = "GET /acme/what HTTP/1.1\r\n" HOST "\r\n", .status = 404, .keep = true},
    {.name = "wrong method", .bytes = "PATCH /health HTTP/1.1\r\n" HOST "\r\n", .status = 405, .keep = true},
    {.name = "unknown method", .bytes = "BREW /health HTTP/1.1\r\n" HOST "\r\n", .status = 405, .keep = true},
};

static bool fail_row(const row *r, const char *why, const char *answer) {
    fprintf(stderr, "FAILED: %s: %s; the answer was:\n%.400s\n", r->name, why, answer);
    return false;
}

static bool try_row(int port, const row *r, size_t step) {
    char answer[4096] = "", want[32];
    int fd = server_connect(port);
    if (fd < 0) return fail_row(r, "no connection", "");
    size_t length = strlen(r->bytes);
    for (size_t at = 0; at < length; at += step) {
        if (!server_send(fd, r->bytes + at, step < length - at ? step : length - at)) break;
        if (step == 1 && at % 16 == 0) usleep(200); /* so that it really comes in pieces */
    }
    for (size_t i = 0; i < r->repeat; i++)
        if (!server_send(fd, r->filler, strlen(r->filler))) break;
    if (r->shut) shutdown(fd, SHUT_WR);
    bool read_ok = server_read(fd, answer, sizeof answer, r->keep ? "\"}" : NULL);
    snprintf(want, sizeof want, "HTTP/1.1 %d ", r->status);
    if (strncmp(answer, want, strlen(want)) != 0) return close(fd), fail_row(r, want, answer);
    if (!strstr(answer, "\"request_id\":\"")) return close(fd), fail_row(r, "no request id", answer);
    if (!strstr(answer, "\r\nContent-Type: application/json\r\n")) return close(fd), fail_row(r, "no JSON", answer);
    if (!r->keep && !strstr(answer, "\r\nConnection: close\r\n")) return close(fd), fail_row(r, "not closed", answer);
    if (!read_ok) return close(fd), fail_row(r, "reset instead of an orderly end", answer);
    if (r->keep) {
        server_say(fd, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
        if (!server_read(fd, answer, sizeof answer, "\r\n\r\n") || strncmp(answer, "HTTP/1.1 200 ", 13) != 0)
            return close(fd), fail_row(r, "the connection is of no use afterwards", answer);
    }
    close(fd);
    return true;
}

/* Connections that send something and vanish: no answer is owed, but nothing may be left behind. */
static void vanish(int port) {
    static const char *const starts[] = {"", "G", "GET /health HTTP/1.1\r\n", POST "Content-Length: 100\r\n\r\nabc",
                                         "GET /health HTTP/1.1\r\n" HOST "\r\nGET /he"};
    for (int i = 0; i < 200; i++) {
        int fd = server_connect(port);
        if (fd < 0) die("no connection");
        const char *bytes = starts[i % 5];
        server_send(fd, bytes, strlen(bytes));
        struct linger hard = {.l_onoff = 1};
        if (i % 2) setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        close(fd);
    }
}

int main(void) {
    const char *const arguments[] = {"--no-auth", "--log-level", "warn", NULL};
    server s = server_start(arguments);
    server_create_tenant(&s, "acme");
    int failed = 0, tried = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t step = 1 << 20; step; step = step == 1 ? 0 : 1) {
            tried++;
            if (!try_row(s.port, &rows[i], step)) failed++;
            else if (!server_is_healthy(s.port))
                failed += fail_row(&rows[i], "the server is not healthy afterwards", "") + 1;
        }
    }
    vanish(s.port);
    if (!server_is_healthy(s.port)) failed++;
    if (!server_stop(&s)) failed++;
    printf("%d of %d malformed requests answered as they should\n", tried - failed, tried);
    return failed ? 1 : 0;
}
