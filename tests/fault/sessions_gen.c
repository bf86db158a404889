/* SPDX-License-Identifier: Apache-2.0 */
/* Random requests of the session oracle. A statement is a row of `templates` with its placeholders filled in; each
 * session has tables of its own, told apart by a prefix, so that its answers do not depend on the others. */
#include "sessions.h"

const char ss_shared_schema[] =
    "CREATE TABLE shared(k INTEGER PRIMARY KEY, n INTEGER NOT NULL, who TEXT);"
    "INSERT INTO shared VALUES(1,0,''),(2,0,''),(3,0,''),(4,0,''),(5,0,'');"
    "CREATE TABLE sharedlog(id INTEGER PRIMARY KEY, who TEXT, k, d);"
    "CREATE TRIGGER shared_note AFTER UPDATE ON shared BEGIN INSERT INTO sharedlog(who,k,d) VALUES(new.who, new.k, "
    "new.n-old.n); END;";

static const char slot_schema[] =
    "CREATE TABLE %Pa(id INTEGER PRIMARY KEY, x INT CHECK(x IS NULL OR x < 900), y TEXT, z UNIQUE);"
    "CREATE TABLE %Pb(id INTEGER PRIMARY KEY AUTOINCREMENT, a REFERENCES %Pa(id) ON DELETE CASCADE, v REAL NOT NULL "
    "DEFAULT 1.5);"
    "CREATE TABLE %Pc(id INTEGER PRIMARY KEY, a INTEGER REFERENCES %Pa(id) DEFERRABLE INITIALLY DEFERRED);"
    "CREATE TABLE %Pw(k TEXT PRIMARY KEY, n) WITHOUT ROWID;"
    "CREATE TABLE %Plog(m);"
    "CREATE INDEX %Pai ON %Pa(y COLLATE NOCASE, x);"
    "CREATE VIEW %Pv AS SELECT a.id AS id, a.y AS y, b.v AS v FROM %Pa a LEFT JOIN %Pb b ON b.a=a.id;"
    "CREATE TRIGGER %Ptb AFTER INSERT ON %Pb BEGIN INSERT INTO %Plog VALUES(1); END;"
    "CREATE TRIGGER %Ptl AFTER INSERT ON %Plog WHEN new.m IN (1,2) BEGIN INSERT INTO %Plog VALUES(new.m+1); END;"
    "CREATE TRIGGER %Ptw AFTER DELETE ON %Pw BEGIN INSERT INTO %Plog VALUES('gone '||old.k); END;"
    "CREATE TRIGGER %Ptr BEFORE UPDATE ON %Pw WHEN new.n=601 BEGIN SELECT RAISE(ROLLBACK,'rolled back'); END;"
    "CREATE TRIGGER %Ptf BEFORE UPDATE ON %Pw WHEN new.n=602 BEGIN SELECT RAISE(FAIL,'failed'); END;"
    "CREATE TRIGGER %Pta BEFORE UPDATE ON %Pw WHEN new.n=603 BEGIN SELECT RAISE(ABORT,'aborted'); END;"
    "CREATE TRIGGER %Pti INSTEAD OF INSERT ON %Pv BEGIN INSERT INTO %Pa(id,y) VALUES(new.id,new.y); END;"
    "INSERT INTO %Pa VALUES(1,10,'one','a'),(2,20,'Two','b'),(3,NULL,'three',NULL);"
    "INSERT INTO %Pw VALUES('k1',1),('k2',2),('k3',3);";

#define PARSE "SQL_PARSE_ERROR"
#define W     SS_WRITES
#define REFUSE(sql)                                                                                                    \
    { sql, 0, SS_RARE, SS_REFUSED, PARSE, NULL }
#define FIXED(name, value)                                                                                             \
    { "PRAGMA " name "=" value, 0, SS_RARE, SS_RUN, NULL, "PRAGMA " name }
#define SETTING(name)                                                                                                  \
    {"PRAGMA " name "=%B", 0, SS_SETS, SS_RUN, NULL, NULL},                                                            \
        {"PRAGMA " name "(%B)", 0, SS_SETS | SS_RARE, SS_RUN, NULL, NULL}, {                                           \
        "PRAGMA " name, 0, 0, SS_RUN, NULL, NULL                                                                       \
    }
#define LONG_LIST "(SELECT value FROM json_each('[1,2,3,4,5,6,7,8,9,10,11,12]'))"

