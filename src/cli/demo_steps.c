/* SPDX-License-Identifier: Apache-2.0 */
/* Plays the demo's steps: each is a request about the order, shown with what its answer says was written. What
 * discovery holds comes from the driver's own database, which publishes. */
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "cli/demo.h"

void demo_say(const demo_state *demo, const char *format, ...) {
    va_list args;
    if (demo->cli->json) return;
    va_start(args, format);
    vfprintf(demo->cli->out, format, args);
    va_end(args);
    fflush(demo->cli->out);
}

/* ---- tenants and tokens ---- */

trib_code demo_ensure_tenant(demo_state *demo, const char *name, trib_error *err) {
    const trib_json *reply = NULL;
    trib_buf body;
    trib_buf_init(&body, 16);
    trib_buf_add_c(&body, "{}");
    trib_code code =
        trib_admin_call(&demo->admin, "POST", trib_admin_path(&demo->admin, name, "/create"), &body, &reply, err);
    trib_buf_deinit(&body);
    if (code == TRIB_OK) demo_say(demo, "  tenant %-10s created\n", name);
    if (code != TRIB_TENANT_EXISTS) return code;
    demo_say(demo, "  tenant %-10s is there already\n", name);
    return TRIB_OK;
}

/* What its rows say is to be found by everybody comes into discovery by itself. */
static trib_code publish(demo_state *demo, const char *name, trib_error *err) {
    const trib_json *reply = NULL;
    trib_buf body;
    trib_buf_init(&body, 64);
    trib_buf_add_c(&body, "{\"publish\":true}");
    trib_code code =
        trib_admin_call(&demo->admin, "PATCH", trib_admin_path(&demo->admin, name, ""), &body, &reply, err);
    trib_buf_deinit(&body);
    return code;
}

/* A token with claim `p`: rw for everything, or ro for the reader's own database. */
static trib_code get_token(demo_state *demo, const char *access, const char *own, trib_remote *ret, trib_error *err) {
    const trib_json *reply = NULL;
    trib_str token;
    trib_buf body;
    trib_buf_init(&body, 512);
    if (own) trib_buf_printf(&body, "{\"access\":\"%s\",\"expires\":\"1h\",\"namespaces\":[\"%s\"]}", access, own);
    else trib_buf_printf(&body, "{\"access\":\"%s\",\"expires\":\"1h\",\"namespaces\":[\"*\"]}", access);
    trib_code code = trib_admin_call(&demo->admin, "POST", "v1/tokens", &body, &reply, err);
    trib_buf_deinit(&body);
    if (code != TRIB_OK) return code;
    if (!trib_json_str(trib_json_get(reply, "token"), &token))
        return trib_error_set(err, TRIB_REMOTE, "the server gave no token");
    trib_str copy = trib_arena_dup(&demo->arena, token);
    trib_remote_set_pin(ret, demo->tls_pin);
    return copy.ptr ? trib_remote_set_token(ret, copy.ptr, err) : trib_error_set(err, TRIB_NOMEM, NULL);
}

static trib_code connect_reader(demo_state *demo, unsigned i, const char *own, trib_error *err) {
    char path[80];
    snprintf(path, sizeof path, "%s/", own);
    trib_code code = trib_http_client_new(&demo->reader_http[i], err);
    if (code == TRIB_OK) code = trib_remote_init(&demo->reader[i], demo->reader_http[i], demo->url, path, err);
    return code == TRIB_OK ? get_token(demo, "ro", own, &demo->reader[i], err) : code;
}

trib_code demo_connect(demo_state *demo, trib_error *err) {
    trib_code code = TRIB_OK;
    for (int db = 0; db < DEMO_DBS && code == TRIB_OK; db++) {
        char path[80];
        snprintf(path, sizeof path, "%s/", demo_targets[db].name);
        if (!demo_targets[db].system) code = demo_ensure_tenant(demo, demo_targets[db].name, err);
        if (code == TRIB_OK) code = trib_remote_init(&demo->db[db], demo->admin.http, demo->url, path, err);
        if (code == TRIB_OK) code = get_token(demo, "rw", NULL, &demo->db[db], err);
    }
    if (code == TRIB_OK) code = publish(demo, demo_targets[DEMO_RAMI].name, err);
    static const demo_db owners[DEMO_READERS] = {DEMO_ALI, DEMO_SHOP, DEMO_RAMI};
    for (unsigned i = 0; i < DEMO_READERS && code == TRIB_OK; i++)
        code = connect_reader(demo, i, demo_targets[owners[i]].name, err);
    return code;
}

