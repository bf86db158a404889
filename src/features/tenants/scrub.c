/* SPDX-License-Identifier: Apache-2.0 */
/* The scrub over HTTP (core/scrub.h), and what `trib doctor` asks a running server. */
#include "core/scrub.h"

#include "base/time.h"
#include "base/units.h"
#include "core/control.h"
#include "features/tenants/tenants_int.h"

/* ---- showing ---- */

static void member_u64(trib_json_writer *w, const char *key, uint64_t value) {
    trib_jw_key_c(w, key);
    trib_jw_u64(w, value);
}

static void member_time(trib_json_writer *w, const char *key, int64_t ms) {
    char text[TRIB_TIME_ISO_BYTES];
    trib_time_to_iso(ms, text);
    trib_jw_key_c(w, key);
    if (ms) trib_jw_str_c(w, text);
    else trib_jw_null(w);
}

static void write_findings(trib_json_writer *w, const trib_scrub_status *status) {
    trib_jw_key_c(w, "findings");
    trib_jw_array_begin(w);
    for (size_t i = 0; i < status->finding_count; i++) {
        const trib_scrub_finding *f = &status->findings[i];
        trib_jw_object_begin(w);
        trib_jw_member_str(w, "name", trib_str_c(f->tenant));
        trib_jw_member_str(w, "kind", trib_str_c(f->kind));
        trib_jw_member_str(w, "text", trib_str_c(f->text));
        member_time(w, "at", f->at_ms);
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
}

static void write_status(trib_json_writer *w, const trib_scrub_status *status) {
    trib_jw_member_bool(w, "running", status->running);
    trib_jw_member_bool(w, "all", status->all);
    trib_jw_member_bool(w, "scheduled", status->scheduled);
    trib_jw_member_bool(w, "stopped", status->stopped);
    trib_jw_member_str(w, "name", trib_str_c(status->tenant));
    member_u64(w, "bytes_per_second", status->bytes_per_s);
    member_time(w, "began_at", status->began_ms);
    member_time(w, "ended_at", status->ended_ms);
    member_time(w, "full_at", status->full_ms);
    member_u64(w, "databases", status->databases);
    member_u64(w, "bytes", status->bytes);
    member_u64(w, "damaged", status->damaged);
    member_u64(w, "told", status->told);
    member_u64(w, "skipped", status->skipped);
    member_u64(w, "failed", status->failed);
    write_findings(w, status);
}

static trib_scrub_status *get_status(trib_http_request *http) {
    trib_scrub_status *status = trib_arena_zalloc(http->arena, 1, sizeof *status);
    trib_error err;
    if (status) {
        trib_scrub_get(http->app->scrub, status);
        return status;
    }
    trib_error_set(&err, TRIB_NOMEM, NULL);
    trib_http_answer_error(http, &err);
    return NULL;
}

void tenants_handle_scrub(trib_http_request *http) {
    const trib_scrub_status *status = get_status(http);
    tenants_reply reply;
    if (!status) return;
    tenants_reply_begin(&reply);
    write_status(&reply.w, status);
    tenants_reply_send(&reply, http);
}

/* ---- starting and ending ---- */

static trib_code parse_rate(const trib_json *member, uint64_t *ret, trib_error *err) {
    trib_str text;
    int64_t number = 0;
    if (trib_json_absent(member)) return TRIB_OK;
    if (trib_json_i64(member, &number) && number >= 0) {
        *ret = (uint64_t)number;
        return TRIB_OK;
    }
    if (trib_json_str(member, &text) && trib_units_bytes(text, ret)) return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST,
                          "\"bytes_per_second\" must be a number or a size (\"8MiB\"); 0: no pace");
}

static trib_code parse_name(const trib_json *body, const char *key, trib_str *ret, trib_error *err) {
    const trib_json *member = trib_json_get(body, key);
    if (trib_json_absent(member) || trib_json_str(member, ret)) return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST, "\"%s\" must be a tenant's name", key);
}

void tenants_handle_scrub_start(trib_http_request *http) {
    static const char *const members[] = {"name", "after", "bytes_per_second", NULL};
    const trib_json *body = NULL;
    trib_tenant *tenant = NULL;
    trib_str name = {0}, after = {0};
    uint64_t rate = http->app->settings.scrub_bytes_per_s;
    trib_error err;
    trib_code code = tenants_parse_body(http, members, &body, &err);
    if (code == TRIB_OK) code = parse_rate(trib_json_get(body, "bytes_per_second"), &rate, &err);
    if (code == TRIB_OK) code = parse_name(body, "name", &name, &err);
    if (code == TRIB_OK) code = parse_name(body, "after", &after, &err);
    if (code == TRIB_OK && name.len && after.len)
        code = trib_error_set(&err, TRIB_BAD_REQUEST, "\"after\" is for a scrub of all; leave \"name\" out");
    if (code == TRIB_OK && name.len) code = tenants_find_name(http, name, &tenant, &err);
    if (code == TRIB_OK) code = trib_scrub_start(http->app->scrub, tenant, after, rate, &err);
    trib_tenant_unref(tenant);
    if (code != TRIB_OK) trib_http_answer_error(http, &err);
    else tenants_handle_scrub(http);
}

void tenants_handle_scrub_stop(trib_http_request *http) {
    trib_scrub_stop(http->app->scrub);
    tenants_handle_scrub(http);
}

/* ---- for doctor ---- */

static void write_mistakes(trib_json_writer *w, trib_app *app) {
    trib_jw_key_c(w, "mistakes");
    trib_jw_array_begin(w);
    for (int i = 0; i < TRIB_MISTAKE_COUNT; i++) {
        const trib_counter *counter = app->mistakes.counters[i];
        trib_jw_object_begin(w);
        trib_jw_member_str(w, "id", trib_str_c(trib_mistake_id((trib_mistake)i)));
        member_u64(w, "count", counter ? atomic_load(&counter->value) : 0);
        member_time(w, "last_at", atomic_load(&app->mistakes.last_ms[i]));
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
}

void tenants_handle_doctor(trib_http_request *http) {
    const trib_scrub_status *status = get_status(http);
    tenants_reply reply;
    if (!status) return;
    tenants_reply_begin(&reply);
    trib_jw_member_str(&reply.w, "version", trib_str_c(http->app->version));
    member_time(&reply.w, "now", trib_env_wall_ms(http->app->env));
    write_mistakes(&reply.w, http->app);
    trib_jw_key_c(&reply.w, "scrub");
    trib_jw_object_begin(&reply.w);
    write_status(&reply.w, status);
    trib_jw_object_end(&reply.w);
    tenants_reply_send(&reply, http);
}
