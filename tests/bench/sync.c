/* SPDX-License-Identifier: Apache-2.0 */
/* What a sync costs: bytes, time and the server's CPU time, in a large database, over V2 and /pull-updates.
 *
 *   sync MEGABYTES TIMES       $TRIB_BIN is the server; one is started here, in a folder of its own below $TMPDIR
 *
 *   rows of blobs until the database is that large
 *   TIMES: UPDATE of one row, anywhere -> a sync that brings it;  TIMES: a sync that brings nothing
 *   and the first of these again after the log was copied into the file, where the page map of the file is read
 *
 * The CPU time is that of all threads of the server between the request and its answer (/proc/PID/task/N/schedstat);
 * its timers are in it. Prints the rows of a table. */
#include "bench/measure.h"
#include "integration/sync_client.h"

enum { ROW_BYTES = 3900, BATCH_ROWS = 4000, SAMPLES_MAX = 10000 };

typedef struct sample {
    double ms, cpu_ms;
    size_t bytes;
} sample;

typedef struct bench {
    server server;
    sync_client client;
    sample samples[SAMPLES_MAX];
    unsigned times;
    unsigned long rows;
} bench;

static void fill(bench *b, unsigned long megabytes) {
    for (; b->rows * ROW_BYTES < megabytes << 20; b->rows += BATCH_ROWS) sync_fill(&b->client, BATCH_ROWS, ROW_BYTES);
}

/* ---- measuring ---- */

static int by_ms(const void *a, const void *b) {
    double x = ((const sample *)a)->ms, y = ((const sample *)b)->ms;
    return x < y ? -1 : x > y;
}

static void measure(bench *b, const char *name, void (*sync)(sync_client *), bool writes) {
    double cpu = 0;
    size_t bytes = 0;
    sync(&b->client);
    for (unsigned i = 0; i < b->times; i++) {
        if (writes) {
            char update[100];
            snprintf(update, sizeof update, "UPDATE item SET n = n + 1 WHERE id = %lu", 1 + (i * 102947UL) % b->rows);
            sync_sql(&b->client, update);
        }
        double cpu_before = measure_cpu_ms(b->server.pid), before = measure_now_ms();
        sync(&b->client);
        b->samples[i] =
            (sample){measure_now_ms() - before, measure_cpu_ms(b->server.pid) - cpu_before, b->client.talk.body_len};
        cpu += b->samples[i].cpu_ms;
        if (b->samples[i].bytes > bytes) bytes = b->samples[i].bytes;
    }
    qsort(b->samples, b->times, sizeof(sample), by_ms);
    printf("| %s | %.1f KB | %.3f ms | %.3f ms | %.3f ms |\n", name, (double)bytes / 1024, cpu / b->times,
           b->samples[b->times / 2].ms, b->samples[b->times * 99 / 100].ms);
    fflush(stdout);
}

int main(int argc, char **argv) {
    static bench b;
    unsigned long megabytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 1024;
    b.times = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 500;
    if (b.times < 1 || b.times > SAMPLES_MAX) die("1 to 10,000 times");
    signal(SIGPIPE, SIG_IGN);
    b.server = server_start((const char *const[]){"--no-auth", "--log-level", "warn", NULL});
    server_create_tenant(&b.server, "t");
    talk_init(&b.client.talk, b.server.port);
    fill(&b, megabytes);
    talk_deinit(&b.client.talk);
    sync_begin(&b.client, b.server.port);
    printf("| %lu MB | bytes at most | server's CPU | p50 | p99 |\n|---|---|---|---|---|\n", megabytes);
    measure(&b, "1 changed row, V2", sync_v2, true);
    measure(&b, "1 changed row, /pull-updates", sync_pull, true);
    measure(&b, "nothing new, V2", sync_v2, false);
    measure(&b, "nothing new, /pull-updates", sync_pull, false);
    kill(b.server.pid, SIGTERM); /* copies the log into the file */
    if (server_wait(&b.server, 60) != 0) die("the server did not end well");
    talk_hang_up(&b.client.talk);
    server_start_again(&b.server, (const char *const[]){"--no-auth", "--log-level", "warn", NULL});
    b.client.talk.port = b.server.port;
    measure(&b, "1 changed row, V2, after a start", sync_v2, true);
    measure(&b, "1 changed row, /pull-updates, after a start", sync_pull, true);
    talk_deinit(&b.client.talk);
    return server_stop(&b.server) ? 0 : 1;
}
