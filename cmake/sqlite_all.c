/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite's amalgamation, and behind it the doors that its interface lacks; store/sqlite_seam.h says what they are for.
 * They need SQLite's private structures, so they live in its translation unit. */
/* Called by the lines that SqliteRandomRowid.cmake has put into SQLite. The bit is one that SQLite does not use. */
#define TRIB_TF_RANDOM_ROWID 0x40000000
struct Parse;
struct Table;
static void trib_mark_random_rowid(struct Parse *parse, struct Table *table);

#include "sqlite3_random_rowid.c"

/* Whether the mark of src/store/libsql_text.h stands right behind the first parenthesis. With AUTOINCREMENT there is
 * nothing to draw, and a table WITHOUT ROWID never asks. */
static void trib_mark_random_rowid(struct Parse *parse, struct Table *table) {
    static const char mark[] = "/* RANDOM ROWID */";
    const unsigned char *at = (const unsigned char *)parse->sNameToken.z + parse->sNameToken.n;
    int type = TK_SPACE;
    if (table->tabFlags & TF_Autoincrement) return;
    for (i64 n = 0; type == TK_SPACE; at += n) n = sqlite3GetToken(at, &type);
    if (type == TK_LP && strncmp((const char *)at, mark, sizeof mark - 1) == 0) table->tabFlags |= TRIB_TF_RANDOM_ROWID;
}

void trib_sqlite_set_changes(sqlite3 *db, sqlite3_int64 changes, sqlite3_int64 total_changes);
void trib_sqlite_set_changes(sqlite3 *db, sqlite3_int64 changes, sqlite3_int64 total_changes) {
    db->nChange = changes;
    db->nTotalChange = total_changes;
}

static int refresh_one(sqlite3 *db, int i) {
    Btree *tree = db->aDb[i].pBt;
    Schema *schema = db->aDb[i].pSchema;
    u32 cookie = 0;
    if (!tree || !schema) return 0;
    int newest = sqlite3BtreeTxnState(tree) == SQLITE_TXN_NONE;
    if (DbHasProperty(db, i, DB_SchemaLoaded)) {
        int open = !newest;
        if (newest) newest = open = sqlite3BtreeBeginTrans(tree, 0, 0) == SQLITE_OK;
        if (open) sqlite3BtreeGetMeta(tree, BTREE_SCHEMA_VERSION, &cookie);
        if (open && cookie != (u32)schema->schema_cookie) sqlite3ResetOneSchema(db, i);
        if (newest) sqlite3BtreeCommit(tree);
    }
    return newest;
}

int trib_sqlite_refresh_schema(sqlite3 *db);
int trib_sqlite_refresh_schema(sqlite3 *db) {
    sqlite3_mutex_enter(db->mutex);
    sqlite3BtreeEnterAll(db);
    int newest = refresh_one(db, 0);
    for (int i = 2; i < db->nDb; i++) (void)refresh_one(db, i); /* what is attached; 1 is temp */
    sqlite3BtreeLeaveAll(db);
    sqlite3_mutex_leave(db->mutex);
    return newest;
}

/* As dbpage does it, and behind the end of the file too. A parsed page in the cache is parsed again. */
int trib_sqlite_put_page(sqlite3 *db, unsigned page, const void *bytes);
int trib_sqlite_put_page(sqlite3 *db, unsigned page, const void *bytes) {
    Btree *tree = db->aDb[0].pBt;
    if (!tree || sqlite3BtreeTxnState(tree) != SQLITE_TXN_WRITE) return SQLITE_MISUSE;
    sqlite3BtreeEnter(tree);
    BtShared *shared = tree->pBt;
    DbPage *held = 0;
    int rc = page < 1 || page == PENDING_BYTE_PAGE(shared)
                 ? SQLITE_CORRUPT
                 : sqlite3PagerGet(shared->pPager, page, &held, page > shared->nPage ? PAGER_GET_NOCONTENT : 0);
    if (rc == SQLITE_OK) rc = sqlite3PagerWrite(held);
    if (rc == SQLITE_OK) {
        MemPage *parsed = sqlite3PagerGetExtra(held);
        memcpy(sqlite3PagerGetData(held), bytes, shared->pageSize);
        if (page != 1) parsed->isInit = 0;
        if (page > shared->nPage) shared->nPage = page;
    }
    if (held) sqlite3PagerUnref(held);
    sqlite3BtreeLeave(tree);
    return rc;
}