static const ss_template templates[] = {
    /* what only the session knows */
    {"SELECT last_insert_rowid(), changes(), total_changes()", 0, 0, SS_RUN, NULL, NULL},
    {"SELECT changes()", 0, 0, SS_RUN, NULL, NULL},
    {"SELECT ?, typeof(?2)", 2, 0, SS_RUN, NULL, NULL},
    {"SELECT :p1 AS one, :p2 AS \"two\"", 2, SS_NAMED, SS_RUN, NULL, NULL},
    {"SELECT ?1", 0, SS_RARE, SS_RUN, NULL, NULL},
    {"SELECT 1", 1, SS_RARE, SS_RUN, NULL, NULL},
    /* reads */
    {"SELECT * FROM %Pa LIMIT 20", 0, 0, SS_RUN, NULL, NULL},
    {"SELECT id, x, y, z FROM %Pa WHERE id=?", 1, 0, SS_RUN, NULL, NULL},
    {"SELECT * FROM %Pb LIMIT 20", 0, 0, SS_RUN, NULL, NULL},
    {"SELECT id, y FROM %Pa WHERE y LIKE ? LIMIT 20", 1, 0, SS_RUN, NULL, NULL},
    {"SELECT id FROM %Pa WHERE y LIKE 't%' ORDER BY y, id LIMIT 20", 0, 0, SS_RUN, NULL, NULL},
    {"SELECT id FROM %Pa WHERE y GLOB ? ORDER BY id LIMIT 20", 1, 0, SS_RUN, NULL, NULL},
    {"SELECT count(*), sum(x), group_concat(m) FROM %Pa, (SELECT m FROM %Plog LIMIT 5)", 0, 0, SS_RUN, NULL, NULL},
    {"SELECT m FROM %Plog LIMIT 15", 0, 0, SS_RUN, NULL, NULL},
    {"SELECT * FROM %Pw", 0, 0, SS_RUN, NULL, NULL},
    {"SELECT * FROM %Pv ORDER BY id, v LIMIT 20", 0, 0, SS_RUN, NULL, NULL},
    {"SELECT * FROM %Pd%D LIMIT 10", 0, 0, SS_RUN, NULL, NULL},
    {"SELECT c.id, a.y FROM %Pc c LEFT JOIN %Pa a ON a.id=c.a ORDER BY 1 LIMIT 20", 0, 0, SS_RUN, NULL, NULL},
    {"SELECT upper(y), length(y), substr(y,2,3), trim(y,'oe'), ltrim(y,'t'), rtrim(y,'e'), instr(y,'e'), "
     "replace(y,'e','<e>'), hex(y), quote(z) FROM %Pa LIMIT 10",
     0, 0, SS_RUN, NULL, NULL},
    {"SELECT instr(?1,?2), replace(?1,?2,?3), trim(?1,?3), ?1 LIKE ?2, ?2 GLOB ?3, hex(?1)", 3, 0, SS_RUN, NULL, NULL},
    {"SELECT json_group_array(json_object('id',id,'y',y)) FROM %Pa WHERE id<6", 0, 0, SS_RUN, NULL, NULL},
    {"SELECT printf('%5d|%-6s|%.2f|%q', ?1, ?2, ?3, ?2)", 3, 0, SS_RUN, NULL, NULL},
    {"WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM r WHERE i<%N) SELECT i, i*i FROM r", 0, 0, SS_RUN,
     NULL, NULL},
    {"SELECT id, abs(CASE WHEN id>%N THEN -9223372036854775808 ELSE id END) FROM %Pa ORDER BY id LIMIT 20", 0, 0,
     SS_RUN, NULL, NULL},
    {"SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE substr(tbl_name,1,length('%P'))='%P' ORDER BY type, "
     "name "
     "LIMIT 30",
     0, SS_RARE, SS_RUN, NULL, NULL},
    {"SELECT seq FROM sqlite_sequence WHERE name='%Pb'", 0, 0, SS_RUN, NULL, NULL},
    {"PRAGMA table_info(%Pa)", 0, 0, SS_RUN, NULL, NULL},
    {"PRAGMA table_info(%Pd%D)", 0, 0, SS_RUN, NULL, NULL},
    {"PRAGMA index_list(%Pa)", 0, SS_RARE, SS_RUN, NULL, NULL},
    {"PRAGMA foreign_key_list(%Pb)", 0, SS_RARE, SS_RUN, NULL, NULL},
    {"PRAGMA foreign_key_check(%Pb)", 0, SS_RARE, SS_RUN, NULL, NULL},
    {"PRAGMA integrity_check(%Pa)", 0, SS_RARE, SS_RUN, NULL, NULL},
    {"SELECT name FROM pragma_table_info('%Pw') ORDER BY cid", 0, SS_RARE, SS_RUN, NULL, NULL},
    {"EXPLAIN QUERY PLAN SELECT * FROM %Pa WHERE y LIKE 'a%'", 0, SS_RARE, SS_RUN, NULL, NULL},
    {"EXPLAIN QUERY PLAN SELECT * FROM %Plog a, %Plog b WHERE a.m=b.m", 0, SS_RARE, SS_RUN, NULL, NULL},
    {"VALUES (1,'x'),(2,x'00ff')", 0, SS_RARE, SS_RUN, NULL, NULL},
    /* writes */
    {"INSERT INTO %Pa(x,y,z) VALUES(?,?,?)", 3, W, SS_RUN, NULL, NULL},
    {"INSERT INTO %Pa(id,x,y) VALUES(%N,%N,?)", 1, W, SS_RUN, NULL, NULL},
    {"INSERT INTO %Pa(y,z) VALUES(:p1,:p2)", 2, W | SS_NAMED, SS_RUN, NULL, NULL},
    {"INSERT OR REPLACE INTO %Pa(id,x,z) VALUES(%N,%N,?)", 1, W, SS_RUN, NULL, NULL},
    {"INSERT OR IGNORE INTO %Pa(id,z) VALUES(%N,?)", 1, W, SS_RUN, NULL, NULL},
    {"INSERT OR FAIL INTO %Pa(id) VALUES(40),(%N),(41)", 0, W | SS_RARE, SS_RUN, NULL, NULL},
    {"INSERT OR ROLLBACK INTO %Pa(id) VALUES(42),(%N)", 0, W | SS_RARE, SS_RUN, NULL, NULL},
    {"INSERT INTO %Pa(id) VALUES(43),(%N),(44)", 0, W, SS_RUN, NULL, NULL},
    {"INSERT INTO %Pa(id,x) VALUES(%N,1) ON CONFLICT(id) DO UPDATE SET x=coalesce(x,0)+1 RETURNING id, x", 0, W, SS_RUN,
     NULL, NULL},
    {"INSERT INTO %Pb(a) VALUES(%N)", 0, W, SS_RUN, NULL, NULL},
    {"INSERT INTO %Pb(a,v) SELECT id, id*0.5 FROM %Pa LIMIT 3 RETURNING id, a, v", 0, W, SS_RUN, NULL, NULL},
    {"INSERT INTO %Pb(a,v) VALUES(NULL,NULL)", 0, W, SS_RUN, NULL, NULL},
    {"INSERT INTO %Pc(a) VALUES(%N)", 0, W, SS_RUN, NULL, NULL},
    {"DELETE FROM %Pc", 0, W, SS_RUN, NULL, NULL},
    {"INSERT INTO %Pv(id,y) VALUES(%N,'through the view')", 0, W | SS_RARE, SS_RUN, NULL, NULL},
    {"REPLACE INTO %Pw VALUES('k%N',?)", 1, W, SS_RUN, NULL, NULL},
    {"UPDATE %Pw SET n=n+1 WHERE k='k%N'", 0, W, SS_RUN, NULL, NULL},
    {"UPDATE %Pw SET n=60%K", 0, W, SS_RUN, NULL, NULL},
    {"UPDATE %Pa SET x=%N WHERE id=%N RETURNING *", 0, W, SS_RUN, NULL, NULL},
    {"UPDATE %Pa SET x=x*9", 0, W, SS_RUN, NULL, NULL},
    {"UPDATE %Pa SET x=NULL WHERE 0", 0, W, SS_RUN, NULL, NULL},
    {"UPDATE OR IGNORE %Pa SET z='same'", 0, W, SS_RUN, NULL, NULL},
    {"DELETE FROM %Pa WHERE id=%N", 0, W, SS_RUN, NULL, NULL},
    {"DELETE FROM %Pa WHERE id>20", 0, W, SS_RUN, NULL, NULL},
    {"DELETE FROM %Pb WHERE id%3=%D RETURNING id", 0, W, SS_RUN, NULL, NULL},
    {"DELETE FROM %Plog", 0, W, SS_RUN, NULL, NULL},
    {"DELETE FROM %Pw WHERE k>'k1%D'", 0, W, SS_RUN, NULL, NULL},
    {"WITH n(i) AS (VALUES(%N)) INSERT INTO %Plog SELECT i FROM n", 0, W, SS_RUN, NULL, NULL},
    {"INSERT INTO %Pd%D DEFAULT VALUES", 0, W, SS_RUN, NULL, NULL},
    {"REINDEX %Pa", 0, W | SS_RARE, SS_RUN, NULL, NULL},
    {"UPDATE shared SET n=n+%N, who='%P%T' WHERE k=%K", 0, W | SS_SHARED, SS_RUN, NULL, NULL},
    {"UPDATE shared SET n=n-%N, who='%P%T' WHERE k=%K", 0, W | SS_SHARED, SS_RUN, NULL, NULL},
    /* transactions */
    {"BEGIN", 0, SS_TXN, SS_RUN, NULL, NULL},
    {"BEGIN DEFERRED TRANSACTION", 0, SS_TXN, SS_RUN, NULL, NULL},
    {"BEGIN IMMEDIATE", 0, SS_TXN | SS_IMMEDIATE, SS_RUN, NULL, NULL},
    {"BEGIN EXCLUSIVE", 0, SS_TXN | SS_IMMEDIATE | SS_RARE, SS_RUN, NULL, NULL},
    {"BEGIN CONCURRENT", 0, SS_TXN | SS_IMMEDIATE | SS_CONCURRENT | SS_RARE, SS_RUN, NULL, "BEGIN IMMEDIATE"},
    {"BEGIN TRANSACTION READONLY", 0, SS_TXN | SS_READONLY | SS_RARE, SS_RUN, NULL, "BEGIN"},
    {"COMMIT", 0, SS_TXN, SS_RUN, NULL, NULL},
    {"COMMIT", 0, SS_TXN, SS_RUN, NULL, NULL},
    {"END TRANSACTION", 0, SS_TXN, SS_RUN, NULL, NULL},
    {"ROLLBACK", 0, SS_TXN, SS_RUN, NULL, NULL},
    {"SAVEPOINT sp%D", 0, SS_TXN, SS_RUN, NULL, NULL},
    {"RELEASE sp%D", 0, SS_TXN, SS_RUN, NULL, NULL},
    {"ROLLBACK TO sp%D", 0, SS_TXN, SS_RUN, NULL, NULL},
    {"ROLLBACK TRANSACTION TO SAVEPOINT sp%D", 0, SS_TXN, SS_RUN, NULL, NULL},
    /* the schema */
    {"CREATE TABLE %Pd%D(a INTEGER PRIMARY KEY, b DEFAULT 'd')", 0, W | SS_DDL, SS_RUN, NULL, NULL},
    {"CREATE TABLE IF NOT EXISTS %Pd%D AS SELECT id, y FROM %Pa LIMIT 2", 0, W | SS_DDL, SS_RUN, NULL, NULL},
    {"DROP TABLE IF EXISTS %Pd%D", 0, W | SS_DDL, SS_RUN, NULL, NULL},
    {"DROP TABLE %Pd%D", 0, W | SS_DDL | SS_RARE, SS_RUN, NULL, NULL},
    {"ALTER TABLE %Pd%D ADD COLUMN c%N DEFAULT %N", 0, W | SS_DDL, SS_RUN, NULL, NULL},
    {"ALTER TABLE %Pd%D RENAME COLUMN b TO b2", 0, W | SS_DDL, SS_RUN, NULL, NULL},
    {"ALTER TABLE %Pd%D RENAME TO %Pd%D", 0, W | SS_DDL, SS_RUN, NULL, NULL},
    {"CREATE INDEX IF NOT EXISTS %Pdi%D ON %Pd%D(b)", 0, W | SS_DDL, SS_RUN, NULL, NULL},
    {"DROP INDEX IF EXISTS %Pdi%D", 0, W | SS_DDL, SS_RUN, NULL, NULL},
    {"CREATE VIEW IF NOT EXISTS %Pdv AS SELECT * FROM %Pa", 0, W | SS_DDL | SS_RARE, SS_RUN, NULL, NULL},
    {"DROP VIEW IF EXISTS %Pdv", 0, W | SS_DDL | SS_RARE, SS_RUN, NULL, NULL},
    {"SELECT * FROM %Pdv LIMIT 5", 0, SS_RARE, SS_RUN, NULL, NULL},
    {"CREATE VIRTUAL TABLE IF NOT EXISTS %Pf USING fts5(t)", 0, W | SS_DDL | SS_RARE | SS_FTS, SS_RUN, NULL, NULL},
    {"INSERT INTO %Pf(t) VALUES('the quick brown fox %N')", 0, W | SS_RARE | SS_FTS, SS_RUN, NULL, NULL},
    {"SELECT rowid, t FROM %Pf WHERE %Pf MATCH 'fox' ORDER BY rowid LIMIT 5", 0, SS_RARE | SS_FTS, SS_RUN, NULL, NULL},
    {"DELETE FROM %Pf", 0, W | SS_RARE | SS_FTS, SS_RUN, NULL, NULL},
    /* settings of the session */
    SETTING("foreign_keys"),
    {"PRAGMA defer_foreign_keys=%B", 0, SS_SETS | SS_IN_TXN, SS_RUN, NULL, NULL},
    {"PRAGMA defer_foreign_keys=1", 0, SS_SETS | SS_IN_TXN, SS_RUN, NULL, NULL},
    {"PRAGMA defer_foreign_keys", 0, 0, SS_RUN, NULL, NULL},
    SETTING("recursive_triggers"),
    SETTING("reverse_unordered_selects"),
    SETTING("automatic_index"),
    SETTING("legacy_alter_table"),
    SETTING("query_only"),
    SETTING("read_uncommitted"),
    {"PRAGMA foreign_keys=%B x", 0, SS_SETS | SS_RARE, SS_RUN, NULL, NULL},
    {"PRAGMA recursive_triggers(%B) 'x'", 0, SS_SETS | SS_RARE, SS_RUN, NULL, NULL},
    {"PRAGMA query_only=0", 0, SS_SETS, SS_RUN, NULL, NULL},
    {"PRAGMA query_only=0", 0, SS_SETS, SS_RUN, NULL, NULL},
    {"PRAGMA foreign_keys=on", 0, SS_SETS, SS_RUN, NULL, NULL},
    /* settings of the server: answered, and nothing changes */
    FIXED("cache_size", "7"),
    FIXED("synchronous", "OFF"),
    FIXED("journal_mode", "DELETE"),
    FIXED("locking_mode", "EXCLUSIVE"),
    FIXED("temp_store", "FILE"),
    FIXED("busy_timeout", "5000"),
    FIXED("wal_autocheckpoint", "1"),
    FIXED("mmap_size", "1000000"),
    FIXED("secure_delete", "1"),
    FIXED("page_size", "512"),
    FIXED("encoding", "'UTF-16'"),
    FIXED("auto_vacuum", "1"),
    FIXED("trusted_schema", "1"),
    FIXED("threads", "8"),
    FIXED("max_page_count", "10"),
    FIXED("cell_size_check", "1"),
    {"PRAGMA database_list", 0, SS_RARE, SS_RUN, NULL, "SELECT 0 AS seq, 'main' AS name, '' AS file"},
    /* what would reach other sessions, files or the process */
    REFUSE("CREATE TEMP TABLE %Pt(x)"),
    REFUSE("CREATE TABLE temp.%Pt(x)"),
    REFUSE("CREATE TEMP VIEW %Ptv AS SELECT 1"),
    REFUSE("CREATE TEMPORARY TRIGGER %Ptt AFTER INSERT ON %Pa BEGIN SELECT 1; END"),
    REFUSE("ATTACH 'x.db' AS other"),
    REFUSE("ATTACH ':memory:' AS other"),
    REFUSE("DETACH 'oth' || 'er'"),
    REFUSE("VACUUM"),
    REFUSE("VACUUM INTO 'x.db'"),
    REFUSE("ANALYZE"),
    REFUSE("PRAGMA case_sensitive_like=1"),
    REFUSE("PRAGMA ignore_check_constraints=1"),
    REFUSE("PRAGMA writable_schema=1"),
    REFUSE("PRAGMA temp_store_directory='/'"),
    REFUSE("PRAGMA hard_heap_limit=1"),
    REFUSE("PRAGMA count_changes=1"),
    REFUSE("PRAGMA full_column_names=1"),
    REFUSE("PRAGMA wal_checkpoint(TRUNCATE)"),
    REFUSE("PRAGMA optimize"),
    REFUSE("PRAGMA schema_version=5"),
    REFUSE("PRAGMA recursive_triggers_not=1"),
    /* mistakes */
    {"SELEC 1", 0, SS_RARE, SS_RUN, NULL, NULL},
    {"SELECT * FROM %Pnowhere", 0, SS_RARE, SS_RUN, NULL, NULL},
    {"SELECT nothing FROM %Pa", 0, SS_RARE, SS_RUN, NULL, NULL},
    {"SELECT id FROM %Pa WHERE", 0, SS_RARE, SS_RUN, NULL, NULL},
    {"SELECT 1; SELECT 2", 0, SS_RARE, SS_RUN, NULL, NULL},
    {" ; -- nothing", 0, SS_RARE, SS_RUN, NULL, NULL},
    {"/* only a comment */", 0, SS_RARE, SS_RUN, NULL, NULL},
    {"SELECT 'unclosed", 0, SS_RARE, SS_RUN, NULL, NULL},
    /* answers that do not fit: as if the statement had failed */
    {"INSERT INTO %Plog SELECT value FROM " LONG_LIST " RETURNING hex(zeroblob(2900))", 0, W | SS_MANY_ROWS,
     SS_TOO_LARGE, "RESPONSE_TOO_LARGE", NULL},
    {"UPDATE %Pa SET x=1 RETURNING hex(zeroblob(5000))", 0, W, SS_TOO_LARGE, "ROW_TOO_LARGE", NULL},
    {"INSERT INTO %Pa(id) VALUES(%N) RETURNING hex(zeroblob(5000))", 0, W, SS_TOO_LARGE, "ROW_TOO_LARGE", NULL},
    {"DELETE FROM %Pw RETURNING k, hex(zeroblob(5000))", 0, W, SS_TOO_LARGE, "ROW_TOO_LARGE", NULL},
    {"SELECT hex(zeroblob(5000))", 0, SS_RARE, SS_TOO_LARGE, "ROW_TOO_LARGE", NULL},
    {"SELECT value, hex(zeroblob(2900)) FROM " LONG_LIST, 0, SS_MANY_ROWS | SS_RARE, SS_TOO_LARGE, "RESPONSE_TOO_LARGE",
     NULL},
    /* scripts */
    {"INSERT INTO %Plog VALUES(7); DELETE FROM %Pc; SELECT * FROM %Pa; -- end", 0, W | SS_SCRIPT, SS_RUN, NULL, NULL},
    {"BEGIN; UPDATE %Pa SET x=%N WHERE id=%N; INSERT INTO %Pb(a) VALUES(%N); COMMIT", 0, W | SS_SCRIPT | SS_TXN, SS_RUN,
     NULL, NULL},
    {"BEGIN; PRAGMA defer_foreign_keys=1; DELETE FROM %Pa WHERE id=%N; INSERT INTO %Pa(id) VALUES(%N); COMMIT", 0,
     W | SS_SCRIPT | SS_TXN, SS_RUN, NULL, NULL},
    {"BEGIN IMMEDIATE; INSERT INTO %Plog VALUES(8); ROLLBACK; INSERT INTO %Plog VALUES(9)", 0, W | SS_SCRIPT | SS_TXN,
     SS_RUN, NULL, NULL},
    {"SAVEPOINT sp0; DELETE FROM %Pa; ROLLBACK TO sp0; RELEASE sp0;", 0, W | SS_SCRIPT | SS_TXN, SS_RUN, NULL, NULL},
    {"PRAGMA foreign_keys=%B; PRAGMA recursive_triggers=%B", 0, SS_SCRIPT | SS_SETS, SS_RUN, NULL, NULL},
    {" -- nothing at all", 0, SS_SCRIPT, SS_RUN, NULL, NULL},
    {"DROP TABLE IF EXISTS %Pd%D; CREATE TABLE %Pd%D(a, b, c); INSERT INTO %Pd%D VALUES(1,2,3)", 0,
     W | SS_SCRIPT | SS_DDL, SS_RUN, NULL, NULL},
};

