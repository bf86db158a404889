/* SPDX-License-Identifier: Apache-2.0 */
/* What a city shows: a block that is written over on a terminal, else a line every few seconds; a summary (city.h). */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/city.h"
#include "cli/progress.h"
#include "io/env_native.h"

enum { PAGE_MAX_BYTES = 4 << 20, TERMINAL_MS = 1000, PLAIN_MS = 5000, METRICS_TIMEOUT_MS = 5000, SIZE_BYTES = 32 };

/* ---- /metrics ---- */

typedef struct wanted {
    const char *name, *label; /* label NULL: all of the family, added */
    size_t at;
} wanted;

#define WANTED(name, label, member)                                                                                    \
    { name, label, offsetof(city_metrics, member) }
static const wanted families[] = {
    WANTED("trib_stream_database_bytes", NULL, database_bytes),
    WANTED("trib_stream_log_bytes", NULL, log_bytes),
    WANTED("trib_stream_free_bytes", NULL, free_bytes),
    WANTED("trib_archive_streams_total", NULL, archived),
    WANTED("trib_archive_backlog", NULL, backlog),
    WANTED("trib_archive_stopped", NULL, stopped),
    WANTED("trib_stream_events_total", NULL, events),
    WANTED("trib_syncs_total", "database=\"streams\"", syncs),
    WANTED("trib_synced_commits_total", "database=\"streams\"", commits),
    WANTED("trib_syncs_total", NULL, all_syncs),
    WANTED("trib_consumers_lag_events", NULL, lag),
    WANTED("trib_process_resident_bytes", NULL, rss_bytes),
    WANTED("trib_process_cpu_seconds", NULL, cpu_seconds),
};

bool city_number(trib_str text, double *ret) {
    bool digits = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c >= '0' && c <= '9') digits = true;
        else if (i == 0 ? c != '-' : !memchr(".eE+-", c, 5)) return false;
    }
    return digits && trib_f64_parse(text, ret);
}

static void read_line(trib_str line, city_metrics *to) {
    size_t end = 0;
    while (end < line.len && line.ptr[end] != '{' && line.ptr[end] != ' ') end++;
    size_t space = line.len;
    while (space > end && line.ptr[space - 1] != ' ') space--;
    double value = 0;
    if (space == end || !city_number(trib_str_sub(line, space, line.len), &value)) return;
    trib_str name = trib_str_sub(line, 0, end), labels = trib_str_sub(line, end, space);
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        const wanted *w = &families[i];
        if (!trib_str_eq_c(name, w->name)) continue;
        trib_str inner = labels.len > 3 ? trib_str_sub(labels, 1, labels.len - 2) : (trib_str){0};
        if (w->label && !trib_str_eq_c(inner, w->label)) continue;
        *(double *)(void *)((char *)to + w->at) += value;
    }
}

void city_metrics_read(trib_str page, city_metrics *ret) {
    *ret = (city_metrics){0};
    while (page.len) {
        size_t end = trib_str_find(page, '\n');
        trib_str line = trib_str_sub(page, 0, end);
        if (line.len && line.ptr[0] != '#') read_line(line, ret);
        page = end == SIZE_MAX ? (trib_str){0} : trib_str_sub(page, end + 1, page.len);
    }
}

static bool take_bytes(void *ctx, trib_str bytes) {
    trib_buf *to = ctx;
    trib_buf_add(to, bytes);
    return !to->failed;
}

static trib_code ask_metrics(city *c, trib_error *err) {
    trib_buf page;
    trib_buf_init(&page, PAGE_MAX_BYTES);
    trib_arena_reset(&c->demo->admin.arena);
    trib_code code = trib_remote_download(&c->metrics_remote, "metrics", take_bytes, &page, &c->demo->admin.arena, err);
    if (code == TRIB_OK) {
        c->before = c->now;
        city_metrics_read(trib_buf_str(&page), &c->now);
        double whole = c->now.database_bytes + c->now.log_bytes, most = c->peak.database_bytes + c->peak.log_bytes;
        if (whole > most) c->peak.database_bytes = c->now.database_bytes, c->peak.log_bytes = c->now.log_bytes;
        if (c->now.rss_bytes > c->peak.rss_bytes) c->peak.rss_bytes = c->now.rss_bytes;
        if (c->now.backlog > c->peak.backlog) c->peak.backlog = c->now.backlog;
    }
    trib_buf_deinit(&page);
    return code;
}

