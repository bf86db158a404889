/* SPDX-License-Identifier: Apache-2.0 */
/* `trib demo --city N`: many deals at once (city.h). Tenants -> play -> what must stand in the databases -> verdict. */
#include <stdlib.h>
#include <string.h>

#include "cli/city.h"
#include "io/env_native.h"
#include "wire/url.h"

enum { ARENA_BYTES = 8 << 20, SECONDS = 30, CONNECTIONS_MAX = 1024 };

static trib_code parse_number(const char *text, double least, double most, const char *option, double *ret,
                              trib_error *err) {
    if (text && city_number(trib_str_c(text), ret) && *ret >= least && *ret <= most) return TRIB_OK;
    return trib_error_set(err, TRIB_USAGE, "--%s must be a number from %g to %g", option, least, most);
}

static trib_code parse_options(city *c, trib_error *err) {
    const trib_cli *cli = c->demo->cli;
    const char *seconds = trib_cli_get(cli, "duration"), *rate = trib_cli_get(cli, "rate");
    double number = 0;
    trib_code code = parse_number(trib_cli_get(cli, "city"), 1, CITY_DEALS_MAX, "city", &number, err);
    c->deals_max = (unsigned)number;
    number = SECONDS;
    if (code == TRIB_OK && seconds) code = parse_number(seconds, 1, CITY_SECONDS_MAX, "duration", &number, err);
    c->seconds = (unsigned)number;
    c->rate = 1;
    if (code == TRIB_OK && rate) code = parse_number(rate, 0.01, 1000, "rate", &c->rate, err);
    return code;
}

/* A token for everybody, a little longer than it is played. */
static trib_code take_token(city *c, trib_error *err) {
    const trib_json *reply = NULL;
    trib_str token;
    trib_buf body;
    trib_buf_init(&body, 256);
    trib_buf_printf(&body, "{\"access\":\"rw\",\"expires\":\"%us\",\"namespaces\":[\"*\"]}", c->seconds + 3600);
    trib_code code = trib_admin_call(&c->demo->admin, "POST", "v1/tokens", &body, &reply, err);
    trib_buf_deinit(&body);
    if (code != TRIB_OK) return code;
    if (!trib_json_str(trib_json_get(reply, "token"), &token) || token.len >= TRIB_REMOTE_SECRET_BYTES)
        return trib_error_set(err, TRIB_REMOTE, "the server gave no token");
    snprintf(c->authorization, sizeof c->authorization, "Bearer %.*s", TRIB_STR_ARG(token));
    return TRIB_OK;
}

static trib_code open_city(city *c, trib_error *err) {
    trib_url url;
    char host[TRIB_URL_MAX_HOST_BYTES + 1];
    trib_code code = trib_url_parse(trib_str_c(c->demo->url), &url, err);
    if (code != TRIB_OK) return code;
    if (url.tls || url.path.len >= sizeof c->path - 1)
        return trib_error_set(err, TRIB_USAGE, "--city needs a URL without TLS, http://HOST:PORT/");
    snprintf(host, sizeof host, "%.*s", TRIB_STR_ARG(url.host));
    snprintf(c->host, sizeof c->host, url.is_ipv6 ? "[%s]:%u" : "%s:%u", host, (unsigned)url.port);
    snprintf(c->path, sizeof c->path, "%.*s%s", TRIB_STR_ARG(url.path),
             trib_str_ends(url.path, TRIB_STR("/")) ? "" : "/");
    c->append = calloc(1, sizeof *c->append);
    c->append_now = calloc(1, sizeof *c->append_now);
    c->deals = calloc(c->deals_max, sizeof *c->deals);
    c->sample = calloc(CITY_SAMPLE, sizeof *c->sample);
    if (!c->append || !c->append_now || !c->deals || !c->sample) return trib_error_set(err, TRIB_NOMEM, NULL);
    for (unsigned i = 0; i < c->deals_max; i++) trib_buf_init(&c->deals[i].request, CITY_REQUEST_MAX_BYTES);
    for (unsigned i = 0; i < CITY_PING_CALLS_MAX; i++) trib_buf_init(&c->pings[i].request, CITY_REQUEST_MAX_BYTES);
    if (!trib_env_random(trib_env_native(), &c->seed, sizeof c->seed))
        return trib_error_set(err, TRIB_INTERNAL, "the system gives no randomness");
    unsigned connections = CITY_PING_CALLS_MAX + (c->deals_max < CONNECTIONS_MAX ? c->deals_max : CONNECTIONS_MAX);
    return trib_http_many_new(host, url.port, connections, CITY_CALL_TIMEOUT_MS, &c->many, err);
}

static void close_city(city *c) {
    trib_http_many_free(c->many);
    for (unsigned i = 0; c->deals && i < c->deals_max; i++) trib_buf_deinit(&c->deals[i].request);
    for (unsigned i = 0; i < CITY_PING_CALLS_MAX; i++) trib_buf_deinit(&c->pings[i].request);
    city_people_free(c);
    free(c->append);
    free(c->append_now);
    free(c->deals);
    free(c->sample);
    trib_arena_deinit(&c->arena);
    free(c);
}

trib_code demo_play_city(demo_state *demo, bool *ret_ok, trib_error *err) {
    city *c = calloc(1, sizeof *c);
    if (!c) return trib_error_set(err, TRIB_NOMEM, NULL);
    c->demo = demo;
    trib_arena_init(&c->arena, ARENA_BYTES);
    trib_code code = parse_options(c, err);
    if (code == TRIB_OK) code = open_city(c, err);
    if (code == TRIB_OK) code = take_token(c, err);
    if (code == TRIB_OK)
        demo_say(demo, "A city of %u deals at once on %s: %.1f deals and %.0f pings a second for %u s\n", c->deals_max,
                 demo->url, CITY_DEALS_A_SECOND * c->rate, CITY_PINGS_A_SECOND * c->rate, c->seconds);
    if (code == TRIB_OK) code = city_people_make(c, err);
    if (code == TRIB_OK) code = city_show_begin(c, err);
    bool began = code == TRIB_OK;
    if (code == TRIB_OK) code = city_play(c, err);
    if (code == TRIB_OK) code = city_people_check(c, err);
    *ret_ok = code == TRIB_OK && c->error_count == 0 && c->invariants_broken == 0;
    if (began) city_show_end(c, *ret_ok);
    close_city(c);
    return code;
}
