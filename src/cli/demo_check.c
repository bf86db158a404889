/* SPDX-License-Identifier: Apache-2.0 */
/* What the demo shows in the end: the stream as its three members read it, the archive, and what was counted.
 *
 *   reader 1 --\
 *   reader 2 ---> the rows as JSON.stringify(rows) --> equal, byte for byte? --> archive file, read back: equal?
 *   reader 3 --/ */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/demo.h"
#include "cli/rows.h"

enum { STREAM_JSON_MAX_BYTES = 1 << 20, COLUMNS = 8 };

/* ---- the stream ---- */

trib_str demo_clock(trib_str ts) {
    return ts.len >= 19 ? trib_str_sub(ts, 11, 19) : ts;
}

static double number_of(const trib_value *value) {
    return value->type == TRIB_VALUE_INTEGER ? (double)value->integer
           : value->type == TRIB_VALUE_REAL  ? value->real
                                             : 1e300;
}

bool demo_events_match(const trib_sql_rows *rows) {
    static const char *const names[COLUMNS] = {"id",      "streamId", "opcode",  "nodeId",
                                               "pointId", "delta",    "payload", "ts"};
    if (rows->row_count != DEMO_EVENTS || rows->col_count != COLUMNS) return false;
    for (int i = 0; i < COLUMNS; i++) {
        if (!trib_str_eq_c(rows->cols[i], names[i])) return false;
    }
    for (int i = 0; i < DEMO_EVENTS; i++) {
        const trib_value *row = &rows->values[i * COLUMNS];
        const demo_event *event = &demo_events[i];
        double off = number_of(&row[5]) - event->delta;
        if (row[2].type != TRIB_VALUE_INTEGER || row[2].integer != event->opcode || off > 0 || off < 0) return false;
        if (row[3].type != TRIB_VALUE_TEXT || !trib_str_eq_c(row[3].bytes, event->node)) return false;
        if (row[7].type != TRIB_VALUE_TEXT || !trib_str_eq_c(demo_clock(row[7].bytes), event->time)) return false;
    }
    return true;
}

