/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the tenants: `nodes` and `points`, by the statements of an application that keeps them itself. What must be
 * there (stock, a worker who is idle, free days) is a condition of the statement that takes it, so that it cannot be
 * taken twice, whoever writes these rows beside us. */
#include <string.h>

#include "features/deals/deals_int.h"

#define NODES_SQL                                                                                                      \
    "CREATE TABLE nodes(id TEXT PRIMARY KEY, parentId TEXT, nodeType TEXT, title TEXT, createdAt TEXT, payload TEXT)"
#define POINTS_SQL                                                                                                     \
    "CREATE TABLE points(id TEXT PRIMARY KEY, nodeId TEXT, qty REAL, price REAL, currency TEXT, availability TEXT, "   \
    "locationText TEXT, lat REAL, lng REAL, openNow BOOLEAN)"

/* A tenant that got the name after it was given the role is not who was meant. */
static bool is_meant(const deals_run *run, const trib_tenant *tenant, trib_str name) {
    bool has_role = false, meant = false;
    for (size_t i = 0; run->opening && i < run->type->role_count; i++) {
        if (!trib_str_eq(run->s.state.role_tenants[i], name)) continue;
        has_role = true;
        meant = meant || atomic_load(&tenant->named_ms) <= run->s.role_ms[i];
    }
    return meant || !has_role;
}

trib_code deals_tenant(deals_run *run, trib_str name, size_t *ret_at, bool *ret_there, trib_error *err) {
    trib_command *command = run->command;
    size_t before = command->tenant_count;
    *ret_there = false;
    if (name.len == 0) return TRIB_OK;
    trib_code code = trib_command_add(command, name, ret_at, err);
    /* nobody, or a database of the server's own */
    bool is_none =
        code == TRIB_TENANT_NOT_FOUND || (code == TRIB_BAD_REQUEST && command->tenant_count < TRIB_COMMAND_TENANTS_MAX);
    if (code != TRIB_OK) return is_none ? TRIB_OK : code;
    if (command->tenant_count > before) return TRIB_AGAIN;
    const trib_tenant *tenant = command->tenants[*ret_at];
    *ret_there = is_meant(run, tenant, name);
    return TRIB_OK;
}

/* ---- statements ---- */

typedef struct rows {
    deals_take take;
    void *ctx;
    uint64_t count;
} rows;

static trib_code take_row(void *ctx, const trib_stmt *stmt, trib_error *err) {
    rows *r = ctx;
    r->count++;
    return r->take ? r->take(r->ctx, stmt, err) : TRIB_OK;
}

static bool lacks_tables(const trib_error *err) {
    return strstr(err->message, "no such table") || strstr(err->message, "no such column") ||
           strstr(err->message, "has no column named");
}

/* Who asks hears all about its own database, and about others' only that they refused. */
static trib_code explain(const deals_run *run, size_t at, const trib_error *why, trib_error *err) {
    const trib_tenant *tenant = run->command->tenants[at];
    const char *name = atomic_load(&tenant->name);
    bool own = run->txn->tenant_id.len == 0 || trib_str_eq_c(run->txn->tenant_id, tenant->id);
    if (why->code != TRIB_SQL_ERROR && why->code != TRIB_SQL_INPUT_ERROR && why->code != TRIB_SQL_PARSE_ERROR) {
        *err = *why;
        return why->code;
    }
    if (lacks_tables(why))
        return trib_error_set(err, TRIB_TABLES_MISSING,
                              "the database of tenant \"%s\" lacks the tables of deals, or columns of them. %s; %s",
                              name, NODES_SQL, POINTS_SQL);
    return trib_error_set(err, TRIB_SQL_ERROR, "the database of tenant \"%s\" refused the change%s%s", name,
                          own ? ": " : "", own ? why->message : "");
}

trib_code deals_sql(deals_run *run, size_t at, const char *sql, const trib_arg *args, size_t arg_count, deals_take take,
                    void *ctx, uint64_t *ret_rows, trib_error *err) {
    rows r = {.take = take, .ctx = ctx};
    trib_error why = {0};
    trib_code code = trib_stmt_run(run->handles[at], sql, args, arg_count, take_row, &r, &why);
    if (ret_rows) *ret_rows = r.count;
    if (code == TRIB_OK) return code;
    why.code = code;
    return explain(run, at, &why, err);
}

/* A statement that writes; it ends in RETURNING. */
static trib_code change(deals_run *run, size_t at, const char *sql, const trib_arg *args, size_t arg_count,
                        uint64_t *ret_rows, trib_error *err) {
    uint64_t count = 0;
    trib_code code = deals_sql(run, at, sql, args, arg_count, NULL, NULL, &count, err);
    run->rows[at] += count;
    if (ret_rows) *ret_rows = count;
    return code;
}