static const ss_template plain_script = {"", 0, SS_WRITES | SS_SCRIPT, SS_RUN, NULL, NULL};
static const ss_template begin_row = {"BEGIN IMMEDIATE", 0, SS_TXN | SS_IMMEDIATE, SS_RUN, NULL, NULL};
static const ss_template commit_row = {"COMMIT", 0, SS_TXN, SS_RUN, NULL, NULL};
static const ss_template rollback_row = {"ROLLBACK", 0, SS_TXN, SS_RUN, NULL, NULL};

const char *ss_schema_of_slot(void) {
    return slot_schema;
}

void ss_fill(ss_random *r, const ss_slot *slot, const char *sql, char *ret, size_t size) {
    size_t n = 0;
    for (; *sql && n + 40 < size; sql++) {
        if (*sql != '%' || !strchr("PNBKDT", sql[1]) || !sql[1]) {
            ret[n++] = *sql;
            continue;
        }
        sql++;
        if (*sql == 'P') n += (size_t)snprintf(ret + n, size - n, "%s", slot->prefix);
        if (*sql == 'N') n += (size_t)snprintf(ret + n, size - n, "%d", (int)ss_below(r, 20) + 1);
        if (*sql == 'B') n += (size_t)snprintf(ret + n, size - n, "%d", (int)ss_below(r, 2));
        if (*sql == 'K') n += (size_t)snprintf(ret + n, size - n, "%d", (int)ss_below(r, SS_SHARED_KEYS) + 1);
        if (*sql == 'D') n += (size_t)snprintf(ret + n, size - n, "%d", (int)ss_below(r, 3));
        if (*sql == 'T') n += (size_t)snprintf(ret + n, size - n, "%llu", (unsigned long long)++r->tags);
    }
    ss_check(*sql == '\0', "a template is too long");
    ret[n] = '\0';
}

