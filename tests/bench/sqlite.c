/* SPDX-License-Identifier: Apache-2.0 */
/* The yardstick without a server: the statements of the benchmark straight on SQLite, one thread, prepared once.
 *
 *   sqlite select|select100|insert|batch20 FILE SECONDS        prints one JSON object, as loadgen does
 *
 * The file is made by `insert` and `batch20`; `select` needs the table item of the benchmark. A row is durable when its
 * statement returns (WAL, synchronous=FULL). */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/latency.h"

typedef struct work {
    const char *name, *sql;
    int statements; /* in one transaction; 1: none */
} work;

static const work works[] = {
    {"select", "SELECT id, name, price FROM item WHERE id = ?", 1},
    {"select100", "SELECT id, name, price FROM item WHERE id > ? ORDER BY id LIMIT 100", 1},
    {"insert", "INSERT INTO entry (text) VALUES ('twenty bytes of text')", 1},
    {"batch20", "INSERT INTO entry (text) VALUES ('twenty bytes of text')", 20},
};

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void check(sqlite3 *db, int rc) {
    if (rc == SQLITE_OK || rc == SQLITE_DONE) return;
    fprintf(stderr, "sqlite: %s\n", db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
    exit(2);
}

static double cpu_us(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void run_once(sqlite3 *db, sqlite3_stmt *stmt, int statements) {
    if (statements > 1) check(db, sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL));
    for (int i = 0; i < statements; i++) {
        int rc;
        if (sqlite3_bind_parameter_count(stmt)) sqlite3_bind_int(stmt, 1, 7);
        while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
            for (int column = 0; column < sqlite3_column_count(stmt); column++) (void)sqlite3_column_text(stmt, column);
        }
        check(db, rc);
        sqlite3_reset(stmt);
    }
    if (statements > 1) check(db, sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
}

int main(int argc, char **argv) {
    static trib_latency latency;
    const work *what = NULL;
    for (size_t i = 0; argc == 4 && i < sizeof works / sizeof *works; i++) {
        if (strcmp(works[i].name, argv[1]) == 0) what = &works[i];
    }
    if (!what) {
        fprintf(stderr, "usage: sqlite select|select100|insert|batch20 FILE SECONDS\n");
        return 2;
    }
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    check(db, sqlite3_open_v2(argv[2], &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "unix-excl"));
    check(db, sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", NULL,
                           NULL, NULL));
    check(db, sqlite3_exec(db, "CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY, text TEXT NOT NULL)", NULL,
                           NULL, NULL));
    check(db, sqlite3_prepare_v3(db, what->sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL));
    run_once(db, stmt, what->statements);
    double cpu_before = cpu_us();
    uint64_t begin = now_ns(), at = begin, end = begin + (uint64_t)(strtod(argv[3], NULL) * 1e9);
    while (at < end) {
        uint64_t before = at;
        run_once(db, stmt, what->statements);
        at = now_ns();
        trib_latency_add(&latency, at - before);
    }
    double seconds = (double)(at - begin) / 1e9, rounds = (double)latency.count;
    printf("{\"seconds\": %.3f, \"requests\": %.0f, \"requests_per_s\": %.0f, \"latency_us\": {\"mean\": %.1f, "
           "\"p50\": %.1f, "
           "\"p99\": %.1f, \"max\": %.1f}, \"cpu_us_per_request\": %.2f}\n",
           seconds, rounds, rounds / seconds, trib_latency_mean_us(&latency), trib_latency_us(&latency, 50),
           trib_latency_us(&latency, 99), (double)latency.max_ns / 1000.0, (cpu_us() - cpu_before) / rounds);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return 0;
}