static trib_code read_stream(const trib_remote *db, trib_arena *arena, trib_sql_rows *ret, trib_buf *json,
                             trib_error *err) {
    const trib_value arg = {.type = TRIB_VALUE_TEXT, .bytes = TRIB_STR(DEMO_ORDER)};
    const trib_sql_stmt stmt = {trib_str_c(demo_read_sql), &arg, 1};
    trib_code code = trib_sql_execute(db, NULL, &stmt, arena, ret, err);
    if (code != TRIB_OK) return code;
    trib_buf_clear(json);
    trib_rows_write_json(json, ret);
    return json->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static const char *event_name(const trib_value *opcode) {
    for (int i = 0; i < DEMO_EVENTS; i++) {
        if (opcode->type == TRIB_VALUE_INTEGER && opcode->integer == demo_events[i].opcode) return demo_events[i].name;
    }
    return "?";
}

/* The columns that people look at. */
static void print_stream(demo_state *demo, const trib_sql_rows *rows) {
    static const char *const names[] = {"#", "opcode", "name", "nodeId", "delta", "payload", "ts"};
    enum { SHOWN = sizeof names / sizeof *names };
    trib_str cols[SHOWN];
    trib_sql_rows shown = {.col_count = SHOWN, .row_count = rows->row_count, .cols = cols};
    trib_buf text;
    if (demo->cli->json || rows->col_count != COLUMNS) return;
    for (int i = 0; i < SHOWN; i++) cols[i] = trib_str_c(names[i]);
    shown.values = trib_arena_zalloc(&demo->arena, shown.row_count * SHOWN, sizeof *shown.values);
    if (!shown.values) return;
    for (size_t i = 0; i < rows->row_count; i++) {
        const trib_value *row = &rows->values[i * COLUMNS];
        trib_value *out = &shown.values[i * SHOWN];
        out[0] = (trib_value){.type = TRIB_VALUE_INTEGER, .integer = (int64_t)i + 1};
        out[1] = row[2];
        out[2] = (trib_value){.type = TRIB_VALUE_TEXT, .bytes = trib_str_c(event_name(&row[2]))};
        out[3] = row[3];
        out[4] = row[5];
        out[5] = row[6];
        out[6] = row[7];
        if (out[6].type == TRIB_VALUE_TEXT) out[6].bytes = demo_clock(out[6].bytes);
    }
    trib_buf_init(&text, STREAM_JSON_MAX_BYTES);
    trib_rows_write(&text, &shown, TRIB_ROWS_TABLE);
    demo_say(demo, "\n%.*s\n", TRIB_STR_ARG(trib_buf_str(&text)));
    trib_buf_deinit(&text);
}

static bool take_bytes(void *ctx, trib_str bytes) {
    trib_buf *to = ctx;
    trib_buf_add(to, bytes);
    return !to->failed;
}

/* The rows by SQL, and the bytes that each member gets by the stream's own route. */
static trib_code read_by_three(demo_state *demo, trib_buf *first, trib_error *err) {
    static const char *const names[DEMO_READERS] = {"ali", "bab-hara", "rami"};
    trib_sql_rows rows;
    trib_buf other;
    trib_code code = read_stream(&demo->db[DEMO_STREAMS], &demo->arena, &rows, first, err);
    if (code != TRIB_OK) return code;
    print_stream(demo, &rows);
    demo->events_right = demo_events_match(&rows);
    demo->reads_equal = true;
    trib_buf_init(&other, STREAM_JSON_MAX_BYTES);
    for (unsigned i = 0; i < DEMO_READERS && code == TRIB_OK; i++) {
        trib_buf_clear(&other);
        code = trib_remote_download(&demo->reader[i], "api/streams/" DEMO_ORDER, take_bytes, &other, &demo->arena, err);
        if (code == TRIB_OK) demo->reads_equal &= trib_str_eq(trib_buf_str(first), trib_buf_str(&other));
    }
    trib_buf_deinit(&other);
    if (code != TRIB_OK) return code;
    demo_say(demo, "Read by three connections with three read-only tokens (%s, %s, %s): %zu bytes each, %s\n", names[0],
             names[1], names[2], first->len, demo->reads_equal ? "equal byte for byte" : "DIFFERENT");
    return TRIB_OK;
}

/* ---- the archive ---- */

static trib_code io_error(trib_error *err, const char *what, const char *path) {
    return trib_error_set(err, TRIB_IO, "cannot %s %s: %s", what, path, strerror(errno));
}

/* The folder and those above it. */
static trib_code make_folders(char *path, trib_error *err) {
    for (char *c = path + 1; *c; c++) {
        if (*c != '/') continue;
        *c = '\0';
        int rc = mkdir(path, 0700);
        trib_code code = rc == 0 || errno == EEXIST ? TRIB_OK : io_error(err, "make the folder", path);
        *c = '/';
        if (code != TRIB_OK) return code;
    }
    return TRIB_OK;
}

/* Whole or not at all: a new file, synced, then renamed. */
static trib_code write_archive(demo_state *demo, trib_str json, trib_error *err) {
    char temp[DEMO_PATH_BYTES + 8];
    int n = snprintf(demo->archive_path, sizeof demo->archive_path, "%s/streams-archive/%s.json", demo->archive_dir,
                     DEMO_ORDER);
    if (n <= 0 || n >= (int)sizeof demo->archive_path)
        return trib_error_set(err, TRIB_IO, "the path of the archive is too long");
    trib_code code = make_folders(demo->archive_path, err);
    if (code != TRIB_OK) return code;
    snprintf(temp, sizeof temp, "%s.new", demo->archive_path);
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return io_error(err, "write", temp);
    while (json.len) {
        ssize_t written = write(fd, json.ptr, json.len);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) break;
        json = trib_str_sub(json, (size_t)written, json.len);
    }
    bool ok = json.len == 0 && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    return ok && rename(temp, demo->archive_path) == 0 ? TRIB_OK : io_error(err, "write", demo->archive_path);
}

