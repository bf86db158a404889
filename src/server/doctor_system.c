/* SPDX-License-Identifier: Apache-2.0 */
/* The machine around the data folder: limits of the process, file system, syncs, space, clock, memory; see doctor.h. Of
 * a server that runs its own limits are read (/proc), else those that a server started here would get. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/time.h"
#include "io/env_native.h"
#include "server/doctor.h"
#include "store/store.h"

enum {
    OTHER_FILES = 256,   /* descriptors besides connections and databases */
    FILES_PER_DB = 5,    /* of a database in use */
    THREADS_LEAST = 512, /* processes that a server's threads may need, with those of its user */
    SYNC_BYTES = 4096,
    SYNC_SLOW_US = 20000,
    SYNC_INSTANT_US = 15, /* a flash drive with a protected cache takes 20 or more */
    SPACE_PERCENT = 10,
    INODES_PERCENT = 5,
    CLOCK_SLACK_MS = 300000, /* between machines that wrote the registry */
    MEMORY_LEAST_MIB = 256,
    LINE_BYTES = 512
};
#define SPACE_ENOUGH (UINT64_C(10) << 30)
#define SPACE_LEAST  (UINT64_C(1) << 30)
#define SPACE_OUT    (UINT64_C(256) << 20)
#define BUILT_MS     INT64_C(1767225600000) /* 2026-01-01: no machine that has this program is younger */
#define MIB          ((double)(1 << 20))

/* ---- limits ---- */

static const char *const limit_names[] = {"Max open files", "Max file size", "Max address space", "Max processes"};
static const int limit_ids[] = {RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_AS, RLIMIT_NPROC};
enum { LIMIT_FILES, LIMIT_SIZE, LIMIT_SPACE, LIMIT_PROCESSES, LIMIT_COUNT };

/* Soft limits of the server's process; false: /proc does not say. */
static bool read_limits_of(int64_t pid, uint64_t ret[LIMIT_COUNT]) {
    char path[64], line[LINE_BYTES];
    unsigned found = 0;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/limits", pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        for (int i = 0; i < LIMIT_COUNT; i++) {
            size_t n = strlen(limit_names[i]);
            if (strncmp(line, limit_names[i], n) != 0) continue;
            const char *value = line + n + strspn(line + n, " ");
            ret[i] = strncmp(value, "unlimited", 9) == 0 ? UINT64_MAX : strtoull(value, NULL, 10);
            found++;
        }
    }
    if (file) fclose(file);
    return found == LIMIT_COUNT;
}

