/* SPDX-License-Identifier: Apache-2.0 */
/* The model of one session: a plain connection on its own database file, and the answer that the protocol asks for,
 * written without the server's code. It differs from plain SQLite only in what the documentation says: defaults,
 * refused statements, settings that belong to the server, libSQL's forms of BEGIN, and that a statement whose answer
 * is too large has never happened.
 *
 * Of the other sessions it knows who has the turn, who waits for it, and how often the file was changed: a deferred
 * transaction whose snapshot is older than the newest change must not begin to write. */
#include "sessions.h"
#include "store/sqlite_seam.h"

enum verdict { PASSED, FAILED, WAITS, BREACH };

static const char any_message[] = "*ANY*";

static void must(sqlite3 *db, const char *sql) {
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) ss_fail("%s: %s", sql, sqlite3_errmsg(db));
}

/* ---- the connection ---- */

/* Goes up with every commit of the model that changed its file. (A hook would hear of INSERT OR FAIL too late.) */
static int file_version(const ss_slot *slot) {
    sqlite3_stmt *stmt = NULL;
    int version = 0;
    if (sqlite3_prepare_v2(slot->rival, "PRAGMA data_version", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        version = sqlite3_column_int(stmt, 0);
    ss_check(sqlite3_finalize(stmt) == SQLITE_OK, "no data_version");
    return version;
}

static int authorize(void *ctx, int action, const char *a, const char *b, const char *schema, const char *trigger) {
    ss_slot *slot = ctx;
    (void)a, (void)b, (void)schema, (void)trigger;
    if (!slot->reader || action == SQLITE_READ || action == SQLITE_SELECT || action == SQLITE_RECURSIVE ||
        action == SQLITE_FUNCTION || action == SQLITE_TRANSACTION || action == SQLITE_SAVEPOINT ||
        action == SQLITE_PRAGMA)
        return SQLITE_OK;
    slot->denied = true;
    return SQLITE_DENY;
}

static sqlite3 *connect(const char *path) {
    sqlite3 *db = NULL;
    ss_check(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) == SQLITE_OK, path);
    must(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0;"
             "PRAGMA cache_size=-256; PRAGMA wal_autocheckpoint=0;");
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    return db;
}

void ss_model_open(ss_slot *slot) {
    bool fresh = !slot->rival;
    if (fresh) {
        slot->rival = connect(slot->path);
        must(slot->rival, ss_shared_schema);
        must(slot->rival, "CREATE TABLE rival(x); INSERT INTO rival VALUES(0)");
    }
    slot->db = connect(slot->path);
    slot->version = file_version(slot);
    sqlite3_set_authorizer(slot->db, authorize, slot);
    slot->txn_readonly = slot->has_snapshot = slot->broken = slot->closed = false;
    slot->lost = NULL;
    slot->baton[0] = '\0';
    memset(slot->stored, 0, sizeof slot->stored);
}

void ss_model_close(ss_slot *slot) {
    if (!slot->db) return;
    if (slot->tenant->owner == slot) slot->tenant->owner = NULL;
    ss_check(sqlite3_close(slot->db) == SQLITE_OK, "a model is still busy");
    slot->db = NULL;
    slot->baton[0] = '\0';
}

/* After every statement: who has the turn now, what was committed. */
static void look_around(ss_slot *slot) {
    ss_tenant *tenant = slot->tenant;
    int state = sqlite3_txn_state(slot->db, "main");
    if (sqlite3_get_autocommit(slot->db)) slot->txn_readonly = false;
    if (state == SQLITE_TXN_WRITE) tenant->owner = slot;
    else if (tenant->owner == slot) tenant->owner = NULL;
    int version = file_version(slot);
    if (slot->version != version) {
        slot->version = version;
        tenant->commits++;
        sqlite3_stmt *stmt = NULL;
        sqlite3_prepare_v2(slot->rival, "SELECT id, who FROM sharedlog WHERE id>? ORDER BY id", -1, &stmt, NULL);
        sqlite3_bind_int64(stmt, 1, slot->shared_seen);
        while (sqlite3_step(stmt) == SQLITE_ROW) {
            slot->shared_seen = sqlite3_column_int64(stmt, 0);
            if (tenant->log_count == tenant->log_room) {
                tenant->log_room = tenant->log_room ? tenant->log_room * 2 : 1024;
                tenant->log = realloc(tenant->log, tenant->log_room * sizeof *tenant->log);
            }
            snprintf(tenant->log[tenant->log_count++], sizeof *tenant->log, "%s",
                     (const char *)sqlite3_column_text(stmt, 1));
        }
        sqlite3_finalize(stmt);
    }
    if (state == SQLITE_TXN_NONE) {
        slot->has_snapshot = false;
    } else if (!slot->has_snapshot) {
        slot->has_snapshot = true;
        slot->snapshot = tenant->commits;
    }
}

void ss_model_lose(ss_slot *slot, const char *code) {
    must(slot->db, "ROLLBACK");
    look_around(slot);
    slot->lost = code;
}

/* ---- errors ---- */

static enum verdict fail_with(trib_error *err, const char *code, const char *message) {
    *err = (trib_error){.code = TRIB_SQL_ERROR};
    snprintf(err->text_code, sizeof err->text_code, "%s", code);
    snprintf(err->message, sizeof err->message, "%s", message);
    return FAILED;
}

/* A slot whose tenant has its writes switched off is told so. */
static enum verdict fail_readonly(const ss_slot *slot, trib_error *err) {
    if (!slot->request.reader)
        return fail_with(err, "SQLITE_READONLY", "SQLite error: attempt to write a readonly database");
    char message[TRIB_ERROR_MESSAGE_BYTES];
    snprintf(message, sizeof message, "Operation was blocked: writes of \"%s\" are switched off", slot->tenant->name);
    return fail_with(err, "BLOCKED", message);
}

static enum verdict fail_sqlite(const ss_slot *slot, int rc, trib_error *err) {
    static const struct {
        int base;
        const char *code;
    } names[] = {
        {SQLITE_ERROR, "SQLITE_ERROR"},       {SQLITE_BUSY, "SQLITE_BUSY"},
        {SQLITE_READONLY, "SQLITE_READONLY"}, {SQLITE_CONSTRAINT, "SQLITE_CONSTRAINT"},
        {SQLITE_MISMATCH, "SQLITE_MISMATCH"}, {SQLITE_LOCKED, "SQLITE_LOCKED"},
        {SQLITE_CORRUPT, "SQLITE_CORRUPT"},   {SQLITE_TOOBIG, "SQLITE_TOOBIG"},
        {SQLITE_ABORT, "SQLITE_ABORT"},
    };
    char message[TRIB_ERROR_MESSAGE_BYTES];
    if ((rc & 0xff) == SQLITE_READONLY) return fail_readonly(slot, err);
    snprintf(message, sizeof message, "SQLite error: %s", sqlite3_errmsg(slot->db));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].base == (rc & 0xff)) {
            enum verdict verdict = fail_with(err, names[i].code, message);
            err->detail = sqlite3_extended_errcode(slot->db);
            return verdict;
        }
    ss_fail("the model has no name for %d (%s)", rc, message);
}

