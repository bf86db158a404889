/* SPDX-License-Identifier: Apache-2.0 */
/* What /metrics says of shared streams: events by stream type, open tails, what they were shown and why they ended.
 * Labels are kinds of tails and the types that the server knows, never a stream's or a tenant's name. */
#include <stdio.h>
#include <stdlib.h>

#include "features/streams/tails_int.h"

enum { LABELS_BYTES = 96, VALUE_BYTES = 64 };

static double read_open(void *ctx) {
    const _Atomic size_t *open = ctx;
    return (double)atomic_load_explicit(open, memory_order_relaxed);
}

static trib_counter *add(streams_counts *counts, trib_metrics *metrics, const char *name, const char *help,
                         const char *label, trib_str value) {
    char labels[LABELS_BYTES];
    if (!metrics) return &counts->none;
    snprintf(labels, sizeof labels, "%s=\"%.*s\"", label, TRIB_STR_ARG(trib_str_sub(value, 0, VALUE_BYTES)));
    return trib_metrics_add_counter(metrics, name, help, label[0] ? labels : NULL);
}

static void add_kinds(streams_counts *counts, trib_metrics *metrics) {
    static const char *const kinds[] = {
#define X(id, label) label,
        STREAMS_TAIL_KIND_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < STREAMS_TAIL_KINDS; i++)
        counts->shown[i] = add(counts, metrics, "trib_stream_tail_events", "Events sent to readers who follow a stream",
                               "kind", trib_str_c(kinds[i]));
    for (size_t i = 0; metrics && i < STREAMS_TAIL_KINDS; i++) {
        char labels[LABELS_BYTES];
        snprintf(labels, sizeof labels, "kind=\"%s\"", kinds[i]);
        trib_metrics_add_gauge(metrics, "trib_stream_tails", "Streams that are being followed", labels, read_open,
                               &counts->open[i]);
    }
}

static void add_ends(streams_counts *counts, trib_metrics *metrics) {
    static const char *const ends[] = {
#define X(id, label) label,
        STREAMS_TAIL_END_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < STREAMS_TAIL_ENDS; i++)
        counts->ended[i] =
            add(counts, metrics, "trib_stream_tails_ended", "Followed streams that ended", "why", trib_str_c(ends[i]));
}

static double read_bytes(void *ctx) {
    const _Atomic uint64_t *bytes = ctx;
    return (double)atomic_load_explicit(bytes, memory_order_relaxed);
}

static void add_sizes(streams_counts *counts, trib_metrics *metrics) {
    if (!metrics) return;
    trib_metrics_add_gauge(metrics, "trib_stream_database_bytes", "Size of the database of the streams", NULL,
                           read_bytes, &counts->database_bytes);
    trib_metrics_add_gauge(metrics, "trib_stream_free_bytes", "What of it is free for new events", NULL, read_bytes,
                           &counts->free_bytes);
    trib_metrics_add_gauge(metrics, "trib_stream_log_bytes", "Size of its log, which is written over again and again",
                           NULL, read_bytes, &counts->log_bytes);
}

trib_code streams_counts_new(trib_app *app, streams_counts **ret, trib_error *err) {
    trib_metrics *metrics = app->metrics;
    streams_counts *counts = calloc(1, sizeof *counts);
    if (!counts) return trib_error_set(err, TRIB_NOMEM, NULL);
    counts->types = app->stream_types;
    for (size_t i = 0; i <= counts->types->count; i++)
        counts->events[i] =
            add(counts, metrics, "trib_stream_events", "Events written to shared streams, by SQL too", "type",
                i < counts->types->count ? counts->types->entries[i]->type->name : (trib_str){0});
    add_kinds(counts, metrics);
    add_ends(counts, metrics);
    add_sizes(counts, metrics);
    counts->reads = add(counts, metrics, "trib_stream_tail_reads",
                        "Reads of the database for one reader, at its beginning or behind", "", (trib_str){0});
    counts->looks =
        add(counts, metrics, "trib_stream_looks", "Looks at what is new in all shared streams", "", (trib_str){0});
    *ret = counts;
    return TRIB_OK;
}

void streams_counts_add_events(streams_counts *counts, trib_str type, uint64_t events) {
    size_t i = 0;
    while (i < counts->types->count && !trib_str_eq(counts->types->entries[i]->type->name, type)) i++;
    trib_counter_add(counts->events[i], events);
}
