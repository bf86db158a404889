/* SPDX-License-Identifier: Apache-2.0 */
/* nearest(); see nearest.h.
 *
 * The R*Tree `_trib_place` holds the open places with coordinates rounded outwards to 32 bits. SQLite walks it best
 * first: what it gives next is never farther, by its rounded coordinates, than what comes later. Each one is measured
 * exactly, the best k are kept in a heap with the farthest on top, and the walk ends when the next one cannot be nearer
 * than that. There is no box to grow, so neither the antimeridian nor a pole is a special case.
 *
 * The statements here are the server's own: they are not judged as those of the client who asks. */
#include "store/nearest.h"

#include <math.h>
#include <string.h>

#include "base/geo.h"
#include "store/sqlite_seam.h"

typedef struct near_table {
    sqlite3_vtab base; /* first */
    trib_handle *handle;
    sqlite3_stmt *walk, *place, *kind; /* prepared at the first use */
    sqlite3_stmt *row;                 /* of a cursor that was closed, for the next one */
} near_table;

typedef struct near_hit {
    double distance_m;
    sqlite3_int64 rowid;
} near_hit;

typedef struct near_cursor {
    sqlite3_vtab_cursor base; /* first */
    near_hit *hits;
    int count, at;
    sqlite3_stmt *row; /* what xColumn reads */
    bool has_row;
} near_cursor;

enum { LAT, LNG, K, MAX_M, TYPE, ARGS, HIDDEN_FROM = 9, DISTANCE = HIDDEN_FROM - 1, STOP_EVERY = 256 };

static const char columns[] = "CREATE TABLE x(workspaceId TEXT, id TEXT, nodeId TEXT, nodeType TEXT, title TEXT, "
                              "availability TEXT, lat REAL, lng REAL, distance_m REAL, "
                              "from_lat HIDDEN, from_lng HIDDEN, k HIDDEN, max_m HIDDEN, type HIDDEN)";
static const char walk_sql[] =
    "SELECT n, lat0, lat1, lng0, lng1 FROM _trib_place WHERE n MATCH _trib_near(?1, ?2, ?3, ?4)";
static const char kind_sql[] = "SELECT n FROM _trib_kind WHERE name = ?1";
static const char place_sql[] = "SELECT p.lat, p.lng, ?2 IS NULL OR n.nodeType = ?2 FROM points p LEFT JOIN nodes n "
                                "ON n.workspaceId = p.workspaceId AND n.id = p.nodeId WHERE p.rowid = ?1";
static const char row_sql[] = "SELECT p.workspaceId, p.id, p.nodeId, n.nodeType, n.title, p.availability, p.lat, p.lng "
                              "FROM points p LEFT JOIN nodes n ON n.workspaceId = p.workspaceId AND n.id = p.nodeId "
                              "WHERE p.rowid = ?1";

/* ---- the heap: the farthest on top ---- */

static void sift_down(near_hit *hits, int count, int at) {
    for (;;) {
        int child = 2 * at + 1;
        if (child >= count) return;
        if (child + 1 < count && hits[child + 1].distance_m > hits[child].distance_m) child++;
        if (hits[at].distance_m >= hits[child].distance_m) return;
        near_hit swap = hits[at];
        hits[at] = hits[child];
        hits[child] = swap;
        at = child;
    }
}

static void keep(near_cursor *c, int k, near_hit hit) {
    if (c->count == k) {
        if (hit.distance_m >= c->hits[0].distance_m) return;
        c->hits[0] = hit;
        sift_down(c->hits, k, 0);
        return;
    }
    int at = c->count++;
    for (; at > 0 && c->hits[(at - 1) / 2].distance_m < hit.distance_m; at = (at - 1) / 2)
        c->hits[at] = c->hits[(at - 1) / 2];
    c->hits[at] = hit;
}