trib_code demo_remote(demo_state *demo, const char *tenant, trib_remote *ret, trib_error *err) {
    char path[80];
    snprintf(path, sizeof path, "%s/", tenant);
    trib_code code = trib_remote_init(ret, demo->admin.http, demo->url, path, err);
    if (code != TRIB_OK) return code;
    trib_remote_set_pin(ret, demo->tls_pin);
    memcpy(ret->authorization, demo->db[DEMO_STREAMS].authorization, sizeof ret->authorization);
    return TRIB_OK;
}

/* ---- requests ---- */

static void count_rows(demo_state *demo, trib_str name, int64_t rows) {
    for (int db = 0; db < DEMO_DBS; db++)
        if (trib_str_eq_c(name, demo_targets[db].name)) demo->counted[db] += (uint64_t)rows;
}

static void show_answer(demo_state *demo, const trib_json *answer) {
    trib_str status = {0}, name = {0};
    (void)trib_json_str(trib_json_get(answer, "status"), &status);
    for (const trib_json *e = trib_json_first(trib_json_get(answer, "events")); e; e = trib_json_next(e)) {
        int64_t opcode = 0;
        (void)trib_json_i64(trib_json_get(e, "opcode"), &opcode);
        (void)trib_json_str(trib_json_get(e, "name"), &name);
        demo_say(demo, "    %-10s + event %lld %.*s\n", "streams", (long long)opcode, TRIB_STR_ARG(name));
        count_rows(demo, TRIB_STR("streams"), 1);
        demo->events++;
    }
    for (const trib_json *r = trib_json_first(trib_json_get(answer, "rows")); r; r = trib_json_next(r)) {
        int64_t rows = 0;
        (void)trib_json_i64(r, &rows);
        demo_say(demo, "    %-10.*s ~ %lld row%s\n", TRIB_STR_ARG(r->key), (long long)rows, rows == 1 ? "" : "s");
        count_rows(demo, r->key, rows);
    }
    demo_say(demo, "               = %.*s\n", TRIB_STR_ARG(status));
}

trib_code demo_send(demo_state *demo, const demo_post *post, trib_error *err) {
    const trib_json *answer = NULL;
    trib_remote remote;
    trib_code code = demo_remote(demo, post->tenant, &remote, err);
    trib_arena_reset(&demo->arena);
    demo_say(demo, "    %-10s POST /%s\n", post->tenant, post->path);
    if (code == TRIB_OK)
        code = trib_remote_call(&remote, "POST", post->path, trib_str_c(post->body), &demo->arena, &answer, err);
    if (code == TRIB_OK) show_answer(demo, answer);
    return code;
}

/* ---- calls ---- */

/* One statement as it is, several as one transaction. */
static trib_code run_call(demo_state *demo, const demo_call *call, trib_error *err) {
    trib_sql_stmt stmts[TRIB_SQL_BATCH_MAX];
    trib_sql_rows rows[TRIB_SQL_BATCH_MAX];
    const trib_remote *db = &demo->db[call->db];
    for (unsigned i = 0; i < call->count; i++) {
        stmts[i] = (trib_sql_stmt){trib_str_c(call->stmts[i].sql), call->stmts[i].args, call->stmts[i].arg_count};
    }
    trib_arena_reset(&demo->arena);
    trib_code code = call->count == 1 ? trib_sql_execute(db, NULL, &stmts[0], &demo->arena, &rows[0], err)
                                      : trib_sql_batch(db, stmts, call->count, &demo->arena, rows, err);
    for (unsigned i = 0; code == TRIB_OK && i < call->count; i++)
        if (call->stmts[i].what[0]) demo_say(demo, "    %-10s %s\n", demo_targets[call->db].name, call->stmts[i].what);
    return code;
}

