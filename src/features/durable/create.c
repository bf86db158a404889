/* SPDX-License-Identifier: Apache-2.0 */
/* PUT and DELETE: a stream is made, as a fork of another one or not, and removed. */
#include <string.h>

#include "features/durable/durable_int.h"

static trib_code conflict(trib_error *err, const char *what) {
    return trib_error_set(err, TRIB_STREAM_EXISTS, "%s", what);
}

/* The same PUT once more changes nothing. */
static trib_code check_same(durable_ask *ask, const durable_stream *s, trib_error *err) {
    const durable_head *head = &ask->head;
    bool fork = head->fork_of.len > 0;
    trib_str type = head->type.len ? head->type : TRIB_STR("application/octet-stream");
    if ((!fork || head->type.len) && !durable_media_same(type, s->type))
        return conflict(err, "the stream is there, with another Content-Type");
    if ((head->has_ttl || !fork) && (head->has_ttl ? (int64_t)head->ttl_s : -1) != s->ttl_s)
        return conflict(err, "the stream is there, with another Stream-TTL");
    if ((head->has_expires || !fork) && (head->has_expires ? head->expires_ms : -1) != s->expires_ms)
        return conflict(err, "the stream is there, with another Stream-Expires-At");
    if (head->closes != s->closed) return conflict(err, "the stream is there, and open or closed as this one is not");
    if (!fork) return TRIB_OK;
    durable_stream source;
    trib_code code = durable_load(ask, head->fork_of, &source, err);
    if (code != TRIB_OK) return code;
    if (!source.exists || s->source != source.id)
        return conflict(err, "the stream is there, and is no fork of the one that was named");
    if (head->has_fork_position && head->fork_position + head->fork_sub != s->fork_position)
        return conflict(err, "the stream is there, forked at another offset");
    return TRIB_OK;
}

static trib_code fork_from(durable_ask *ask, durable_stream *s, trib_error *err) {
    const durable_head *head = &ask->head;
    durable_stream source;
    uint64_t length;
    trib_code code = durable_open(ask, head->fork_of, &source, err);
    if (code == TRIB_STREAM_GONE) return conflict(err, "the stream to fork was removed");
    if (code != TRIB_OK) return code;
    if (head->type.len > 0 && !durable_media_same(head->type, source.type))
        return trib_error_set(err, TRIB_CONTENT_TYPE_MISMATCH, "a fork has the Content-Type of its source, %.*s",
                              TRIB_STR_ARG(source.type));
    if (source.depth + 1 > DURABLE_FORK_DEPTH_MAX)
        return trib_error_set(err, TRIB_BAD_REQUEST, "a fork of a fork ... goes %d deep at most; copy the stream",
                              DURABLE_FORK_DEPTH_MAX);
    s->fork_position = head->has_fork_position ? head->fork_position : source.tail;
    if (s->fork_position > source.tail)
        return trib_error_set(err, TRIB_BAD_REQUEST, "Stream-Fork-Offset is behind the end of the source");
    if (head->fork_sub > 0) {
        code = durable_length_at(ask, &source, s->fork_position, &length, err);
        if (code != TRIB_OK) return code;
        if (head->fork_sub > length)
            return trib_error_set(
                err, TRIB_BAD_REQUEST,
                "Stream-Fork-Sub-Offset is behind the end of the append at the offset, which has %llu",
                (unsigned long long)length);
        s->fork_position += head->fork_sub;
    }
    s->type = source.type;
    s->tail = s->fork_position;
    s->source = source.id;
    s->depth = source.depth + 1;
    if (head->has_ttl || head->has_expires) return TRIB_OK;
    s->ttl_s = source.ttl_s;
    s->expires_ms = source.expires_ms;
    return TRIB_OK;
}

static void describe(durable_ask *ask, const durable_stream *s, int status) {
    trib_http_request *http = ask->http;
    const char *url = ask->job.app->settings.public_url;
    ask->status = status;
    memcpy(ask->type, s->type.ptr, s->type.len);
    ask->type[s->type.len] = '\0';
    durable_header_offset(ask, s->tail);
    if (s->closed) durable_header(ask, "Stream-Closed", "true");
    if (status != 201 || !url) return;
    trib_buf_add_c(&ask->headers, "Location: ");
    trib_buf_add_c(&ask->headers, url);
    trib_buf_add_c(&ask->headers, http->tenant->name);
    trib_buf_add_c(&ask->headers, "/v1/stream/");
    for (trib_str rest = ask->head.path; rest.len > 0;) {
        size_t end = trib_str_find(rest, '/');
        trib_percent_encode(trib_str_sub(rest, 0, end), &ask->headers);
        if (end == SIZE_MAX) break;
        trib_buf_add_char(&ask->headers, '/');
        rest = trib_str_sub(rest, end + 1, rest.len);
    }
    trib_buf_add_c(&ask->headers, "\r\n");
}

trib_code durable_create(durable_ask *ask, trib_error *err) {
    const durable_head *head = &ask->head;
    durable_stream s;
    trib_code code = durable_tables_make(ask, err);
    if (code == TRIB_OK) code = durable_kill_expired(ask, err);
    if (code == TRIB_OK) code = durable_load(ask, head->path, &s, err);
    if (code != TRIB_OK) return code;
    if (s.exists && s.gone)
        return conflict(err,
                        "a stream at this path was removed, and forks of it are left; remove them, or take another "
                        "path");
    if (s.exists) {
        code = check_same(ask, &s, err);
        if (code == TRIB_OK) describe(ask, &s, 200);
        return code;
    }
    if (s.id != 0) code = durable_kill(ask, &s, err); /* too old, and not among the first that were looked after */
    s = (durable_stream){.ttl_s = head->has_ttl ? (int64_t)head->ttl_s : -1,
                         .expires_ms = head->has_expires ? head->expires_ms : -1,
                         .type = head->type.len ? head->type : TRIB_STR("application/octet-stream")};
    if (code == TRIB_OK && head->fork_of.len > 0) code = fork_from(ask, &s, err);
    s.json = durable_media_is_json(s.type);
    if (code == TRIB_OK) code = durable_take_body(ask, s.json, err);
    if (code == TRIB_OK) code = durable_insert(ask, head->path, &s, err);
    if (code == TRIB_OK && (ask->units > 0 || head->closes)) code = durable_add(ask, &s, err);
    if (code == TRIB_OK) describe(ask, &s, 201);
    ask->tells = code == TRIB_OK; /* somebody may wait for a stream that was here before */
    return code;
}

trib_code durable_remove(durable_ask *ask, trib_error *err) {
    durable_stream s;
    trib_code code = durable_open(ask, ask->head.path, &s, err);
    if (code == TRIB_OK) code = durable_kill(ask, &s, err);
    ask->status = 204;
    ask->tells = code == TRIB_OK;
    return code;
}
