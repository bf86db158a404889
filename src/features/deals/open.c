/* SPDX-License-Identifier: Apache-2.0 */
/* A deal begins: who deals with whom, what at which price, then its node in both databases and its first event.
 *
 * Prices are the seller's: a buyer says what and how many. A price that the body names must be the one of now, so that
 * nobody pays another one than he has seen. */
#include <string.h>

#include "base/time.h"
#include "features/deals/deals_int.h"

enum { DAY_MS = 24 * 3600 * 1000, DATE_BYTES = 10, RENTAL_DAYS_MAX = 3660 /* later is a typing error */ };

/* ---- items ---- */

static bool read_quantity(const trib_json *item, int64_t *ret) {
    const trib_json *value = trib_json_get(item, "qty");
    trib_str token;
    *ret = 1000000;
    if (trib_json_absent(value)) return true;
    return trib_json_number_token(value, &token) && trib_deal_amount_parse(token, TRIB_DEAL_QTY_DECIMALS, ret) &&
           *ret >= 0;
}

trib_code deals_read_items(const trib_json *opening, deals_item ret[DEALS_ITEMS_MAX], size_t *ret_count,
                           trib_error *err) {
    const trib_json *list = trib_json_get(opening, "items");
    *ret_count = 0;
    for (const trib_json *item = trib_json_first(list); item; item = trib_json_next(item)) {
        deals_item *to = &ret[*ret_count];
        if (*ret_count == DEALS_ITEMS_MAX)
            return trib_error_set(err, TRIB_BAD_EVENT, "a deal with more than %d items is not for these routes",
                                  DEALS_ITEMS_MAX);
        *to = (deals_item){.id = deals_text(item, TRIB_STR("id")), .asked_point = deals_text(item, TRIB_STR("point"))};
        if (!to->id.len || to->id.len > TRIB_DEAL_ID_MAX_BYTES || !read_quantity(item, &to->qty))
            return trib_error_set(err, TRIB_BAD_EVENT, "items[%zu] must have an \"id\" and a \"qty\"", *ret_count);
        (*ret_count)++;
    }
    return TRIB_OK;
}

/* A price of the seller, as a row has it: price, currency, qty. */
typedef struct priced {
    deals_run *run;
    int64_t price;
    bool is_exact, has_price, has_stock;
    trib_str node;
    const trib_json *node_payload;
    int64_t qty;
} priced;

static bool exact(trib_value value, unsigned decimals, int64_t *ret) {
    if (value.type == TRIB_VALUE_REAL) return trib_deal_amount_from_f64(value.real, decimals, ret);
    return value.type == TRIB_VALUE_INTEGER && trib_deal_amount_from_f64((double)value.integer, decimals, ret);
}

static trib_code take_price(void *ctx, const trib_stmt *stmt, trib_error *err) {
    priced *to = ctx;
    deals_run *run = to->run;
    trib_value currency = trib_stmt_col_value(stmt, 1), qty = trib_stmt_col_value(stmt, 2);
    trib_value node = trib_stmt_col_value(stmt, 3), payload = trib_stmt_col_value(stmt, 4);
    to->has_price = true;
    to->is_exact = exact(trib_stmt_col_value(stmt, 0), run->type->decimals, &to->price) && to->price >= 0;
    to->has_stock = exact(qty, TRIB_DEAL_QTY_DECIMALS, &to->qty);
    if (currency.type == TRIB_VALUE_TEXT && !run->facts.currency.len)
        run->facts.currency = trib_arena_dup(run->txn->arena, currency.bytes);
    if (node.type == TRIB_VALUE_TEXT) to->node = trib_arena_dup(run->txn->arena, node.bytes);
    if (payload.type == TRIB_VALUE_TEXT) {
        trib_str text = trib_arena_dup(run->txn->arena, payload.bytes);
        if (trib_json_parse(run->txn->arena, text, &to->node_payload, NULL) != TRIB_OK) to->node_payload = NULL;
    }
    return run->txn->arena->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

#define PRICE_SQL                                                                                                      \
    "SELECT p.price, p.currency, p.qty, p.nodeId, n.payload FROM points p LEFT JOIN nodes n ON n.id = p.nodeId "       \
    "WHERE p.price IS NOT NULL AND "

/* The price of now; `item` may be what the buyer has seen. */
static trib_code check_price(const deals_run *run, const priced *p, trib_str what, const trib_json *item,
                             trib_error *err) {
    trib_str token;
    int64_t seen = 0;
    const trib_json *asked = trib_json_get(item, "price");
    if (!p->has_price || !p->is_exact)
        return trib_error_set(err, TRIB_BAD_REQUEST,
                              "tenant \"%.*s\" sells no \"%.*s\" (there is no point with a price)",
                              TRIB_STR_ARG(run->seller), TRIB_STR_ARG(what));
    if (trib_json_absent(asked)) return TRIB_OK;
    if (trib_json_number_token(asked, &token) && trib_deal_amount_parse(token, run->type->decimals, &seen) &&
        seen == p->price)
        return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST, "the price of \"%.*s\" is another one now; read it again",
                          TRIB_STR_ARG(what));
}

