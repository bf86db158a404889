/* SPDX-License-Identifier: Apache-2.0 */
/* Replicas over gRPC-web against the real program: frames that are cut anywhere or malformed, who may call, and a
 * connection of proxy.Proxy that is used over several sockets. */
#include "integration/talk.h"

#define HELLO   "/wal_log.ReplicationLog/Hello"
#define BATCH   "/wal_log.ReplicationLog/BatchLogEntries"
#define EXECUTE "/proxy.Proxy/Execute"

enum { BODY_MAX_BYTES = 8192 };

static int failed;
static server s;
static char admin_key[160], ali[600], reads[600], ben[600];

static void check(bool fine, const char *what) {
    if (!fine) failed++;
    printf("%s %s\n", fine ? "ok    " : "FAILED", what);
}

static void make_tenant(const char *name) {
    char path[128];
    talk t;
    talk_init(&t, s.admin_port);
    snprintf(path, sizeof path, "/v1/namespaces/%s/create", name);
    if (talk_ask(&t, "POST", path, admin_key, "{}") != 200) die("no tenant was made");
    talk_deinit(&t);
}

static void make_token(const char *tenant, const char *access, char *out, size_t cap) {
    char path[128], body[64], jwt[512];
    talk t;
    talk_init(&t, s.admin_port);
    snprintf(path, sizeof path, "/v1/namespaces/%s/tokens", tenant);
    snprintf(body, sizeof body, "{\"access\":\"%s\"}", access);
    if (talk_ask(&t, "POST", path, admin_key, body) != 200) die("no token was made");
    talk_text(&t, "token", jwt, sizeof jwt);
    snprintf(out, cap, "Bearer %s", jwt);
    talk_deinit(&t);
}

/* ---- calls ---- */

typedef struct call {
    const char *path, *token;
    const void *body;
    size_t len;
    bool chunked;   /* as clients send it */
    size_t at_once; /* bytes a write; 0: all */
} call;

static bool send_slowly(int fd, const char *bytes, size_t n, size_t at_once) {
    for (size_t i = 0; i < n; i += at_once)
        if (!server_send(fd, bytes + i, n - i < at_once ? n - i : at_once)) return false;
    return true;
}

/* The answer's grpc-status; -1: it is none, or not HTTP 200. */
static int ask(talk *t, const call *c) {
    static char request[BODY_MAX_BYTES + 2048];
    char length[64];
    if (t->fd < 0) t->fd = server_connect(s.port);
    snprintf(length, sizeof length, "Content-Length: %zu\r\n", c->len);
    int n = snprintf(request, sizeof request,
                     "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\ncontent-type: application/grpc-web\r\nte: trailers\r\n"
                     "x-namespace-bin: MTI3\r\n%s%s%s%s\r\n",
                     c->path, c->token ? "x-authorization: " : "", c->token ? c->token : "", c->token ? "\r\n" : "",
                     c->chunked ? "Transfer-Encoding: chunked\r\n" : length);
    size_t have = (size_t)n;
    bool piece = c->chunked && c->len > 0;
    if (piece) have += (size_t)snprintf(request + have, sizeof request - have, "%zx\r\n", c->len);
    memcpy(request + have, c->body, c->len);
    have += c->len;
    if (c->chunked) have += (size_t)snprintf(request + have, sizeof request - have, "%s0\r\n\r\n", piece ? "\r\n" : "");
    bool fine = send_slowly(t->fd, request, have, c->at_once ? c->at_once : have) && talk_read(t);
    if (!fine) talk_hang_up(t);
    if (!fine || t->status != 200) return -1;
    const char *status = memmem(t->body, t->body_len, "grpc-status:", 12);
    return status ? (int)strtol(status + 12, NULL, 10) : -1;
}

#define BYTES(text) .body = (text), .len = sizeof(text) - 1

static int ask_once(const call *c) {
    talk t;
    talk_init(&t, s.port);
    int status = ask(&t, c);
    talk_deinit(&t);
    return status;
}

static void cut_anywhere(void) {
    talk t;
    talk_init(&t, s.port);
    bool fine = true;
    for (size_t at_once = 1; fine && at_once < 12; at_once += 3)
        fine = ask(&t, &(call){"/ali" HELLO, ali, BYTES("\0\0\0\0\2\x08\1"), at_once % 2 == 0, at_once}) == 0;
    check(fine, "a call is answered however it is cut, in chunks or not");
    check(ask(&t, &(call){"/ali//wal_log.ReplicationLog/Hello", ali, BYTES("\0\0\0\0\0"), true, 0}) == 0,
          "a doubled slash is one, an empty message is one too");
    talk_deinit(&t);
}