/* ---- the table ---- */

static const char *size_text(double bytes, char space[SIZE_BYTES]) {
    trib_progress_size((int64_t)bytes, space);
    return space;
}

static double ratio(double a, double b) {
    return b > 0 ? a / b : 0;
}

static void print_line(const city *c, const char *text) {
    fprintf(c->demo->cli->out, "%s%s\n", text, c->terminal ? "\033[K" : "");
}

#define LINE(...)                                                                                                      \
    do {                                                                                                               \
        snprintf(text, sizeof text, __VA_ARGS__);                                                                      \
        print_line(c, text);                                                                                           \
        c->lines++;                                                                                                    \
    } while (0)

static void show_block(city *c, double s, double deals, double events, double pings) {
    char text[256], a[SIZE_BYTES], b[SIZE_BYTES], d[SIZE_BYTES];
    if (c->lines) fprintf(c->demo->cli->out, "\033[%uA", c->lines);
    c->lines = 0;
    LINE("  %4.0f s of %u, %u deals open", s, c->seconds, c->deals_open);
    LINE("  deals      %10.1f /s   %10llu", deals, (unsigned long long)c->counts.deals);
    LINE("  events     %10.1f /s   %10llu", events, (unsigned long long)c->counts.events);
    LINE("  pings      %10.1f /s   %10llu", pings, (unsigned long long)c->counts.pings);
    LINE("  append     %10.2f ms p50 %8.2f ms p99", trib_latency_us(c->append_now, 50) / 1000,
         trib_latency_us(c->append_now, 99) / 1000);
    LINE("  syncs      %10.1f events a sync of streams",
         ratio(c->now.events - c->before.events, c->now.syncs - c->before.syncs));
    LINE("  streams    %10s database, %s log, %s of it free", size_text(c->now.database_bytes, a),
         size_text(c->now.log_bytes, b), size_text(c->now.free_bytes, d));
    LINE("  archive    %10.0f streams, %.0f wait", c->now.archived - c->first.archived, c->now.backlog);
    LINE("  server     %10s memory, %.2f cores", size_text(c->now.rss_bytes, a),
         ratio(c->now.cpu_seconds - c->before.cpu_seconds, s - (double)(c->shown_ns - c->began_ns) / 1e9));
    LINE("  errors     %10llu%s%s", (unsigned long long)c->error_count, c->error_count ? "   " : "", c->errors[0].code);
}

static void show_plain(const city *c, double s, double deals, double events, double pings) {
    char a[SIZE_BYTES], b[SIZE_BYTES];
    demo_say(c->demo,
             "%5.0f s  %6.1f deals/s %7.1f events/s %8.1f pings/s  append %.2f ms p50 %.2f ms p99  %.1f events a sync  "
             "streams %s  archived %.0f, %.0f wait  memory %s, %.2f cores  %llu errors\n",
             s, deals, events, pings, trib_latency_us(c->append_now, 50) / 1000,
             trib_latency_us(c->append_now, 99) / 1000,
             ratio(c->now.events - c->before.events, c->now.syncs - c->before.syncs),
             size_text(c->now.database_bytes + c->now.log_bytes, a), c->now.archived - c->first.archived,
             c->now.backlog, size_text(c->now.rss_bytes, b),
             ratio(c->now.cpu_seconds - c->before.cpu_seconds, s - (double)(c->shown_ns - c->began_ns) / 1e9),
             (unsigned long long)c->error_count);
}

trib_code city_show_begin(city *c, trib_error *err) {
    c->terminal = !c->demo->cli->json && isatty(fileno(c->demo->cli->out));
    c->metrics_remote = c->demo->admin.remote;
    c->metrics_remote.timeout_ms = METRICS_TIMEOUT_MS;
    trib_code code = ask_metrics(c, err);
    c->first = c->before = c->now;
    return code;
}