static trib_arg text(trib_str value) {
    return trib_stream_text(value.len ? value : (trib_str){0});
}

trib_code deals_insert_node(deals_run *run, size_t at, const char *node_type, trib_str title, trib_str payload,
                            trib_str parent, trib_error *err) {
    trib_str now, id = run->ask->deal_id;
    uint64_t there = 0;
    trib_code code = deals_now(run, &now, err);
    trib_arg args[] = {text(id), text(trib_str_c(node_type)), text(title), text(now), text(payload), text(parent)};
    if (code == TRIB_OK)
        code = deals_sql(run, at, "SELECT 1 FROM nodes WHERE id = ?1", args, 1, NULL, NULL, &there, err);
    if (code == TRIB_OK && there)
        return trib_error_set(err, TRIB_VERSION_CONFLICT,
                              "tenant \"%s\" has a node \"%.*s\" already; give the deal another id",
                              atomic_load(&run->command->tenants[at]->name), TRIB_STR_ARG(id));
    if (code != TRIB_OK) return code;
    if (!parent.len)
        return change(run, at,
                      "INSERT INTO nodes (id, nodeType, title, createdAt, payload) VALUES (?1, ?2, ?3, ?4, ?5) "
                      "RETURNING 1",
                      args, 5, NULL, err);
    return change(run, at,
                  "INSERT INTO nodes (id, nodeType, title, createdAt, payload, parentId) "
                  "VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING 1",
                  args, 6, NULL, err);
}

/* ---- stock ---- */

typedef struct first_text {
    trib_arena *arena;
    trib_str text;
} first_text;