static void malformed(void) {
    static const struct {
        const char *what;
        const void *body;
        size_t len;
    } rows[] = {
        {"no frame", "", 0},
        {"half a head", "\0\0\0", 3},
        {"a frame that is cut short", "\0\0\0\0\5\x08\1", 7},
        {"a length of 4 GiB", "\0\xff\xff\xff\xff\x08\1", 7},
        {"a compressed frame", "\1\0\0\0\2\x08\1", 7},
        {"a frame of trailers", "\x80\0\0\0\2\x08\1", 7},
        {"two frames", "\0\0\0\0\2\x08\1\0\0\0\0\0", 12},
        {"bytes behind the frame", "\0\0\0\0\2\x08\1x", 8},
        {"no message of this type", "\0\0\0\0\2\x0a\x7f", 7},
        {"a number that never ends", "\0\0\0\0\xc\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 17},
    };
    static const char *const paths[] = {"/ali" HELLO, "/ali" BATCH, "/ali/wal_log.ReplicationLog/Snapshot",
                                        "/ali/proxy.Proxy/Execute", "/ali/proxy.Proxy/Describe"};
    talk t;
    talk_init(&t, s.port);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool fine = true;
        for (size_t p = 0; p < sizeof paths / sizeof *paths; p++)
            fine &= ask(&t, &(call){paths[p], ali, rows[i].body, rows[i].len, p % 2 == 0, 0}) == 3 && t.fd >= 0;
        check(fine, rows[i].what);
    }
    static char large[2048];
    check(ask(&t, &(call){"/ali" HELLO, ali, large, sizeof large, false, 0}) == 3, "a body over the limit of its call");
    talk_deinit(&t);
}

static void who_may_call(void) {
    talk none, other;
    talk_init(&none, s.port);
    talk_init(&other, s.port);
    check(ask_once(&(call){"/ali" HELLO, NULL, BYTES("\0\0\0\0\0"), false, 0}) == 16,
          "without a token: UNAUTHENTICATED");
    check(ask_once(&(call){"/ali" HELLO, "Bearer x.y.z", BYTES("\0\0\0\0\0"), false, 0}) == 16,
          "with none of ours, too");
    int unknown = ask(&none, &(call){"/nobody" HELLO, ali, BYTES("\0\0\0\0\0"), false, 0});
    int foreign = ask(&other, &(call){"/ali" HELLO, ben, BYTES("\0\0\0\0\0"), false, 0});
    check(unknown == 9 && foreign == 9 && none.body_len == other.body_len &&
              memcmp(none.body, other.body, none.body_len) == 0 &&
              memmem(none.body, none.body_len, "grpc-message:NAMESPACE_DOESNT_EXIST\r\n", 37),
          "a tenant that one may not see looks like one that is not there");
    check(ask_once(&(call){HELLO, ali, BYTES("\0\0\0\0\0"), false, 0}) == 0,
          "the token names the tenant, not x-namespace-bin");
    check(ask_once(&(call){"/ali" HELLO, reads, BYTES("\0\0\0\0\0"), false, 0}) == 0, "who may read may follow");
    check(ask(&none, &(call){"/ali" BATCH, ali, BYTES("\0\0\0\0\0"), false, 0}) == 9 &&
              memmem(none.body, none.body_len, "NO_HELLO", 8),
          "no frames before Hello");
    talk_deinit(&none);
    talk_deinit(&other);
}

/* Execute of one statement by the client "c"; true if the answer has `want`. */
static bool run(talk *t, const char *token, const char *sql, const char *want) {
    char body[512];
    size_t n = strlen(sql); /* short enough for lengths of one byte */
    size_t query = n + 2, step = query + 2, program = step + 2, message = 3 + program + 2;
    size_t at = (size_t)snprintf(body, sizeof body, "%c%c%c%c%c\x0a\x01%c\x12%c\x0a%c\x12%c\x0a%c%s", 0, 0, 0, 0,
                                 (int)message, 'c', (int)program, (int)step, (int)query, (int)n, sql);
    if (ask(t, &(call){"/ali" EXECUTE, token, body, at, true, 0}) != 0) return false;
    return memmem(t->body, t->body_len, want, strlen(want)) != NULL;
}

static void statements(void) {
    talk one, two;
    talk_init(&one, s.port);
    talk_init(&two, s.port);
    check(run(&one, ali, "CREATE TABLE t (a)", "grpc-status:0"), "a statement is run");
    check(run(&one, ali, "BEGIN IMMEDIATE", "\x10\x02"), "a transaction is open");
    check(run(&two, ali, "INSERT INTO t VALUES ('inside')", "\x10\x02"),
          "the same connection over another socket is in it");
    check(run(&one, reads, "SELECT count(*)||' rows' FROM t", "0 rows"), "the same name of another token is not");
    check(run(&one, reads, "DELETE FROM t", "readonly"), "who may only read cannot write");
    talk_hang_up(&one);
    check(run(&two, ali, "COMMIT", "grpc-status:0"), "it outlives the socket that began it");
    check(run(&one, reads, "SELECT a FROM t", "inside"), "what it wrote is there");
    talk_deinit(&one);
    talk_deinit(&two);
}

int main(void) {
    s = server_start(NULL);
    talk_admin_key(&s, admin_key, sizeof admin_key);
    make_tenant("ali");
    make_tenant("ben");
    make_token("ali", "rw", ali, sizeof ali);
    make_token("ali", "ro", reads, sizeof reads);
    make_token("ben", "rw", ben, sizeof ben);
    cut_anywhere();
    malformed();
    who_may_call();
    statements();
    kill(s.pid, SIGTERM);
    check(server_wait(&s, 20) == 0, "the server ends cleanly");
    printf("%d failed\n", failed);
    return failed != 0;
}
