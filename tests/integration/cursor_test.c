/* SPDX-License-Identifier: Apache-2.0 */
/* Long answers and clients that leave, against the real program over sockets: memory stays bounded, slow readers hold
 * no worker, and what a client that is gone has held is free again. */
#include "server.h"

enum {
    ROWS = 1000000,
    RSS_GROWTH_MAX_KB = 40 * 1024, /* the answer has about 56 MB, and a server with sanitizers keeps freed memory */
    SLOW_READERS = 24,             /* more than the workers of the server below */
    LEAVERS = 12,
};

static int failed;

static void check(bool fine, const char *what) {
    if (!fine) failed++;
    printf("%s %s\n", fine ? "ok    " : "FAILED", what);
}

static long rss_kb(const server *s) {
    char path[64], line[256];
    long kb = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)s->pid);
    FILE *status = fopen(path, "r");
    while (status && fgets(line, sizeof line, status)) {
        if (strncmp(line, "VmRSS:", 6) == 0) kb = strtol(line + 6, NULL, 10);
    }
    if (status) fclose(status);
    return kb;
}

static int post(const server *s, const char *path, const char *body) {
    char request[2048];
    int fd = server_connect(s->port);
    snprintf(request, sizeof request, "POST /acme/%s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s", path,
             strlen(body), body);
    server_say(fd, request);
    return fd;
}

/* One statement of a session of its own; true if the answer has `want`. */
static bool run(const server *s, const char *sql, const char *want) {
    char body[1024], answer[8192];
    snprintf(body, sizeof body,
             "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"%s\"}},{\"type\":\"close\"}]}", sql);
    int fd = post(s, "v2/pipeline", body);
    bool fine = server_read(fd, answer, sizeof answer, "\"baton\":null}") && strstr(answer, want) != NULL;
    if (!fine) printf("       %s\n", answer);
    close(fd);
    return fine;
}

#define NUMBERS "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c LIMIT 1000000) SELECT n FROM c"
#define ENDLESS "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT count(*) FROM c"
#define STEP(s) "{\"stmt\":{\"sql\":\"" s "\"}}"

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Asks the admin listener; the answer with its head. */
static void admin_get(const server *s, const char *path, char *answer, size_t cap) {
    char request[256];
    int fd = server_connect(s->admin_port);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", path);
    server_say(fd, request);
    server_read(fd, answer, cap, NULL);
    close(fd);
}

static void what_a_tenant_does_is_shown(const server *s) {
    static char answer[64 * 1024];
    char url[64];
    check(run(s, "CREATE TABLE n(x)", "\"type\":\"ok\""), "a table is made");
    check(run(s, "INSERT INTO n VALUES (1),(2),(3)", "\"rows_written\":3"), "three rows are written");
    check(run(s, "SELECT x FROM n", "\"rows_read\":"), "and read");
    admin_get(s, "/v1/namespaces/acme", answer, sizeof answer);
    check(strstr(answer, "\"rows_written\":3,\"requests\":3,") != NULL,
          "the tenant shows three rows and three requests");
    snprintf(url, sizeof url, "\"url\":\"http://127.0.0.1:%d/acme/\"", s->port);
    check(strstr(answer, url) != NULL, "and the URL that clients use, with the slash");
    admin_get(s, "/metrics", answer, sizeof answer);
    check(strstr(answer, "\ntrib_rows_written_total 3\n") && strstr(answer, "\ntrib_tenant_requests_total 3\n"),
          "the metrics of all tenants have the same");
    check(strstr(answer, "acme") == NULL, "and no series of a single tenant");
}