static trib_value random_value(ss_random *r) {
    static const char *const texts[] = {"",       "a",  "one", "Two", "t%", "%e%",   "_wo", "*e*", "\xc3\x84\xc3\xb6",
                                        "[a-t]*", "ee", "oo",  "o",   "'",  "\"x\"", "x\ny"};
    static const double reals[] = {0.5, -1.25, 1e300, 3.0, 0.1};
    trib_value value = {.type = TRIB_VALUE_NULL};
    switch (ss_below(r, 8)) {
    case 0: break;
    case 1:
    case 2:
    case 3:
        value.type = TRIB_VALUE_INTEGER;
        value.integer = ss_chance(r, 10) ? INT64_MAX - (int64_t)ss_below(r, 3) : (int64_t)ss_below(r, 30);
        break;
    case 4:
        value.type = TRIB_VALUE_REAL;
        value.real = reals[ss_below(r, sizeof reals / sizeof reals[0])];
        break;
    case 5:
        value.type = TRIB_VALUE_BLOB;
        value.bytes = trib_str_make("\x00\xff\x01", (size_t)ss_below(r, 4));
        break;
    default:
        value.type = TRIB_VALUE_TEXT;
        value.bytes = trib_str_c(texts[ss_below(r, sizeof texts / sizeof texts[0])]);
        break;
    }
    return value;
}

