/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite's amalgamation, and behind it the doors that its interface lacks; store/sqlite_seam.h says what they are for.
 * They need SQLite's private structures, so they live in its translation unit. */
#include "sqlite3.c"

void trib_sqlite_set_changes(sqlite3 *db, sqlite3_int64 changes, sqlite3_int64 total_changes);
void trib_sqlite_set_changes(sqlite3 *db, sqlite3_int64 changes, sqlite3_int64 total_changes) {
    db->nChange = changes;
    db->nTotalChange = total_changes;
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