static void a_million_rows_take_bounded_memory(const server *s) {
    static char piece[1 << 16], head[4096];
    long before = rss_kb(s), most = before;
    size_t lines = 0, total = 0, reads = 0;
    bool brace = false;
    int fd = post(s, "v3/cursor", "{\"batch\":{\"steps\":[" STEP(NUMBERS) "]}}");
    for (ssize_t n; (n = recv(fd, piece, sizeof piece, 0)) > 0; reads++) {
        if (total < sizeof head - 1) {
            size_t room = sizeof head - 1 - total < (size_t)n ? sizeof head - 1 - total : (size_t)n;
            memcpy(head + total, piece, room);
        }
        total += (size_t)n;
        for (ssize_t i = 0; i < n; i++) {
            if (piece[i] == '\n' && brace) lines++;
            brace = piece[i] == '}';
        }
        if (reads % 64 == 0) {
            long now = rss_kb(s);
            if (now > most) most = now;
        }
        /* the last chunk: "0\r\n\r\n" */
        if (n >= 5 && memcmp(piece + n - 5, "0\r\n\r\n", 5) == 0) break;
    }
    close(fd);
    printf("       %zu bytes, %zu entries, memory %ld kB + %ld kB\n", total, lines, before, most - before);
    check(strncmp(head, "HTTP/1.1 200 ", 13) == 0 && strstr(head, "\r\nTransfer-Encoding: chunked\r\n"),
          "a long cursor is sent in chunks");
    check(strstr(head, "\r\nContent-Type: text/plain\r\n") && strstr(head, "{\"baton\":\""),
          "its first line is a baton");
    check(lines == ROWS + 4, "every row arrives");
    check(most - before < RSS_GROWTH_MAX_KB, "the server's memory stays bounded");
}

static void slow_readers_hold_no_worker(const server *s) {
    char answer[4096];
    int fds[SLOW_READERS];
    for (int i = 0; i < SLOW_READERS; i++) {
        fds[i] = post(s, "v3/cursor", "{\"batch\":{\"steps\":[" STEP(NUMBERS) "]}}");
    }
    for (int i = 0; i < SLOW_READERS; i++) {
        if (!server_read(fds[i], answer, sizeof answer, "\"row\"")) failed++;
    }
    bool fine = true;
    for (int i = 0; i < 20; i++) fine = fine && run(s, "SELECT 40 + 2", "\"value\":\"42\"");
    check(fine, "while many clients do not read their rows, others are served");
    for (int i = 0; i < SLOW_READERS; i++) close(fds[i]);
}

static void a_client_that_leaves_midway_gives_back_the_turn(const server *s) {
    char answer[4096];
    check(run(s, "CREATE TABLE v(x)", "\"type\":\"ok\""), "a table is made");
    int fd = post(
        s, "v3/cursor",
        "{\"batch\":{\"steps\":[" STEP("BEGIN IMMEDIATE") "," STEP("INSERT INTO v VALUES (1)") "," STEP(NUMBERS) "]}}");
    check(server_read(fd, answer, sizeof answer, "\"row\""), "a cursor holds the turn and its client does not read");
    double begin = seconds();
    close(fd);
    check(run(s, "INSERT INTO v SELECT 70 + count(*) FROM v RETURNING x", "\"value\":\"70\""),
          "it leaves, and the next writer finds its rows rolled back");
    check(seconds() - begin < 4, "long before the turn would have been taken away");
}

static void statements_of_clients_that_are_gone_end(const server *s) {
    char answer[64 * 1024];
    int fds[LEAVERS];
    for (int i = 0; i < LEAVERS; i++) {
        fds[i] = post(s, "v2/pipeline", "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"" ENDLESS "\"}}]}");
    }
    usleep(300000);
    for (int i = 0; i < LEAVERS; i++) {
        /* half of them with a reset, half politely */
        if (i % 2) setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
        close(fds[i]);
    }
    double begin = seconds();
    bool idle = false;
    while (!idle && seconds() - begin < 15) {
        admin_get(s, "/metrics", answer, sizeof answer);
        idle = strstr(answer, "\ntrib_workers_stuck 0\n") != NULL;
        usleep(100000);
    }
    printf("       after %.1f s\n", seconds() - begin);
    check(idle, "endless statements of clients that left are interrupted");
    check(run(s, "SELECT 40 + 2", "\"value\":\"42\""), "and their tenant is served");
}

/* AddressSanitizer keeps freed memory aside, up to 256 MB of it: here that would look like a leak. */
static void keep_little_aside(void) {
    char options[512];
    const char *set = getenv("ASAN_OPTIONS");
    snprintf(options, sizeof options, "%s%squarantine_size_mb=1", set ? set : "", set ? ":" : "");
    setenv("ASAN_OPTIONS", options, 1);
}

int main(void) {
    keep_little_aside();
    server s = server_start((const char *const[]){"--no-auth", NULL});
    server_create_tenant(&s, "acme");
    what_a_tenant_does_is_shown(&s);
    a_million_rows_take_bounded_memory(&s);
    slow_readers_hold_no_worker(&s);
    a_client_that_leaves_midway_gives_back_the_turn(&s);
    statements_of_clients_that_are_gone_end(&s);
    check(server_stop(&s), "the server ends cleanly");
    return failed ? 1 : 0;
}