void city_show(city *c, bool now) {
    int64_t now_ns = trib_env_mono_ns(trib_env_native());
    trib_error err;
    if (!c->next_show_ns) {
        c->shown_ns = c->began_ns;
        c->next_show_ns = c->began_ns + (c->terminal ? TERMINAL_MS : PLAIN_MS) * INT64_C(1000000);
    }
    if ((!now && now_ns < c->next_show_ns) || c->stops) return;
    c->next_show_ns += (c->terminal ? TERMINAL_MS : PLAIN_MS) * INT64_C(1000000);
    if (ask_metrics(c, &err) != TRIB_OK) {
        city_stop(c, err.code, err.message);
        return;
    }
    double s = (double)(now_ns - c->began_ns) / 1e9, past = (double)(now_ns - c->shown_ns) / 1e9;
    double deals = ratio((double)(c->counts.deals - c->shown.deals), past);
    double events = ratio((double)(c->counts.events - c->shown.events), past);
    double pings = ratio((double)(c->counts.pings - c->shown.pings), past);
    if (deals > c->best_deals) c->best_deals = deals;
    if (events > c->best_events) c->best_events = events;
    if (pings > c->best_pings) c->best_pings = pings;
    if (c->terminal) show_block(c, s, deals, events, pings);
    else show_plain(c, s, deals, events, pings);
    fflush(c->demo->cli->out);
    c->shown = c->counts;
    c->shown_ns = now_ns;
    memset(c->append_now, 0, sizeof *c->append_now);
}

/* ---- the summary ---- */

static void write_json(const city *c, bool ok) {
    double s = (double)c->played_ns / 1e9;
    trib_json_writer w;
    trib_buf buf;
    trib_buf_init(&buf, 64 * 1024);
    trib_jw_init(&w, &buf);
    trib_jw_object_begin(&w);
    trib_jw_member_bool(&w, "ok", ok);
    trib_jw_member_i64(&w, "city", c->deals_max);
#define NUMBER(key, value)                                                                                             \
    do {                                                                                                               \
        trib_jw_key_c(&w, key);                                                                                        \
        trib_jw_f64(&w, (double)(int64_t)((value)*1000 + 0.5) / 1000);                                                 \
    } while (0)
    NUMBER("rate", c->rate);
    NUMBER("seconds", s);
    trib_jw_member_i64(&w, "deals", (int64_t)c->counts.deals);
    trib_jw_member_i64(&w, "cancelled", (int64_t)c->counts.cancelled);
    trib_jw_member_i64(&w, "events", (int64_t)c->counts.events);
    trib_jw_member_i64(&w, "requests", (int64_t)c->counts.requests);
    trib_jw_member_i64(&w, "pings", (int64_t)c->counts.pings);
    trib_jw_member_i64(&w, "late_pings", (int64_t)c->counts.late_pings);
    trib_jw_member_i64(&w, "second_jobs_refused", (int64_t)c->counts.probes);
    NUMBER("deals_per_s", ratio((double)c->played.deals, s));
    NUMBER("events_per_s", ratio((double)c->played.events, s));
    NUMBER("pings_per_s", ratio((double)c->played.pings, s));
    NUMBER("append_p50_ms", trib_latency_us(c->append, 50) / 1000);
    NUMBER("append_p99_ms", trib_latency_us(c->append, 99) / 1000);
    NUMBER("append_max_ms", (double)c->append->max_ns / 1e6);
    NUMBER("events_per_sync", ratio(c->now.events - c->first.events, c->now.syncs - c->first.syncs));
    trib_jw_member_i64(&w, "streams_peak_bytes", (int64_t)(c->peak.database_bytes + c->peak.log_bytes));
    trib_jw_member_i64(&w, "archived", (int64_t)(c->now.archived - c->first.archived));
    trib_jw_member_i64(&w, "archive_backlog", (int64_t)c->now.backlog);
    trib_jw_member_i64(&w, "memory_bytes", (int64_t)c->now.rss_bytes);
    trib_jw_member_i64(&w, "memory_bytes_at_first", (int64_t)c->first.rss_bytes);
    NUMBER("cpu_seconds", c->now.cpu_seconds - c->first.cpu_seconds);
#undef NUMBER
    trib_jw_member_i64(&w, "errors", (int64_t)c->error_count);
    trib_jw_key_c(&w, "errors_by_code");
    trib_jw_object_begin(&w);
    for (unsigned i = 0; i < CITY_ERRORS_MAX && c->errors[i].count; i++)
        trib_jw_member_i64(&w, c->errors[i].code, (int64_t)c->errors[i].count);
    trib_jw_object_end(&w);
    trib_jw_member_i64(&w, "broken", (int64_t)c->invariants_broken);
    trib_jw_object_end(&w);
    fprintf(c->demo->cli->out, "%.*s\n", TRIB_STR_ARG(trib_buf_str(&buf)));
    trib_buf_deinit(&buf);
}

