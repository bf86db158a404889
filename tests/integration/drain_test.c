/* SPDX-License-Identifier: Apache-2.0 */
/* How the real program starts and ends: what it prints, SIGTERM while a request is in flight, the second signal, the
 * lock, the service manager's part. TRIB_TEST_RESTARTS says how often it is restarted under load. */
#include <sys/un.h>

#include "integration/load.h"
#include "integration/talk.h"
#include "support/tls_pair.h"

enum { RESTARTS = 100 };

static int failed;

static void check(bool fine, const char *what) {
    if (!fine) failed++;
    printf("%s %s\n", fine ? "ok    " : "FAILED", what);
}

static void sigterm_answers_what_is_in_flight(void) {
    char answer[4096];
    server s = server_start((const char *const[]){"--no-auth", NULL});
    int idle = server_connect(s.port), busy = server_connect(s.port), slow = server_connect(s.port);
    server_say(idle, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    check(server_read(idle, answer, sizeof answer, "\r\n\r\n"), "an idle connection is there");
    /* the body is on its way when the signal comes: the request has begun, so it is owed an answer */
    static const char head[] = "POST /acme/v2/pipeline HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n";
    server_say(busy, head);
    server_say(slow, "GET /"); /* a head has begun, too */
    usleep(100000);
    kill(s.pid, SIGTERM);
    check(server_read(idle, answer, sizeof answer, NULL) && !answer[0], "the idle connection is closed without a word");
    check(!server_is_healthy(s.port), "nothing new is accepted");
    check(waitpid(s.pid, NULL, WNOHANG) == 0, "the server waits for the request in flight");
    server_say(slow, "health HTTP/1.1\r\nHost: a\r\n\r\n");
    check(server_read(slow, answer, sizeof answer, "}") && strncmp(answer, "HTTP/1.1 503 ", 13) == 0,
          "/health on a connection that is still open says that the server ends");
    check(strstr(answer, "\"code\":\"SHUTTING_DOWN\",\"docs\":\"trib help errors SHUTTING_DOWN\",\"request_id\":\"") !=
              NULL,
          "with a request id");
    server_say(busy, "{}");
    check(server_read(busy, answer, sizeof answer, NULL) && strncmp(answer, "HTTP/1.1 ", 9) == 0, "which is answered");
    check(strstr(answer, "\r\nConnection: close\r\n") != NULL, "with Connection: close");
    check(server_wait(&s, 10) == 0, "and the server ends with status 0");
    close(idle);
    close(busy);
    close(slow);
    s.pid = 0;
    char command[200];
    snprintf(command, sizeof command, "rm -rf '%s'", s.folder);
    check(system(command) == 0, "its folder is removed");
}

static void the_drain_cuts_statements_that_run_on(void) {
    server s = server_start((const char *const[]){"--no-auth", "--drain-timeout", "300ms", NULL});
    server_create_tenant(&s, "acme");
    int endless = server_connect(s.port);
    static const char body[] = "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"WITH RECURSIVE c(n) AS "
                               "(SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT count(*) FROM c\"}}]}";
    char request[512];
    snprintf(request, sizeof request, "POST /acme/v2/pipeline HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s",
             sizeof body - 1, body);
    server_say(endless, request);
    usleep(200000);
    kill(s.pid, SIGTERM);
    check(server_wait(&s, 8) == 0, "a statement without an end is interrupted when the drain is over");
    close(endless);
    char command[200];
    snprintf(command, sizeof command, "rm -rf '%s'", s.folder);
    check(system(command) == 0, "its folder is removed");
}

static void the_drain_has_an_end(void) {
    char answer[4096];
    server s = server_start((const char *const[]){"--no-auth", "--drain-timeout", "300ms", NULL});
    int slow = server_connect(s.port);
    static const char head[] = "POST /acme/v2/pipeline HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n";
    server_say(slow, head);
    usleep(100000);
    check(server_stop(&s), "a client that never finishes holds the end up for the drain timeout only");
    server_read(slow, answer, sizeof answer, NULL);
    close(slow);
}

static void a_second_signal_ends_at_once(void) {
    server s = server_start((const char *const[]){"--no-auth", NULL});
    int slow = server_connect(s.port);
    server_say(slow, "POST /acme/v2/pipeline HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n");
    usleep(100000);
    kill(s.pid, SIGTERM);
    usleep(100000);
    kill(s.pid, SIGINT);
    check(server_wait(&s, 3) == 1, "a second signal ends the server at once with status 1");
    close(slow);
    char command[200];
    snprintf(command, sizeof command, "rm -rf '%s'", s.folder);
    check(system(command) == 0, "its folder is removed");
}

static void the_admin_key_is_for_the_owner_only(void) {
    server s = server_start(NULL);
    char path[200], answer[4096];
    struct stat file;
    snprintf(path, sizeof path, "%s/data/admin.key", s.folder);
    check(stat(path, &file) == 0 && (file.st_mode & 0777) == 0600 && file.st_size > 16, "admin.key has mode 0600");
    int fd = server_connect(s.admin_port);
    server_say(fd, "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    check(server_read(fd, answer, sizeof answer, "\r\n\r\n") && strncmp(answer, "HTTP/1.1 401 ", 13) == 0,
          "/metrics without the key is refused");
    close(fd);
    check(server_is_healthy(s.admin_port), "/health of the admin listener needs no key");
    check(server_stop(&s), "the server ends cleanly");
}

/* A transaction between two of its requests cannot go on after the end has begun; who waits for its turn must not wait
 * for it to be taken away after seconds. */
static void an_open_transaction_does_not_hold_up_those_in_flight(void) {
    static const char begin[] = "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"BEGIN IMMEDIATE\"}}]}";
    static const char make[] = "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"CREATE TABLE t(a)\"}}]}";
    char request[512], answer[4096];
    server s = server_start((const char *const[]){"--no-auth", NULL});
    server_create_tenant(&s, "acme");
    int idle = server_connect(s.port), waiting = server_connect(s.port);
    snprintf(request, sizeof request, "POST /acme/v2/pipeline HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(begin), begin);
    server_say(idle, request);
    check(server_read(idle, answer, sizeof answer, "\"baton\":\"") && strstr(answer, "\"type\":\"ok\""),
          "a turn is held");
    snprintf(request, sizeof request, "POST /acme/v2/pipeline HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(make), make);
    server_say(waiting, request);
    usleep(200000);
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    kill(s.pid, SIGTERM);
    check(server_read(waiting, answer, sizeof answer, NULL) && strstr(answer, "\"type\":\"ok\""),
          "who waits for the turn gets it when the server ends");
    clock_gettime(CLOCK_MONOTONIC, &to);
    check(to.tv_sec - from.tv_sec < 4, "at once, not when the transaction has become too old");
    check(strstr(answer, "\"baton\":null") != NULL, "and no session is promised any more");
    close(idle);
    close(waiting);
    check(server_wait(&s, 10) == 0, "the server ends cleanly");
    snprintf(request, sizeof request, "rm -rf '%s'", s.folder);
    check(system(request) == 0, "its folder is removed");
}

/* ---- under a service manager, which this test plays ---- */

static int manager_socket(int *ret_port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 1024)) die("no listening socket");
    getsockname(fd, (struct sockaddr *)&at, &len);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

/* A pipeline request of one statement to the tenant acme. */
static void write_request(char *request, size_t cap, const char *token, const char *sql) {
    char body[256];
    snprintf(body, sizeof body, "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"%s\"}}]}", sql);
    snprintf(request, cap,
             "POST /acme/v2/pipeline HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n%s",
             token, strlen(body), body);
}

/* Makes the tenant acme, and a token for it. */
static void make_acme(const server *s, char *token, size_t cap) {
    char key[160];
    talk t;
    talk_admin_key(s, key, sizeof key);
    talk_init(&t, s->admin_port);
    talk_ask(&t, "POST", "/v1/namespaces/acme/create", key, "{}");
    check(talk_ask(&t, "POST", "/v1/namespaces/acme/tokens", key, "{}") == 200, "a tenant is there, and a token");
    talk_text(&t, "token", token, cap);
    talk_deinit(&t);
}

/* The statement's answer on a connection of its own; false if there is none of status 200. */
static bool execute(const load *l, const char *token, const char *sql, char answer[LOAD_ANSWER_BYTES]) {
    char request[2048];
    wire w;
    write_request(request, sizeof request, token, sql);
    if (!wire_open(&w, l->port, l->tls)) return false;
    int status = wire_ask(&w, request, answer);
    wire_close(&w);
    return status == 200 && strstr(answer, "\"type\":\"ok\"");
}

static int count_rows(const load *l, const char *token) {
    char answer[LOAD_ANSWER_BYTES];
    if (!execute(l, token, "SELECT 'n'||count(*) FROM t", answer)) return -1;
    const char *value = strstr(answer, "\"value\":\"n");
    return value ? (int)strtol(value + strlen("\"value\":\"n"), NULL, 10) : -1;
}

/* extra: more arguments of the server; tls: how clients speak to it then, NULL for plainly. */
static void restarts_under_load_lose_no_request(int restarts, SSL_CTX *tls, server *s, const char *const *extra) {
    char request[2048], token[1024], answer[LOAD_ANSWER_BYTES];
    load l = {.tls = tls, .request = request};
    int clean = 0;
    s->listen_fd = manager_socket(&l.port);
    server_start_again(s, extra);
    check(s->port == l.port, "the server takes the socket that it is given");
    make_acme(s, token, sizeof token);
    check(execute(&l, token, "CREATE TABLE t(a)", answer), "and a table");
    write_request(request, sizeof request, token, "INSERT INTO t VALUES (1)");
    load_start(&l);
    for (int i = 0; i < restarts; i++) {
        if (!load_await(&l, 20)) break;
        kill(s->pid, SIGTERM);
        clean += server_wait(s, 20) == 0;
        server_start_again(s, extra);
    }
    bool busy = load_await(&l, 20);
    load_stop(&l);
    check(clean == restarts, "each time it drains and ends with status 0");
    check(busy && l.failed == 0, "no request failed, and no connection was refused");
    int rows = count_rows(&l, token);
    check(rows == l.answered, "every insert that was answered was made, once");
    printf("       %d restarts%s, %d inserts on %d connections, %d rows, %d failed\n", clean, tls ? " with TLS" : "",
           l.answered, l.connected, rows, l.failed);
    check(server_stop(s), "the server ends cleanly");
    close(s->listen_fd);
}

static void restarts_lose_nothing_plain_or_with_tls(void) {
    const char *setting = getenv("TRIB_TEST_RESTARTS");
    int restarts = setting ? (int)strtol(setting, NULL, 10) : RESTARTS;
    char cert[160], key[160];
    server s = {0}, secure = {0};
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    server_make_folder(&s);
    restarts_under_load_lose_no_request(restarts, NULL, &s, NULL);
    server_make_folder(&secure);
    snprintf(cert, sizeof cert, "%s/cert.pem", secure.folder);
    snprintf(key, sizeof key, "%s/key.pem", secure.folder);
    if (!tls || !tls_pair_write(cert, key, "drain", -60, 3600, NULL)) die("no certificate");
    restarts_under_load_lose_no_request(restarts / 4, tls, &secure,
                                        (const char *const[]){"--tls-cert", cert, "--tls-key", key, NULL});
    SSL_CTX_free(tls);
}

/* The next notice, or "". */
static const char *hear(int fd, char *notice, size_t cap) {
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    ssize_t n = poll(&ready, 1, 10000) == 1 ? recv(fd, notice, cap - 1, 0) : 0;
    notice[n > 0 ? n : 0] = '\0';
    return notice;
}

static void the_manager_is_told_what_happens(void) {
    char notice[256], variable[200];
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    server s = {0};
    server_make_folder(&s);
    int n = snprintf(at.sun_path, sizeof at.sun_path, "%s/notify", s.folder);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (n >= (int)sizeof at.sun_path || fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at))
        die("no socket for notices");
    snprintf(variable, sizeof variable, "NOTIFY_SOCKET=%s/notify", s.folder);
    s.environ_[0] = variable;
    server_start_again(&s, NULL);
    check(strcmp(hear(fd, notice, sizeof notice), "READY=1") == 0, "READY when it listens");
    check(server_is_healthy(s.port), "which is true");
    kill(s.pid, SIGHUP);
    check(strncmp(hear(fd, notice, sizeof notice), "RELOADING=1\nMONOTONIC_USEC=", 27) == 0, "SIGHUP: RELOADING");
    check(strncmp(hear(fd, notice, sizeof notice), "READY=1", 7) == 0, "and READY again");
    kill(s.pid, SIGTERM);
    check(strcmp(hear(fd, notice, sizeof notice), "STOPPING=1") == 0, "SIGTERM: STOPPING");
    check(server_wait(&s, 10) == 0, "and it ends");
    s.environ_[1] = "WATCHDOG_USEC=300000";
    server_start_again(&s, NULL);
    hear(fd, notice, sizeof notice);
    for (int i = 0; i < 3; i++)
        check(strcmp(hear(fd, notice, sizeof notice), "WATCHDOG=1") == 0, "a watchdog that asks hears from it");
    close(fd);
    check(server_stop(&s), "the server ends cleanly");
}

static void a_given_socket_is_refused_without_tokens(void) {
    char line[512], log[160];
    int out, port;
    server s = {.listen_fd = manager_socket(&port)};
    server_make_folder(&s);
    server_spawn(&s, (const char *const[]){"--no-auth", NULL}, &out);
    check(server_wait(&s, 20) == 2, "--no-auth with a given socket is a wrong setting");
    check(read(out, line, sizeof line) == 0, "and prints no address");
    close(out);
    snprintf(log, sizeof log, "%s/log", s.folder);
    FILE *file = fopen(log, "r");
    check(file && fgets(line, sizeof line, file) && strstr(line, "no_auth cannot be combined"), "with the reason");
    if (file) fclose(file);
    close(s.listen_fd);
    snprintf(line, sizeof line, "rm -rf '%s'", s.folder);
    check(system(line) == 0, "its folder is removed");
}

int main(void) {
    restarts_lose_nothing_plain_or_with_tls();
    the_manager_is_told_what_happens();
    a_given_socket_is_refused_without_tokens();
    sigterm_answers_what_is_in_flight();
    the_drain_cuts_statements_that_run_on();
    an_open_transaction_does_not_hold_up_those_in_flight();
    the_drain_has_an_end();
    a_second_signal_ends_at_once();
    the_admin_key_is_for_the_owner_only();
    return failed ? 1 : 0;
}