static enum verdict fail_prepare(const ss_slot *slot, int rc, trib_error *err) {
    char message[TRIB_ERROR_MESSAGE_BYTES];
    const char *text = sqlite3_errmsg(slot->db);
    int offset = sqlite3_error_offset(slot->db);
    if (slot->denied) return fail_readonly(slot, err);
    if ((rc & 0xff) == SQLITE_ERROR && offset >= 0) {
        snprintf(message, sizeof message, "SQL input error: %s (at offset %d)", text, offset);
        return fail_with(err, "SQL_INPUT_ERROR", message);
    }
    if ((rc & 0xff) == SQLITE_ERROR && strcmp(text, "incomplete input") == 0) {
        snprintf(message, sizeof message, "SQL string could not be parsed: %s", text);
        return fail_with(err, "SQL_PARSE_ERROR", message);
    }
    return fail_sqlite(slot, rc, err);
}

/* The reader of this test is a tenant whose writes are switched off: it is told so. */
static enum verdict refused(const ss_slot *slot, enum verdict verdict, trib_error *err) {
    if (verdict != FAILED || !slot->reader || strcmp(err->text_code, "SQLITE_READONLY") != 0) return verdict;
    return fail_with(err, "BLOCKED", any_message);
}

/* Which constraint it was; NULL: none. */
static const char *constraint(const trib_error *err) {
    if (strcmp(err->text_code, "SQLITE_CONSTRAINT") != 0) return NULL;
    switch (err->detail) {
    case SQLITE_CONSTRAINT_CHECK: return "SQLITE_CONSTRAINT_CHECK";
    case SQLITE_CONSTRAINT_FOREIGNKEY: return "SQLITE_CONSTRAINT_FOREIGNKEY";
    case SQLITE_CONSTRAINT_NOTNULL: return "SQLITE_CONSTRAINT_NOTNULL";
    case SQLITE_CONSTRAINT_PRIMARYKEY: return "SQLITE_CONSTRAINT_PRIMARYKEY";
    case SQLITE_CONSTRAINT_ROWID: return "SQLITE_CONSTRAINT_ROWID";
    case SQLITE_CONSTRAINT_TRIGGER: return "SQLITE_CONSTRAINT_TRIGGER";
    case SQLITE_CONSTRAINT_UNIQUE: return "SQLITE_CONSTRAINT_UNIQUE";
    default: return NULL;
    }
}