static void say_rates(const city *c) {
    double s = (double)c->played_ns / 1e9;
    demo_say(c->demo, "\n  %-8s %12s %12s %12s %12s\n", "", "in all", "a second", "wanted", "best");
    demo_say(c->demo, "  %-8s %12llu %12.1f %12.1f %12.1f\n", "deals", (unsigned long long)c->counts.deals,
             ratio((double)c->played.deals, s), CITY_DEALS_A_SECOND * c->rate, c->best_deals);
    demo_say(c->demo, "  %-8s %12llu %12.1f %12.1f %12.1f\n", "events", (unsigned long long)c->counts.events,
             ratio((double)c->played.events, s), CITY_EVENTS_A_SECOND * c->rate, c->best_events);
    demo_say(c->demo, "  %-8s %12llu %12.1f %12.1f %12.1f\n\n", "pings", (unsigned long long)c->counts.pings,
             ratio((double)c->played.pings, s), CITY_PINGS_A_SECOND * c->rate, c->best_pings);
}

static void say_server(const city *c) {
    char a[SIZE_BYTES], b[SIZE_BYTES];
    demo_say(c->demo, "  append        %.2f ms p50, %.2f ms p99, %.2f ms at most, durable\n",
             trib_latency_us(c->append, 50) / 1000, trib_latency_us(c->append, 99) / 1000,
             (double)c->append->max_ns / 1e6);
    demo_say(c->demo, "  syncs         %.1f events and %.1f commits a sync of streams; %.0f syncs of all databases\n",
             ratio(c->now.events - c->first.events, c->now.syncs - c->first.syncs),
             ratio(c->now.commits - c->first.commits, c->now.syncs - c->first.syncs),
             c->now.all_syncs - c->first.all_syncs);
    demo_say(c->demo, "  streams       %s at most, with its log\n",
             size_text(c->peak.database_bytes + c->peak.log_bytes, a));
    demo_say(c->demo, "  archive       %.0f streams, %.0f wait, %.0f waited at most\n",
             c->now.archived - c->first.archived, c->now.backlog, c->peak.backlog);
    demo_say(c->demo, "  memory        %s at first, %s now\n", size_text(c->first.rss_bytes, a),
             size_text(c->now.rss_bytes, b));
    demo_say(c->demo, "  processor     %.1f s%s\n\n", c->now.cpu_seconds - c->first.cpu_seconds,
             c->demo->own_server ? ", with this program" : "");
}

void city_show_end(city *c, bool ok) {
    trib_error err;
    (void)ask_metrics(c, &err);
    if (c->demo->cli->json) {
        write_json(c, ok);
        return;
    }
    say_rates(c);
    say_server(c);
    demo_say(c->demo, "  second jobs of drivers    %llu asked for, %s\n", (unsigned long long)c->counts.probes,
             c->invariants_broken ? "see below" : "all refused");
    demo_say(c->demo, "  sold out                  %llu, cancelled and paid back: %llu\n",
             (unsigned long long)c->counts.sold_out, (unsigned long long)c->counts.cancelled);
    demo_say(c->demo, "  ledgers read in the end   %u\n", c->sample_count);
    if (c->counts.late_pings)
        demo_say(c->demo, "  pings that were late      %llu were not sent\n", (unsigned long long)c->counts.late_pings);
    for (unsigned i = 0; i < CITY_ERRORS_MAX && c->errors[i].count; i++)
        demo_say(c->demo, "  error %-20s %llu, the first: %s\n", c->errors[i].code,
                 (unsigned long long)c->errors[i].count, c->errors[i].message);
    if (c->invariants_broken)
        demo_say(c->demo, "  WRONG %llu times, the first: %s\n", (unsigned long long)c->invariants_broken, c->broken);
}
