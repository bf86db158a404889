/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the data folder: modes, owners, what belongs to nobody, what is missing, what is too large; see
 * doctor.h. One walk; a kind of trouble is one finding that counts its files and names the first few.
 *
 *   <data>/            control.db streams.db discovery.db (-wal .map .quarantine) lock server.json admin.key
 *   <data>/db/aa/bb/   ID.db ID.db-wal ID.map ID.quarantine, and *.tmp on the way
 *
 * Links are never followed: with --fix this may run as root in a folder that another user writes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/ids.h"
#include "io/env_native.h"
#include "server/doctor.h"
#include "store/map_look.h"
#include "store/store.h"

enum { NAMES_BYTES = 640, REASON_BYTES = 120, SHARED_BITS = 077 };

/* All files of one kind of trouble. */
typedef struct many {
    uint64_t count, mended, bytes;
    unsigned named;
    char names[NAMES_BYTES];
} many;

typedef struct walk {
    trib_doctor *doctor;
    many found[TRIB_DOCTOR_CHECK_COUNT];
    struct stat root;
    int64_t now_s;
    uint64_t files;
    bool has_lost_folder;
} walk;

typedef struct entry {
    const char *folder, *name;
    int folder_fd;
    struct stat st;
    trib_str id, suffix; /* "4f..e0" and ".db-wal"; id empty: no name of a database's file */
} entry;

static void note(walk *w, trib_doctor_check check, const entry *e, const char *more, bool mended) {
    many *m = &w->found[check];
    m->count++;
    m->mended += mended;
    m->bytes += (uint64_t)e->st.st_size;
    size_t len = strlen(m->names);
    if (m->named == TRIB_DOCTOR_NAMES_MAX || sizeof m->names - len < 16) return;
    m->named++;
    snprintf(m->names + len, sizeof m->names - len, "%s%s%s%s%s%s", len ? ", " : "", e->folder, e->folder[0] ? "/" : "",
             e->name, more[0] ? ": " : "", more);
}

/* ---- names ---- */

static const char *const suffixes[] = {".db", ".db-wal", ".map", ".sum", ".quarantine"};

static bool ends(trib_str text, const char *end) {
    return trib_str_ends(text, trib_str_c(end));
}

static bool is_temporary(const char *name) {
    trib_str text = trib_str_c(name);
    return ends(text, ".tmp") || ends(text, ".new") || trib_str_starts(text, TRIB_STR(".doctor."));
}

static void split_name(entry *e) {
    trib_str name = trib_str_c(e->name);
    size_t dot = trib_str_find(name, '.');
    e->id = e->suffix = (trib_str){0};
    if (dot == SIZE_MAX) return;
    trib_str suffix = trib_str_sub(name, dot, name.len);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        if (!trib_str_eq_c(suffix, suffixes[i])) continue;
        e->id = trib_str_sub(name, 0, dot);
        e->suffix = suffix;
    }
}

static bool is_system(trib_str id) {
    return trib_str_eq_c(id, "control") || trib_str_eq_c(id, "streams") || trib_str_eq_c(id, "discovery");
}

/* ---- one file ---- */

static bool may_mend(const walk *w, const entry *e) {
    return w->doctor->fix && S_ISREG(e->st.st_mode);
}

static void look_mode(walk *w, const entry *e) {
    bool secret = trib_str_eq_c(e->id, "control") || strcmp(e->name, "admin.key") == 0;
    if (e->st.st_uid != w->root.st_uid) note(w, TRIB_DOCTOR_OWNER, e, "", false);
    if (!(e->st.st_mode & SHARED_BITS) || (!secret && !e->id.len)) return;
    bool mended = false;
    if (may_mend(w, e)) {
        int fd = openat(e->folder_fd, e->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d",
                 fd); /* fchmod refuses O_PATH; opening would be a second descriptor */
        mended = fd >= 0 && chmod(path, 0600) == 0;
        if (fd >= 0) close(fd);
    }
    note(w, secret ? TRIB_DOCTOR_MODE_SECRET : TRIB_DOCTOR_MODE_FILES, e, "", mended);
}