static trib_code take_text(void *ctx, const trib_stmt *stmt, trib_error *err) {
    first_text *first = ctx;
    trib_value value = trib_stmt_col_value(stmt, 0);
    if (value.type != TRIB_VALUE_TEXT) return TRIB_OK;
    first->text = trib_arena_dup(first->arena, value.bytes);
    return first->text.ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

static trib_arg quantity(int64_t qty) {
    if (qty % 1000000 == 0) return trib_stream_integer(qty / 1000000);
    return (trib_arg){.value = deals_amount(qty, TRIB_DEAL_QTY_DECIMALS)};
}

static trib_code take_item(deals_run *run, size_t at, deals_item *item, trib_error *err) {
    first_text point = {.arena = run->txn->arena};
    uint64_t taken = 0;
    trib_arg found[] = {text(item->id), text(item->asked_point)};
    trib_code code =
        deals_sql(run, at,
                  "SELECT id FROM points WHERE nodeId = ?1 AND qty IS NOT NULL AND (?2 IS NULL OR id = ?2) "
                  "ORDER BY id LIMIT 1",
                  found, 2, take_text, &point, NULL, err);
    if (code != TRIB_OK) return code;
    item->point = point.text;
    trib_arg args[] = {text(item->point), quantity(item->qty)};
    if (item->point.len)
        code = change(run, at, "UPDATE points SET qty = qty - ?2 WHERE id = ?1 AND qty >= ?2 RETURNING 1", args, 2,
                      &taken, err);
    if (code != TRIB_OK || taken == 1) return code;
    return trib_error_set(err, TRIB_OUT_OF_STOCK,
                          "there is not enough of \"%.*s\" in stock for this deal; nothing was taken",
                          TRIB_STR_ARG(item->id));
}

trib_code deals_take_stock(deals_run *run, trib_error *err) {
    size_t at = 0;
    bool there;
    trib_str seller = deals_role(run->type, &run->s.state, run->ask->vertical->seller);
    trib_code code = deals_tenant(run, seller, &at, &there, err);
    if (code != TRIB_OK) return code;
    if (!there) return trib_error_set(err, TRIB_TENANT_NOT_FOUND, "the seller is not there any more; cancel the deal");
    for (size_t i = 0; code == TRIB_OK && i < run->item_count; i++) {
        deals_item *item = &run->items[i];
        if (item->qty == 0) continue;
        code = take_item(run, at, item, err);
        if (code == TRIB_OK)
            code = deals_draft(run, 102, item->id, item->point, deals_amount(-item->qty, TRIB_DEAL_QTY_DECIMALS),
                               TRIB_STR("{\"reason\":\"order-sale\"}"), false, err);
    }
    return code;
}

/* ---- workers ---- */

static trib_code nobody(const deals_job *job, trib_str tenant, trib_error *err) {
    return trib_error_set(err, TRIB_NOT_AVAILABLE,
                          "tenant \"%.*s\" has no %s who is idle and open for work now; take another one",
                          TRIB_STR_ARG(tenant), job->worker);
}

static trib_code title_of(const deals_run *run, const char *word, trib_str *ret, trib_error *err) {
    *ret = trib_arena_printf(run->txn->arena, "%s %.*s", word, TRIB_STR_ARG(run->ask->deal_id));
    return ret->ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

/* Finds a worker of the tenant and, where workers do one thing at a time, takes him by compare and swap. */
static trib_code take_worker(deals_run *run, size_t at, deals_worker *worker, trib_error *err) {
    const deals_job *job = worker->job;
    first_text found = {.arena = run->txn->arena};
    uint64_t taken = 0;
    trib_str free_word = trib_str_c(run->given.availability ? run->given.availability : "idle");
    trib_arg args[] = {text(trib_str_c(job->worker)), text(free_word), text(run->given.point)};
    trib_code code = TRIB_OK;
    if (!job->word) {
        code = deals_sql(run, at, "SELECT id FROM nodes WHERE nodeType = ?1 LIMIT 1", args, 1, NULL, NULL, &taken, err);
        return code == TRIB_OK && !taken ? nobody(job, worker->tenant, err) : code;
    }
    code = deals_sql(run, at,
                     "SELECT p.id FROM nodes n JOIN points p ON p.nodeId = n.id WHERE n.nodeType = ?1 "
                     "AND p.availability = ?2 AND (p.openNow OR ?2 <> 'idle') AND (?3 IS NULL OR p.id = ?3) "
                     "ORDER BY p.id LIMIT 1",
                     args, 3, take_text, &found, NULL, err);
    worker->point = found.text;
    trib_arg take[] = {text(found.text), text(trib_str_c(job->word)), text(free_word)};
    if (code == TRIB_OK && found.text.len)
        code = change(run, at,
                      "UPDATE points SET availability = ?2, openNow = false "
                      "WHERE id = ?1 AND availability = ?3 AND (openNow OR ?3 <> 'idle') RETURNING 1",
                      take, 3, &taken, err);
    return code == TRIB_OK && taken != 1 ? nobody(job, worker->tenant, err) : code;
}

/* What the worker gets; of a ride: what the platform gets, which only `streams` may say. */
trib_code deals_fee_of(const deals_run *run, deals_worker *worker, trib_error *err) {
    const char *member = run->ask->vertical->seller ? "fee" : "commission";
    bool there;
    trib_code code = deals_body_amount(run, member, &worker->fee, &there, err);
    if (code != TRIB_OK || !there) return code;
    if (!run->ask->vertical->seller && run->txn->tenant_id.len)
        return trib_error_set(err, TRIB_FORBIDDEN,
                              "\"commission\" is for the platform to say, with a token for streams");
    int64_t least = run->s.state.charged;
    if (run->ask->vertical->seller && worker->fee > least)
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"fee\" is more than the whole deal");
    return TRIB_OK;
}

trib_code deals_claim(deals_run *run, const deals_step *step, trib_error *err) {
    const deals_vertical *vertical = run->ask->vertical;
    deals_worker worker = {.job = step->job, .tenant = run->given.worker};
    trib_str title, node_payload, payload;
    size_t at = 0;
    bool there;
    if (!worker.tenant.len) worker.tenant = deals_text(run->ask->body, trib_str_c(step->job->role));
    if (worker.tenant.len == 0)
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"%s\" must name the tenant who gets the job", step->job->role);
    if (trib_str_eq(worker.tenant, deals_role(run->type, &run->s.state, vertical->buyer)) ||
        (vertical->seller && trib_str_eq(worker.tenant, deals_role(run->type, &run->s.state, vertical->seller))))
        return trib_error_set(err, TRIB_BAD_REQUEST, "the %s must be another tenant than those who deal",
                              step->job->role);
    trib_code code = deals_tenant(run, worker.tenant, &at, &there, err);
    if (code == TRIB_OK && !there) code = nobody(step->job, worker.tenant, err);
    if (code == TRIB_OK) code = deals_fee_of(run, &worker, err);
    run->claimed = &worker;
    if (code == TRIB_OK) code = deals_payload(run, step->payload, TRIB_DEAL_PAYLOAD_MAX_BYTES, &payload, err);
    if (code == TRIB_OK) code = deals_payload(run, step->job->payload, DEALS_NODE_MAX_BYTES, &node_payload, err);
    run->claimed = NULL;
    if (code == TRIB_OK)
        code = deals_draft(run, step->opcode, worker.tenant, (trib_str){0}, deals_amount(0, 0), payload,
                           step->by_platform, err);
    if (code == TRIB_OK) code = take_worker(run, at, &worker, err);
    if (code == TRIB_OK) code = title_of(run, step->job->title, &title, err);
    if (code == TRIB_OK) code = deals_insert_node(run, at, step->job->node, title, node_payload, (trib_str){0}, err);
    return code == TRIB_OK ? deals_facts_store_worker(run->txn, run->ask->deal_id, &worker, err) : code;
}

