/* SPDX-License-Identifier: Apache-2.0 */
/* GET /api/search?q=&type=&near=lat,lng&max_m=&limit=&facets=: nodes whose words match, the best first, or with `near`
 * the nearest first.
 *
 *   words -> the DISCOVERY_MATCHES_MAX best -> distance -> within max_m -> facets, first rows
 *
 * A node is where its own points are; one without a place (a product) is where its workspace is. */
#include "base/words.h"
#include "core/stream.h"
#include "features/discovery/discovery_int.h"

/* ---- the question ---- */

static bool has_words(trib_str text) {
    trib_word word;
    size_t at = 0;
    return trib_words_next(text, &at, &word);
}

/* "text", with quotes doubled. */
static void add_phrase(trib_buf *out, trib_str text) {
    trib_buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"') trib_buf_add_char(out, '"');
        trib_buf_add_char(out, text.ptr[i]);
    }
    trib_buf_add_char(out, '"');
}

/* What stands between blanks is a phrase: 東京 and McDonald's are one thing of several words. */
static trib_str next_piece(trib_str *rest) {
    size_t from = 0, to;
    while (from < rest->len && (unsigned char)rest->ptr[from] <= ' ') from++;
    for (to = from; to < rest->len && (unsigned char)rest->ptr[to] > ' ';) to++;
    trib_str piece = trib_str_sub(*rest, from, to);
    *rest = trib_str_sub(*rest, to, rest->len);
    return piece;
}

bool discovery_match(trib_buf *out, trib_str question, trib_str type) {
    size_t count = 0;
    if (type.len) {
        trib_buf_add_c(out, "kind : ");
        add_phrase(out, type);
        trib_buf_add_c(out, " AND ");
    }
    trib_buf_add_c(out, "{title body} : (");
    for (trib_str piece; count < DISCOVERY_WORDS_MAX && (piece = next_piece(&question)).len > 0;) {
        if (!has_words(piece)) continue;
        if (count++) trib_buf_add_c(out, " AND ");
        add_phrase(out, piece);
    }
    trib_buf_add_c(out, " *)");
    return count > 0;
}

/* ---- the answer ---- */

/* Own points first, else any of the workspace. */
#define DISTANCE                                                                                                       \
    "CASE WHEN ?2 IS NOT NULL THEN coalesce("                                                                          \
    "(SELECT min(trib_distance_m(?2, ?3, p.lat, p.lng)) FROM points p WHERE p.workspaceId = n.workspaceId "            \
    "AND p.nodeId = n.id), "                                                                                           \
    "(SELECT min(trib_distance_m(?2, ?3, p.lat, p.lng)) FROM points p WHERE p.workspaceId = n.workspaceId "            \
    "AND p.lat IS NOT NULL)) END"
/* The type's words match in the index already; here it is the type itself. */
#define FOUND                                                                                                          \
    "WITH hit AS MATERIALIZED (SELECT rowid AS r, bm25(_trib_search, 10, 1, 0) AS score FROM _trib_search "            \
    "WHERE _trib_search MATCH ?1 ORDER BY score LIMIT ?6), "                                                           \
    "found AS MATERIALIZED (SELECT n.rowid AS r, score, " DISTANCE                                                     \
    " AS m, n.nodeType AS kind FROM hit JOIN nodes n ON n.rowid = hit.r WHERE ?5 IS NULL OR n.nodeType = ?5) "
#define NEAR_ENOUGH "(?4 IS NULL OR m <= ?4)"

static const char facets_sql[] =
    FOUND "SELECT kind, count(*), ?7 FROM found WHERE " NEAR_ENOUGH " GROUP BY kind ORDER BY 2 DESC, 1";
static const char rows_sql[] = FOUND
    "SELECT n.workspaceId, n.id, n.parentId, n.nodeType, n.title, n.createdAt, n.payload, m, "
    "(SELECT json_group_array(json_object('id', id, 'qty', qty, 'price', price, 'currency', currency, "
    "'availability', availability, 'locationText', locationText, 'lat', lat, 'lng', lng, 'openNow', openNow)) FROM "
    "(SELECT * FROM points p WHERE p.workspaceId = n.workspaceId AND p.nodeId = n.id ORDER BY id LIMIT 10)) "
    "FROM found JOIN nodes n ON n.rowid = found.r WHERE " NEAR_ENOUGH
    " ORDER BY CASE WHEN ?2 IS NULL THEN score ELSE m END NULLS LAST, score, n.workspaceId, n.id LIMIT ?7";

