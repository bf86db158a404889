/* SPDX-License-Identifier: Apache-2.0 */
/* What a sync brings is in proportion to what changed, however large the database is: over V2 and /pull-updates, with
 * the changes in the log and, after a start, in the file. */
#include "integration/sync_client.h"

enum { ROWS = 6000, ROW_BYTES = 3900, ONE_ROW_MAX_BYTES = 64 << 10, NOTHING_MAX_BYTES = 256 };

static void expect(const char *what, const sync_client *c, size_t least, size_t most) {
    bool fine = c->talk.body_len >= least && c->talk.body_len <= most;
    printf("%s: %zu bytes\n", what, c->talk.body_len);
    if (!fine)
        fprintf(stderr, "FAILED: %s: %zu bytes, and %zu to %zu were expected\n", what, c->talk.body_len, least, most);
    if (!fine) exit(1);
}

static void change(sync_client *c, unsigned rows) {
    char sql[100];
    snprintf(sql, sizeof sql, "UPDATE item SET n = n + 1 WHERE id %% %u = 7", ROWS / rows);
    sync_sql(c, sql);
}

/* Each changed row lies on a page of its own. */
static void costs_what_changed(sync_client *c, const char *when) {
    static const struct {
        const char *name;
        void (*sync)(sync_client *);
    } protocols[] = {{"V2", sync_v2}, {"/pull-updates", sync_pull}};
    for (size_t i = 0; i < 2; i++) {
        char what[100];
        protocols[i].sync(c);
        protocols[i].sync(c);
        snprintf(what, sizeof what, "nothing new, %s, %s", protocols[i].name, when);
        expect(what, c, 1, NOTHING_MAX_BYTES);
        change(c, 1);
        protocols[i].sync(c);
        snprintf(what, sizeof what, "1 row, %s, %s", protocols[i].name, when);
        expect(what, c, 4096, ONE_ROW_MAX_BYTES);
        change(c, 100);
        protocols[i].sync(c);
        snprintf(what, sizeof what, "100 rows, %s, %s", protocols[i].name, when);
        expect(what, c, 100 * 4096, 100 * 4096 + ONE_ROW_MAX_BYTES);
    }
}

int main(void) {
    static const char *const flags[] = {"--no-auth", "--log-level", "warn", NULL};
    sync_client c = {.talk = {.fd = -1}};
    server s = server_start(flags);
    server_create_tenant(&s, "t");
    c.talk.port = s.port;
    sync_fill(&c, ROWS, ROW_BYTES);
    talk_deinit(&c.talk);
    sync_begin(&c, s.port);
    costs_what_changed(&c, "first life");
    kill(s.pid, SIGTERM); /* copies the log into the file, so that what is new stands in the map's file */
    if (server_wait(&s, 20) != 0) die("the server did not end well");
    talk_hang_up(&c.talk);
    server_start_again(&s, flags);
    c.talk.port = s.port;
    costs_what_changed(&c, "after a start");
    talk_deinit(&c.talk);
    return server_stop(&s) ? 0 : 1;
}
