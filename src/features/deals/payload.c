/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads by their templates (deals_int.h): what of the body, of the deal and of its first event an event's or a
 * node's payload holds, in this order. */
#include <stdio.h>

#include "features/deals/deals_int.h"

/* One member of a template: name, how it is filled, with what. */
typedef struct part {
    trib_str name, arg;
    char how; /* 0: the body's member; else '=', '@', '^', '$', '#' */
} part;

static bool next_part(trib_str *rest, part *ret) {
    static const char marks[] = "=@^$#";
    if (rest->len == 0) return false;
    size_t end = trib_str_find(*rest, ' '), at = SIZE_MAX;
    trib_str word = trib_str_sub(*rest, 0, end);
    *rest = end == SIZE_MAX ? (trib_str){0} : trib_str_sub(*rest, end + 1, rest->len);
    for (size_t i = 0; marks[i] && at == SIZE_MAX; i++) at = trib_str_find(word, marks[i]);
    *ret = (part){.name = trib_str_sub(word, 0, at)};
    if (at == SIZE_MAX) return true;
    ret->how = word.ptr[at];
    ret->arg = trib_str_sub(word, at + 1, word.len);
    return true;
}

bool deals_payload_takes(const char *template, trib_str member) {
    trib_str rest = trib_str_c(template);
    part p;
    while (next_part(&rest, &p))
        if (!p.how && trib_str_eq(p.name, member)) return true;
    return false;
}

bool deals_payload_asked(const char *template, const trib_json *body) {
    trib_str rest = trib_str_c(template);
    part p;
    while (next_part(&rest, &p))
        if (!p.how && !trib_json_absent(trib_json_get_str(body, p.name))) return true;
    return false;
}

static void write_amount(trib_json_writer *w, int64_t amount, unsigned decimals) {
    char digits[TRIB_DEAL_AMOUNT_BYTES];
    size_t len = trib_deal_amount_format(amount, decimals, digits);
    trib_jw_raw(w, trib_str_make(digits, len));
}

static void write_items(const deals_run *run, trib_json_writer *w) {
    trib_jw_array_begin(w);
    for (size_t i = 0; i < run->item_count; i++) {
        const deals_item *item = &run->items[i];
        trib_jw_object_begin(w);
        trib_jw_member_str(w, "id", item->id);
        trib_jw_key_c(w, "qty");
        write_amount(w, item->qty, TRIB_DEAL_QTY_DECIMALS);
        trib_jw_key_c(w, "price");
        write_amount(w, item->price, run->type->decimals);
        if (item->asked_point.len) trib_jw_member_str(w, "point", item->asked_point);
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
}

/* The tenant in a role: who is being claimed, who stands in the stream, or who begins it. */
static trib_str tenant_of(const deals_run *run, trib_str role) {
    const deals_vertical *vertical = run->ask->vertical;
    char name[TRIB_DEAL_NAME_MAX_BYTES + 1];
    if (run->claimed && trib_str_eq_c(role, run->claimed->job->role)) return run->claimed->tenant;
    if (!run->opening)
        return trib_str_eq_c(role, vertical->buyer)                        ? run->buyer
               : vertical->seller && trib_str_eq_c(role, vertical->seller) ? run->seller
                                                                           : (trib_str){0};
    snprintf(name, sizeof name, "%.*s", TRIB_STR_ARG(role));
    return deals_role(run->type, &run->s.state, name);
}

/* How many pieces the deal is about. */
static int64_t count_items(const deals_run *run) {
    int64_t sum = 0;
    for (size_t i = 0; i < run->item_count; i++)
        if (!trib_deal_amount_add(sum, run->items[i].qty, &sum)) return 0;
    return sum;
}

/* items, total, start, end of a deal that begins. */
static void write_own(const deals_run *run, trib_json_writer *w, trib_str name) {
    trib_str text = trib_str_eq_c(name, "start") ? run->start : run->end;
    if (trib_str_eq_c(name, "items") && run->item_count > 0) {
        trib_jw_key(w, name);
        write_items(run, w);
    } else if (trib_str_eq_c(name, "total")) {
        trib_jw_key(w, name);
        write_amount(w, run->total, run->type->decimals);
    } else if (!trib_str_eq_c(name, "items") && text.len) {
        trib_jw_key(w, name);
        trib_jw_str(w, text);
    }
}

static void write_value(trib_json_writer *w, trib_str name, const trib_json *value) {
    if (trib_json_absent(value)) return;
    trib_jw_key(w, name);
    trib_jw_value(w, value);
}

static void write_part(const deals_run *run, trib_json_writer *w, const part *p) {
    trib_str tenant = p->how == '@' ? tenant_of(run, p->arg) : (trib_str){0};
    switch (p->how) {
    case '=':
        trib_jw_key(w, p->name);
        trib_jw_str(w, p->arg);
        return;
    case '@':
        if (!tenant.len) return;
        trib_jw_key(w, p->name);
        trib_jw_str(w, tenant);
        return;
    case '^': write_value(w, p->name, trib_json_get_str(run->opening, p->arg)); return;
    case '$': write_own(run, w, p->name); return;
    case '#':
        trib_jw_key(w, p->name);
        write_amount(w, count_items(run), TRIB_DEAL_QTY_DECIMALS);
        return;
    default: write_value(w, p->name, trib_json_get_str(run->ask->body, p->name)); return;
    }
}

trib_code deals_payload(const deals_run *run, const char *template, size_t max_bytes, trib_str *ret, trib_error *err) {
    trib_str rest = trib_str_c(template);
    trib_json_writer w;
    trib_buf buf;
    part p;
    trib_buf_init(&buf, max_bytes);
    trib_jw_init(&w, &buf);
    trib_jw_object_begin(&w);
    while (next_part(&rest, &p)) write_part(run, &w, &p);
    trib_jw_object_end(&w);
    bool failed = buf.failed;
    *ret = failed ? (trib_str){0} : trib_arena_dup(run->txn->arena, trib_buf_str(&buf));
    trib_buf_deinit(&buf);
    if (failed) return trib_error_set(err, TRIB_BAD_REQUEST, "the payload would have more than %zu bytes", max_bytes);
    return ret->ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}