static void fill_stmt(ss_random *r, const ss_slot *slot, const ss_template *row, ss_stmt *ret) {
    memset(ret, 0, offsetof(ss_stmt, sql));
    ret->row = row;
    ss_fill(r, slot, row->sql, ret->sql, sizeof ret->sql);
    ret->stored_id = 0;
    ret->arg_count = row->args;
    for (int i = 0; i < row->args; i++) ret->args[i] = random_value(r);
    ret->no_rows = row->treat == SS_RUN && ss_chance(r, 3);
    ret->cond = SS_ALWAYS;
}

static bool fits(const ss_template *row, ss_mode mode, bool script, bool cursor) {
    if (((row->flags & SS_SCRIPT) != 0) != script) return false;
    if (cursor && (row->flags & SS_MANY_ROWS)) return false;
    if (mode == SS_CALM && (row->flags & (SS_TXN | SS_SHARED))) return false;
    if (mode != SS_INSIDE && (row->flags & SS_IN_TXN)) return false;
    if (mode != SS_INSIDE && mode != SS_CALM && (row->flags & SS_FTS)) return false;
    if (mode == SS_INSIDE && (row->flags & SS_TXN)) return false;
    return true;
}

static void random_stmt(ss_random *r, const ss_slot *slot, ss_mode mode, bool script, bool cursor, ss_stmt *ret) {
    for (;;) {
        const ss_template *row = &templates[ss_below(r, sizeof templates / sizeof templates[0])];
        if (!fits(row, mode, script, cursor) || ((row->flags & SS_RARE) && !ss_chance(r, 20))) continue;
        fill_stmt(r, slot, row, ret);
        return;
    }
}