trib_code deals_free(deals_run *run, const deals_worker *worker, bool undo, trib_error *err) {
    double lat = 0, lng = 0;
    size_t at = 0;
    bool there;
    bool moved = !undo && trib_json_f64(trib_json_get(run->ask->body, "lat"), &lat) &&
                 trib_json_f64(trib_json_get(run->ask->body, "lng"), &lng);
    trib_code code = deals_tenant(run, worker->tenant, &at, &there, err);
    if (code != TRIB_OK || !there) return code;
    trib_arg args[] = {text(worker->point),
                       {.value = {.type = moved ? TRIB_VALUE_REAL : TRIB_VALUE_NULL}},
                       {.value = {.type = moved ? TRIB_VALUE_REAL : TRIB_VALUE_NULL}}};
    args[1].value.real = lat;
    args[2].value.real = lng;
    if (worker->point.len)
        code = change(run, at,
                      "UPDATE points SET availability = 'idle', openNow = true, lat = coalesce(?2, lat), "
                      "lng = coalesce(?3, lng) WHERE id = ?1 RETURNING 1",
                      args, 3, NULL, err);
    trib_arg node[] = {text(run->ask->deal_id), text(trib_str_c(worker->job->node))};
    if (code == TRIB_OK && undo)
        code = change(run, at, "DELETE FROM nodes WHERE id = ?1 AND nodeType = ?2 RETURNING 1", node, 2, NULL, err);
    return code;
}

/* ---- days of a rental ---- */

trib_code deals_check_days(deals_run *run, size_t at, trib_str thing, trib_str start, trib_str end, trib_error *err) {
    trib_arg args[] = {text(thing), text(run->ask->deal_id), text(start), text(end)};
    uint64_t taken = 0;
    trib_code code = deals_sql(run, at,
                               "SELECT 1 FROM nodes WHERE nodeType = 'rental' AND parentId = ?1 AND id <> ?2 "
                               "AND json_valid(payload) AND payload ->> 'status' = 'confirmed' "
                               "AND payload ->> 'start' < ?4 AND payload ->> 'end' > ?3 LIMIT 1",
                               args, 4, NULL, NULL, &taken, err);
    if (code != TRIB_OK || !taken) return code;
    return trib_error_set(err, TRIB_NOT_AVAILABLE, "\"%.*s\" is taken on some of the days from %.*s to %.*s",
                          TRIB_STR_ARG(thing), TRIB_STR_ARG(start), TRIB_STR_ARG(end));
}

static trib_code confirm_days(deals_run *run, size_t at, trib_str thing, trib_error *err) {
    first_text point = {.arena = run->txn->arena};
    trib_arg args[] = {text(thing)};
    trib_code code = deals_check_days(run, at, thing, deals_text(run->opening, TRIB_STR("start")),
                                      deals_text(run->opening, TRIB_STR("end")), err);
    if (code == TRIB_OK)
        code = deals_sql(run, at, "SELECT id FROM points WHERE nodeId = ?1 ORDER BY price IS NULL, id LIMIT 1", args, 1,
                         take_text, &point, NULL, err);
    int64_t days = run->item_count ? run->items[0].qty : 1000000;
    trib_value delta = deals_amount(-days, TRIB_DEAL_QTY_DECIMALS);
    trib_str at_point = point.text.len ? point.text : thing;
    return code == TRIB_OK
               ? deals_draft(run, 102, thing, at_point, delta, TRIB_STR("{\"reason\":\"rental\"}"), false, err)
               : code;
}

trib_code deals_set_days(deals_run *run, const deals_step *step, trib_error *err) {
    trib_value node = run->s.events[0].values[TRIB_STREAM_COL_NODE];
    trib_str thing = node.type == TRIB_VALUE_TEXT ? node.bytes : (trib_str){0};
    size_t at = 0;
    bool there;
    trib_str host = deals_role(run->type, &run->s.state, run->ask->vertical->seller);
    trib_code code = deals_tenant(run, host, &at, &there, err);
    if (code != TRIB_OK || !there) return code;
    if (step->opcode) code = confirm_days(run, at, thing, err);
    trib_arg args[] = {text(run->ask->deal_id), text(trib_str_c(step->word))};
    if (code == TRIB_OK)
        code = change(run, at,
                      "UPDATE nodes SET payload = json_set(payload, '$.status', ?2) "
                      "WHERE id = ?1 AND nodeType = 'rental' AND json_valid(payload) RETURNING 1",
                      args, 2, NULL, err);
    return code;
}
