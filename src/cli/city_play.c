/* SPDX-License-Identifier: Apache-2.0 */
/* The clock of a city: every two milliseconds it begins deals and sends what is due, in between it serves the
 * connections (city.h). */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/city.h"
#include "io/env_native.h"

/* splitmix64 */
uint64_t city_random(city *c) {
    uint64_t z = c->seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* ---- what goes wrong ---- */

void city_note_error(city *c, const char *code, trib_str message) {
    city_error *e = c->errors;
    while (e < c->errors + CITY_ERRORS_MAX - 1 && e->count && strcmp(e->code, code) != 0) e++;
    if (!e->count) {
        snprintf(e->code, sizeof e->code, "%s", code);
        snprintf(e->message, sizeof e->message, "%.*s", TRIB_STR_ARG(message));
    }
    e->count++;
    if (++c->error_count == CITY_STOP_AT_ERRORS) city_stop(c, TRIB_REMOTE, "there are too many errors to go on");
}

void city_note_broken(city *c, const char *format, ...) {
    va_list args;
    if (c->invariants_broken++ > 0) return;
    va_start(args, format);
    vsnprintf(c->broken, sizeof c->broken, format, args);
    va_end(args);
}

void city_stop(city *c, trib_code code, const char *why) {
    if (c->stops) return;
    c->stops = true;
    trib_error_set(&c->why, code, "%s", why);
}

void city_note_answer(city *c, const trib_http_many_answer *answer, const char *what) {
    const trib_json *body = NULL;
    trib_error err;
    trib_str code = {0}, message = {0};
    char text[sizeof c->errors[0].code + 1], whole[256];
    if (answer->code != TRIB_OK) {
        snprintf(whole, sizeof whole, "%s: %s", what, answer->reason);
        city_note_error(c, trib_code_text(answer->code), trib_str_c(whole));
        snprintf(whole, sizeof whole, "the server is not there any more: %s; its log says why", answer->reason);
        if (answer->code == TRIB_CONNECT) city_stop(c, TRIB_CONNECT, whole);
        return;
    }
    trib_arena_reset(&c->arena);
    if (trib_json_parse(&c->arena, answer->body, &body, &err) == TRIB_OK) {
        (void)trib_json_str(trib_json_get(body, "code"), &code);
        (void)trib_json_str(trib_json_get(body, "message"), &message);
    }
    if (code.len) snprintf(text, sizeof text, "%.*s", TRIB_STR_ARG(trib_str_sub(code, 0, sizeof text - 1)));
    else snprintf(text, sizeof text, "HTTP %d", answer->status);
    snprintf(whole, sizeof whole, "%s: %.*s", what, TRIB_STR_ARG(trib_str_sub(message, 0, 200)));
    city_note_error(c, text, trib_str_c(whole));
}

/* ---- requests ---- */

bool city_write_request(const city *c, trib_buf *out, const char *tenant, const char *path, const char *key,
                        trib_str body) {
    trib_buf_clear(out);
    trib_buf_add_c(out, body.len ? "POST " : "GET ");
    trib_buf_add_c(out, c->path);
    trib_buf_add_c(out, tenant);
    trib_buf_add_char(out, '/');
    trib_buf_add_c(out, path);
    trib_buf_add_c(out, " HTTP/1.1\r\nhost: ");
    trib_buf_add_c(out, c->host);
    trib_buf_add_c(out, "\r\nauthorization: ");
    trib_buf_add_c(out, c->authorization);
    if (key[0]) {
        trib_buf_add_c(out, "\r\nidempotency-key: ");
        trib_buf_add_c(out, key);
    }
    trib_buf_add_c(out, "\r\ncontent-type: application/json\r\ncontent-length: ");
    trib_buf_add_u64(out, body.len);
    trib_buf_add_c(out, "\r\n\r\n");
    trib_buf_add(out, body);
    return !out->failed;
}

/* ---- the clock ---- */

static void begin_due(city *c, int64_t now_ns) {
    uint64_t due = (uint64_t)((double)(now_ns - c->began_ns) / 1e9 * CITY_DEALS_A_SECOND * c->rate) + 1;
    for (unsigned i = 0; i < c->deals_max && c->begun < due && c->deals_open < c->deals_max && !c->stops; i++)
        if (c->deals[i].state == CITY_FREE) city_deal_begin(c, &c->deals[i], now_ns);
}

static void step_due(city *c, int64_t now_ns) {
    for (unsigned i = 0; i < c->deals_max && !c->stops; i++)
        if (c->deals[i].state == CITY_WAITS) city_deal_step(&c->deals[i], now_ns);
}

/* Until the next tick, and its sockets in between. */
static void serve(city *c, int64_t until_ns) {
    const trib_env *env = trib_env_native();
    int64_t now_ns;
    do {
        now_ns = trib_env_mono_ns(env);
        trib_http_many_run(c->many, until_ns > now_ns ? (int)((until_ns - now_ns + 999999) / 1000000) : 0);
    } while (trib_env_mono_ns(env) < until_ns && !c->stops);
}

trib_code city_play(city *c, trib_error *err) {
    const trib_env *env = trib_env_native();
    c->began_ns = trib_env_mono_ns(env);
    int64_t until_ns = c->began_ns + (int64_t)c->seconds * 1000000000, now_ns = c->began_ns;
    int64_t end_ns = until_ns + (int64_t)CITY_END_MAX_S * 1000000000;
    while (!c->stops && (now_ns < until_ns || c->deals_open > 0)) {
        if (now_ns < until_ns) {
            begin_due(c, now_ns);
            city_pings_send(c, now_ns);
        } else if (!c->ending) {
            c->ending = true; /* what is open goes on, without long pauses */
            c->ended_ns = now_ns;
            c->played_ns = now_ns - c->began_ns;
            c->played = c->counts;
        } else if (now_ns > end_ns) {
            return trib_error_set(err, TRIB_REQUEST_TIMEOUT, "%u deals had not ended %d s after the last began",
                                  c->deals_open, CITY_END_MAX_S);
        }
        step_due(c, now_ns);
        serve(c, now_ns + CITY_TICK_MS * INT64_C(1000000));
        if (!c->ending) city_show(c, false);
        now_ns = trib_env_mono_ns(env);
    }
    if (!c->ending) {
        c->played_ns = now_ns - c->began_ns;
        c->played = c->counts;
    }
    while (!c->stops && trib_http_many_open(c->many) > 0) trib_http_many_run(c->many, 100);
    if (c->stops && err) *err = c->why;
    return c->stops ? c->why.code : TRIB_OK;
}
