/* SPDX-License-Identifier: Apache-2.0 */
/* The tenants of a city: made and filled before it is played, and looked at when it is over (city.h).
 *
 *   buyers                 N / 4, at least 4        drivers    N / 2 and 8; they publish: discovery hears of them
 *   sellers of each kind   N / 25, at least 2       pickers    N / 4 and 4       couriers   N / 25, at least 2 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/city.h"

enum { TENANTS_MAX = 4000, SQL_MAX_BYTES = 8192 };

static unsigned at_least(unsigned least, unsigned count) {
    if (count > TENANTS_MAX) count = TENANTS_MAX;
    return count < least ? least : count;
}

/* ---- many requests, one of each tenant ---- */

typedef struct ask {
    trib_http_many_call call; /* first */
    city *city;
    city_person *person; /* NULL: about a stream */
    const char *name;
    const city_kind *kind;
    trib_buf request;
    /* Of a 2xx answer, parsed. */
    void (*on_answer)(struct ask *ask, const trib_json *body);
} ask;

static void answered(trib_http_many_call *call, const trib_http_many_answer *answer) {
    ask *a = (ask *)(void *)call;
    city *c = a->city;
    const trib_json *body = NULL;
    trib_error err;
    trib_arena_reset(&c->arena);
    if (answer->code != TRIB_OK || answer->status >= 300) city_note_answer(c, answer, a->name);
    else if (trib_json_parse(&c->arena, answer->body, &body, &err) != TRIB_OK)
        city_note_error(c, "BAD_JSON", TRIB_STR("an answer is no JSON"));
    else a->on_answer(a, body);
    trib_buf_deinit(&a->request);
    free(a);
}

static void send_ask(city *c, ask *a, const char *tenant, const char *path, trib_str body) {
    a->city = c;
    a->call.done = answered;
    trib_buf_init(&a->request, CITY_REQUEST_MAX_BYTES);
    if (city_write_request(c, &a->request, tenant, path, "", body)) {
        a->call.request = trib_buf_str(&a->request);
        trib_http_many_send(c->many, &a->call);
        return;
    }
    city_stop(c, TRIB_NOMEM, "no memory for a request");
    trib_buf_deinit(&a->request);
    free(a);
}

/* One statement, or several as a sequence, in the tenant's database. */
static void send_sql(city *c, ask *a, const char *tenant, const char *type, const char *sql) {
    trib_json_writer w;
    trib_buf body;
    bool one = strcmp(type, "execute") == 0;
    trib_buf_init(&body, CITY_REQUEST_MAX_BYTES);
    trib_jw_init(&w, &body);
    trib_jw_object_begin(&w);
    trib_jw_key_c(&w, "requests");
    trib_jw_array_begin(&w);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "type", trib_str_c(type));
    if (one) {
        trib_jw_key_c(&w, "stmt");
        trib_jw_object_begin(&w);
    }
    trib_jw_member_str(&w, "sql", trib_str_c(sql));
    if (one) trib_jw_object_end(&w);
    trib_jw_object_end(&w);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "type", TRIB_STR("close"));
    trib_jw_object_end(&w);
    trib_jw_array_end(&w);
    trib_jw_object_end(&w);
    send_ask(c, a, tenant, "v2/pipeline", trib_buf_str(&body));
    trib_buf_deinit(&body);
}

static trib_code wait_for_all(city *c, trib_error *err) {
    while (!c->stops && trib_http_many_open(c->many) > 0) trib_http_many_run(c->many, 100);
    if (c->stops) *err = c->why;
    return c->stops ? c->why.code : TRIB_OK;
}

static ask *new_ask(city *c, city_person *person, const city_kind *kind,
                    void (*on_answer)(ask *a, const trib_json *body)) {
    ask *a = calloc(1, sizeof *a);
    if (!a) {
        city_stop(c, TRIB_NOMEM, "no memory for a request");
        return NULL;
    }
    a->person = person;
    a->name = person ? person->name : "stream";
    a->kind = kind;
    a->on_answer = on_answer;
    return a;
}

