/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of large answers that take their time: the writer beside them is not hindered, its log does not grow, what
 * they get in the end is whole and of one moment, and a crash leaves no file of theirs. */
#include "integration/sync_client.h"

enum { ROWS = 8000, ROW_BYTES = 2000, ROUNDS = 12, LOG_MAX_BYTES = 24 << 20 };

typedef struct reader {
    const char *what;
    int fd;
    char *bytes;
    size_t len, cap;
} reader;

static void ask(reader *r, int port, const char *what, const char *head, const char *body) {
    char request[400];
    *r = (reader){.what = what, .fd = server_connect(port), .cap = 64 << 20};
    r->bytes = malloc(r->cap);
    if (r->fd < 0 || !r->bytes) die("no connection or no memory");
    snprintf(request, sizeof request,
             "%s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", head, strlen(body),
             body);
    server_say(r->fd, request);
}

/* At most n bytes; false at the end. */
static bool take(reader *r, size_t n) {
    if (n > r->cap - r->len) n = r->cap - r->len;
    ssize_t got = server_recv(r->fd, r->bytes + r->len, n);
    if (got < 0) die(r->what);
    r->len += (size_t)got;
    return got > 0;
}

/* All of it, and whether its last chunk came. */
static void finish(reader *r, size_t least) {
    while (take(r, 1 << 20)) continue;
    bool whole = strncmp(r->bytes, "HTTP/1.1 200 ", 13) == 0 && r->len > least && r->len > 7 &&
                 memcmp(r->bytes + r->len - 7, "\r\n0\r\n\r\n", 7) == 0;
    printf("%s: %zu bytes\n", r->what, r->len);
    if (!whole) fprintf(stderr, "FAILED: %s is not whole: %zu bytes, %.200s\n", r->what, r->len, r->bytes);
    if (!whole) exit(1);
    close(r->fd);
    free(r->bytes);
}

static long number_from(const server *s, const char *command) {
    char whole[400], line[64] = "";
    snprintf(whole, sizeof whole, "cd '%s/data' && %s", s->folder, command);
    FILE *out = popen(whole, "r");
    if (!out || !fgets(line, sizeof line, out)) die(command);
    pclose(out);
    return strtol(line, NULL, 10);
}

static void start_readers(reader readers[3], const server *s, const sync_client *c) {
    char path[100];
    snprintf(path, sizeof path, "GET /t/export/%llu", c->generation);
    ask(&readers[0], s->port, "the export of V2", path, "");
    ask(&readers[1], s->port, "/pull-updates", "POST /t/pull-updates", "");
    ask(&readers[2], s->admin_port, "the admin's export", "GET /v1/namespaces/t/export", "");
    for (int i = 0; i < 3; i++) (void)take(&readers[i], 1000);
}

int main(void) {
    static const char *const flags[] = {"--no-auth", "--log-level", "warn", NULL};
    reader readers[3];
    sync_client c = {.talk = {.fd = -1}};
    server s = server_start(flags);
    server_create_tenant(&s, "t");
    c.talk.port = s.port;
    sync_fill(&c, ROWS, ROW_BYTES);
    talk_deinit(&c.talk);
    sync_begin(&c, s.port);
    start_readers(readers, &s, &c);
    /* each round writes the whole database anew; a snapshot that is held would keep all of it in the log */
    for (int i = 0; i < ROUNDS; i++) {
        sync_sql(&c, "UPDATE item SET n = n + 1, body = randomblob(2000)");
        for (int k = 0; k < 3; k++) (void)take(&readers[k], 3000);
    }
    usleep(300000);
    sync_sql(&c, "UPDATE item SET n = n + 1 WHERE id = 1");
    long log_bytes =
        number_from(&s, "find . -name '*.db-wal' -path './db/*' -exec wc -c {} + | awk '{print $1; exit}'");
    printf("the log has %ld bytes\n", log_bytes);
    if (log_bytes > LOG_MAX_BYTES) die("the log grew behind slow readers");
    for (int i = 0; i < 3; i++) finish(&readers[i], (size_t)ROWS * ROW_BYTES);
    /* and the same once more, killed on the way */
    start_readers(readers, &s, &c);
    kill(s.pid, SIGKILL);
    (void)server_wait(&s, 20);
    for (int i = 0; i < 3; i++) free(readers[i].bytes), close(readers[i].fd);
    if (number_from(&s, "find . -name '*spool*' | wc -l") != 0) die("a crash left a spool");
    talk_hang_up(&c.talk);
    server_start_again(&s, flags);
    c.talk.port = s.port;
    sync_pull(&c);
    talk_deinit(&c.talk);
    return server_stop(&s) ? 0 : 1;
}