static void write_error(ss_slot *slot, const trib_error *err) {
    trib_jw_object_begin(&slot->w);
    trib_jw_member_str(&slot->w, "message", trib_str_c(err->message));
    trib_jw_member_str(&slot->w, "code", trib_str_c(err->text_code));
    if (constraint(err)) trib_jw_member_str(&slot->w, "extended_code", trib_str_c(constraint(err)));
    trib_jw_object_end(&slot->w);
}

/* ---- values ---- */

static void write_name(trib_json_writer *w, const char *key, const char *text) {
    if (text) trib_jw_member_str(w, key, trib_str_c(text));
    else trib_jw_member_null(w, key);
}

static void write_cols(trib_json_writer *w, sqlite3_stmt *stmt) {
    trib_jw_key_c(w, "cols");
    trib_jw_array_begin(w);
    for (int i = 0; stmt && i < sqlite3_column_count(stmt); i++) {
        trib_jw_object_begin(w);
        write_name(w, "name", sqlite3_column_name(stmt, i));
        write_name(w, "decltype", sqlite3_column_decltype(stmt, i));
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
}

static void write_row(trib_json_writer *w, sqlite3_stmt *stmt) {
    trib_jw_array_begin(w);
    for (int i = 0; i < sqlite3_column_count(stmt); i++) {
        trib_jw_object_begin(w);
        trib_jw_key_c(w, "type");
        int type = sqlite3_column_type(stmt, i), n = 0;
        if (type == SQLITE_NULL) trib_jw_str_c(w, "null");
        if (type == SQLITE_INTEGER) {
            trib_jw_str_c(w, "integer");
            trib_jw_key_c(w, "value");
            trib_jw_i64_string(w, sqlite3_column_int64(stmt, i));
        }
        if (type == SQLITE_FLOAT) {
            trib_jw_str_c(w, "float");
            trib_jw_key_c(w, "value");
            trib_jw_f64(w, sqlite3_column_double(stmt, i));
        }
        if (type == SQLITE_TEXT) {
            const char *text = (const char *)sqlite3_column_text(stmt, i);
            n = sqlite3_column_bytes(stmt, i);
            trib_jw_str_c(w, "text");
            trib_jw_member_str(w, "value", trib_str_make(text, (size_t)n));
        }
        if (type == SQLITE_BLOB) {
            const void *blob = sqlite3_column_blob(stmt, i);
            n = sqlite3_column_bytes(stmt, i);
            trib_jw_str_c(w, "blob");
            trib_jw_key_c(w, "base64");
            trib_jw_base64(w, blob, (size_t)n);
        }
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
}

static int bind_value(sqlite3_stmt *stmt, int i, const trib_value *value) {
    switch (value->type) {
    case TRIB_VALUE_NULL: return sqlite3_bind_null(stmt, i);
    case TRIB_VALUE_INTEGER: return sqlite3_bind_int64(stmt, i, value->integer);
    case TRIB_VALUE_REAL: return sqlite3_bind_double(stmt, i, value->real);
    case TRIB_VALUE_TEXT: return sqlite3_bind_text(stmt, i, value->bytes.ptr, (int)value->bytes.len, SQLITE_STATIC);
    case TRIB_VALUE_BLOB: return sqlite3_bind_blob(stmt, i, value->bytes.ptr, (int)value->bytes.len, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

/* ---- one statement ---- */

static bool starts_with(const char *sql, const char *word) {
    sql += strspn(sql, " ");
    return strncmp(sql, word, strlen(word)) == 0;
}

static bool must_wait(const ss_slot *slot) {
    const ss_tenant *tenant = slot->tenant;
    return tenant->owner ? tenant->owner != slot : tenant->waiting > 0;
}

/* Prepares one statement and binds; *ret_tail NULL: the text must have only one. */
static enum verdict prepare(ss_slot *slot, const ss_stmt *stmt, const char *sql, sqlite3_stmt **ret,
                            const char **ret_tail, trib_error *err) {
    const ss_template *row = stmt->row;
    const char *text = row->instead ? row->instead : sql, *tail = NULL;
    bool immediate = (row->flags & SS_IMMEDIATE) || starts_with(sql, "BEGIN IMMEDIATE");
    if (immediate && slot->reader) {
        if (!(row->flags & SS_CONCURRENT)) return fail_readonly(slot, err);
        text = "BEGIN";
    }
    slot->denied = false;
    *ret = NULL;
    int rc = sqlite3_prepare_v2(slot->db, text, -1, ret, &tail);
    if (rc != SQLITE_OK) return fail_prepare(slot, rc, err);
    if (ret_tail) *ret_tail = tail;
    else if (!*ret) return fail_with(err, "SQL_NO_STATEMENT", "SQL string does not contain any statement");
    else if (strspn(tail, " ;\n") != strlen(tail)) {
        sqlite3_finalize(*ret);
        return fail_with(err, "SQL_MANY_STATEMENTS", "SQL string contains more than one statement");
    }
    return PASSED;
}

static enum verdict bind(const ss_stmt *stmt, sqlite3_stmt *sqlite, trib_error *err) {
    char message[100];
    int params = sqlite3_bind_parameter_count(sqlite);
    if (stmt->arg_count > params) {
        snprintf(message, sizeof message, "too many parameters, expected %d found %d", params, stmt->arg_count);
        return fail_with(err, "ARGS_INVALID", message);
    }
    if (stmt->arg_count < params) {
        const char *name = sqlite3_bind_parameter_name(sqlite, stmt->arg_count + 1);
        if (name) snprintf(message, sizeof message, "value for parameter %s not found", name);
        else snprintf(message, sizeof message, "value for parameter %d not found", stmt->arg_count + 1);
        return fail_with(err, "ARGS_INVALID", message);
    }
    for (int i = 0; i < params; i++) ss_check(bind_value(sqlite, i + 1, &stmt->args[i]) == SQLITE_OK, "bind");
    return PASSED;
}

static size_t count_busy(trib_str text) {
    static const char busy[] = "\"code\":\"SQLITE_BUSY\"";
    size_t n = 0;
    const char *end = text.ptr + text.len;
    for (const char *at = text.ptr; at && (at = memmem(at, (size_t)(end - at), busy, sizeof busy - 1)) != NULL; at++)
        n++;
    return n;
}

/* A checkpoint may begin a new log while a snapshot that needs nothing of the old one is open; SQLite takes that for a
 * commit of others. Nobody can know when, so the answer is asked. */
static bool busy_without_commit(ss_slot *slot) {
    size_t known = count_busy(trib_buf_str(&slot->expected));
    for (size_t i = 0; slot->batch_open && !slot->request.cursor && i < slot->step; i++)
        known += slot->state[i] == HRANA_STEP_FAILED && strcmp(slot->errors[i].text_code, "SQLITE_BUSY") == 0;
    if (count_busy(trib_str_c(ss_answer_of(slot))) <= known) return false;
    slot->early_busy++;
    return true;
}

/* Whether it may be stepped now. A commit of another session after this one's snapshot is played by the rival, so that
 * SQLite itself says what follows from it. */
static enum verdict may_begin(ss_slot *slot, const ss_stmt *stmt, const char *sql, sqlite3_stmt *sqlite,
                              bool *ret_writes, trib_error *err) {
    bool immediate = (stmt->row->flags & SS_IMMEDIATE) || starts_with(sql, "BEGIN IMMEDIATE");
    if (slot->reader) immediate = false;
    bool writes = !sqlite3_stmt_isexplain(sqlite) && !sqlite3_stmt_readonly(sqlite);
    if ((stmt->row->flags & SS_SETS) || (stmt->row->instead && starts_with(sql, "PRAGMA"))) writes = false;
    *ret_writes = writes;
    if (slot->txn_readonly && (writes || immediate)) return fail_readonly(slot, err);
    if ((writes || immediate) && must_wait(slot)) return WAITS;
    if (writes && slot->has_snapshot && sqlite3_txn_state(slot->db, "main") == SQLITE_TXN_READ &&
        (slot->snapshot != slot->tenant->commits || busy_without_commit(slot)))
        must(slot->rival, "UPDATE rival SET x=x+1");
    return PASSED;
}

/* Steps to the end, writing what the client sees. */
static int step_rows(ss_slot *slot, const ss_stmt *stmt, sqlite3_stmt *sqlite, bool cursor, size_t *ret_rows) {
    trib_json_writer *w = &slot->w;
    bool begun = false;
    *ret_rows = 0;
    for (;;) {
        int rc = sqlite3_step(sqlite);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE) return rc;
        if (!begun && cursor) {
            trib_jw_init(w, &slot->expected);
            trib_jw_object_begin(w);
            trib_jw_member_str(w, "type", TRIB_STR("step_begin"));
            trib_jw_member_i64(w, "step", (int64_t)slot->step);
            write_cols(w, sqlite);
            trib_jw_object_end(w);
            trib_buf_add_char(&slot->expected, '\n');
        } else if (!begun) {
            trib_jw_object_begin(w);
            write_cols(w, sqlite);
            trib_jw_key_c(w, "rows");
            trib_jw_array_begin(w);
        }
        begun = true;
        if (rc == SQLITE_DONE) return rc;
        ++*ret_rows;
        if (stmt->no_rows || stmt->row->treat == SS_TOO_LARGE) continue;
        if (cursor) {
            trib_jw_init(w, &slot->expected);
            trib_jw_object_begin(w);
            trib_jw_member_str(w, "type", TRIB_STR("row"));
            trib_jw_key_c(w, "row");
        }
        write_row(w, sqlite);
        if (cursor) {
            trib_jw_object_end(w);
            trib_buf_add_char(&slot->expected, '\n');
        }
    }
}

static void write_counts(ss_slot *slot, const char *sql, bool cursor) {
    trib_json_writer *w = &slot->w;
    bool insert = starts_with(sql, "INSERT") || starts_with(sql, "REPLACE") || strstr(sql, ") INSERT INTO");
    bool counts = insert || starts_with(sql, "UPDATE") || starts_with(sql, "DELETE");
    if (cursor) {
        trib_jw_init(w, &slot->expected);
        trib_jw_object_begin(w);
        trib_jw_member_str(w, "type", TRIB_STR("step_end"));
    } else {
        trib_jw_array_end(w);
    }
    trib_jw_member_i64(w, "affected_row_count", counts ? sqlite3_changes64(slot->db) : 0);
    trib_jw_key_c(w, "last_insert_rowid");
    if (insert) trib_jw_i64_string(w, sqlite3_last_insert_rowid(slot->db));
    else trib_jw_null(w);
    trib_jw_member_null(w, "replication_index");
    trib_jw_object_end(w);
    if (cursor) trib_buf_add_char(&slot->expected, '\n');
}

/* Its answer is too large: the statement is taken back, and changes() is that of a failed statement. */
static void undo(ss_slot *slot, bool begun, bool alone, sqlite3_int64 total) {
    if (!begun || sqlite3_get_autocommit(slot->db)) return;
    must(slot->db, alone ? "ROLLBACK" : "ROLLBACK TO ss_undo; RELEASE ss_undo");
    trib_sqlite_set_changes(slot->db, 0, total);
}

static enum verdict run_stmt(ss_slot *slot, const ss_stmt *stmt, bool cursor, trib_error *err) {
    if (slot->lost) {
        fail_with(err, slot->lost, any_message);
        slot->lost = NULL;
        return FAILED;
    }
    const char *sql = stmt->stored_id ? slot->stored[stmt->stored_id] : stmt->sql;
    const ss_template *row = stmt->row;
    size_t mark = slot->expected.len, rows = 0;
    trib_json_writer writer = slot->w;
    if (row->treat == SS_REFUSED) return fail_with(err, row->code, any_message);
    sqlite3_stmt *sqlite = NULL;
    bool writes = false, undoable = false;
    enum verdict verdict = prepare(slot, stmt, sql, &sqlite, NULL, err);
    if (verdict != PASSED) return verdict;
    verdict = bind(stmt, sqlite, err);
    if (verdict == PASSED) verdict = may_begin(slot, stmt, sql, sqlite, &writes, err);
    if (verdict != PASSED) {
        sqlite3_finalize(sqlite);
        return verdict;
    }
    sqlite3_int64 total = sqlite3_total_changes64(slot->db);
    bool alone = sqlite3_get_autocommit(slot->db) != 0;
    if (row->treat == SS_TOO_LARGE && writes) {
        must(slot->db, "SAVEPOINT ss_undo");
        undoable = true;
    }
    int rc = step_rows(slot, stmt, sqlite, cursor, &rows);
    if (rc != SQLITE_DONE) verdict = fail_sqlite(slot, rc, err);
    sqlite3_finalize(sqlite);
    if (verdict == PASSED && row->treat == SS_TOO_LARGE && rows > 0) {
        undo(slot, undoable, alone, total);
        verdict = fail_with(err, row->code, any_message);
    } else if (undoable && !sqlite3_get_autocommit(slot->db)) {
        /* a statement that failed alone has not committed; RELEASE would write the pages that it touched */
        must(slot->db, verdict != PASSED && alone ? "ROLLBACK" : "RELEASE ss_undo");
    }
    if (verdict == PASSED) write_counts(slot, sql, cursor);
    if (verdict == PASSED && (row->flags & SS_READONLY)) slot->txn_readonly = true;
    look_around(slot);
    if (verdict != PASSED && !cursor) {
        slot->expected.len = mark;
        slot->w = writer;
    }
    return verdict;
}

/* ---- requests ---- */

static bool cond_true(const ss_slot *slot, ss_cond cond, size_t step) {
    bool ok = step > 0 && slot->state[step - 1] == HRANA_STEP_OK, autocommit = sqlite3_get_autocommit(slot->db) != 0;
    switch (cond) {
    case SS_ALWAYS: return true;
    case SS_OK: return ok;
    case SS_ERROR:
    case SS_NOT_OK: return !ok;
    case SS_AUTO: return autocommit;
    case SS_NOT_AUTO: return !autocommit;
    case SS_OK_IN_TXN: return ok && !autocommit;
    case SS_ERROR_OR_AUTO: return !ok || autocommit;
    }
    return false;
}

static void ok_begin(ss_slot *slot, const char *type) {
    trib_jw_object_begin(&slot->w);
    trib_jw_member_str(&slot->w, "type", TRIB_STR("ok"));
    trib_jw_key_c(&slot->w, "response");
    trib_jw_object_begin(&slot->w);
    trib_jw_member_str(&slot->w, "type", trib_str_c(type));
}

static void ok_end(ss_slot *slot) {
    trib_jw_object_end(&slot->w);
    trib_jw_object_end(&slot->w);
}

static enum verdict run_execute(ss_slot *slot, const ss_entry *entry, trib_error *err) {
    size_t mark = slot->expected.len;
    trib_json_writer writer = slot->w;
    ok_begin(slot, "execute");
    trib_jw_key_c(&slot->w, "result");
    enum verdict verdict = run_stmt(slot, &entry->steps[0], false, err);
    if (verdict == PASSED) {
        ok_end(slot);
    } else {
        slot->expected.len = mark;
        slot->w = writer;
    }
    return verdict;
}

static enum verdict run_batch(ss_slot *slot, const ss_entry *entry, bool cursor) {
    trib_json_writer *w = &slot->w;
    if (!slot->batch_open && !cursor) {
        ok_begin(slot, "batch");
        trib_jw_key_c(w, "result");
        trib_jw_object_begin(w);
        trib_jw_key_c(w, "step_results");
        trib_jw_array_begin(w);
    }
    if (!slot->batch_open) slot->step = 0;
    slot->batch_open = true;
    for (; slot->step < entry->count; slot->step++) {
        const ss_stmt *stmt = &entry->steps[slot->step];
        slot->state[slot->step] = HRANA_STEP_SKIPPED;
        if (cond_true(slot, stmt->cond, slot->step)) {
            enum verdict verdict = run_stmt(slot, stmt, cursor, &slot->errors[slot->step]);
            verdict = refused(slot, verdict, &slot->errors[slot->step]);
            if (verdict == WAITS) return WAITS;
            slot->state[slot->step] = verdict == PASSED ? HRANA_STEP_OK : HRANA_STEP_FAILED;
            if (verdict == PASSED) continue;
            if (cursor) {
                trib_jw_init(w, &slot->expected);
                trib_jw_object_begin(w);
                trib_jw_member_str(w, "type", TRIB_STR("step_error"));
                trib_jw_member_i64(w, "step", (int64_t)slot->step);
                trib_jw_key_c(w, "error");
                write_error(slot, &slot->errors[slot->step]);
                trib_jw_object_end(w);
                trib_buf_add_char(&slot->expected, '\n');
            }
        }
        if (!cursor) trib_jw_null(w);
    }
    slot->batch_open = false;
    if (cursor) return PASSED;
    trib_jw_array_end(w);
    trib_jw_key_c(w, "step_errors");
    trib_jw_array_begin(w);
    for (size_t i = 0; i < entry->count; i++) {
        if (slot->state[i] == HRANA_STEP_FAILED) write_error(slot, &slot->errors[i]);
        else trib_jw_null(w);
    }
    trib_jw_array_end(w);
    trib_jw_member_null(w, "replication_index");
    trib_jw_object_end(w);
    ok_end(slot);
    return PASSED;
}

static enum verdict run_sequence(ss_slot *slot, const ss_entry *entry, trib_error *err) {
    const ss_stmt *stmt = &entry->steps[0];
    for (;;) {
        const char *sql = stmt->sql + slot->script, *tail = NULL;
        sqlite3_stmt *sqlite = NULL;
        bool writes;
        if (slot->lost) {
            fail_with(err, slot->lost, any_message);
            slot->lost = NULL;
            return FAILED;
        }
        enum verdict verdict = prepare(slot, stmt, sql, &sqlite, &tail, err);
        if (verdict == PASSED && !sqlite) break;
        if (verdict == PASSED) verdict = may_begin(slot, stmt, sql, sqlite, &writes, err);
        if (verdict == PASSED) {
            int rc;
            while ((rc = sqlite3_step(sqlite)) == SQLITE_ROW) {}
            if (rc != SQLITE_DONE) verdict = fail_sqlite(slot, rc, err);
        }
        sqlite3_finalize(sqlite);
        look_around(slot);
        if (verdict != PASSED) return verdict;
        slot->script = (size_t)(tail - stmt->sql);
    }
    ok_begin(slot, "sequence");
    ok_end(slot);
    return PASSED;
}

static enum verdict run_describe(ss_slot *slot, const ss_entry *entry, trib_error *err) {
    const ss_stmt *stmt = &entry->steps[0];
    trib_json_writer *w = &slot->w;
    sqlite3_stmt *sqlite = NULL;
    if (slot->lost) {
        fail_with(err, slot->lost, any_message);
        slot->lost = NULL;
        return FAILED;
    }
    if (stmt->row->treat == SS_REFUSED) return fail_with(err, stmt->row->code, any_message);
    bool sets = stmt->row->flags & SS_SETS;
    if (!sets) {
        enum verdict verdict = prepare(slot, stmt, stmt->sql, &sqlite, NULL, err);
        if (verdict != PASSED) return verdict;
    }
    ok_begin(slot, "describe");
    trib_jw_key_c(w, "result");
    trib_jw_object_begin(w);
    trib_jw_key_c(w, "params");
    trib_jw_array_begin(w);
    for (int i = 1; sqlite && i <= sqlite3_bind_parameter_count(sqlite); i++) {
        trib_jw_object_begin(w);
        write_name(w, "name", sqlite3_bind_parameter_name(sqlite, i));
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
    write_cols(w, sqlite);
    const char *sql = stmt->sql;
    bool explain = sqlite && sqlite3_stmt_isexplain(sqlite) != 0;
    bool fixed = stmt->row->instead && starts_with(sql, "PRAGMA"); /* changes nothing, whatever SQLite says of it */
    bool query = starts_with(sql, "SELECT") || starts_with(sql, "VALUES") || starts_with(sql, "WITH") ||
                 starts_with(sql, "PRAGMA");
    trib_jw_member_bool(w, "is_explain", explain);
    trib_jw_member_bool(w, "is_readonly", explain || fixed || (query && sqlite && sqlite3_stmt_readonly(sqlite)));
    trib_jw_object_end(w);
    ok_end(slot);
    sqlite3_finalize(sqlite);
    return PASSED;
}

static enum verdict run_entry(ss_slot *slot, const ss_entry *entry, trib_error *err) {
    int32_t id = entry->steps[0].stored_id;
    switch (entry->type) {
    case HRANA_EXECUTE: return run_execute(slot, entry, err);
    case HRANA_BATCH: return run_batch(slot, entry, false);
    case HRANA_SEQUENCE: return run_sequence(slot, entry, err);
    case HRANA_DESCRIBE: return run_describe(slot, entry, err);
    case HRANA_STORE_SQL:
        if (slot->stored[id]) return BREACH;
        memcpy(slot->stored_sql[id], entry->steps[0].sql, sizeof slot->stored_sql[id]);
        slot->stored[id] = slot->stored_sql[id];
        slot->stored_stmt[id] = entry->steps[0];
        break;
    case HRANA_CLOSE_SQL: slot->stored[id] = NULL; break;
    case HRANA_CLOSE: slot->closed = true; break;
    case HRANA_GET_AUTOCOMMIT: break;
    }
    ok_begin(slot, hrana_request_name(entry->type));
    if (entry->type == HRANA_GET_AUTOCOMMIT)
        trib_jw_member_bool(&slot->w, "is_autocommit", sqlite3_get_autocommit(slot->db) != 0);
    ok_end(slot);
    return PASSED;
}

void ss_model_begin(ss_slot *slot) {
    slot->entry = slot->step = slot->script = 0;
    slot->batch_open = false;
    slot->reader = slot->request.reader;
    slot->expected.len = 0;
    if (slot->request.cursor) return;
    trib_jw_init(&slot->w, &slot->expected);
    trib_jw_object_begin(&slot->w);
    trib_jw_member_null(&slot->w, "base_url");
    trib_jw_key_c(&slot->w, "results");
    trib_jw_array_begin(&slot->w);
}

static void end_cursor(ss_slot *slot) {
    trib_jw_init(&slot->w, &slot->expected);
    trib_jw_object_begin(&slot->w);
    trib_jw_member_str(&slot->w, "type", TRIB_STR("replication_index"));
    trib_jw_member_null(&slot->w, "replication_index");
    trib_jw_object_end(&slot->w);
    trib_buf_add_char(&slot->expected, '\n');
}

bool ss_model_continue(ss_slot *slot) {
    const ss_request *request = &slot->request;
    if (request->cursor) {
        if (run_batch(slot, &request->entries[0], true) == WAITS) return false;
        end_cursor(slot);
        return true;
    }
    for (; slot->entry < request->count; slot->entry++) {
        trib_error err;
        enum verdict verdict = refused(slot, run_entry(slot, &request->entries[slot->entry], &err), &err);
        if (verdict == WAITS) return false;
        if (verdict == BREACH) {
            slot->broken = true;
            return true;
        }
        slot->script = 0;
        if (verdict == PASSED) continue;
        trib_jw_object_begin(&slot->w);
        trib_jw_member_str(&slot->w, "type", TRIB_STR("error"));
        trib_jw_key_c(&slot->w, "error");
        write_error(slot, &err);
        trib_jw_object_end(&slot->w);
    }
    trib_jw_array_end(&slot->w);
    trib_jw_key_c(&slot->w, "baton");
    return true;
}