static trib_code add_line(deals_run *run, const deals_item *item, trib_error *err) {
    int64_t line;
    if (trib_deal_amount_times(item->qty, item->price, &line) && trib_deal_amount_add(run->total, line, &run->total))
        return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST, "the deal would cost more than can be said exactly");
}

static trib_code price_items(deals_run *run, size_t at, trib_error *err) {
    const trib_json *list = trib_json_get(run->ask->body, "items"), *asked = trib_json_first(list);
    trib_code code = deals_read_items(run->ask->body, run->items, &run->item_count, err);
    if (code == TRIB_BAD_EVENT) err->code = code = TRIB_BAD_REQUEST;
    if (code == TRIB_OK && run->item_count == 0)
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"items\" must be a list of {\"id\", \"qty\"}, 1 to %d of them",
                              DEALS_ITEMS_MAX);
    for (size_t i = 0; code == TRIB_OK && i < run->item_count; i++, asked = trib_json_next(asked)) {
        deals_item *item = &run->items[i];
        priced p = {.run = run};
        trib_arg args[] = {trib_stream_text(item->id), trib_stream_text(item->asked_point)};
        if (item->qty == 0) return trib_error_set(err, TRIB_BAD_REQUEST, "items[%zu].qty must be above zero", i);
        code = deals_sql(run, at, PRICE_SQL "p.nodeId = ?1 AND (?2 IS NULL OR p.id = ?2) ORDER BY p.id LIMIT 1", args,
                         2, take_price, &p, NULL, err);
        if (code == TRIB_OK) code = check_price(run, &p, item->id, asked, err);
        if (code == TRIB_OK && p.has_stock && p.qty < item->qty)
            return trib_error_set(err, TRIB_OUT_OF_STOCK, "there is not enough of \"%.*s\" in stock for this deal",
                                  TRIB_STR_ARG(item->id));
        item->price = p.price;
        if (code == TRIB_OK) code = add_line(run, item, err);
    }
    return code;
}

/* ---- slots and days ---- */

/* Both are one line: a slot once, or a thing for so many days. */
static trib_code price_one(deals_run *run, const priced *p, trib_str id, int64_t qty, trib_error *err) {
    run->items[0] = (deals_item){.id = id, .qty = qty, .price = p->price};
    run->item_count = 1;
    return add_line(run, &run->items[0], err);
}

static trib_str when(const deals_run *run, const priced *p, trib_str member) {
    trib_str text = deals_text(run->ask->body, member);
    return text.len ? text : deals_text(p->node_payload, member);
}

static trib_code open_slot(deals_run *run, size_t at, trib_error *err) {
    priced p = {.run = run};
    uint64_t taken = 0;
    int64_t start_ms, end_ms;
    run->point = deals_text(run->ask->body, TRIB_STR("slot"));
    trib_arg args[] = {trib_stream_text(run->point)};
    if (!run->point.len) return trib_error_set(err, TRIB_BAD_REQUEST, "\"slot\" must be a point of the provider");
    trib_code code = deals_sql(run, at, PRICE_SQL "p.id = ?1", args, 1, take_price, &p, NULL, err);
    if (code == TRIB_OK) code = check_price(run, &p, run->point, NULL, err);
    if (code != TRIB_OK) return code;
    run->node = p.node;
    run->start = when(run, &p, TRIB_STR("start"));
    run->end = when(run, &p, TRIB_STR("end"));
    if (!trib_time_from_iso(run->start, &start_ms) || !trib_time_from_iso(run->end, &end_ms) || start_ms >= end_ms)
        return trib_error_set(
            err, TRIB_BAD_REQUEST,
            "\"start\" and \"end\" must be times (2026-01-31T09:00:00Z), in the body or in the payload "
            "of the slot's node");
    code = deals_sql(run, at, "UPDATE points SET qty = qty - 1 WHERE id = ?1 AND qty >= 1 RETURNING 1", args, 1, NULL,
                     NULL, &taken, err);
    run->rows[at] += taken;
    if (code == TRIB_OK && taken != 1)
        return trib_error_set(err, TRIB_NOT_AVAILABLE, "the slot \"%.*s\" is taken", TRIB_STR_ARG(run->point));
    return code == TRIB_OK ? price_one(run, &p, run->node, 1000000, err) : code;
}