/* The first result: its row, or NULL. An error of the statement is noted. */
static const trib_json *first_row(ask *a, const trib_json *body) {
    const trib_json *result = trib_json_at(trib_json_get(body, "results"), 0);
    trib_str type = {0}, message = {0};
    (void)trib_json_str(trib_json_get(result, "type"), &type);
    if (!trib_str_eq_c(type, "ok")) {
        (void)trib_json_str(trib_json_get(trib_json_get(result, "error"), "message"), &message);
        city_note_error(a->city, "SQL", message);
        return NULL;
    }
    result = trib_json_get(trib_json_get(result, "response"), "result");
    return trib_json_at(trib_json_get(result, "rows"), 0);
}

/* A whole number, as SQL has made it: a decimal string. */
static int64_t number_at(const trib_json *row, size_t col) {
    trib_str text = {0};
    int64_t number = -1;
    if (trib_json_str(trib_json_get(trib_json_at(row, col), "value"), &text)) (void)trib_str_i64(text, &number);
    return number;
}

/* ---- before ---- */

static trib_code make_crowd(city_crowd *crowd, const char *prefix, unsigned count, trib_error *err) {
    crowd->people = calloc(count, sizeof *crowd->people);
    if (!crowd->people) return trib_error_set(err, TRIB_NOMEM, NULL);
    crowd->count = count;
    for (unsigned i = 0; i < count; i++)
        snprintf(crowd->people[i].name, sizeof crowd->people[i].name, "city-%s-%u", prefix, i + 1);
    return TRIB_OK;
}

static trib_code call_admin(city *c, const char *method, const char *name, const char *rest, const char *text,
                            trib_error *err) {
    trib_admin *admin = &c->demo->admin;
    const trib_json *reply = NULL;
    trib_buf body;
    trib_arena_reset(&admin->arena);
    trib_buf_init(&body, 128);
    trib_buf_add_c(&body, text);
    trib_code code = trib_admin_call(admin, method, trib_admin_path(admin, name, rest), &body, &reply, err);
    trib_buf_deinit(&body);
    return code;
}

static void was_filled(ask *a, const trib_json *body) {
    (void)first_row(a, body);
}

/* The tenants of a crowd, empty but for what `sql` gives them. */
static trib_code settle(city *c, city_crowd *crowd, const char *sql, bool publishes, trib_error *err) {
    char whole[SQL_MAX_BYTES];
    trib_code code = TRIB_OK;
    for (unsigned i = 0; code == TRIB_OK && i < crowd->count && !c->stops; i++) {
        city_person *person = &crowd->people[i];
        code = call_admin(c, "POST", person->name, "/create", "{}", err);
        if (code == TRIB_TENANT_EXISTS) code = TRIB_OK;
        if (code == TRIB_OK && publishes) code = call_admin(c, "PATCH", person->name, "", "{\"publish\":true}", err);
        snprintf(whole, sizeof whole, "BEGIN; %s%s COMMIT", city_tables_sql, sql);
        ask *a = code == TRIB_OK ? new_ask(c, person, NULL, was_filled) : NULL;
        if (a) send_sql(c, a, person->name, "sequence", whole);
        person->lat = person->to_lat = 25.2;
        person->lng = person->to_lng = 55.2;
        trib_http_many_run(c->many, 0);
    }
    return code;
}

trib_code city_people_make(city *c, trib_error *err) {
    unsigned n = c->deals_max;
    trib_code code = make_crowd(&c->buyers, "buyer", at_least(4, n / 4), err);
    if (code == TRIB_OK) code = make_crowd(&c->drivers, "driver", at_least(8, n / 2 + 8), err);
    if (code == TRIB_OK) code = make_crowd(&c->pickers, "picker", at_least(4, n / 4 + 4), err);
    if (code == TRIB_OK) code = make_crowd(&c->couriers, "courier", at_least(2, n / 25), err);
    for (unsigned k = 0; code == TRIB_OK && k < CITY_KINDS; k++)
        if (city_kinds[k].seller_sql) code = make_crowd(&c->sellers[k], city_kinds[k].name, at_least(2, n / 25), err);
    if (code == TRIB_OK) code = settle(c, &c->buyers, "", false, err);
    for (unsigned k = 0; code == TRIB_OK && k < CITY_KINDS; k++)
        code = settle(c, &c->sellers[k], city_kinds[k].seller_sql, false, err);
    if (code == TRIB_OK) code = settle(c, &c->drivers, city_driver_sql, true, err);
    if (code == TRIB_OK) code = settle(c, &c->pickers, city_picker_sql, false, err);
    if (code == TRIB_OK) code = settle(c, &c->couriers, city_courier_sql, false, err);
    if (code == TRIB_OK) code = wait_for_all(c, err);
    if (code == TRIB_OK && c->error_count)
        code = trib_error_set(err, TRIB_REMOTE, "the city's tenants could not be filled: %s", c->errors[0].message);
    for (unsigned i = 0; i < c->drivers.count; i++) city_give_idle(&c->drivers, &c->drivers.people[i]);
    for (unsigned i = 0; i < c->pickers.count; i++) city_give_idle(&c->pickers, &c->pickers.people[i]);
    return code;
}