/* Nearest first. */
static void sort(near_cursor *c) {
    for (int n = c->count; n > 1; n--) {
        near_hit last = c->hits[n - 1];
        c->hits[n - 1] = c->hits[0];
        c->hits[0] = last;
        sift_down(c->hits, n - 1, 0);
    }
}

/* ---- one call ---- */

typedef struct near_ask {
    double lat, lng, max_m, kind;
    int k;
    sqlite3_value *type; /* NULL: any */
} near_ask;

static int refuse(near_table *t, const char *why) {
    sqlite3_free(t->base.zErrMsg);
    t->base.zErrMsg = sqlite3_mprintf("%s", why);
    return SQLITE_ERROR;
}

static int failed(near_table *t, int rc) {
    sqlite3_free(t->base.zErrMsg);
    t->base.zErrMsg = sqlite3_mprintf("%s", sqlite3_errmsg(t->handle->sqlite));
    return rc;
}

static int ready(near_table *t, sqlite3_stmt **stmt, const char *sql) {
    if (*stmt) return SQLITE_OK;
    return sqlite3_prepare_v3(t->handle->sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
}

/* The place of the type in the index; there is none: *ret_none. */
static int find_kind(near_table *t, near_ask *ask, bool *ret_none) {
    ask->kind = -1;
    if (!ask->type) return SQLITE_OK;
    int rc = ready(t, &t->kind, kind_sql);
    if (rc == SQLITE_OK) rc = sqlite3_bind_value(t->kind, 1, ask->type);
    if (rc != SQLITE_OK) return rc;
    rc = sqlite3_step(t->kind);
    *ret_none = rc == SQLITE_DONE;
    if (rc == SQLITE_ROW) {
        sqlite3_int64 n = sqlite3_column_int64(t->kind, 0);
        ask->kind = (double)(n < TRIB_NEAREST_KINDS_MAX ? n : TRIB_NEAREST_KINDS_MAX) * TRIB_NEAREST_KIND_STEP;
    }
    return sqlite3_reset(t->kind);
}

/* Exactly: how far a place of the index is, and whether it is of the type. */
static int measure(near_table *t, const near_ask *ask, near_cursor *c, sqlite3_int64 rowid) {
    sqlite3_bind_int64(t->place, 1, rowid);
    if (sqlite3_step(t->place) == SQLITE_ROW && sqlite3_column_int(t->place, 2)) {
        double m = trib_geo_distance_m(ask->lat, ask->lng, sqlite3_column_double(t->place, 0),
                                       sqlite3_column_double(t->place, 1));
        if (m <= ask->max_m) keep(c, ask->k, (near_hit){m, rowid});
    }
    return sqlite3_reset(t->place);
}

static int walk(near_table *t, const near_ask *ask, near_cursor *c) {
    trib_geo_from from = trib_geo_from_make(ask->lat, ask->lng);
    sqlite3_bind_double(t->walk, 1, ask->lat);
    sqlite3_bind_double(t->walk, 2, ask->lng);
    sqlite3_bind_double(t->walk, 3, ask->max_m);
    sqlite3_bind_double(t->walk, 4, ask->kind);
    int rc = ask->type ? sqlite3_bind_value(t->place, 2, ask->type) : sqlite3_bind_null(t->place, 2);
    for (unsigned seen = 0; rc == SQLITE_OK && sqlite3_step(t->walk) == SQLITE_ROW; seen++) {
        double least =
            trib_geo_box_distance_m(&from, sqlite3_column_double(t->walk, 1), sqlite3_column_double(t->walk, 2),
                                    sqlite3_column_double(t->walk, 3), sqlite3_column_double(t->walk, 4));
        if (c->count == ask->k && least > c->hits[0].distance_m) break;
        if (seen % STOP_EVERY == STOP_EVERY - 1 && trib_policy_must_stop(t->handle->policy)) rc = SQLITE_INTERRUPT;
        if (rc == SQLITE_OK) rc = measure(t, ask, c, sqlite3_column_int64(t->walk, 0));
    }
    int ended = sqlite3_reset(t->walk);
    return rc == SQLITE_OK ? ended : rc;
}

static int run(near_table *t, near_ask *ask, near_cursor *c) {
    bool none = false;
    int rc = ready(t, &t->walk, walk_sql);
    if (rc == SQLITE_OK) rc = ready(t, &t->place, place_sql);
    if (!c->row) {
        c->row = t->row;
        t->row = NULL;
    }
    if (rc == SQLITE_OK) rc = ready(t, &c->row, row_sql);
    if (rc == SQLITE_OK) rc = find_kind(t, ask, &none);
    if (rc == SQLITE_OK && !none) rc = walk(t, ask, c);
    return rc == SQLITE_OK ? rc : failed(t, rc);
}

static int load_row(near_cursor *c) {
    near_table *t = (near_table *)(void *)c->base.pVtab;
    int armed = t->handle->policy->armed, rc = SQLITE_OK;
    sqlite3_reset(c->row);
    c->has_row = false;
    if (c->at >= c->count) return rc;
    t->handle->policy->armed = 0;
    sqlite3_bind_int64(c->row, 1, c->hits[c->at].rowid);
    c->has_row = sqlite3_step(c->row) == SQLITE_ROW;
    if (!c->has_row) rc = sqlite3_reset(c->row);
    t->handle->policy->armed = armed;
    return rc == SQLITE_OK ? rc : failed(t, rc);
}

/* ---- the module ---- */

static int connect(sqlite3 *sqlite, void *aux, int argc, const char *const *argv, sqlite3_vtab **ret, char **error) {
    (void)argc, (void)argv, (void)error;
    int rc = sqlite3_declare_vtab(sqlite, columns);
    if (rc != SQLITE_OK) return rc;
    near_table *t = sqlite3_malloc(sizeof *t);
    if (!t) return SQLITE_NOMEM;
    memset(t, 0, sizeof *t);
    t->handle = aux;
    *ret = &t->base;
    return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *base) {
    near_table *t = (near_table *)(void *)base;
    sqlite3_finalize(t->walk);
    sqlite3_finalize(t->place);
    sqlite3_finalize(t->kind);
    sqlite3_finalize(t->row);
    sqlite3_free(t);
    return SQLITE_OK;
}

/* The arguments are equations of the hidden columns; idxNum says which are there. */
static int best_index(sqlite3_vtab *base, sqlite3_index_info *info) {
    int next = 1, places[ARGS];
    memset(places, -1, sizeof places);
    for (int i = 0; i < info->nConstraint; i++) {
        int arg = info->aConstraint[i].iColumn - HIDDEN_FROM;
        if (arg < 0 || info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
        if (!info->aConstraint[i].usable) return SQLITE_CONSTRAINT;
        places[arg] = i;
    }
    if (places[LAT] < 0 || places[LNG] < 0)
        return refuse((near_table *)(void *)base, "nearest() wants a place: nearest(lat, lng, k, max_m, nodeType)");
    info->idxNum = 0;
    for (int arg = 0; arg < ARGS; arg++) {
        if (places[arg] < 0) continue;
        info->aConstraintUsage[places[arg]].argvIndex = next++;
        info->aConstraintUsage[places[arg]].omit = 1;
        info->idxNum |= 1 << arg;
    }
    info->estimatedCost = 1000;
    info->estimatedRows = TRIB_NEAREST_DEFAULT;
    bool by_distance = info->nOrderBy == 1 && info->aOrderBy[0].iColumn == DISTANCE && !info->aOrderBy[0].desc;
    info->orderByConsumed = by_distance;
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **ret) {
    (void)base;
    near_cursor *c = sqlite3_malloc(sizeof *c);
    if (!c) return SQLITE_NOMEM;
    memset(c, 0, sizeof *c);
    *ret = &c->base;
    return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *base) {
    near_cursor *c = (near_cursor *)(void *)base;
    near_table *t = (near_table *)(void *)base->pVtab;
    if (c->row) sqlite3_reset(c->row);
    if (!t->row) t->row = c->row;
    else sqlite3_finalize(c->row);
    sqlite3_free(c->hits);
    sqlite3_free(c);
    return SQLITE_OK;
}

static bool is_given(sqlite3_value *value) {
    return value && sqlite3_value_type(value) != SQLITE_NULL;
}

static const char *read_ask(int given, sqlite3_value **argv, near_ask *ret) {
    sqlite3_value *args[ARGS] = {0};
    for (int i = 0; i < ARGS; i++)
        if (given & 1 << i) args[i] = *argv++;
    if (!is_given(args[LAT]) || !is_given(args[LNG])) return "nearest() wants a latitude and a longitude";
    ret->lat = sqlite3_value_double(args[LAT]);
    ret->lng = sqlite3_value_double(args[LNG]);
    if (!trib_geo_is_place(ret->lat, ret->lng))
        return "nearest() wants a latitude of -90 to 90 and a longitude of -180 to 180";
    ret->max_m = is_given(args[MAX_M]) ? sqlite3_value_double(args[MAX_M]) : HUGE_VAL;
    sqlite3_int64 k = is_given(args[K]) ? sqlite3_value_int64(args[K]) : TRIB_NEAREST_DEFAULT;
    if (k < 1 || k > TRIB_NEAREST_MAX) return "the third argument of nearest() is how many: 1 to 1000";
    ret->k = (int)k;
    ret->type = is_given(args[TYPE]) ? args[TYPE] : NULL;
    return NULL;
}

static int filter(sqlite3_vtab_cursor *base, int given, const char *text, int argc, sqlite3_value **argv) {
    near_cursor *c = (near_cursor *)(void *)base;
    near_table *t = (near_table *)(void *)base->pVtab;
    near_ask ask = {0};
    (void)text, (void)argc;
    c->at = c->count = 0;
    const char *why = read_ask(given, argv, &ask);
    if (why) return refuse(t, why);
    sqlite3_free(c->hits);
    c->hits = sqlite3_malloc64(sizeof *c->hits * (size_t)ask.k);
    if (!c->hits) return SQLITE_NOMEM;
    int armed = t->handle->policy->armed;
    t->handle->policy->armed = 0;
    int rc = run(t, &ask, c);
    t->handle->policy->armed = armed;
    sort(c);
    return rc == SQLITE_OK ? load_row(c) : rc;
}

static int next(sqlite3_vtab_cursor *base) {
    near_cursor *c = (near_cursor *)(void *)base;
    c->at++;
    return load_row(c);
}

static int eof(sqlite3_vtab_cursor *base) {
    const near_cursor *c = (const near_cursor *)(const void *)base;
    return c->at >= c->count;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int i) {
    near_cursor *c = (near_cursor *)(void *)base;
    if (i == DISTANCE) sqlite3_result_double(ctx, c->hits[c->at].distance_m);
    else if (i < DISTANCE && c->has_row) sqlite3_result_value(ctx, sqlite3_column_value(c->row, i));
    return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret) {
    const near_cursor *c = (const near_cursor *)(const void *)base;
    *ret = c->hits[c->at].rowid;
    return SQLITE_OK;
}

int trib_nearest_register(trib_handle *handle) {
    static const sqlite3_module module = {
        .xConnect = connect,
        .xBestIndex = best_index,
        .xDisconnect = disconnect,
        .xOpen = open_cursor,
        .xClose = close_cursor,
        .xFilter = filter,
        .xNext = next,
        .xEof = eof,
        .xColumn = column,
        .xRowid = rowid,
    };
    return sqlite3_create_module_v2(handle->sqlite, "nearest", &module, handle, NULL);
}