static trib_code open_days(deals_run *run, size_t at, trib_error *err) {
    priced p = {.run = run};
    int64_t start_ms = 0, end_ms = 0;
    run->node = deals_text(run->ask->body, TRIB_STR("thing"));
    run->start = deals_text(run->ask->body, TRIB_STR("start"));
    run->end = deals_text(run->ask->body, TRIB_STR("end"));
    run->parent = run->node;
    trib_arg args[] = {trib_stream_text(run->node)};
    bool fits = run->start.len == DATE_BYTES && run->end.len == DATE_BYTES &&
                trib_time_from_iso(run->start, &start_ms) && trib_time_from_iso(run->end, &end_ms);
    int64_t days = (end_ms - start_ms) / DAY_MS;
    if (!run->node.len) return trib_error_set(err, TRIB_BAD_REQUEST, "\"thing\" must be a node of the host");
    if (!fits || days < 1 || days > RENTAL_DAYS_MAX)
        return trib_error_set(err, TRIB_BAD_REQUEST,
                              "\"start\" and \"end\" must be dates (2026-01-31), the end 1 to %d days behind the start",
                              RENTAL_DAYS_MAX);
    trib_code code =
        deals_sql(run, at, PRICE_SQL "p.nodeId = ?1 ORDER BY p.id LIMIT 1", args, 1, take_price, &p, NULL, err);
    if (code == TRIB_OK) code = check_price(run, &p, run->node, NULL, err);
    if (code == TRIB_OK) code = deals_check_days(run, at, run->node, run->start, run->end, err);
    return code == TRIB_OK ? price_one(run, &p, run->node, days * 1000000, err) : code;
}

/* ---- total ---- */

static bool add_fees(const trib_json *fees, unsigned decimals, int64_t *total) {
    trib_str token;
    int64_t fee;
    if (!trib_json_is(fees, TRIB_JSON_OBJECT))
        return trib_json_number_token(fees, &token) && trib_deal_amount_parse(token, decimals, &fee) && fee >= 0 &&
               trib_deal_amount_add(*total, fee, total);
    for (const trib_json *f = trib_json_first(fees); f; f = trib_json_next(f))
        if (trib_json_is(f, TRIB_JSON_OBJECT) || !add_fees(f, decimals, total)) return false;
    return true;
}

/* Items and fees; a total that is told must be theirs, or where no fees are told, may hold some. */
static trib_code sum_up(deals_run *run, trib_error *err) {
    const trib_json *fees = trib_json_get(run->ask->body, "fees");
    int64_t told = 0;
    bool there;
    if (!trib_json_absent(fees) && !add_fees(fees, run->type->decimals, &run->total))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"fees\" must be an amount, or an object of amounts");
    trib_code code = deals_body_amount(run, "total", &told, &there, err);
    if (code != TRIB_OK || !there || told == run->total) return code;
    if (told < run->total || !trib_json_absent(fees))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"total\" is not the sum of the items and fees of now");
    run->total = told;
    return TRIB_OK;
}

/* ---- who ---- */

static trib_code name_parties(deals_run *run, trib_error *err) {
    const deals_vertical *vertical = run->ask->vertical;
    trib_str me = run->txn->tenant_name, member = deals_member(run->type, vertical->buyer);
    trib_str named = deals_text(run->ask->body, member);
    run->buyer = run->txn->tenant_id.len ? me : named;
    if (run->txn->tenant_id.len && named.len && !trib_str_eq(named, me))
        return trib_error_set(err, TRIB_FORBIDDEN, "\"%.*s\" is the tenant that asks, \"%.*s\"", TRIB_STR_ARG(member),
                              TRIB_STR_ARG(me));
    if (!run->buyer.len)
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"%.*s\" must name a tenant", TRIB_STR_ARG(member));
    if (!vertical->seller) return TRIB_OK;
    member = deals_member(run->type, vertical->seller);
    run->seller = deals_text(run->ask->body, member);
    if (!run->seller.len)
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"%.*s\" must name a tenant", TRIB_STR_ARG(member));
    if (trib_str_eq(run->seller, run->buyer))
        return trib_error_set(err, TRIB_BAD_REQUEST, "nobody deals with himself: \"%.*s\" must be another tenant",
                              TRIB_STR_ARG(member));
    return TRIB_OK;
}