void city_people_free(city *c) {
    free(c->buyers.people);
    free(c->drivers.people);
    free(c->pickers.people);
    free(c->couriers.people);
    for (unsigned k = 0; k < CITY_KINDS; k++) free(c->sellers[k].people);
}

/* ---- in the end ---- */

/* What deals were given up after an error have left there, nobody knows. */
static bool is_sure(const city *c) {
    return c->error_count == 0;
}

static void check_stock(ask *a, const trib_json *body) {
    const trib_json *row = first_row(a, body);
    int64_t low = number_at(row, 0), sum = number_at(row, 1);
    int64_t wanted = a->kind->start - (int64_t)a->person->sold;
    if (!row) return;
    if (low < 0) city_note_broken(a->city, "%s has a stock of %lld", a->name, (long long)low);
    if (is_sure(a->city) && sum != wanted)
        city_note_broken(a->city, "%s has a stock of %lld in all instead of %lld", a->name, (long long)sum,
                         (long long)wanted);
}

static void check_worker(ask *a, const trib_json *body) {
    const trib_json *row = first_row(a, body);
    if (!row || !is_sure(a->city)) return;
    if (number_at(row, 0) != 1) city_note_broken(a->city, "%s is not idle, and has no job", a->name);
    if (number_at(row, 1) != (int64_t)a->person->jobs)
        city_note_broken(a->city, "%s has %lld jobs instead of %llu", a->name, (long long)number_at(row, 1),
                         (unsigned long long)a->person->jobs);
}

static void check_ledger(ask *a, const trib_json *body) {
    double balance = 1, misfits = 1;
    trib_str type = {0};
    (void)trib_json_f64(trib_json_get(body, "balance"), &balance);
    (void)trib_json_f64(trib_json_get(body, "misfits"), &misfits);
    (void)trib_json_str(trib_json_get(body, "type"), &type);
    if (balance > 0.001 || balance < -0.001 || misfits > 0)
        city_note_broken(a->city, "a %.*s deal has a ledger of %g and %g misfits", TRIB_STR_ARG(type), balance,
                         misfits);
}

static void ask_all(city *c, city_crowd *crowd, const city_kind *kind, const char *sql,
                    void (*check)(ask *a, const trib_json *body)) {
    for (unsigned i = 0; i < crowd->count && !c->stops; i++) {
        ask *a = new_ask(c, &crowd->people[i], kind, check);
        if (a) send_sql(c, a, crowd->people[i].name, "execute", sql);
        trib_http_many_run(c->many, 0);
    }
}

trib_code city_people_check(city *c, trib_error *err) {
    static const char stock_sql[] = "SELECT CAST(coalesce(min(qty), 0) AS INTEGER), CAST(coalesce(sum(qty), 0) AS "
                                    "INTEGER) FROM points";
    static const char worker_sql[] = "SELECT availability = 'idle' AND openNow, (SELECT count(*) FROM nodes WHERE id "
                                     "<> 'me') FROM points WHERE id = 'here'";
    for (unsigned k = 0; k < CITY_KINDS; k++) ask_all(c, &c->sellers[k], &city_kinds[k], stock_sql, check_stock);
    ask_all(c, &c->drivers, NULL, worker_sql, check_worker);
    ask_all(c, &c->pickers, NULL, worker_sql, check_worker);
    for (unsigned i = 0; i < c->sample_count && !c->stops; i++) {
        char path[32 + CITY_ID_BYTES];
        ask *a = new_ask(c, NULL, NULL, check_ledger);
        snprintf(path, sizeof path, "api/streams/%s/state", c->sample[i]);
        if (a) send_ask(c, a, "streams", path, (trib_str){0});
        trib_http_many_run(c->many, 0);
    }
    return wait_for_all(c, err);
}