static trib_code compare_archive(demo_state *demo, trib_str json, trib_error *err) {
    size_t at = 0;
    char part[4096];
    bool equal = true;
    int fd = open(demo->archive_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return io_error(err, "read", demo->archive_path);
    for (;;) {
        ssize_t n = read(fd, part, sizeof part);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        equal = equal && json.len - at >= (size_t)n && memcmp(json.ptr + at, part, (size_t)n) == 0;
        if (!equal) break;
        at += (size_t)n;
    }
    close(fd);
    demo->archive_equal = equal && at == json.len;
    return TRIB_OK;
}

/* Step 11, as the application does it: read all, archive, delete. */
static trib_code archive(demo_state *demo, const trib_buf *seen, trib_error *err) {
    const trib_value arg = {.type = TRIB_VALUE_TEXT, .bytes = TRIB_STR(DEMO_ORDER)};
    const trib_sql_stmt stmt = {trib_str_c(demo_delete_sql), &arg, 1};
    trib_sql_rows rows;
    trib_buf json;
    demo_say(demo, "\nStep 11  The stream is archived and deleted\n");
    trib_buf_init(&json, STREAM_JSON_MAX_BYTES);
    trib_code code = read_stream(&demo->db[DEMO_STREAMS], &demo->arena, &rows, &json, err);
    if (code == TRIB_OK) code = write_archive(demo, trib_buf_str(&json), err);
    if (code == TRIB_OK) code = compare_archive(demo, trib_buf_str(seen), err);
    if (code == TRIB_OK) {
        demo_say(demo, "    archive    %s: %zu bytes, %s\n", demo->archive_path, json.len,
                 demo->archive_equal ? "equal to what the three read" : "DIFFERENT from what the three read");
        code = trib_sql_execute(&demo->db[DEMO_STREAMS], NULL, &stmt, &demo->arena, &rows, err);
    }
    if (code == TRIB_OK)
        demo_say(demo, "    streams    - %lld events of %s\n", (long long)rows.affected_rows, DEMO_ORDER);
    if (code == TRIB_OK && rows.affected_rows != DEMO_EVENTS) demo->events_right = false;
    if (code == TRIB_OK) code = read_stream(&demo->db[DEMO_STREAMS], &demo->arena, &rows, &json, err);
    if (code == TRIB_OK && rows.row_count != 0)
        code = trib_error_set(err, TRIB_REMOTE, "the stream is still there after it was deleted");
    trib_buf_deinit(&json);
    return code;
}

trib_code demo_finish_stream(demo_state *demo, trib_error *err) {
    trib_buf first;
    trib_arena_reset(&demo->arena);
    trib_buf_init(&first, STREAM_JSON_MAX_BYTES);
    demo_say(demo, "\nThe stream %s\n", DEMO_ORDER);
    trib_code code = read_by_three(demo, &first, err);
    if (code == TRIB_OK) code = archive(demo, &first, err);
    trib_buf_deinit(&first);
    return code;
}

/* ---- the verdict ---- */

bool demo_judge(demo_state *demo) {
    uint64_t wanted = 0, total = 0;
    demo->counts_right = true;
    demo_say(demo, "\nRows written between the end of step 0 and the end of step 10, as the answers counted them\n\n");
    demo_say(demo, "  %-24s %8s %8s\n  %-24s %8s %8s\n", "target", "wanted", "counted", "------------------------",
             "--------", "--------");
    for (int db = 0; db < DEMO_DBS; db++) {
        uint64_t counted = demo->counted[db];
        bool right = counted == demo_targets[db].writes;
        demo->counts_right &= right;
        wanted += demo_targets[db].writes;
        total += counted;
        demo_say(demo, "  %-24s %8llu %8llu%s\n", demo_targets[db].label, (unsigned long long)demo_targets[db].writes,
                 (unsigned long long)counted, right ? "" : "  WRONG");
    }
    demo_say(demo, "  %-24s %8llu %8llu\n", "total", (unsigned long long)wanted, (unsigned long long)total);
    demo_say(demo, "  %-24s %8d %8llu\n", "GPS pings (rami only)", DEMO_PINGS, (unsigned long long)demo->pings);
    bool ok = demo->counts_right && demo->pings == DEMO_PINGS && demo->reads_equal && demo->archive_equal &&
              demo->events_right;
    if (!demo->events_right) demo_say(demo, "\nThe stream is NOT the twelve events of the order\n");
    return ok;
}