/* ---- what is special in a step ---- */

/* Asks until it is so: what a tenant publishes comes into discovery a little later, a position into its database. */
static trib_code ask_until(demo_state *demo, demo_db db, const trib_sql_stmt *stmt,
                           bool (*is_it)(const trib_sql_rows *rows), const char *missing, trib_error *err) {
    trib_sql_rows rows;
    for (int waited_ms = 0;; waited_ms += DEMO_NEWS_LOOK_MS) {
        trib_arena_reset(&demo->arena);
        trib_code code = trib_sql_execute(&demo->db[db], NULL, stmt, &demo->arena, &rows, err);
        if (code != TRIB_OK) return code;
        if (is_it(&rows)) return TRIB_OK;
        if (waited_ms >= DEMO_NEWS_MS) return trib_error_set(err, TRIB_REMOTE, "%s", missing);
        usleep(DEMO_NEWS_LOOK_MS * 1000);
    }
}

static bool is_rami(const trib_sql_rows *rows) {
    return rows->row_count == 1 && rows->values[0].type == TRIB_VALUE_TEXT &&
           trib_str_eq_c(rows->values[0].bytes, "rami");
}

static bool is_there(const trib_sql_rows *rows) {
    return rows->row_count > 0;
}

/* Before step 6: who is nearest to the restaurant? */
static trib_code find_driver(demo_state *demo, trib_error *err) {
    const trib_value args[2] = {{.type = TRIB_VALUE_REAL, .real = demo_place_shop.lat},
                                {.type = TRIB_VALUE_REAL, .real = demo_place_shop.lng}};
    const trib_sql_stmt stmt = {trib_str_c(demo_nearest_sql), args, 2};
    trib_code code =
        ask_until(demo, DEMO_DISCOVERY, &stmt, is_rami,
                  "discovery does not find rami as the nearest idle driver; does it hold other drivers?", err);
    if (code == TRIB_OK) demo_say(demo, "    %-10s ? nearest idle driver to 25.2650, 55.3320: rami\n", "discovery");
    return code;
}

/* After steps 0, 6 and 10: nobody writes to discovery, rami's database publishes. */
static trib_code hear_news(demo_state *demo, const demo_news *news, trib_error *err) {
    const trib_sql_stmt stmt = {.sql = trib_str_c(news->sql)};
    if (!news->sql) return TRIB_OK;
    trib_code code = ask_until(demo, DEMO_DISCOVERY, &stmt, is_there,
                               "discovery does not hear of what rami's database publishes", err);
    if (code != TRIB_OK) return code;
    demo_say(demo, "    %-10s %s\n", "discovery", news->what);
    return TRIB_OK;
}

trib_code demo_prepare(demo_state *demo, trib_error *err) {
    demo_say(demo, "\nStep 0   What is there before the order (rows of an earlier run of %s are removed)\n",
             DEMO_ORDER);
    for (unsigned i = 0; i < demo_setup_count; i++) {
        trib_code code = run_call(demo, &demo_setup[i], err);
        if (code != TRIB_OK) return code;
    }
    return hear_news(demo, &demo_first_news, err);
}

/* Where the driver is. The answer comes from memory: no row is written by it. */
static trib_code tell_place(demo_state *demo, demo_place at, trib_error *err) {
    const trib_json *answer = NULL;
    trib_json_writer w;
    trib_buf body;
    trib_buf_init(&body, 256);
    trib_jw_init(&w, &body);
    trib_jw_object_begin(&w);
    trib_jw_key_c(&w, "lat");
    trib_jw_f64_js(&w, at.lat);
    trib_jw_key_c(&w, "lng");
    trib_jw_f64_js(&w, at.lng);
    trib_jw_object_end(&w);
    trib_arena_reset(&demo->arena);
    trib_code code = body.failed ? trib_error_set(err, TRIB_NOMEM, NULL)
                                 : trib_remote_call(&demo->db[DEMO_RAMI], "POST", "api/motion", trib_buf_str(&body),
                                                    &demo->arena, &answer, err);
    trib_buf_deinit(&body);
    return code;
}