static void read_own_limits(uint64_t ret[LIMIT_COUNT]) {
    for (int i = 0; i < LIMIT_COUNT; i++) {
        struct rlimit limit;
        ret[i] = UINT64_MAX;
        if (getrlimit((__rlimit_resource_t)limit_ids[i], &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
            ret[i] = limit.rlim_cur;
    }
}

static void look_limits(trib_doctor *doctor) {
    uint64_t limits[LIMIT_COUNT];
    const char *whose = doctor->pid > 0 && read_limits_of(doctor->pid, limits) ? "the server" : "a server started here";
    if (whose[0] == 'a') read_own_limits(limits);
    const trib_config *config = doctor->config;
    uint32_t listeners = (config->listen ? 1U : 0U) + (config->admin_listen ? 1U : 0U);
    uint32_t open_dbs = config->open_databases ? config->open_databases : TRIB_OPEN_DBS_DEFAULT;
    uint64_t wanted = (uint64_t)config->max_connections * listeners + OTHER_FILES + (uint64_t)open_dbs * FILES_PER_DB;
    if (limits[LIMIT_FILES] < wanted)
        trib_doctor_add(doctor, TRIB_DOCTOR_OPEN_FILES,
                        "%s may open %" PRIu64 " files; max_connections = %" PRIu32 " on %" PRIu32
                        " listeners and open_databases = %" PRIu32 " can need %" PRIu64,
                        whose, limits[LIMIT_FILES], config->max_connections, listeners, open_dbs, wanted);
    if (limits[LIMIT_SIZE] != UINT64_MAX)
        trib_doctor_add(doctor, TRIB_DOCTOR_FILE_SIZE, "%s may write files of at most %" PRIu64 " bytes", whose,
                        limits[LIMIT_SIZE]);
    if (limits[LIMIT_SPACE] != UINT64_MAX)
        trib_doctor_add(doctor, TRIB_DOCTOR_ADDRESS_SPACE, "%s may map at most %" PRIu64 " bytes", whose,
                        limits[LIMIT_SPACE]);
    if (limits[LIMIT_PROCESSES] < THREADS_LEAST)
        trib_doctor_add(doctor, TRIB_DOCTOR_PROCESSES, "%s may have %" PRIu64 " threads and processes with its user's",
                        whose, limits[LIMIT_PROCESSES]);
}

/* ---- the disk ---- */

static const struct {
    uint32_t magic;
    const char *name;
    trib_doctor_check check;
} file_systems[] = {
    {0x6969, "NFS", TRIB_DOCTOR_FS_NETWORK},        {0xff534d42, "CIFS", TRIB_DOCTOR_FS_NETWORK},
    {0xfe534d42, "SMB", TRIB_DOCTOR_FS_NETWORK},    {0x517b, "SMB", TRIB_DOCTOR_FS_NETWORK},
    {0x01021997, "9p", TRIB_DOCTOR_FS_NETWORK},     {0x65735546, "FUSE", TRIB_DOCTOR_FS_NETWORK},
    {0x00c36400, "Ceph", TRIB_DOCTOR_FS_NETWORK},   {0x0bd00bd0, "Lustre", TRIB_DOCTOR_FS_NETWORK},
    {0x5346414f, "AFS", TRIB_DOCTOR_FS_NETWORK},    {0x01021994, "tmpfs", TRIB_DOCTOR_FS_VOLATILE},
    {0x858458f6, "ramfs", TRIB_DOCTOR_FS_VOLATILE}, {0x794c7630, "overlay", TRIB_DOCTOR_FS_OVERLAY},
    {0x4d44, "FAT", TRIB_DOCTOR_FS_PLAIN},          {0x2011bab0, "exFAT", TRIB_DOCTOR_FS_PLAIN},
};

static void look_file_system(trib_doctor *doctor) {
    struct statfs fs;
    struct statvfs space;
    if (statfs(doctor->data, &fs) == 0) {
        for (size_t i = 0; i < sizeof file_systems / sizeof *file_systems; i++) {
            if ((uint32_t)fs.f_type == file_systems[i].magic)
                trib_doctor_add(doctor, file_systems[i].check, "%s lies on %s", doctor->data, file_systems[i].name);
        }
    }
    if (statvfs(doctor->data, &space) != 0) return;
    if (space.f_flag & ST_RDONLY)
        trib_doctor_add(doctor, TRIB_DOCTOR_FS_READ_ONLY, "%s is mounted read-only", doctor->data);
    uint64_t all = (uint64_t)space.f_blocks * space.f_frsize, left = (uint64_t)space.f_bavail * space.f_frsize;
    bool low = left < SPACE_LEAST || (left < SPACE_ENOUGH && left < all / 100 * SPACE_PERCENT);
    if (all && low)
        trib_doctor_add(doctor, left < SPACE_OUT ? TRIB_DOCTOR_SPACE_OUT : TRIB_DOCTOR_SPACE_LOW,
                        "%.0f MiB of %.0f MiB are free at %s", (double)left / MIB, (double)all / MIB, doctor->data);
    if (space.f_files && space.f_favail < space.f_files / 100 * INODES_PERCENT)
        trib_doctor_add(doctor, TRIB_DOCTOR_INODES_LOW, "%" PRIu64 " of %" PRIu64 " inodes are free at %s",
                        (uint64_t)space.f_favail, (uint64_t)space.f_files, doctor->data);
}

static int by_number(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Times of small writes with a sync, as a commit makes them; how many were taken, -1: errno says why not. */
static int measure_syncs(int fd, int64_t times_us[TRIB_DOCTOR_SYNCS]) {
    const trib_env *env = trib_env_native();
    char block[SYNC_BYTES];
    int64_t began_ns = trib_env_mono_ns(env);
    int count = 0;
    for (int i = -1; i < TRIB_DOCTOR_SYNCS; i++) { /* the first makes the file longer, which costs more */
        int64_t before_ns = trib_env_mono_ns(env);
        memset(block, 'a' + i + 1, sizeof block);
        if (pwrite(fd, block, sizeof block, 0) != (ssize_t)sizeof block || fdatasync(fd) != 0) return -1;
        int64_t now_ns = trib_env_mono_ns(env);
        if (i >= 0) times_us[count++] = (now_ns - before_ns) / 1000;
        if (now_ns - began_ns > (int64_t)TRIB_DOCTOR_SYNC_MS * 1000000) break;
    }
    return count;
}

static void look_syncs(trib_doctor *doctor) {
    char path[PATH_MAX];
    int64_t times_us[TRIB_DOCTOR_SYNCS] = {0};
    int n = snprintf(path, sizeof path, "%s/.doctor.XXXXXX", doctor->data);
    if (n < 0 || n >= PATH_MAX) return;
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) {
        trib_doctor_add(doctor,
                        errno == EACCES || errno == EPERM ? TRIB_DOCTOR_FOLDER_READ_ONLY : TRIB_DOCTOR_SYNC_FAILED,
                        "no file can be made in %s: %s", doctor->data, strerror(errno));
        return;
    }
    int count = measure_syncs(fd, times_us), why = errno;
    close(fd);
    unlink(path);
    if (count <= 0) {
        trib_doctor_add(doctor, TRIB_DOCTOR_SYNC_FAILED, "a write with a sync in %s failed: %s", doctor->data,
                        count < 0 ? strerror(why) : "it took too long");
        return;
    }
    qsort(times_us, (size_t)count, sizeof *times_us, by_number);
    int64_t median_us = times_us[count / 2];
    if (median_us > SYNC_SLOW_US)
        trib_doctor_add(doctor, TRIB_DOCTOR_SYNC_SLOW, "a sync in %s takes %.1f ms (longest of %d: %.1f ms)",
                        doctor->data, (double)median_us / 1000, count, (double)times_us[count - 1] / 1000);
    if (median_us < SYNC_INSTANT_US)
        trib_doctor_add(doctor, TRIB_DOCTOR_SYNC_INSTANT, "a sync in %s takes %" PRId64 " us", doctor->data, median_us);
}

/* ---- clock and memory ---- */

static void look_clock(trib_doctor *doctor) {
    char now[TRIB_TIME_ISO_BYTES], newest[TRIB_TIME_ISO_BYTES];
    struct timex state = {0};
    int64_t now_ms = trib_env_wall_ms(trib_env_native());
    trib_time_to_iso(now_ms, now);
    trib_time_to_iso(doctor->newest_ms, newest);
    if (now_ms < BUILT_MS) trib_doctor_add(doctor, TRIB_DOCTOR_CLOCK_WRONG, "the clock says %s", now);
    else if (doctor->newest_ms > now_ms + CLOCK_SLACK_MS)
        trib_doctor_add(doctor, TRIB_DOCTOR_CLOCK_WRONG, "the clock says %s, and a tenant was made at %s", now, newest);
    if (adjtimex(&state) == TIME_ERROR)
        trib_doctor_add(doctor, TRIB_DOCTOR_CLOCK_FREE, "the kernel says that its clock (%s) follows no time source",
                        now);
}

/* The number behind `name` in a file of lines "name value"; with name "" the file's only one. UINT64_MAX: none. */
static uint64_t read_number(const char *path, const char *name) {
    char line[LINE_BYTES];
    uint64_t value = UINT64_MAX;
    size_t n = strlen(name);
    FILE *file = fopen(path, "re");
    while (file && value == UINT64_MAX && fgets(line, sizeof line, file)) {
        const char *digits = line + n + strspn(line + (strncmp(line, name, n) == 0 ? n : 0), " ");
        if (strncmp(line, name, n) == 0 && *digits >= '0' && *digits <= '9') value = strtoull(digits, NULL, 10);
    }
    if (file) fclose(file);
    return value;
}

static void look_memory(trib_doctor *doctor) {
    uint64_t free_kib = read_number("/proc/meminfo", "MemAvailable:");
    if (free_kib != UINT64_MAX && free_kib / 1024 < MEMORY_LEAST_MIB)
        trib_doctor_add(doctor, TRIB_DOCTOR_MEMORY_LOW, "%" PRIu64 " MiB of memory are available", free_kib / 1024);
    /* in a container: what its group may still take (cgroup v2) */
    uint64_t max = read_number("/sys/fs/cgroup/memory.max", ""),
             used = read_number("/sys/fs/cgroup/memory.current", "");
    uint64_t cache = read_number("/sys/fs/cgroup/memory.stat", "file ");
    if (max == UINT64_MAX || used == UINT64_MAX) return;
    if (cache != UINT64_MAX) used -= cache < used ? cache : used; /* the kernel takes it back */
    uint64_t left = used < max ? max - used : 0;
    if (left >> 20 < MEMORY_LEAST_MIB)
        trib_doctor_add(doctor, TRIB_DOCTOR_MEMORY_LOW,
                        "%" PRIu64 " MiB of %" PRIu64 " MiB are left in the control group", left >> 20, max >> 20);
}

void trib_doctor_look_system(trib_doctor *doctor) {
    look_limits(doctor);
    look_clock(doctor);
    look_memory(doctor);
    if (!doctor->has_folder) return;
    look_file_system(doctor);
    look_syncs(doctor);
}