/* BEGIN IMMEDIATE, some statements each on the condition that the one before was well, COMMIT, ROLLBACK if it was not:
 * what clients send for a transaction. Takes the turn once. */
static void transaction_batch(ss_random *r, const ss_slot *slot, bool cursor, ss_entry *ret) {
    ret->type = HRANA_BATCH;
    ret->count = 3 + (size_t)ss_below(r, SS_STEPS_MAX - 3) + 1;
    for (size_t i = 0; i < ret->count; i++) {
        ss_stmt *stmt = &ret->steps[i];
        if (i == 0) fill_stmt(r, slot, &begin_row, stmt);
        else if (i == ret->count - 2) fill_stmt(r, slot, &commit_row, stmt);
        else if (i == ret->count - 1) fill_stmt(r, slot, &rollback_row, stmt);
        else random_stmt(r, slot, SS_INSIDE, false, cursor, stmt);
        if (i > 0) stmt->cond = i == ret->count - 1 ? SS_NOT_OK : SS_OK;
        if (stmt->row->flags & SS_TXN) stmt->no_rows = false;
    }
}

static void random_batch(ss_random *r, const ss_slot *slot, ss_mode mode, bool cursor, ss_entry *ret) {
    if (mode != SS_CALM && (mode == SS_CONTENDED || ss_chance(r, 40))) {
        transaction_batch(r, slot, cursor, ret);
        return;
    }
    ret->type = HRANA_BATCH;
    ret->count = (size_t)ss_below(r, SS_STEPS_MAX + 1);
    for (size_t i = 0; i < ret->count; i++) {
        random_stmt(r, slot, mode, false, cursor, &ret->steps[i]);
        if (i > 0) ret->steps[i].cond = ss_chance(r, 50) ? SS_ALWAYS : (ss_cond)ss_below(r, SS_ERROR_OR_AUTO + 1);
        else if (ss_chance(r, 10)) ret->steps[i].cond = ss_chance(r, 50) ? SS_AUTO : SS_NOT_AUTO;
    }
}