void discovery_write_value(trib_json_writer *w, const char *key, trib_value value) {
    trib_jw_key_c(w, key);
    if (value.type == TRIB_VALUE_TEXT) trib_jw_str(w, value.bytes);
    else if (value.type == TRIB_VALUE_INTEGER) trib_jw_i64(w, value.integer);
    else if (value.type == TRIB_VALUE_REAL) trib_jw_f64_js(w, value.real);
    else trib_jw_null(w);
}

static trib_code take_row(void *ctx, const trib_stmt *stmt, trib_error *err) {
    static const char *const members[] = {"workspaceId", "id", "parentId", "nodeType", "title", "createdAt", "payload"};
    enum { MEMBERS = sizeof members / sizeof *members, COL_DISTANCE = MEMBERS, COL_POINTS };
    trib_json_writer *w = ctx;
    (void)err;
    trib_jw_object_begin(w);
    for (int i = 0; i < MEMBERS; i++) discovery_write_value(w, members[i], trib_stmt_col_value(stmt, i));
    trib_value m = trib_stmt_col_value(stmt, COL_DISTANCE);
    if (m.type == TRIB_VALUE_REAL) discovery_write_value(w, "distance_m", m);
    trib_jw_key_c(w, "points");
    trib_jw_raw(w, trib_stmt_col_value(stmt, COL_POINTS).bytes);
    trib_jw_object_end(w);
    return TRIB_OK;
}

static trib_code take_facet(void *ctx, const trib_stmt *stmt, trib_error *err) {
    trib_json_writer *w = ctx;
    (void)err;
    trib_jw_object_begin(w);
    discovery_write_value(w, "value", trib_stmt_col_value(stmt, 0));
    discovery_write_value(w, "count", trib_stmt_col_value(stmt, 1));
    trib_jw_object_end(w);
    return TRIB_OK;
}

trib_arg discovery_number(bool is_there, double number) {
    trib_arg arg = {.value = {.type = is_there ? TRIB_VALUE_REAL : TRIB_VALUE_NULL}};
    if (is_there) arg.value.real = number;
    return arg;
}

static trib_code search(discovery_ask *ask, trib_handle *handle, trib_error *err) {
    trib_json_writer w;
    trib_buf match;
    trib_buf_init(&match, 8 * DISCOVERY_QUESTION_MAX_BYTES);
    bool has = discovery_match(&match, ask->question, ask->type);
    trib_arg args[] = {trib_stream_text(trib_buf_str(&match)),
                       discovery_number(ask->has_near, ask->lat),
                       discovery_number(ask->has_near, ask->lng),
                       discovery_number(ask->max_m >= 0, ask->max_m),
                       trib_stream_text(ask->type),
                       trib_stream_integer(DISCOVERY_MATCHES_MAX),
                       trib_stream_integer(ask->limit)};
    trib_code code = match.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
    trib_jw_init(&w, &ask->out);
    trib_jw_object_begin(&w);
    trib_jw_key_c(&w, "items");
    trib_jw_array_begin(&w);
    if (code == TRIB_OK && has) code = trib_stmt_run(handle, rows_sql, args, 7, take_row, &w, err);
    trib_jw_array_end(&w);
    if (ask->facets) {
        trib_jw_key_c(&w, "facets");
        trib_jw_object_begin(&w);
        trib_jw_key_c(&w, "nodeType");
        trib_jw_array_begin(&w);
        if (code == TRIB_OK && has) code = trib_stmt_run(handle, facets_sql, args, 7, take_facet, &w, err);
        trib_jw_array_end(&w);
        trib_jw_object_end(&w);
    }
    trib_jw_object_end(&w);
    trib_buf_deinit(&match);
    return code;
}

static trib_code read_search(discovery_ask *ask, trib_error *err) {
    const trib_str *q = trib_query_get(&ask->query, "q"), *facets = trib_query_get(&ask->query, "facets");
    trib_code code = discovery_ask_read(ask, DISCOVERY_LIMIT_MAX, err);
    if (code != TRIB_OK) return code;
    if (!q || q->len > DISCOVERY_QUESTION_MAX_BYTES || ask->type.len > DISCOVERY_QUESTION_MAX_BYTES)
        return trib_error_set(err, TRIB_BAD_REQUEST,
                              "\"q\" must be there, what to search for, of at most %d bytes; GET /api/nearest answers "
                              "without words",
                              DISCOVERY_QUESTION_MAX_BYTES);
    ask->question = *q;
    ask->facets = facets && !trib_str_eq_c(*facets, "0") && !trib_str_eq_c(*facets, "false");
    return TRIB_OK;
}

void discovery_handle_search(trib_http_request *http) {
    discovery_ask_run(http, read_search, search);
}
