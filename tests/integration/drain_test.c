/* SPDX-License-Identifier: Apache-2.0 */
/* How the real program starts and ends: what it prints, SIGTERM while a request is in flight, the second signal, the
 * lock. */
#include "server.h"

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

int main(void) {
    sigterm_answers_what_is_in_flight();
    the_drain_cuts_statements_that_run_on();
    an_open_transaction_does_not_hold_up_those_in_flight();
    the_drain_has_an_end();
    a_second_signal_ends_at_once();
    the_admin_key_is_for_the_owner_only();
    return failed ? 1 : 0;
}