/* The server writes the newest position about once a second. */
static trib_code wait_until_written(demo_state *demo, demo_place at, trib_error *err) {
    const trib_value args[2] = {{.type = TRIB_VALUE_REAL, .real = at.lat}, {.type = TRIB_VALUE_REAL, .real = at.lng}};
    const trib_sql_stmt stmt = {trib_str_c(demo_stands_sql), args, 2};
    trib_code code = ask_until(demo, DEMO_RAMI, &stmt, is_there,
                               "the position that rami has told last does not come into his database", err);
    if (code == TRIB_OK) demo_say(demo, "    %-10s ~ point pt-rami-loc  %.4f, %.4f\n", "rami", at.lat, at.lng);
    return code;
}

/* Steps 7 and 9: the driver says where he is. */
static trib_code drive(demo_state *demo, demo_place from, demo_place to, unsigned count, trib_error *err) {
    bool live = !demo->cli->json && isatty(fileno(demo->cli->out));
    for (unsigned i = 1; i <= count; i++) {
        demo_place at = demo_on_the_way(from, to, i, count);
        trib_code code = tell_place(demo, at, err);
        if (code != TRIB_OK) return code;
        demo->pings++;
        if (!live && demo->pings % 50 && i != count) continue;
        demo_say(demo, "%s    %-10s POST /api/motion  ping %3llu of %d  %.4f, %.4f%s", live ? "\r" : "", "rami",
                 (unsigned long long)demo->pings, DEMO_PINGS, at.lat, at.lng, live && i != count ? "" : "\n");
    }
    return wait_until_written(demo, to, err);
}

/* After step 4: the stock as the restaurant sees it. */
static trib_code show_stock(demo_state *demo, trib_error *err) {
    const trib_sql_stmt stmt = {
        .sql = TRIB_STR("SELECT qty FROM points WHERE id IN ('pt-shw', 'pt-lbn') ORDER BY id DESC")};
    trib_sql_rows rows;
    trib_arena_reset(&demo->arena);
    trib_code code = trib_sql_execute(&demo->db[DEMO_SHOP], NULL, &stmt, &demo->arena, &rows, err);
    if (code != TRIB_OK) return code;
    if (rows.row_count != 2 || rows.values[0].type != TRIB_VALUE_REAL || rows.values[1].type != TRIB_VALUE_REAL) {
        return trib_error_set(err, TRIB_REMOTE, "the restaurant's stock cannot be read back");
    }
    double shawarma = rows.values[0].real, laban = rows.values[1].real;
    demo_say(demo, "    %-10s ? stock: %.0f Chicken Shawarma, %.0f Laban\n", "bab-hara", shawarma, laban);
    if (shawarma > 197.5 && shawarma < 198.5 && laban > 148.5 && laban < 149.5) return TRIB_OK;
    return trib_error_set(err, TRIB_REMOTE, "the stock is %.0f and %.0f instead of 198 and 149", shawarma, laban);
}

static trib_code play_step(demo_state *demo, const demo_step *step, trib_error *err) {
    trib_code code = TRIB_OK;
    demo_say(demo, "\nStep %-3d %s  %s\n", step->number, step->time, step->title);
    if (step->number == 6) code = find_driver(demo, err);
    if (code == TRIB_OK && step->post.path) code = demo_send(demo, &step->post, err);
    if (code == TRIB_OK) code = hear_news(demo, &step->news, err);
    if (code == TRIB_OK && step->news.sql) demo->counted[DEMO_DISCOVERY]++;
    if (code != TRIB_OK) return code;
    if (step->number == 4) return show_stock(demo, err);
    if (step->number == 7) return drive(demo, demo_place_start, demo_place_shop, DEMO_PINGS_TO_SHOP, err);
    if (step->number == 9) return drive(demo, demo_place_shop, demo_place_customer, DEMO_PINGS_TO_CUSTOMER, err);
    return TRIB_OK;
}

trib_code demo_play(demo_state *demo, trib_error *err) {
    for (unsigned i = 0; i < demo_step_count; i++) {
        trib_code code = play_step(demo, &demo_steps[i], err);
        if (code != TRIB_OK) return code;
    }
    return TRIB_OK;
}