static bool is_young(const walk *w, const entry *e) {
    return w->doctor->running && w->now_s - (int64_t)e->st.st_mtime < TRIB_DOCTOR_YOUNG_S;
}

static void look_temporary(walk *w, const entry *e) {
    if (is_young(w, e)) return;
    bool mended = may_mend(w, e) && !w->doctor->running && unlinkat(e->folder_fd, e->name, 0) == 0;
    note(w, TRIB_DOCTOR_TEMPORARY, e, "", mended);
}

/* The folder is made once a walk, of the data folder's owner. */
static bool move_aside(walk *w, const entry *e) {
    char folder[PATH_MAX], to[PATH_MAX + NAME_MAX];
    int n = snprintf(folder, sizeof folder, "%s/" TRIB_DOCTOR_LOST_FOLDER, w->doctor->data);
    if (n < 0 || n >= PATH_MAX) return false;
    struct stat st;
    if (!w->has_lost_folder) {
        if (mkdir(folder, 0700) == 0 && lchown(folder, w->root.st_uid, w->root.st_gid) != 0) return false;
        w->has_lost_folder = lstat(folder, &st) == 0 && S_ISDIR(st.st_mode);
    }
    snprintf(to, sizeof to, "%s/%s", folder, e->name);
    if (!w->has_lost_folder || lstat(to, &st) == 0) return false; /* never over what lies there */
    return renameat(e->folder_fd, e->name, AT_FDCWD, to) == 0;
}

/* True: the file is nobody's, and no other check makes sense. */
static bool look_orphan(walk *w, const entry *e) {
    trib_doctor *doctor = w->doctor;
    if (!doctor->knows_ids || is_system(e->id) || trib_map_get(&doctor->ids, e->id)) return false;
    struct stat st; /* a deleted tenant's files may have gone meanwhile */
    if (is_young(w, e) || fstatat(e->folder_fd, e->name, &st, AT_SYMLINK_NOFOLLOW) != 0) return true;
    bool locked = !doctor->running && doctor->lock_fd >= 0;
    note(w, TRIB_DOCTOR_ORPHANS, e, "", may_mend(w, e) && locked && move_aside(w, e));
    return true;
}

