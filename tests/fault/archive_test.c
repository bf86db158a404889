/* SPDX-License-Identifier: Apache-2.0 */
/* The real program archives into a scratch S3 server that fails at each of its requests, in each way that it knows, and
 * that kills the program there. After each run: the stream is in the database, or in the object, whole; it reads the
 * same at the same URL; nothing was overwritten. At the end all are archived, but for those that must stop.
 *
 * A run is waiting for the most part, so several processes share them, each with a server and a bucket of its own.
 * TRIB_TEST_ARCHIVE_RUNS: how often each (1). TRIB_TEST_ARCHIVE_JOBS: processes (4). */
#include "support/scratch_s3.h"

#include "integration/talk.h"

enum { REQUESTS = 3 /* of one stream: HEAD, PUT, GET */, WAIT_MS = 20000 };

static scratch_s3 *s3;
static server srv;
static talk client;
static char credentials[160], endpoint[80];

typedef struct totals {
    int runs, stopped, killed, requests;
} totals;
static totals done;

static const char *const *options(void) {
    static const char *list[] = {"--no-auth",
                                 "--log-level",
                                 "error",
                                 "--archive",
                                 "s3://" SCRATCH_S3_BUCKET "/pre",
                                 "--archive-timeout",
                                 "200ms",
                                 "--archive-s3-region",
                                 SCRATCH_S3_REGION,
                                 "--archive-s3-endpoint",
                                 endpoint,
                                 "--archive-s3-credentials",
                                 credentials,
                                 NULL};
    return list;
}

static void fails(const char *id, const char *what) {
    fprintf(stderr, "FAILED: %s: %s; the last answer: %d %s\n", id, what, client.status,
            client.body ? client.body : "");
    server_show_log(&srv);
    kill(srv.pid, SIGKILL);
    exit(1);
}

static void start(bool again) {
    talk_deinit(&client);
    if (again) server_start_again(&srv, options());
    talk_init(&client, srv.port);
}

/* Called by the scratch server, on its thread. */
static void kill_server(void *ctx) {
    (void)ctx;
    kill(srv.pid, SIGKILL);
}

static void restart_if_killed(void) {
    int status;
    for (int i = 0; i < WAIT_MS / 10; i++) {
        if (waitpid(srv.pid, &status, WNOHANG) == srv.pid) {
            done.killed++;
            start(true);
            return;
        }
        usleep(10000);
    }
    fails("server", "it was not killed");
}

static int ask(const char *method, const char *id, const char *rest, const char *body) {
    char path[200];
    snprintf(path, sizeof path, "/streams/api/streams/%s%s", id, rest);
    int status = talk_ask(&client, method, path, NULL, body);
    return status ? status : talk_ask(&client, method, path, NULL, body);
}

static void make(const char *id, char *ret_events, size_t cap) {
    char body[600];
    snprintf(body, sizeof body,
             "{\"events\":[{\"id\":\"%s-1\",\"opcode\":9,\"delta\":12.5,\"payload\":{\"text\":\"\\u00e9 \\\" \\n\"}},"
             "{\"opcode\":10,\"nodeId\":\"n\"},{\"opcode\":11}]}",
             id);
    if (ask("POST", id, "/events", body) != 201) fails(id, "it cannot be made");
    if (ask("GET", id, "", NULL) != 200) fails(id, "it cannot be read");
    snprintf(ret_events, cap, "%s", client.body);
}

/* A store that is well may still be late on a busy machine: who reads asks again. */
static bool reads_as(const char *id, const char *events) {
    for (int i = 0; i < WAIT_MS / 100; i++) {
        int status = ask("GET", id, "", NULL);
        if (status == 200) return strcmp(client.body, events) == 0;
        if (status != 408 && status < 500) return false;
        usleep(100000);
    }
    return false;
}

/* Where it is now. While the store is well: what GET answers is what there was. */
static const char *check(const char *id, const char *events, char state[20]) {
    char key[80];
    size_t len = 0;
    snprintf(key, sizeof key, "pre/%s.json", id);
    if (!reads_as(id, events)) fails(id, "it does not read as before");
    state[0] = '\0';
    if (ask("GET", id, "/archive", NULL) == 200) talk_text(&client, "state", state, 20);
    char *object = scratch_s3_get(s3, key, &len);
    bool whole = object && len == strlen(events) && memcmp(object, events, len) == 0;
    free(object);
    if (strcmp(state, "archived") == 0 && !whole) fails(id, "it is archived and its object is not whole");
    return state;
}

static void wait_for_end(const char *id, const char *events, char state[20]) {
    for (int i = 0; i < WAIT_MS / 20; i++) {
        check(id, events, state);
        if (strcmp(state, "archived") == 0 || strcmp(state, "stopped") == 0) return;
        usleep(20000);
    }
    fails(id, "it is neither archived nor stopped in time");
}

static void no_fault(void) {
    scratch_s3_fault(s3, SCRATCH_S3_NONE, 0, 0, NULL, NULL);
}

