/* SPDX-License-Identifier: Apache-2.0 */
/* What the disk does by itself to small syncs beside large ones: the part of a neighbour's INSERT that no server
 * decides.
 *
 *   disk FOLDER WRITERS KIB SECONDS
 *
 *   one thread     100 times a second, at even intervals: overwrites 4 KiB of a file, fdatasync
 *   WRITERS more   as fast as it goes: overwrite KIB of a file of their own, 4 KiB a call, fdatasync; as a log of a
 *                  database that commits rows of that size does, and the checkpoint behind it
 *
 * Latencies count from when a write was due. Prints JSON in the form of bench_loadgen's. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/latency.h"

enum { PAGE_BYTES = 4096, SMALL_PAGES = 250, RATE = 100, WRITERS_MAX = 64, PATH_BYTES = 400 };

typedef struct writer {
    pthread_t thread;
    int fd;
    size_t bytes;
    atomic_bool *stop;
    unsigned long long written;
} writer;

static void die(const char *what) {
    fprintf(stderr, "disk: %s: %s\n", what, strerror(errno));
    exit(2);
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void put(int fd, size_t at, unsigned char fill) {
    char page[PAGE_BYTES];
    memset(page, fill, sizeof page);
    if (pwrite(fd, page, sizeof page, (off_t)at) != PAGE_BYTES) die("write");
}

/* Without a name, and of its full size: later writes change no inode. */
static int make_file(const char *folder, size_t bytes) {
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/disk.XXXXXX", folder);
    int fd = mkstemp(path);
    if (fd < 0) die(path);
    unlink(path);
    for (size_t at = 0; at < bytes; at += PAGE_BYTES) put(fd, at, 0);
    if (fsync(fd) != 0) die("fsync");
    return fd;
}

static void *writer_main(void *arg) {
    writer *w = arg;
    for (unsigned char fill = 1; !atomic_load(w->stop); fill++) {
        for (size_t at = 0; at < w->bytes; at += PAGE_BYTES) put(w->fd, at, fill);
        if (fdatasync(w->fd) != 0) die("fdatasync");
        w->written += w->bytes;
    }
    return NULL;
}

static void sync_small(int fd, unsigned long seconds, trib_latency *h) {
    uint64_t due = now_ns() + 300000000u;
    for (unsigned long i = 0; i < seconds * RATE; i++, due += 1000000000u / RATE) {
        struct timespec at = {.tv_sec = (time_t)(due / 1000000000u), .tv_nsec = (long)(due % 1000000000u)};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) continue;
        put(fd, i % SMALL_PAGES * PAGE_BYTES, (unsigned char)i);
        if (fdatasync(fd) != 0) die("fdatasync");
        trib_latency_add(h, now_ns() - due);
    }
}

int main(int argc, char **argv) {
    static writer writers[WRITERS_MAX];
    static trib_latency h;
    atomic_bool stop = false;
    unsigned long long written = 0;
    if (argc != 5) die("see the head of disk.c for its arguments");
    unsigned long count = strtoul(argv[2], NULL, 10), kib = strtoul(argv[3], NULL, 10),
                  seconds = strtoul(argv[4], NULL, 10);
    if (count > WRITERS_MAX) die("too many writers");
    int fd = make_file(argv[1], SMALL_PAGES * PAGE_BYTES);
    for (unsigned long i = 0; i < count; i++) {
        writers[i] = (writer){.fd = make_file(argv[1], kib * 1024), .bytes = kib * 1024, .stop = &stop};
        if (pthread_create(&writers[i].thread, NULL, writer_main, &writers[i]) != 0) die("no thread");
    }
    sync_small(fd, seconds, &h);
    atomic_store(&stop, true);
    for (unsigned long i = 0; i < count; i++) {
        pthread_join(writers[i].thread, NULL);
        written += writers[i].written;
    }
    printf("{\"latency_us\": {\"p50\": %.0f, \"p99\": %.0f, \"max\": %.0f}, \"bulk_mb_per_s\": %.0f}\n",
           trib_latency_us(&h, 50), trib_latency_us(&h, 99), (double)h.max_ns / 1000,
           (double)written / 1e6 / (double)seconds);
    return 0;
}
