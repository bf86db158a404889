/* SPDX-License-Identifier: Apache-2.0 */
/* Gauges of the process; see process.h. */
#include "server/process.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* The second number of statm: pages in memory. */
static double read_resident(void *ctx) {
    unsigned long long size = 0, resident = 0;
    (void)ctx;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return 0;
    int n = fscanf(file, "%llu %llu", &size, &resident); // NOLINT(cert-err34-c): the kernel's own numbers
    fclose(file);
    return n == 2 ? (double)resident * (double)sysconf(_SC_PAGESIZE) : 0;
}

static double read_cpu(void *ctx) {
    struct timespec t = {0};
    (void)ctx;
    return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0 ? (double)t.tv_sec + (double)t.tv_nsec / 1e9 : 0;
}

void trib_process_add_metrics(trib_metrics *metrics) {
    trib_metrics_add_gauge(metrics, "trib_process_resident_bytes", "Memory that the process has in use", NULL,
                           read_resident, NULL);
    trib_metrics_add_gauge(metrics, "trib_process_cpu_seconds", "Processor time that the process has used", NULL,
                           read_cpu, NULL);
}
