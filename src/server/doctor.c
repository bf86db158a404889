/* SPDX-License-Identifier: Apache-2.0 */
/* Findings, who has the folder, and the registry of a stopped server; see doctor.h. */
#include "server/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/env_native.h"
#include "server/server_file.h"
#include "store/plain_file.h"
#include "store/store.h"

enum { REGISTRY_PAGE = 1000, REGISTRY_ARENA_BYTES = 4 << 20 };

static const trib_doctor_row rows[TRIB_DOCTOR_CHECK_COUNT] = {
#define X(name, id, severity, fixes, looks, why, fix) {id, TRIB_DOCTOR_##severity, fixes, looks, why, fix},
    TRIB_DOCTOR_TABLE(X)
#undef X
};

const trib_doctor_row *trib_doctor_row_at(size_t check) {
    return &rows[check];
}

const char *trib_doctor_severity_text(trib_doctor_severity severity) {
    switch (severity) {
    case TRIB_DOCTOR_INFO: return "info";
    case TRIB_DOCTOR_WARNING: return "warning";
    case TRIB_DOCTOR_ERROR: return "error";
    }
    return "";
}

/* ---- findings ---- */

void trib_doctor_add(trib_doctor *doctor, trib_doctor_check check, const char *format, ...) {
    if (doctor->count == TRIB_DOCTOR_FINDINGS_MAX) return;
    trib_doctor_finding *finding = &doctor->findings[doctor->count++];
    va_list args;
    finding->check = check;
    finding->fixed = false;
    va_start(args, format);
    vsnprintf(finding->what, sizeof finding->what, format, args);
    va_end(args);
}

void trib_doctor_set_fixed(trib_doctor *doctor) {
    if (doctor->count) doctor->findings[doctor->count - 1].fixed = true;
}

trib_doctor_severity trib_doctor_worst(const trib_doctor *doctor) {
    trib_doctor_severity worst = TRIB_DOCTOR_INFO;
    for (size_t i = 0; i < doctor->count; i++) {
        const trib_doctor_finding *finding = &doctor->findings[i];
        if (!finding->fixed && rows[finding->check].severity > worst) worst = rows[finding->check].severity;
    }
    return worst;
}

/* ---- the registry ---- */

