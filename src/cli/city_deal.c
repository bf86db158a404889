/* SPDX-License-Identifier: Apache-2.0 */
/* One deal of a city: its requests, one after the other, and what their answers must be (city.h).
 *
 *   WAITS --due, worker there--> ASKS --2xx--> WAITS ... --settled, paid out--> FREE
 *                                  └ 409 OUT_OF_STOCK of what is scarce: cancelled
 *   WAITS --now and then--> PROBES: tries to assign a driver who has a job; must be refused
 *
 * An answer that is not expected ends the deal; its workers do not come back. */
#include <stdio.h>
#include <string.h>

#include "cli/city.h"

/* ---- workers ---- */

city_person *city_take_idle(city_crowd *crowd) {
    city_person *person = crowd->first_idle;
    if (!person) return NULL;
    crowd->first_idle = person->next_idle;
    if (!crowd->first_idle) crowd->last_idle = NULL;
    person->next_idle = NULL;
    return person;
}

void city_give_idle(city_crowd *crowd, city_person *person) {
    person->next_idle = NULL;
    if (crowd->last_idle) crowd->last_idle->next_idle = person;
    else crowd->first_idle = person;
    crowd->last_idle = person;
}

/* False: nobody is free; the deal waits. */
static bool take_worker(city_deal *deal, city_need need) {
    city *c = deal->city;
    if (need == CITY_TAKES_DRIVER && !deal->driver) deal->driver = city_take_idle(&c->drivers);
    if (need == CITY_TAKES_PICKER && !deal->picker) deal->picker = city_take_idle(&c->pickers);
    return (need != CITY_TAKES_DRIVER || deal->driver) && (need != CITY_TAKES_PICKER || deal->picker);
}

static void free_worker(city_deal *deal, city_need need) {
    city *c = deal->city;
    city_person **worker = need == CITY_FREES_DRIVER ? &deal->driver : need == CITY_FREES_PICKER ? &deal->picker : NULL;
    if (!worker || !*worker) return;
    (*worker)->jobs++;
    city_give_idle(need == CITY_FREES_DRIVER ? &c->drivers : &c->pickers, *worker);
    *worker = NULL;
}

/* ---- requests ---- */

static const char *tenant_of(const city_deal *deal, city_who who) {
    switch (who) {
    case CITY_BUYER: return deal->buyer->name;
    case CITY_SELLER: return deal->seller->name;
    case CITY_DRIVER: return deal->driver->name;
    case CITY_PICKER: return deal->picker->name;
    case CITY_COURIER: return deal->courier->name;
    case CITY_PLATFORM: return "streams";
    }
    return "streams";
}

static void send_step(city_deal *deal, city_deal_state state) {
    city *c = deal->city;
    const city_step *step = city_step_of(deal);
    char path[128], key[CITY_ID_BYTES + 24];
    trib_buf body;
    trib_buf_init(&body, CITY_REQUEST_MAX_BYTES);
    if (step->action[0]) snprintf(path, sizeof path, "api/%s/%s/%s", deal->kind->path, deal->id, step->action);
    else snprintf(path, sizeof path, "api/%s", deal->kind->path);
    snprintf(key, sizeof key, "%s/%u%s", deal->id, deal->step, deal->cancelled ? "c" : state == CITY_PROBES ? "p" : "");
    bool fits = city_write_body(deal, step, &body) &&
                city_write_request(c, &deal->request, tenant_of(deal, step->who), path, key, trib_buf_str(&body));
    trib_buf_deinit(&body);
    if (!fits) {
        city_stop(c, TRIB_NOMEM, "no memory for a request");
        return;
    }
    deal->state = state;
    deal->call.request = trib_buf_str(&deal->request);
    c->counts.requests++;
    trib_http_many_send(c->many, &deal->call);
}

/* ---- answers ---- */