static void random_entry(ss_random *r, const ss_slot *slot, ss_mode mode, ss_entry *ret) {
    uint64_t die = ss_below(r, 100);
    ret->count = 1;
    ss_stmt *stmt = &ret->steps[0];
    if (die < 66) {
        ret->type = HRANA_EXECUTE;
        random_stmt(r, slot, mode, false, false, stmt);
        int32_t id = (int32_t)ss_below(r, SS_STORED_MAX) + 1;
        if (mode == SS_FREE && ss_chance(r, 5) && slot->stored[id]) { /* as it was stored, with new arguments */
            *stmt = slot->stored_stmt[id];
            stmt->stored_id = id;
            for (int i = 0; i < stmt->arg_count; i++) stmt->args[i] = random_value(r);
        }
    } else if (die < 78) {
        random_batch(r, slot, mode, false, ret);
    } else if (die < 84) {
        ret->type = HRANA_SEQUENCE;
        random_stmt(r, slot, mode == SS_CONTENDED ? SS_CALM : mode, true, false, stmt);
        if (mode == SS_CONTENDED && (stmt->row->flags & SS_WRITES)) ret->type = HRANA_GET_AUTOCOMMIT;
    } else if (die < 92) {
        ret->type = HRANA_DESCRIBE;
        random_stmt(r, slot, mode, false, false, stmt);
    } else if (die < 95 && mode == SS_FREE) {
        ret->type = ss_chance(r, 70) ? HRANA_STORE_SQL : HRANA_CLOSE_SQL;
        random_stmt(r, slot, mode, false, false, stmt);
        stmt->stored_id = (int32_t)ss_below(r, SS_STORED_MAX) + 1;
        /* storing twice breaks the protocol and ends the session: seldom */
        if (ret->type == HRANA_STORE_SQL && slot->stored[stmt->stored_id] && !ss_chance(r, 10))
            ret->type = HRANA_CLOSE_SQL;
    } else {
        ret->type = HRANA_GET_AUTOCOMMIT;
    }
}

void ss_make_request(ss_random *r, const ss_slot *slot, ss_mode mode, ss_request *ret) {
    ret->cursor = ss_chance(r, 10);
    ret->reader = mode != SS_CALM && ss_chance(r, 6); /* the right is the tenant's, so nobody else may be asking */
    if (ret->cursor) {
        ret->count = 1;
        random_batch(r, slot, mode, true, &ret->entries[0]);
        return;
    }
    ret->count = mode == SS_CONTENDED ? 1 : 1 + (size_t)ss_below(r, SS_ENTRIES_MAX);
    for (size_t i = 0; i < ret->count; i++) {
        random_entry(r, slot, mode, &ret->entries[i]);
        /* what is stored by this request is not known to the slot yet */
        if (ret->entries[i].type == HRANA_STORE_SQL || ret->entries[i].type == HRANA_CLOSE_SQL) ret->count = i + 1;
    }
    if (mode == SS_FREE && ret->count < SS_ENTRIES_MAX && ss_chance(r, 4))
        ret->entries[ret->count++] = (ss_entry){.type = HRANA_CLOSE, .count = 1};
}

void ss_make_script(const ss_slot *slot, const char *sql, ss_request *ret) {
    (void)slot;
    ret->cursor = ret->reader = false;
    ret->count = 1;
    ss_entry *entry = &ret->entries[0];
    entry->type = HRANA_SEQUENCE;
    entry->count = 1;
    entry->steps[0] = (ss_stmt){.row = &plain_script};
    snprintf(entry->steps[0].sql, sizeof entry->steps[0].sql, "%s", sql);
}

size_t ss_statements_of(const ss_request *request) {
    size_t n = 0;
    for (size_t i = 0; i < request->count; i++) n += request->entries[i].count;
    return n;
}

/* ---- as JSON ---- */

static void write_value(trib_json_writer *w, const trib_value *value) {
    static const char *const types[] = {[TRIB_VALUE_NULL] = "null",
                                        [TRIB_VALUE_INTEGER] = "integer",
                                        [TRIB_VALUE_REAL] = "float",
                                        [TRIB_VALUE_TEXT] = "text",
                                        [TRIB_VALUE_BLOB] = "blob"};
    trib_jw_object_begin(w);
    trib_jw_member_str(w, "type", trib_str_c(types[value->type]));
    if (value->type == TRIB_VALUE_BLOB) {
        trib_jw_key_c(w, "base64");
        trib_jw_base64(w, value->bytes.ptr, value->bytes.len);
    } else if (value->type != TRIB_VALUE_NULL) {
        trib_jw_key_c(w, "value");
        if (value->type == TRIB_VALUE_INTEGER) trib_jw_i64_string(w, value->integer);
        if (value->type == TRIB_VALUE_REAL) trib_jw_f64(w, value->real);
        if (value->type == TRIB_VALUE_TEXT) trib_jw_str(w, value->bytes);
    }
    trib_jw_object_end(w);
}