trib_code trib_doctor_add_id(trib_doctor *doctor, trib_str id, trib_error *err) {
    return trib_map_set(&doctor->ids, id, doctor, NULL) == TRIB_OK ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

/* All ids of one table, page by page. */
static trib_code read_ids(trib_doctor *doctor, trib_plain_file *file, const char *sql, trib_error *err) {
    char after[TRIB_DB_ID_BYTES + 1] = "";
    trib_plain_rows found = {.row_count = REGISTRY_PAGE};
    trib_arena arena;
    trib_code code = TRIB_OK;
    trib_arena_init(&arena, REGISTRY_ARENA_BYTES);
    while (code == TRIB_OK && found.row_count == REGISTRY_PAGE) {
        trib_value args[2] = {{.type = TRIB_VALUE_TEXT, .bytes = trib_str_c(after)},
                              {.type = TRIB_VALUE_INTEGER, .integer = REGISTRY_PAGE}};
        trib_arena_reset(&arena);
        code = trib_plain_file_execute(file, trib_str_c(sql), args, 2, &arena, &found, err);
        for (size_t i = 0; code == TRIB_OK && i < found.row_count; i++) {
            trib_str id = found.values[i].bytes;
            code = trib_doctor_add_id(doctor, id, err);
            snprintf(after, sizeof after, "%.*s", (int)(id.len < sizeof after ? id.len : sizeof after - 1), id.ptr);
        }
    }
    trib_arena_deinit(&arena);
    return code;
}

static trib_code read_newest(trib_doctor *doctor, trib_plain_file *file, trib_error *err) {
    trib_plain_rows found = {0};
    trib_arena arena;
    trib_arena_init(&arena, REGISTRY_ARENA_BYTES);
    trib_code code = trib_plain_file_execute(file, TRIB_STR("SELECT coalesce(max(created_ms), 0) FROM tenant"), NULL, 0,
                                             &arena, &found, err);
    if (code == TRIB_OK && found.row_count) doctor->newest_ms = found.values[0].integer;
    trib_arena_deinit(&arena);
    return code;
}

/* What the registry of a stopped server names: tenants, those that can come back, and files that are about to go. */
static void read_registry(trib_doctor *doctor) {
    char path[PATH_MAX];
    struct stat st;
    trib_plain_file *file = NULL;
    trib_error err;
    int n = snprintf(path, sizeof path, "%s/control.db", doctor->data);
    if (n < 0 || n >= PATH_MAX) return;
    if (stat(path, &st) != 0 && errno == ENOENT) {
        doctor->knows_ids = true; /* never used: nothing belongs to anybody */
        return;
    }
    trib_code code = trib_plain_file_look(path, &file, &err);
    if (code == TRIB_OK)
        code = read_ids(doctor, file, "SELECT id FROM tenant WHERE id > ?1 ORDER BY id LIMIT ?2", &err);
    if (code == TRIB_OK)
        code = read_ids(doctor, file, "SELECT id FROM removal WHERE id > ?1 ORDER BY id LIMIT ?2", &err);
    if (code == TRIB_OK) code = read_newest(doctor, file, &err);
    trib_plain_file_close(file);
    doctor->knows_ids = code == TRIB_OK;
    if (code != TRIB_OK) trib_doctor_add(doctor, TRIB_DOCTOR_REGISTRY, "%s: %s", path, err.message);
}

/* ---- who has the folder ---- */

/* Takes the folder's lock, shared with nobody, as a server does; running: one has it. A folder without a lock file was
 * never used by one. */
static void take_lock(trib_doctor *doctor) {
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/lock", doctor->data);
    if (n < 0 || n >= PATH_MAX) return;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        doctor->running = errno == EACCES; /* cannot be told: touch nothing */
        return;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        doctor->lock_fd = fd;
        return;
    }
    doctor->running = errno == EWOULDBLOCK;
    close(fd);
}

static void look_for_server(trib_doctor *doctor) {
    char path[PATH_MAX];
    trib_server_file file = {0};
    trib_error err;
    take_lock(doctor);
    trib_code code = trib_server_file_read(doctor->data, &file, &err);
    if (code == TRIB_OK && doctor->running) doctor->pid = file.pid;
    int n = snprintf(path, sizeof path, "%s/server.json", doctor->data);
    if (doctor->running || n < 0 || n >= PATH_MAX || access(path, F_OK) != 0) return;
    trib_doctor_add(doctor, TRIB_DOCTOR_SERVER_FILE_STALE, "%s is left of a server that is gone", path);
    if (doctor->fix && unlink(path) == 0) trib_doctor_set_fixed(doctor);
}

trib_code trib_doctor_open(trib_doctor *doctor, const trib_config *config, bool fix, trib_error *err) {
    trib_hash_key seed;
    struct stat st;
    memset(doctor, 0, sizeof *doctor);
    doctor->lock_fd = -1;
    doctor->config = config;
    doctor->data = config->data ? config->data : "data";
    doctor->fix = fix;
    if (!trib_env_random(trib_env_native(), &seed, sizeof seed))
        return trib_error_set(err, TRIB_INTERNAL, "the system gives no randomness");
    trib_map_init(&doctor->ids, TRIB_MAP_COPY_KEYS, seed);
    bool is_folder = stat(doctor->data, &st) == 0 && S_ISDIR(st.st_mode);
    if (!is_folder || access(doctor->data, R_OK | X_OK) != 0) {
        trib_doctor_add(doctor, TRIB_DOCTOR_FOLDER_MISSING, "%s: %s", doctor->data,
                        is_folder || errno ? strerror(errno ? errno : EACCES) : "it is no folder");
        return TRIB_OK;
    }
    doctor->has_folder = true;
    look_for_server(doctor);
    if (!doctor->running) read_registry(doctor);
    return TRIB_OK;
}

void trib_doctor_close(trib_doctor *doctor) {
    trib_map_deinit(&doctor->ids);
    if (doctor->lock_fd >= 0) close(doctor->lock_fd);
    doctor->lock_fd = -1;
}