/* It stopped, with all that it has in the database: somebody looks, moves the object away, asks again. */
static void mend(const char *id, const char *events, scratch_s3_fault_kind kind) {
    char key[80], state[20];
    done.stopped++;
    if (kind != SCRATCH_S3_TRUNCATE) fails(id, scratch_s3_fault_text(kind));
    snprintf(key, sizeof key, "pre/%s.json", id);
    scratch_s3_remove(s3, key);
    if (ask("POST", id, "/archive", "{}") != 202) fails(id, "it cannot be asked for again");
    wait_for_end(id, events, state);
    if (strcmp(state, "archived") != 0) fails(id, "it is not archived though all is well");
}

static void run(int run_no, scratch_s3_fault_kind kind, int at, int times) {
    char id[60], events[2000], state[20] = "";
    bool kills = kind == SCRATCH_S3_KILL_BEFORE || kind == SCRATCH_S3_KILL_AFTER;
    snprintf(id, sizeof id, "s-%d-%d-%d-%d", run_no, (int)kind, at, times);
    make(id, events, sizeof events);
    scratch_s3_fault(s3, kind, at, times, kill_server, NULL);
    if (ask("POST", id, "/archive", "{}") != 202 && !kills) fails(id, "it cannot be asked for");
    if (kills) restart_if_killed();
    else if (times > 1) usleep(50000); /* the fault lasts a while */
    else
        for (int i = 0; i < 50 && strcmp(state, "archived") != 0; i++) {
            ask("GET", id, "/archive", NULL);
            talk_text(&client, "state", state, sizeof state);
            if (strcmp(state, "stopped") == 0) break;
            usleep(10000);
        }
    no_fault();
    wait_for_end(id, events, state);
    if (strcmp(state, "stopped") == 0) mend(id, events, kind);
    done.runs++;
}

/* All cases in their order; those of this job are run. */
static void run_share(long each, long job, long jobs) {
    long number = 0;
    for (int i = 0; i < each; i++)
        for (int kind = SCRATCH_S3_NONE; kind < SCRATCH_S3_FAULT_COUNT; kind++)
            for (int at = 1; at <= REQUESTS; at++) {
                bool lasts = at == 1 && kind != SCRATCH_S3_NONE && kind < SCRATCH_S3_KILL_BEFORE;
                if (number++ % jobs == job) run(i, (scratch_s3_fault_kind)kind, at, 1);
                if (lasts && number++ % jobs == job) run(i, (scratch_s3_fault_kind)kind, at, 1000);
            }
}

/* In a process of its own; what it has done goes to `out`. */
static int work(long each, long job, long jobs, int out) {
    s3 = scratch_s3_start(SCRATCH_S3_OBEYS);
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", scratch_s3_port(s3));
    server_make_folder(&srv);
    snprintf(credentials, sizeof credentials, "%s/credentials", srv.folder);
    FILE *file = fopen(credentials, "we");
    if (!file) die("no file of credentials");
    fprintf(file, "aws_access_key_id = %s\naws_secret_access_key = %s\naws_session_token = %s\n", SCRATCH_S3_KEY,
            SCRATCH_S3_SECRET, SCRATCH_S3_TOKEN);
    fclose(file);
    start(true);
    run_share(each, job, jobs);
    if (scratch_s3_overwritten(s3) != 0 || scratch_s3_wrong(s3) != 0)
        fails("all", "something was overwritten, or a signature was wrong");
    done.requests = scratch_s3_requests(s3);
    talk_deinit(&client);
    bool ok = server_stop(&srv);
    scratch_s3_stop(s3);
    return ok && write(out, &done, sizeof done) == (ssize_t)sizeof done ? 0 : 1;
}

static long number_of(const char *name, long otherwise) {
    const char *wanted = getenv(name);
    return wanted ? strtol(wanted, NULL, 10) : otherwise;
}

int main(void) {
    long each = number_of("TRIB_TEST_ARCHIVE_RUNS", 1), jobs = number_of("TRIB_TEST_ARCHIVE_JOBS", 4);
    int out[2], status;
    bool ok = true;
    totals all = {0}, one;
    if (pipe2(out, O_CLOEXEC)) die("no pipe");
    for (long job = 0; job < jobs; job++) {
        pid_t pid = fork();
        if (pid < 0) die("fork");
        if (pid == 0) exit(work(each, job, jobs, out[1]));
    }
    close(out[1]);
    while (wait(&status) > 0) ok = ok && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    while (read(out[0], &one, sizeof one) == (ssize_t)sizeof one) {
        all.runs += one.runs;
        all.stopped += one.stopped;
        all.killed += one.killed;
        all.requests += one.requests;
    }
    printf("%d runs, %d of them with a kill, %d stopped and were mended; %d requests, %s\n", all.runs, all.killed,
           all.stopped, all.requests, ok ? "nothing overwritten, nothing lost" : "and FAILURES");
    return ok ? 0 : 1;
}
