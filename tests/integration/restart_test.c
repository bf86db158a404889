/* SPDX-License-Identifier: Apache-2.0 */
/* The same data folder again: after SIGKILL, after many of them in a row, and by two servers at once. */
#include "integration/talk.h"

static int failed;

static void check(bool fine, const char *what) {
    if (!fine) failed++;
    printf("%s %s\n", fine ? "ok    " : "FAILED", what);
}

static void kill_hard(server *s) {
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
}

static void ask(talk *t, const server *s, const char *token, const char *sql) {
    text body = {0};
    talk_deinit(t);
    talk_init(t, s->port);
    text_add(&body, "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"%s\"}},{\"type\":\"close\"}]}", sql);
    talk_ask(t, "POST", "/acme/v2/pipeline", token, body.ptr);
    free(body.ptr);
}

static void make_tenant(const server *s, char *token, size_t cap) {
    char key[160], made[1024];
    talk admin;
    talk_admin_key(s, key, sizeof key);
    talk_init(&admin, s->admin_port);
    check(talk_ask(&admin, "POST", "/v1/namespaces/acme/create", key, "{}") == 200, "a tenant is made");
    check(talk_ask(&admin, "POST", "/v1/namespaces/acme/tokens", key, "{}") == 200, "and a token");
    talk_text(&admin, "token", made, sizeof made);
    snprintf(token, cap, "Bearer %s", made);
    talk_deinit(&admin);
}

static void killed_again_and_again_it_starts_and_has_everything(void) {
    char token[1100], sql[64], want[48];
    talk t = {.fd = -1};
    server s = server_start(NULL);
    make_tenant(&s, token, sizeof token);
    ask(&t, &s, token, "CREATE TABLE t(a)");
    for (int i = 1; i <= 10; i++) {
        snprintf(sql, sizeof sql, "INSERT INTO t VALUES (%d)", i);
        ask(&t, &s, token, sql);
        bool written = talk_says(&t, "\"affected_row_count\":1");
        kill_hard(&s);
        if (i % 3 == 0) { /* and once more before anybody asked it anything */
            server_start_again(&s, NULL);
            kill_hard(&s);
        }
        server_start_again(&s, NULL); /* tells and ends the test if the server does not come up */
        ask(&t, &s, token, "SELECT 'rows '||count(*)||' of '||max(a) FROM t");
        snprintf(want, sizeof want, "rows %d of %d", i, i);
        if (!written || !talk_says(&t, want)) {
            printf("FAILED after %d kills: %s\n", i, t.body ? t.body : "no answer");
            failed++;
        }
    }
    check(failed == 0, "ten times killed and started: data, tenant and token are there each time");
    talk_deinit(&t);
    check(server_stop(&s), "and it ends cleanly");
}

static void two_servers_do_not_share_a_folder(void) {
    char log[160], line[512], token[1100];
    int out;
    bool told = false;
    talk t = {.fd = -1};
    server first = server_start(NULL);
    make_tenant(&first, token, sizeof token);
    server second = first;
    server_spawn(&second, (const char *const[]){"--log-level", "error", NULL}, &out);
    int status = server_wait(&second, 20);
    check(status == 1, "the second server ends with status 1");
    check(read(out, line, sizeof line) == 0, "and prints no address");
    close(out);
    snprintf(log, sizeof log, "%s/log", first.folder);
    FILE *file = fopen(log, "r");
    while (file && fgets(line, sizeof line, file)) {
        if (strstr(line, "another process uses the data folder") && strstr(line, "/data")) told = true;
    }
    if (file) fclose(file);
    check(told, "it says that another process uses the folder, and which");
    ask(&t, &first, token, "CREATE TABLE t(a)");
    check(t.status == 200 && talk_says(&t, "\"type\":\"ok\""), "the first does not notice");
    kill_hard(&first);
    server_start_again(&second, NULL);
    ask(&t, &second, token, "SELECT count(*) FROM t");
    check(talk_says(&t, "\"value\":\"0\""), "when the first is dead, the second may");
    talk_deinit(&t);
    check(server_stop(&second), "and it ends cleanly");
}

/* control.db holds the keys that tokens are signed with. */
static void nobody_else_can_read_the_files(void) {
    static const char *const names[] = {"control.db", "control.db-wal", "admin.key", "lock"};
    char path[200], command[256];
    struct stat file;
    server s = {0};
    server_make_folder(&s);
    snprintf(path, sizeof path, "%s/data", s.folder);
    check(mkdir(path, 0755) == 0 && chmod(path, 0755) == 0, "a folder that everybody may look into");
    mode_t before = umask(0022);
    server_start_again(&s, NULL);
    umask(before);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/data/%s", s.folder, names[i]);
        snprintf(command, sizeof command, "%s is for its owner alone", names[i]);
        check(stat(path, &file) == 0 && (file.st_mode & 0077) == 0, command);
    }
    check(server_stop(&s), "it ends cleanly");
}

int main(void) {
    killed_again_and_again_it_starts_and_has_everything();
    two_servers_do_not_share_a_folder();
    nobody_else_can_read_the_files();
    return failed ? 1 : 0;
}
