/* SPDX-License-Identifier: Apache-2.0 */
/* Every bomb of tests/hostile/bombs.txt against the real program: each request gets an answer or an error with a type,
 * a neighbour sees no error meanwhile, memory stays bounded, and no socket is left behind. Then peers that send their
 * head slowly. What this costs in time is measured by tests/bench/isolation.sh. */
#include <dirent.h>

#include "hostile/bombs.h"
#include "integration/load.h"

enum {
    CONNECTIONS = 6, /* more than a tenant may run at once */
    STATEMENT_TIMEOUT_MS = 250,
    RSS_MAX_KB = 2400 * 1024, /* with sanitizers, which keep freed memory; the release stays below 300 MB */
    LORIS = 200,
    LORIS_SECONDS = 40, /* the server's limit is 15 */
};

static int failed;
static server s;

static void check(bool fine, const char *what, const char *of) {
    if (!fine) failed++;
    if (!fine) printf("FAILED %s: %s\n", of, what);
}

static long rss_kb(void) {
    char path[64], line[256];
    long kb = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)s.pid);
    FILE *status = fopen(path, "r");
    while (status && fgets(line, sizeof line, status)) {
        if (strncmp(line, "VmRSS:", 6) == 0) kb = strtol(line + 6, NULL, 10);
    }
    if (status) fclose(status);
    return kb;
}

static int sockets(void) {
    char path[64], target[64];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)s.pid);
    DIR *folder = opendir(path);
    if (!folder) die("no /proc of the server");
    for (struct dirent *entry; (entry = readdir(folder));) {
        ssize_t n = readlinkat(dirfd(folder), entry->d_name, target, sizeof target);
        count += n > 7 && memcmp(target, "socket:", 7) == 0;
    }
    closedir(folder);
    return count;
}

/* False: there are more even after some seconds. */
static bool sockets_fall_to(int count) {
    for (int i = 0; i < 1000 && sockets() > count; i++) usleep(10000);
    return sockets() <= count;
}

static void set_timeout(const char *tenant) {
    char command[512];
    const char *bin = getenv("TRIB_BIN");
    snprintf(command, sizeof command, "%s tenant set %s statement_timeout_ms=%d --data '%s/data' >'%s/set.log' 2>&1",
             bin ? bin : "build/dev/trib", tenant, STATEMENT_TIMEOUT_MS, s.folder, s.folder);
    if (system(command) != 0) die("the tenant's settings could not be set");
}

static void throw_bomb(const bomb *b) {
    static attack a;
    char tenant[64], why[400] = "";
    memset(&a, 0, sizeof a);
    snprintf(tenant, sizeof tenant, "x-%s", b->name);
    server_create_tenant(&s, tenant);
    a = (attack){.bomb = b, .port = s.port, .tenant = tenant, .rounds = 1};
    bool ready = attack_set_up(&a, why, sizeof why);
    check(ready, why, b->name);
    set_timeout(tenant);
    if (!ready) return;
    attack_start(&a, CONNECTIONS);
    attack_end(&a, false);
    printf("       %-24s answered %llu, SQL errors %llu, refused %llu, too many %llu\n", b->name, a.answered,
           a.sql_errors, a.refused, a.shed);
    check(a.broken == 0, "a request got no whole answer", b->name);
    check(a.rounds_done == CONNECTIONS, "a connection did not come to its end", b->name);
    check(server_is_healthy(s.port), "the server is not healthy afterwards", b->name);
    check(rss_kb() < RSS_MAX_KB, "the server has grown too large", b->name);
}

static void bombs_hurt_nobody_else(void) {
    static load bystander;
    static char request[512];
    static const char create[] = "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"CREATE TABLE e (i INTEGER "
                                 "PRIMARY KEY)\"}},{\"type\":\"close\"}]}",
                      insert[] = "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"INSERT INTO e DEFAULT "
                                 "VALUES\"}},{\"type\":\"close\"}]}";
    talk t;
    bombs *list = bombs_read("tests/hostile/bombs.txt");
    check(list->count >= 40, "there are fewer than 40 bombs", "the catalogue");
    server_create_tenant(&s, "bystander");
    talk_init(&t, s.port);
    talk_ask(&t, "POST", "/bystander/v2/pipeline", NULL, create);
    check(t.status == 200, "its table could not be made", "the bystander");
    talk_deinit(&t);
    int before = sockets();
    snprintf(request, sizeof request,
             "POST /bystander/v2/pipeline HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             sizeof insert - 1, insert);
    bystander = (load){.port = s.port, .request = request};
    load_start(&bystander);
    for (unsigned i = 0; i < list->count; i++) throw_bomb(&list->all[i]);
    check(load_await(&bystander, 20), "it is not answered any more", "the bystander");
    load_stop(&bystander);
    printf("       the bystander: %d answered, %d failed\n", bystander.answered, bystander.failed);
    check(bystander.failed == 0, "it saw errors", "the bystander");
    check(sockets_fall_to(before), "sockets were left behind", "the attacks");
    bombs_free(list);
}

/* A byte now and then moves every idle timeout; the head as a whole has a limit. */
static void slow_heads_are_closed(void) {
    static int peers[LORIS];
    char answer[512];
    int before = sockets(), open = LORIS, said_why = 0;
    for (int i = 0; i < LORIS; i++) {
        peers[i] = server_connect(s.port);
        if (peers[i] < 0 || !server_say(peers[i], "GET /health HTTP/1.1\r\nx: ")) die("no connection");
    }
    for (int second = 0; second < LORIS_SECONDS && open > 0; second++) {
        sleep(1);
        for (int i = 0; i < LORIS; i++) {
            if (peers[i] < 0) continue;
            bool alive = server_say(peers[i], "x");
            struct pollfd ready = {.fd = peers[i], .events = POLLIN};
            if (alive && poll(&ready, 1, 0) == 0) continue;
            ssize_t got = recv(peers[i], answer, sizeof answer - 1, 0);
            answer[got > 0 ? got : 0] = '\0';
            said_why += strncmp(answer, "HTTP/1.1 408 ", 13) == 0;
            close(peers[i]);
            peers[i] = -1;
            open--;
        }
    }
    check(open == 0, "the server still waits for them", "slow heads");
    check(said_why > 0, "none was told why", "slow heads");
    check(sockets_fall_to(before), "sockets were left behind", "slow heads");
}

int main(void) {
    static const char *const options[] = {"--no-auth", NULL};
    signal(SIGPIPE, SIG_IGN);
    s = server_start(options);
    bombs_hurt_nobody_else();
    slow_heads_are_closed();
    check(server_stop(&s), "it did not end cleanly", "the server");
    printf("%s\n", failed ? "FAILED" : "ok     hostile tenants and peers");
    return failed ? 1 : 0;
}