static trib_str code_of(city *c, const trib_http_many_answer *answer) {
    const trib_json *body = NULL;
    trib_error err;
    trib_str code = {0};
    trib_arena_reset(&c->arena);
    if (trib_json_parse(&c->arena, answer->body, &body, &err) == TRIB_OK)
        (void)trib_json_str(trib_json_get(body, "code"), &code);
    return code;
}

static void end_deal(city_deal *deal) {
    deal->state = CITY_FREE;
    deal->city->deals_open--;
}

/* Each deal has the same chance to be among those whose ledger is read in the end. */
static void keep_sample(city *c, const char *id) {
    uint64_t at = c->samples_seen++;
    if (at >= CITY_SAMPLE) at = city_random(c) % c->samples_seen;
    if (at >= CITY_SAMPLE) return;
    memcpy(c->sample[at], id, CITY_ID_BYTES);
    if (c->sample_count <= at) c->sample_count = (unsigned)at + 1;
}

/* The last answer of a deal says what became of it: settled only with a ledger of zero. */
static void finish(city_deal *deal, const trib_json *body) {
    city *c = deal->city;
    trib_str status = {0};
    double paid = -1;
    (void)trib_json_str(trib_json_get(body, "status"), &status);
    (void)trib_json_f64(trib_json_get(body, "paid"), &paid);
    bool right = trib_str_eq_c(status, deal->cancelled ? "cancelled" : "settled");
    if (!right) city_note_broken(c, "deal %s ended as \"%.*s\"", deal->id, TRIB_STR_ARG(status));
    if (deal->cancelled && (paid > 0.001 || paid < -0.001))
        city_note_broken(c, "deal %s was cancelled and not paid back", deal->id);
    if (deal->seller && !deal->cancelled) deal->seller->sold += deal->scarce ? 1 : deal->kind->stock;
    c->counts.deals++;
    c->counts.cancelled += deal->cancelled;
    keep_sample(c, deal->id);
    end_deal(deal);
}

static uint64_t count_events(const trib_json *body) {
    uint64_t count = 0;
    for (const trib_json *e = trib_json_first(trib_json_get(body, "events")); e; e = trib_json_next(e)) count++;
    return count;
}

static void succeeded(city_deal *deal, const trib_http_many_answer *answer) {
    city *c = deal->city;
    const trib_json *body = NULL;
    trib_error err;
    bool duplicate = false;
    trib_arena_reset(&c->arena);
    if (trib_json_parse(&c->arena, answer->body, &body, &err) != TRIB_OK) {
        city_note_error(c, "BAD_JSON", TRIB_STR("an answer is no JSON"));
        end_deal(deal);
        return;
    }
    (void)trib_json_bool(trib_json_get(body, "duplicate"), &duplicate);
    if (duplicate) city_note_broken(c, "deal %s: the first request was called a repetition", deal->id);
    c->counts.events += count_events(body);
    free_worker(deal, city_step_of(deal)->need);
    if (deal->cancelled || deal->step + 1 == deal->kind->step_count) {
        finish(deal, body);
        return;
    }
    deal->step++;
    deal->state = CITY_WAITS;
    int64_t now_ns = deal->call.sent_ns + answer->took_ns;
    deal->answered_ns = now_ns;
    deal->due_ns += city_pace_ns(c, deal->kind);
    if (deal->due_ns < now_ns) deal->due_ns = now_ns;
}

static void record(city *c, const trib_http_many_answer *answer) {
    if (c->ending) return;
    trib_latency_add(c->append, (uint64_t)answer->took_ns);
    trib_latency_add(c->append_now, (uint64_t)answer->took_ns);
}

static void probed(city_deal *deal, const trib_http_many_answer *answer) {
    city *c = deal->city;
    city_deal *other = deal->probed;
    other->held = false;
    deal->probed = NULL;
    deal->driver = NULL;
    c->counts.probes++;
    deal->state = CITY_WAITS;
    if (answer->code == TRIB_OK && answer->status == 409 && trib_str_eq_c(code_of(c, answer), "NOT_AVAILABLE")) return;
    if (answer->code == TRIB_OK && answer->status < 300)
        city_note_broken(c, "a driver who has the job %s got %s, too", other->id, deal->id);
    else city_note_answer(c, answer, "assign");
    end_deal(deal);
}

