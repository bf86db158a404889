/* SPDX-License-Identifier: Apache-2.0 */
/* What opening a database costs, without a server around it: bench_limits make|read FOLDER [DATABASES]
 *
 * make  DATABASES (500) with a table and a row each, closed so that nothing is left in their logs
 * read  in a process of its own, whose memory is nobody else's: reads that row from each once: time from asking the
 *       store for the database to the row, memory and descriptors for each that stays open; then a second connection of
 *       each writes. Prints one line of JSON */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io/env_native.h"
#include "store/stmt.h"
#include "store/store.h"

enum {
    DATABASES_DEFAULT = 500,
    DATABASES_MAX = 1000,
    AT_ONCE = 50 /* their logs are emptied within the 2 s of an end */
};

static const trib_env *env;

static void die(const char *what, const trib_error *err) {
    fprintf(stderr, "bench_limits: %s: %s\n", what, err ? err->message : "");
    exit(1);
}

static trib_store *open_store(const char *folder) {
    trib_store_config config = {.data_dir = folder};
    trib_store *store = NULL;
    trib_error err = {0};
    if (trib_store_new(&config, env, NULL, &store, &err) != TRIB_OK) die("the store", &err);
    return store;
}

static void granted(trib_turn_waiter *waiter, trib_code code) {
    (void)waiter, (void)code;
}

static void run(trib_handle *handle, const char *sql) {
    trib_turn_waiter waiter = {.granted = granted};
    trib_stmt *stmt = NULL;
    trib_error err = {0};
    bool row = true;
    trib_code code = trib_stmt_prepare(handle, trib_str_c(sql), &stmt, &err);
    while (code == TRIB_OK && row) code = trib_stmt_step(stmt, &row, &err);
    trib_stmt_free(stmt);
    if (code == TRIB_AGAIN && trib_turn_wait(handle, &waiter, &err) == TRIB_OK) run(handle, sql);
    else if (code != TRIB_OK) die(sql, &err);
}

typedef struct opened {
    trib_db *db;
    trib_handle *handles[2];
} opened;

static trib_handle *use(trib_db *db, trib_session_vars *vars, const char *const *sql) {
    trib_handle *handle = NULL;
    trib_error err = {0};
    if (trib_handle_take(db, &handle, &err) != TRIB_OK || trib_handle_enter(handle, TRIB_ACCESS_WRITE, vars, &err))
        die("a connection", &err);
    for (; *sql; sql++) run(handle, *sql);
    trib_handle_leave(handle);
    return handle;
}

static void open_one(trib_store *store, int number, const char *const *sql, opened *ret) {
    char id[TRIB_DB_ID_BYTES + 1];
    trib_session_vars vars = {0};
    trib_db_settings settings = {0};
    trib_error err = {0};
    snprintf(id, sizeof id, "%08x%024x", (unsigned)number * 2654435761U, (unsigned)number);
    if (trib_store_db_get(store, trib_str_c(id), &settings, &ret->db, &err) != TRIB_OK) die("a database", &err);
    ret->handles[0] = use(ret->db, &vars, sql);
}

static void give(opened *one) {
    for (int i = 0; i < 2; i++)
        if (one->handles[i]) trib_handle_give(one->handles[i]);
    trib_db_unref(one->db);
    *one = (opened){0};
}

/* Of this thread: what it waits for a disk, or for a core, is not in it. */
static int64_t cpu_ns(void) {
    struct timespec at;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at) != 0) die("the clock", NULL);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static long resident_kib(void) {
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file || fscanf(file, "%ld %ld", &pages, &resident) != 2) die("/proc/self/statm", NULL);
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static int descriptors(void) {
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir)) count++;
    if (dir) closedir(dir);
    return count;
}

static void make_all(const char *folder, int count) {
    static const char *const make[] = {"CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT)",
                                       "INSERT INTO item(name) VALUES('one')", NULL};
    trib_store *store = NULL;
    for (int i = 0; i < count; i++) {
        opened one = {0};
        if (i % AT_ONCE == 0) {
            trib_store_free(store);
            store = open_store(folder);
        }
        open_one(store, i, make, &one);
        give(&one);
    }
    trib_store_free(store);
}

static void read_all(const char *folder, int count) {
    static const char *const read_one[] = {"SELECT name FROM item WHERE id = 1", NULL};
    static const char *const write_one[] = {"INSERT INTO item(name) VALUES('two')", NULL};
    static opened all[DATABASES_MAX];
    static int64_t times_ns[DATABASES_MAX], cpus_ns[DATABASES_MAX];
    trib_session_vars vars = {0};
    opened first = {0};
    trib_store *store = open_store(folder);
    open_one(store, 0, read_one, &first); /* what is made once */
    give(&first);
    long before_kib = resident_kib();
    int before_fds = descriptors();
    for (int i = 0; i < count; i++) {
        int64_t from_ns = trib_env_mono_ns(env), cpu_from_ns = cpu_ns();
        open_one(store, i, read_one, &all[i]);
        times_ns[i] = trib_env_mono_ns(env) - from_ns;
        cpus_ns[i] = cpu_ns() - cpu_from_ns;
    }
    double read_kib = (double)(resident_kib() - before_kib) / count;
    double read_fds = (double)(descriptors() - before_fds) / count;
    for (int i = 0; i < count; i++) all[i].handles[1] = use(all[i].db, &vars, write_one);
    double both_kib = (double)(resident_kib() - before_kib) / count;
    double both_fds = (double)(descriptors() - before_fds) / count;
    qsort(times_ns, (size_t)count, sizeof *times_ns, compare);
    qsort(cpus_ns, (size_t)count, sizeof *cpus_ns, compare);
    printf(
        "{\"databases\": %d, \"cpu_p50\": %.1f, \"p50\": %.1f, \"p99\": %.1f, \"open_kib\": %.1f, \"open_fds\": %.2f, "
        "\"writer_and_reader_kib\": %.1f, \"writer_and_reader_fds\": %.2f}\n",
        count, (double)cpus_ns[count / 2] / 1000, (double)times_ns[count / 2] / 1000,
        (double)times_ns[count * 99 / 100] / 1000, read_kib, read_fds, both_kib, both_fds);
    for (int i = 0; i < count; i++) give(&all[i]);
    trib_store_free(store);
}

int main(int argc, char **argv) {
    int count = argc > 3 ? (int)strtol(argv[3], NULL, 10) : DATABASES_DEFAULT;
    bool makes = argc > 2 && strcmp(argv[1], "make") == 0;
    if (argc < 3 || count < 1 || count > DATABASES_MAX || (!makes && strcmp(argv[1], "read") != 0))
        die("bench_limits make|read FOLDER [DATABASES]", NULL);
    env = trib_env_native();
    if (makes) make_all(argv[2], count);
    else read_all(argv[2], count);
    return 0;
}