/* The size of the database after the pages that were put; what was parsed of the schema is forgotten. */
int trib_sqlite_put_size(sqlite3 *db, unsigned pages);
int trib_sqlite_put_size(sqlite3 *db, unsigned pages) {
    Btree *tree = db->aDb[0].pBt;
    if (!tree || sqlite3BtreeTxnState(tree) != SQLITE_TXN_WRITE) return SQLITE_MISUSE;
    sqlite3BtreeEnter(tree);
    BtShared *shared = tree->pBt;
    if (pages < shared->nPage) shared->bDoTruncate = 1;
    shared->nPage = pages;
    if (shared->pPage1) {
        shared->pPage1->isInit = 0;
        (void)btreeInitPage(shared->pPage1);
    }
    sqlite3ResetOneSchema(db, 0);
    sqlite3BtreeLeave(tree);
    return SQLITE_OK;
}

void trib_sqlite_forget_schema(sqlite3 *db);
void trib_sqlite_forget_schema(sqlite3 *db) {
    sqlite3BtreeEnterAll(db);
    sqlite3ResetOneSchema(db, 0);
    sqlite3BtreeLeaveAll(db);
}

int trib_sqlite_mark_like(sqlite3 *db, const char *name, int arg_count, int case_sensitive);
int trib_sqlite_mark_like(sqlite3 *db, const char *name, int arg_count, int case_sensitive) {
    FuncDef *def = sqlite3FindFunction(db, name, arg_count, SQLITE_UTF8, 0);
    if (!def || !def->pUserData) return SQLITE_ERROR;
    def->funcFlags |= SQLITE_FUNC_LIKE | (case_sensitive ? SQLITE_FUNC_CASE : 0);
    return SQLITE_OK;
}

static FuncDef *trib_builtin(const char *name, int arg_count) {
    FuncDef *def =
        sqlite3FunctionSearch(SQLITE_FUNC_HASH(sqlite3UpperToLower[(u8)name[0]], sqlite3Strlen30(name)), name);
    for (; def; def = def->pNext)
        if (def->xSFunc && !def->xFinalize && (def->nArg == arg_count || def->nArg == -1)) return def;
    return 0;
}

int trib_sqlite_guard(sqlite3 *db, const char *name, int arg_count, void *app,
                      void (*call)(sqlite3_context *, int, sqlite3_value **), void (*destroy)(void *));
int trib_sqlite_guard(sqlite3 *db, const char *name, int arg_count, void *app,
                      void (*call)(sqlite3_context *, int, sqlite3_value **), void (*destroy)(void *)) {
    FuncDef *builtin = trib_builtin(name, arg_count);
    if (!builtin) {
        destroy(app);
        return SQLITE_NOTFOUND;
    }
    int rc = sqlite3_create_function_v2(db, name, arg_count, SQLITE_UTF8 | SQLITE_INNOCUOUS, app, call, 0, 0, destroy);
    if (rc != SQLITE_OK) return rc;
    FuncDef *def = sqlite3FindFunction(db, name, arg_count, SQLITE_UTF8, 0);
    def->funcFlags |= builtin->funcFlags & ~(u32)(SQLITE_FUNC_BUILTIN | SQLITE_FUNC_ENCMASK);
    return SQLITE_OK;
}

void trib_sqlite_call_builtin(sqlite3_context *ctx, const char *name, int count, sqlite3_value **values);
void trib_sqlite_call_builtin(sqlite3_context *ctx, const char *name, int count, sqlite3_value **values) {
    FuncDef *own = ctx->pFunc, *builtin = trib_builtin(name, count);
    if (!builtin) return;
    ctx->pFunc = builtin; /* its user data */
    builtin->xSFunc(ctx, count, values);
    ctx->pFunc = own;
}

/* ---- JSONB that nests deeper than SQLite's own limit for JSON text; SQLite recurses into it without one ---- */

/* Header at blob[at]: bytes of header and payload; 0 if it does not fit. The format: low nibble the type, high nibble
 * the size or the number of bytes that hold it. */
static u32 trib_jsonb_header(const u8 *blob, u32 bytes, u32 at, u32 *ret_payload) {
    u32 kind = blob[at] >> 4, extra = kind < 12 ? 0 : 1u << (kind - 12);
    u64 size = kind < 12 ? kind : 0;
    if (extra >= bytes - at) return 0;
    for (u32 i = 1; i <= extra; i++) size = (size << 8) | blob[at + i];
    if (size > bytes - at - 1 - extra) return 0;
    *ret_payload = (u32)size;
    return 1 + extra;
}