static void answered(trib_http_many_call *call, const trib_http_many_answer *answer) {
    city_deal *deal = (city_deal *)(void *)call;
    city *c = deal->city;
    const city_step *step = city_step_of(deal);
    if (answer->code == TRIB_OK) record(c, answer);
    if (deal->state == CITY_PROBES) {
        probed(deal, answer);
        return;
    }
    if (answer->code == TRIB_OK && answer->status < 300) {
        succeeded(deal, answer);
        return;
    }
    bool sold_out = deal->scarce && step->need == CITY_TAKES_STOCK && answer->status == 409 &&
                    trib_str_eq_c(code_of(c, answer), "OUT_OF_STOCK");
    if (sold_out) {
        c->counts.sold_out++;
        deal->cancelled = true;
        deal->state = CITY_WAITS;
        return;
    }
    city_note_answer(c, answer, step->action[0] ? step->action : "begin");
    end_deal(deal);
}

/* ---- the deal ---- */

static city_person *anyone(city *c, const city_crowd *crowd) {
    return &crowd->people[city_random(c) % crowd->count];
}

void city_deal_begin(city *c, city_deal *deal, int64_t now_ns) {
    size_t at = c->begun % CITY_KINDS;
    const city_kind *kind = &city_kinds[at];
    deal->city = c;
    deal->kind = kind;
    deal->step = 0;
    deal->cancelled = deal->held = false;
    deal->scarce = at == 0 && c->begun / CITY_KINDS % CITY_SCARCE_EVERY == 1;
    deal->buyer = anyone(c, &c->buyers);
    deal->seller = kind->seller_sql ? anyone(c, &c->sellers[at]) : NULL;
    deal->courier = anyone(c, &c->couriers);
    deal->driver = deal->picker = NULL;
    deal->due_ns = now_ns;
    deal->call.done = answered;
    snprintf(deal->id, sizeof deal->id, "%s-%016llx", kind->prefix, (unsigned long long)city_random(c));
    c->begun++;
    c->deals_open++;
    send_step(deal, CITY_ASKS);
    if (deal->seller) deal->seller->day++;
}

/* A deal whose driver has the job, and which says nothing while he is asked for. */
static city_deal *find_busy(city *c) {
    uint64_t from = city_random(c);
    for (unsigned i = 0; i < c->deals_max; i++) {
        city_deal *other = &c->deals[(from + i) % c->deals_max];
        bool has_job = other->state == CITY_WAITS && other->driver && !other->held && !other->cancelled &&
                       city_step_of(other)->need != CITY_TAKES_DRIVER;
        if (has_job) return other;
    }
    return NULL;
}

static bool probe(city_deal *deal) {
    city *c = deal->city;
    city_deal *other = city_random(c) % CITY_PROBE_EVERY == 0 ? find_busy(c) : NULL;
    if (!other) return false;
    other->held = true;
    deal->probed = other;
    deal->driver = other->driver;
    send_step(deal, CITY_PROBES);
    return true;
}

void city_deal_step(city_deal *deal, int64_t now_ns) {
    const city_step *step = city_step_of(deal);
    bool soon = deal->city->ending && now_ns - deal->answered_ns >= CITY_END_PACE_MS * INT64_C(1000000);
    if (deal->held || (deal->due_ns > now_ns && !soon)) return;
    if (step->need == CITY_TAKES_DRIVER && !deal->driver && probe(deal)) return;
    if (take_worker(deal, step->need)) send_step(deal, CITY_ASKS);
}

int64_t city_pace_ns(const city *c, const city_kind *kind) {
    double seconds = (double)c->deals_max / (CITY_DEALS_A_SECOND * c->rate);
    return (int64_t)(seconds / kind->step_count * 1e9);
}