static void write_stmt(trib_json_writer *w, const ss_stmt *stmt) {
    char name[16];
    trib_jw_object_begin(w);
    if (stmt->stored_id) trib_jw_member_i64(w, "sql_id", stmt->stored_id);
    else trib_jw_member_str(w, "sql", trib_str_c(stmt->sql));
    trib_jw_key_c(w, stmt->row->flags & SS_NAMED ? "named_args" : "args");
    trib_jw_array_begin(w);
    for (int i = 0; i < stmt->arg_count; i++) {
        if (!(stmt->row->flags & SS_NAMED)) {
            write_value(w, &stmt->args[i]);
            continue;
        }
        snprintf(name, sizeof name, "p%d", i + 1);
        trib_jw_object_begin(w);
        trib_jw_member_str(w, "name", trib_str_c(name));
        trib_jw_key_c(w, "value");
        write_value(w, &stmt->args[i]);
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
    if (stmt->no_rows) trib_jw_member_bool(w, "want_rows", false);
    trib_jw_object_end(w);
}

static void write_cond(trib_json_writer *w, ss_cond cond, size_t step) {
    static const char *const forms[] = {
        [SS_ALWAYS] = "null",
        [SS_OK] = "{\"type\":\"ok\",\"step\":%zu}",
        [SS_ERROR] = "{\"type\":\"error\",\"step\":%zu}",
        [SS_NOT_OK] = "{\"type\":\"not\",\"cond\":{\"type\":\"ok\",\"step\":%zu}}",
        [SS_AUTO] = "{\"type\":\"is_autocommit\"}",
        [SS_NOT_AUTO] = "{\"type\":\"not\",\"cond\":{\"type\":\"is_autocommit\"}}",
        [SS_OK_IN_TXN] =
            "{\"type\":\"and\",\"conds\":[{\"type\":\"ok\",\"step\":%zu},{\"type\":\"not\",\"cond\":{\"type\":"
            "\"is_autocommit\"}}]}",
        [SS_ERROR_OR_AUTO] =
            "{\"type\":\"or\",\"conds\":[{\"type\":\"error\",\"step\":%zu},{\"type\":\"is_autocommit\"}]}",
    };
    char text[200];
    const char *form = forms[cond], *hole = strstr(form, "%zu");
    if (hole) snprintf(text, sizeof text, "%.*s%zu%s", (int)(hole - form), form, step, hole + 3);
    else snprintf(text, sizeof text, "%s", form);
    trib_jw_key_c(w, "condition");
    trib_jw_raw(w, trib_str_c(text));
}

static void write_batch(trib_json_writer *w, const ss_entry *entry) {
    trib_jw_key_c(w, "batch");
    trib_jw_object_begin(w);
    trib_jw_key_c(w, "steps");
    trib_jw_array_begin(w);
    for (size_t i = 0; i < entry->count; i++) {
        trib_jw_object_begin(w);
        write_cond(w, entry->steps[i].cond, i > 0 ? i - 1 : 0);
        trib_jw_key_c(w, "stmt");
        write_stmt(w, &entry->steps[i]);
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
    trib_jw_object_end(w);
}

char *ss_body_of(const ss_slot *slot, const ss_request *request) {
    trib_buf buf;
    trib_json_writer writer, *w = &writer;
    trib_buf_init(&buf, 1 << 20);
    trib_jw_init(w, &buf);
    trib_jw_object_begin(w);
    if (slot->baton[0]) trib_jw_member_str(w, "baton", trib_str_c(slot->baton));
    if (request->cursor) {
        write_batch(w, &request->entries[0]);
    } else {
        trib_jw_key_c(w, "requests");
        trib_jw_array_begin(w);
        for (size_t i = 0; i < request->count; i++) {
            const ss_entry *entry = &request->entries[i];
            const ss_stmt *stmt = &entry->steps[0];
            trib_jw_object_begin(w);
            trib_jw_member_str(w, "type", trib_str_c(hrana_request_name(entry->type)));
            if (entry->type == HRANA_EXECUTE) {
                trib_jw_key_c(w, "stmt");
                write_stmt(w, stmt);
            }
            if (entry->type == HRANA_BATCH) write_batch(w, entry);
            if (entry->type == HRANA_STORE_SQL || entry->type == HRANA_CLOSE_SQL)
                trib_jw_member_i64(w, "sql_id", stmt->stored_id);
            if (entry->type == HRANA_SEQUENCE || entry->type == HRANA_DESCRIBE || entry->type == HRANA_STORE_SQL)
                trib_jw_member_str(w, "sql", trib_str_c(stmt->sql));
            trib_jw_object_end(w);
        }
        trib_jw_array_end(w);
    }
    trib_jw_object_end(w);
    trib_buf_add_char(&buf, '\0');
    ss_check(trib_jw_done(w) && !buf.failed, "the request does not fit");
    return buf.ptr;
}
