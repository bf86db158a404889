/* SPDX-License-Identifier: Apache-2.0 */
/* Time, and what a server has used of the processors. */
#ifndef TRIB_TESTS_BENCH_MEASURE_H
#define TRIB_TESTS_BENCH_MEASURE_H

#include <dirent.h>

#include "integration/talk.h"

static inline double measure_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Of all threads of the process that are there now. */
static inline double measure_cpu_ms(pid_t pid) {
    char path[400];
    double sum = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    if (!dir) die("the server is not there");
    for (struct dirent *e; (e = readdir(dir));) {
        unsigned long long ns = 0;
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, e->d_name);
        FILE *f = fopen(path, "r");
        if (f && fscanf(f, "%llu", &ns) == 1) sum += (double)ns / 1e6;
        if (f) fclose(f);
    }
    closedir(dir);
    return sum;
}

#endif