static int trib_jsonb_is_deep(const u8 *blob, u32 bytes) {
    u32 ends[JSON_MAX_DEPTH], depth = 0, at = 0, payload;
    while (at < bytes) {
        u32 header = trib_jsonb_header(blob, bytes, at, &payload);
        if (header == 0) return 0; /* SQLite stops here too */
        u32 type = blob[at] & 0x0f;
        at += header;
        if (type == JSONB_ARRAY || type == JSONB_OBJECT) {
            if (depth == JSON_MAX_DEPTH) return 1;
            ends[depth++] = at + payload;
        } else {
            at += payload;
        }
        while (depth > 0 && at >= ends[depth - 1]) depth--;
        if (depth == 0) return 0;
    }
    return 0;
}

int trib_sqlite_json_is_deep(int count, sqlite3_value **values);
int trib_sqlite_json_is_deep(int count, sqlite3_value **values) {
    for (int i = 0; i < count; i++) {
        if (sqlite3_value_type(values[i]) != SQLITE_BLOB || sqlite3_value_bytes(values[i]) <= JSON_MAX_DEPTH) continue;
        if (trib_jsonb_is_deep(sqlite3_value_blob(values[i]), (u32)sqlite3_value_bytes(values[i]))) return 1;
    }
    return 0;
}

static int trib_json_filter(sqlite3_vtab_cursor *cursor, int number, const char *text, int count,
                            sqlite3_value **values) {
    if (trib_sqlite_json_is_deep(count, values)) {
        sqlite3_free(cursor->pVtab->zErrMsg);
        cursor->pVtab->zErrMsg = sqlite3_mprintf("malformed JSON");
        return cursor->pVtab->zErrMsg ? SQLITE_ERROR : SQLITE_NOMEM;
    }
    return jsonEachFilter(cursor, number, text, count, values);
}

#define TRIB_JSON_MODULE(open)                                                                                         \
    {                                                                                                                  \
        .xConnect = jsonEachConnect, .xBestIndex = jsonEachBestIndex, .xDisconnect = jsonEachDisconnect,               \
        .xOpen = open, .xClose = jsonEachClose, .xFilter = trib_json_filter, .xNext = jsonEachNext,                    \
        .xEof = jsonEachEof, .xColumn = jsonEachColumn, .xRowid = jsonEachRowid                                        \
    }

/* Aggregates: the step of the built-in behind the check; the rest is the built-in itself. */
static void trib_json_step(sqlite3_context *ctx, int count, sqlite3_value **values) {
    if (trib_sqlite_json_is_deep(count, values)) sqlite3_result_error(ctx, "malformed JSON", -1);
    else if (count == 1) jsonArrayStep(ctx, count, values);
    else jsonObjectStep(ctx, count, values);
}

int trib_sqlite_guard_json(sqlite3 *db);
int trib_sqlite_guard_json(sqlite3 *db) {
    static const sqlite3_module each = TRIB_JSON_MODULE(jsonEachOpenEach), tree = TRIB_JSON_MODULE(jsonEachOpenTree);
    static const struct {
        const char *name;
        int args, app;
        void (*final)(sqlite3_context *), (*value)(sqlite3_context *);
    } aggregates[] = {
        {"json_group_array", 1, 0, jsonArrayFinal, jsonArrayValue},
        {"jsonb_group_array", 1, JSON_BLOB, jsonArrayFinal, jsonArrayValue},
        {"json_group_object", 2, 0, jsonObjectFinal, jsonObjectValue},
        {"jsonb_group_object", 2, JSON_BLOB, jsonObjectFinal, jsonObjectValue},
    };
    int rc = sqlite3_create_module(db, "json_each", &each, 0);
    if (rc == SQLITE_OK) rc = sqlite3_create_module(db, "json_tree", &tree, 0);
    for (int i = 0; i < ArraySize(aggregates) && rc == SQLITE_OK; i++)
        rc = sqlite3_create_window_function(db, aggregates[i].name, aggregates[i].args,
                                            SQLITE_UTF8 | SQLITE_INNOCUOUS | SQLITE_DETERMINISTIC | SQLITE_SUBTYPE |
                                                SQLITE_RESULT_SUBTYPE,
                                            SQLITE_INT_TO_PTR(aggregates[i].app), trib_json_step, aggregates[i].final,
                                            aggregates[i].value, jsonGroupInverse, 0);
    return rc;
}