static trib_code take_seller_node(void *ctx, const trib_stmt *stmt, trib_error *err) {
    deals_run *run = ctx;
    trib_value id = trib_stmt_col_value(stmt, 0);
    if (id.type == TRIB_VALUE_TEXT) run->facts.seller_node = trib_arena_dup(run->txn->arena, id.bytes);
    return run->txn->arena->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

/* A tenant takes part as a seller only if its own database says so; else everybody could write rows into
 * everybody's. */
static trib_code find_seller(deals_run *run, size_t *ret_at, trib_error *err) {
    const deals_vertical *vertical = run->ask->vertical;
    trib_arg args[] = {trib_stream_text(trib_str_c(vertical->seller_node))};
    bool there;
    trib_code code = deals_tenant(run, run->seller, ret_at, &there, err);
    if (code == TRIB_OK && there)
        code = deals_sql(run, *ret_at, "SELECT id FROM nodes WHERE nodeType = ?1 ORDER BY id LIMIT 1", args, 1,
                         take_seller_node, run, NULL, err);
    if (code == TRIB_OK && run->facts.seller_node.len) return TRIB_OK;
    if (code != TRIB_OK && code != TRIB_TABLES_MISSING) return code;
    if (code == TRIB_TABLES_MISSING && run->txn->tenant_id.len == 0) return code;
    return trib_error_set(
        err, TRIB_TENANT_NOT_FOUND,
        "there is no %s \"%.*s\": no such tenant, or its database has no tables nodes and points with "
        "a node of type \"%s\"",
        vertical->seller, TRIB_STR_ARG(run->seller), vertical->seller_node);
}

/* ---- events and nodes ---- */

static trib_code draft_first(deals_run *run, trib_error *err) {
    const deals_vertical *vertical = run->ask->vertical;
    trib_str payload, node = run->node.len ? run->node : run->ask->deal_id;
    trib_code code = deals_payload(run, vertical->payload, TRIB_DEAL_PAYLOAD_MAX_BYTES, &payload, err);
    if (code == TRIB_OK)
        code = deals_draft(run, vertical->opcode, node, run->point, deals_amount(run->total, run->type->decimals),
                           payload, false, err);
    if (code != TRIB_OK || vertical->opening != DEALS_OF_SLOT) return code;
    return deals_draft(run, 102, run->node, run->point, deals_amount(-1, 0), TRIB_STR("{\"reason\":\"booking\"}"), true,
                       err);
}

static trib_code insert_nodes(deals_run *run, size_t buyer_at, size_t seller_at, trib_error *err) {
    const deals_vertical *vertical = run->ask->vertical;
    trib_arena *arena = run->txn->arena;
    trib_str payload, id = run->ask->deal_id;
    trib_str own = trib_arena_printf(arena, "%s %.*s", vertical->title, TRIB_STR_ARG(id));
    trib_str other = trib_arena_printf(arena, "%.*s - %.*s", TRIB_STR_ARG(id), TRIB_STR_ARG(run->buyer));
    if (arena->failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code = deals_payload(run, vertical->buyer_payload, DEALS_NODE_MAX_BYTES, &payload, err);
    if (code == TRIB_OK) code = deals_insert_node(run, buyer_at, vertical->node, own, payload, (trib_str){0}, err);
    if (code != TRIB_OK || !vertical->seller) return code;
    code = deals_payload(run, vertical->seller_payload, DEALS_NODE_MAX_BYTES, &payload, err);
    return code == TRIB_OK ? deals_insert_node(run, seller_at, vertical->node, other, payload, run->parent, err) : code;
}

static trib_code price(deals_run *run, size_t seller_at, trib_error *err) {
    bool there;
    switch (run->ask->vertical->opening) {
    case DEALS_OF_ITEMS: return price_items(run, seller_at, err);
    case DEALS_OF_FARE: return deals_body_amount(run, "fare", &run->total, &there, err);
    case DEALS_OF_SLOT: return open_slot(run, seller_at, err);
    case DEALS_OF_DAYS: return open_days(run, seller_at, err);
    }
    return TRIB_OK;
}

trib_code deals_open(deals_run *run, trib_error *err) {
    const deals_vertical *vertical = run->ask->vertical;
    size_t buyer_at = 0, seller_at = 0;
    bool there;
    run->type = trib_deal_registry_get(run->txn->app->stream_types, trib_str_c(vertical->type));
    if (!run->type) return trib_error_set(err, TRIB_INTERNAL, "the server has no stream type \"%s\"", vertical->type);
    trib_code code = trib_stream_load(run->txn, run->ask->deal_id, &run->s, err);
    if (code == TRIB_OK) code = name_parties(run, err);
    if (code == TRIB_OK) code = deals_tenant(run, run->buyer, &buyer_at, &there, err);
    if (code == TRIB_OK && !there)
        return trib_error_set(err, TRIB_TENANT_NOT_FOUND, "there is no tenant \"%.*s\"", TRIB_STR_ARG(run->buyer));
    if (code == TRIB_OK && vertical->seller) code = find_seller(run, &seller_at, err);
    if (code == TRIB_OK) code = price(run, seller_at, err);
    if (code == TRIB_OK && vertical->opening != DEALS_OF_FARE) code = sum_up(run, err);
    if (code == TRIB_OK) code = draft_first(run, err);
    if (code == TRIB_OK) code = insert_nodes(run, buyer_at, seller_at, err);
    if (code == TRIB_OK) code = deals_flush(run, err);
    return code == TRIB_OK ? deals_facts_store(run->txn, run->ask->deal_id, &run->facts, err) : code;
}