static void look_missing(walk *w, const entry *e) {
    char name[NAME_MAX + 1];
    struct stat st;
    bool tells = ends(e->suffix, ".map") || (ends(e->suffix, ".db-wal") && e->st.st_size > 0);
    if (!tells || is_young(w, e)) return;
    snprintf(name, sizeof name, "%.*s.db", TRIB_STR_ARG(e->id));
    if (fstatat(e->folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0) return;
    note(w, TRIB_DOCTOR_FILE_MISSING, e, "its .db is not there", false);
}

static void look_quarantine(walk *w, const entry *e) {
    char reason[REASON_BYTES] = "";
    int fd = openat(e->folder_fd, e->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, reason, sizeof reason - 1) : 0;
    if (fd >= 0) close(fd);
    reason[n > 0 ? n : 0] = '\0';
    reason[strcspn(reason, "\n")] = '\0';
    note(w, TRIB_DOCTOR_QUARANTINED, e, reason, false);
}

static void look_map(walk *w, const entry *e) {
    trib_map_look look = TRIB_MAP_LOOK_GOOD;
    if (w->doctor->running) return;
    if (trib_map_look_at(w->doctor->data, e->id, &look, NULL) != TRIB_OK || look == TRIB_MAP_LOOK_GOOD) return;
    note(w, TRIB_DOCTOR_MAP_STALE, e, look == TRIB_MAP_LOOK_DAMAGED ? "damaged" : "", false);
}

static void look_at_file(walk *w, entry *e) {
    w->files++;
    split_name(e);
    if (is_temporary(e->name)) {
        look_temporary(w, e);
        return;
    }
    look_mode(w, e);
    if (!e->id.len || look_orphan(w, e)) return;
    look_missing(w, e);
    if (ends(e->suffix, "-wal") && e->st.st_size > TRIB_LOG_TIGHT_BYTES) note(w, TRIB_DOCTOR_LOG_LARGE, e, "", false);
    if (ends(e->suffix, ".quarantine")) look_quarantine(w, e);
    if (ends(e->suffix, ".map")) look_map(w, e);
}

/* ---- folders ---- */

/* Two hex digits: a folder of db/. */
static bool is_part(const char *name) {
    return strlen(name) == 2 && strspn(name, "0123456789abcdef") == 2;
}

/* Is this file at its place? depth: of its folder, 0 is the data folder, 3 where databases lie. */
static bool is_ours(const entry *e, int depth) {
    trib_id id;
    if (is_temporary(e->name) || depth == 0) return true; /* an operator may keep notes in the data folder */
    return depth == 3 && e->id.len && trib_id_from_hex(e->id, &id) && strncmp(e->id.ptr, e->folder + 3, 2) == 0 &&
           strncmp(e->id.ptr + 2, e->folder + 6, 2) == 0;
}

static void walk_folder(walk *w, int fd, const char *folder, int depth);

static void look_at_entry(walk *w, entry *e, int depth) {
    char path[PATH_MAX];
    if (fstatat(e->folder_fd, e->name, &e->st, AT_SYMLINK_NOFOLLOW) != 0) return; /* gone meanwhile */
    bool is_folder = S_ISDIR(e->st.st_mode);
    if (is_folder && depth == 0 && strcmp(e->name, TRIB_DOCTOR_LOST_FOLDER) == 0) {
        w->has_lost_folder = true;
        note(w, TRIB_DOCTOR_LOST_FOUND, e, "", false);
        return;
    }
    if (is_folder && (depth == 0 ? strcmp(e->name, "db") == 0 : depth < 3 && is_part(e->name))) {
        int fd = openat(e->folder_fd, e->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int n = snprintf(path, sizeof path, "%s%s%s", e->folder, e->folder[0] ? "/" : "", e->name);
        if (e->st.st_uid != w->root.st_uid) note(w, TRIB_DOCTOR_OWNER, e, "", false);
        if (fd >= 0 && n > 0 && n < PATH_MAX) walk_folder(w, fd, path, depth + 1);
        else if (fd >= 0) close(fd);
        return;
    }
    split_name(e);
    if (S_ISREG(e->st.st_mode) && is_ours(e, depth)) look_at_file(w, e);
    else if (depth > 0 || !is_folder) note(w, TRIB_DOCTOR_LINKS, e, "", false);
}

/* Takes fd. folder: below the data folder, "" for itself. */
static void walk_folder(walk *w, int fd, const char *folder, int depth) {
    DIR *dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return;
    }
    for (const struct dirent *item; (item = readdir(dir)) && w->files < TRIB_DOCTOR_FILES_MAX;) {
        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0) continue;
        entry e = {.folder = folder, .name = item->d_name, .folder_fd = dirfd(dir)};
        look_at_entry(w, &e, depth);
    }
    closedir(dir);
}

static void report(const walk *w) {
    for (int i = 0; i < TRIB_DOCTOR_CHECK_COUNT; i++) {
        const many *m = &w->found[i];
        if (!m->count) continue;
        bool more = m->count > m->named;
        trib_doctor_add(w->doctor, (trib_doctor_check)i, "%" PRIu64 " %s%s, %" PRIu64 " bytes: %s%s", m->count,
                        m->count == 1 ? "entry" : "entries",
                        m->mended && m->mended < m->count ? " (some are mended)" : "", m->bytes, m->names,
                        more ? ", ..." : "");
        if (m->mended == m->count) trib_doctor_set_fixed(w->doctor);
    }
}

void trib_doctor_look_folder(trib_doctor *doctor) {
    static const walk empty;
    walk w = empty;
    if (!doctor->has_folder) return;
    w.doctor = doctor;
    w.now_s = trib_env_wall_ms(trib_env_native()) / 1000;
    int fd = open(doctor->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &w.root) != 0) {
        if (fd >= 0) close(fd);
        return;
    }
    if (w.root.st_mode & SHARED_BITS) {
        trib_doctor_add(doctor, TRIB_DOCTOR_MODE_FOLDER, "%s has mode %04o", doctor->data, w.root.st_mode & 07777);
        if (doctor->fix && fchmod(fd, 0700) == 0) trib_doctor_set_fixed(doctor);
    }
    walk_folder(&w, fd, "", 0);
    report(&w);
}
