/* SPDX-License-Identifier: Apache-2.0 */
/* trib stream tail | show | append | continue | state | verify: the streams of a running server, over its HTTP API as a
 * tenant (--tenant), or as `streams`, which sees all of them. */
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "cli/admin.h"
#include "cli/link.h"
#include "wire/url.h"

enum {
    PATH_BYTES = 1024,
    BODY_MAX_BYTES = 1 << 20,
    LINE_MAX_BYTES = 64 << 20, /* an event, as long as the server sends one */
    EVENT_ARENA_BYTES = 256 << 20,
    COME_BACK_MS = 1000,
    SILENCE_MS = 30 * 1000 /* the server says something every 10 s: it is gone */
};

typedef struct live {
    trib_cli *cli;
    trib_link link;
    trib_interrupt interrupt;
    trib_arena arena;
} live;

static trib_code open_live(live *l, trib_cli *cli, trib_error *err) {
    const char *tenant = trib_cli_get(cli, "tenant");
    *l = (live){.cli = cli, .link = TRIB_LINK_NONE, .interrupt = {-1}};
    trib_arena_init(&l->arena, EVENT_ARENA_BYTES);
    return trib_link_open(&l->link, cli, tenant ? tenant : "streams", trib_cli_get(cli, "token"), &l->interrupt, err);
}

static int close_live(live *l, trib_code code, const trib_error *err) {
    int status = code == TRIB_OK ? TRIB_EXIT_OK : trib_cli_fail(l->cli, err);
    trib_link_close(&l->link, &l->arena);
    trib_interrupt_close(&l->interrupt);
    trib_arena_deinit(&l->arena);
    return status;
}

/* "api/streams/ID<rest>" with the command's first argument as id. */
static trib_code make_path(const live *l, const char *rest, char path[PATH_BYTES], trib_error *err) {
    trib_buf coded;
    trib_buf_init(&coded, PATH_BYTES);
    trib_percent_encode(trib_str_c(l->cli->args[0]), &coded);
    int n = snprintf(path, PATH_BYTES, "api/streams/%.*s%s", TRIB_STR_ARG(trib_buf_str(&coded)), rest);
    bool fits = !coded.failed && n < PATH_BYTES;
    trib_buf_deinit(&coded);
    return fits ? TRIB_OK : trib_error_set(err, TRIB_USAGE, "the stream's id is too long");
}

static trib_code call(live *l, const char *method, const char *rest, trib_str body, const trib_json **ret,
                      trib_error *err) {
    char path[PATH_BYTES];
    trib_code code = make_path(l, rest, path, err);
    return code == TRIB_OK ? trib_remote_call(&l->link.db, method, path, body, &l->arena, ret, err) : code;
}

static trib_str text_of(const trib_json *event, const char *key) {
    trib_str text = {0};
    if (!trib_json_str(trib_json_get(event, key), &text)) trib_json_number_token(trib_json_get(event, key), &text);
    return text.len ? text : TRIB_STR("-");
}

/* One line. */
static void print_event(const live *l, const trib_json *event) {
    FILE *out = l->cli->out;
    if (l->cli->json) {
        trib_admin_print_json(out, event);
    } else {
        fprintf(out, "%-24.*s %5.*s  %-14.*s %-14.*s %8.*s  %.*s\n", TRIB_STR_ARG(text_of(event, "ts")),
                TRIB_STR_ARG(text_of(event, "opcode")), TRIB_STR_ARG(text_of(event, "nodeId")),
                TRIB_STR_ARG(text_of(event, "pointId")), TRIB_STR_ARG(text_of(event, "delta")),
                TRIB_STR_ARG(text_of(event, "payload")));
    }
    fflush(out);
}

#define LIVE_OPTIONS                                                                                                   \
    {"tenant", "TENANT", "as this tenant, or the URL of one; else as `streams`, which sees all"},                      \
        {"token", "TOKEN", "who asks; better by TRIB_TOKEN, since others see command lines (TRIB_TOKEN)"},             \
        TRIB_ADMIN_OPTIONS

/* ---- tail ---- */

typedef struct tail {
    live l;
    trib_buf line;
    trib_str kind; /* of the event that is being read: "", "closed", "ended" */
    char kind_text[16];
    uint64_t id, offset;
    bool from_now, any, over, failed;
    trib_code why;
    trib_error err;
    int64_t idle_ms, heard_ms;
} tail;

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* To people; nothing with --json. */
static void note_end(const tail *t, const trib_json *closed) {
    trib_str next;
    if (t->l.cli->json || !trib_json_str(trib_json_get(closed, "continuedBy"), &next)) return;
    fprintf(t->l.cli->err, "trib: the stream is closed; it goes on in %.*s\n", TRIB_STR_ARG(next));
}

static void take_data(tail *t, trib_str data) {
    const trib_json *json;
    trib_str message = {0};
    trib_error ignored;
    trib_arena_reset(&t->l.arena);
    if (trib_json_parse(&t->l.arena, data, &json, &ignored) != TRIB_OK) return;
    if (t->kind.len == 0) {
        t->heard_ms = now_ms();
        t->offset = t->id;
        t->from_now = false;
        print_event(&t->l, json);
        return;
    }
    t->over = true;
    if (trib_str_eq_c(t->kind, "closed")) {
        note_end(t, json);
        return;
    }
    trib_json_str(trib_json_get(json, "message"), &message);
    t->why =
        trib_error_set(&t->err, TRIB_STREAM_NOT_FOUND, "the stream is followed no more: %.*s", TRIB_STR_ARG(message));
}

static void take_line(tail *t, trib_str line) {
    if (line.len == 0) {
        t->kind.len = 0;
    } else if (trib_str_starts(line, TRIB_STR("id: "))) {
        trib_str_u64(trib_str_sub(line, 4, line.len), &t->id);
    } else if (trib_str_starts(line, TRIB_STR("event: "))) {
        snprintf(t->kind_text, sizeof t->kind_text, "%.*s", TRIB_STR_ARG(trib_str_sub(line, 7, line.len)));
        t->kind = trib_str_c(t->kind_text);
    } else if (trib_str_starts(line, TRIB_STR("data: "))) {
        take_data(t, trib_str_sub(line, 6, line.len));
    }
}

static bool on_body(void *ctx, trib_str bytes) {
    tail *t = ctx;
    t->any = true;
    trib_buf_add(&t->line, bytes);
    for (size_t end; !t->over && (end = trib_str_find(trib_buf_str(&t->line), '\n')) != SIZE_MAX;) {
        take_line(t, trib_str_sub(trib_buf_str(&t->line), 0, end));
        trib_buf_consume(&t->line, end + 1);
    }
    if (t->line.failed) t->failed = true;
    return !t->over && !t->failed && (t->idle_ms == 0 || now_ms() - t->heard_ms < t->idle_ms);
}

/* One connection, as long as it lasts. OK: it may be begun anew, or `over`. */
static trib_code follow_once(tail *t, trib_error *err) {
    char path[PATH_BYTES], rest[64];
    if (t->from_now) snprintf(rest, sizeof rest, "?live=sse&offset=now");
    else snprintf(rest, sizeof rest, "?live=sse&offset=%" PRIu64, t->offset);
    trib_code code = make_path(&t->l, rest, path, err);
    t->any = false;
    trib_buf_clear(&t->line);
    if (code == TRIB_OK) code = trib_remote_download(&t->l.link.db, path, on_body, t, &t->l.arena, err);
    if (t->failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK && !t->any) t->over = true; /* 204: it is closed, and all of it was shown */
    if (t->over) return TRIB_OK;
    if (t->idle_ms && now_ms() - t->heard_ms >= t->idle_ms) {
        t->over = true;
        return TRIB_OK;
    }
    return code;
}

/* False: Ctrl-C. */
static bool pause_a_while(tail *t) {
    struct pollfd fd = {.fd = t->l.interrupt.fd, .events = POLLIN};
    return poll(&fd, t->l.interrupt.fd >= 0 ? 1 : 0, COME_BACK_MS) == 0;
}

static bool is_passing(trib_code code) {
    return code == TRIB_OK || (trib_code_retry(code) && code != TRIB_CANCELLED && code != TRIB_NOMEM);
}

static trib_code follow(tail *t, trib_error *err) {
    trib_code code = TRIB_OK;
    bool began = false, told = false;
    t->l.link.db.timeout_ms = t->idle_ms && t->idle_ms < SILENCE_MS ? (uint32_t)t->idle_ms : SILENCE_MS;
    t->heard_ms = now_ms();
    for (;;) {
        code = follow_once(t, err);
        began = began || t->any;
        if (t->over || trib_interrupt_is_pending(&t->l.interrupt)) return TRIB_OK;
        if (!is_passing(code) || (!began && code != TRIB_OK)) return code;
        if (t->any) told = false;
        if (!told && !t->l.cli->json)
            fprintf(t->l.cli->err, "trib: the connection broke behind event %" PRIu64 "; trying again\n", t->offset);
        told = true;
        if (!pause_a_while(t)) return TRIB_OK;
    }
}

static trib_code read_words(tail *t, trib_error *err) {
    const char *offset = trib_cli_get(t->l.cli, "offset"), *timeout = trib_cli_get(t->l.cli, "timeout");
    uint64_t seconds = 0;
    t->from_now = offset && strcmp(offset, "now") == 0;
    if (offset && !t->from_now && !trib_str_u64(trib_str_c(offset), &t->offset))
        return trib_error_set(err, TRIB_USAGE, "--offset is the number of the last event that you have, or now");
    if (timeout && (!trib_str_u64(trib_str_c(timeout), &seconds) || seconds == 0 || seconds > UINT32_MAX / 1000))
        return trib_error_set(err, TRIB_USAGE, "--timeout is a number of seconds");
    t->idle_ms = (int64_t)seconds * 1000;
    return TRIB_OK;
}

static int run_tail(trib_cli *cli) {
    tail t = {0};
    trib_error err;
    trib_code code = open_live(&t.l, cli, &err);
    trib_buf_init(&t.line, LINE_MAX_BYTES);
    if (code == TRIB_OK) code = read_words(&t, &err);
    if (code == TRIB_OK) code = trib_interrupt_open(&t.l.interrupt, &err);
    if (code == TRIB_OK) {
        t.l.link.db.cancel_fd = &t.l.interrupt.fd;
        code = follow(&t, &err);
    }
    if (code == TRIB_OK && t.why != TRIB_OK) {
        code = t.why;
        err = t.err;
    }
    trib_buf_deinit(&t.line);
    return close_live(&t.l, code, &err);
}

static const trib_cli_option tail_options[] = {
    {"offset", "N", "begin behind this event; 0: with the first (default), now: with the next that comes"},
    {"timeout", "SECONDS", "end when nothing came for so long"},
    LIVE_OPTIONS,
};

static const trib_cli_example tail_examples[] = {
    {"trib stream tail ord-1 --tenant ali", "the events so far, and those that come"},
    {"trib stream tail ord-1 --offset now --json", "those that come, an object a line"},
};

extern const trib_cli_command trib_cmd_stream_tail;
const trib_cli_command trib_cmd_stream_tail = {
    .name = "stream tail",
    .args = "STREAM",
    .summary = "Follow a stream: its events as they come",
    .description =
        "Shows time, opcode, node, point, delta and payload of each event, a line each. When the connection or the "
        "server\nbreaks, it comes back and goes on behind the last event. It ends when the stream is closed, and then "
        "names the one\nthat continues it, if there is one already; or by Ctrl-C.",
    .options = tail_options,
    .option_count = sizeof tail_options / sizeof *tail_options,
    .examples = tail_examples,
    .example_count = sizeof tail_examples / sizeof *tail_examples,
    .min_args = 1,
    .max_args = 1,
    .run = run_tail,
};

/* ---- show, state, verify ---- */

static int run_show(trib_cli *cli) {
    live l;
    trib_error err;
    const trib_json *events = NULL;
    trib_code code = open_live(&l, cli, &err);
    if (code == TRIB_OK) code = call(&l, "GET", "", (trib_str){0}, &events, &err);
    for (const trib_json *event = trib_json_first(events); code == TRIB_OK && event; event = trib_json_next(event))
        print_event(&l, event);
    return close_live(&l, code, &err);
}

static trib_code print_answer(live *l, trib_cli *cli, const char *rest, const trib_json **ret, trib_error *err) {
    trib_code code = open_live(l, cli, err);
    if (code == TRIB_OK) code = call(l, "GET", rest, (trib_str){0}, ret, err);
    if (code == TRIB_OK) trib_admin_print_json(cli->out, *ret);
    return code;
}

static int run_state(trib_cli *cli) {
    live l;
    trib_error err;
    const trib_json *state = NULL;
    trib_code code = print_answer(&l, cli, "/state", &state, &err);
    return close_live(&l, code, &err);
}

static int run_verify(trib_cli *cli) {
    live l;
    trib_error err;
    bool ok = false;
    const trib_json *verdict = NULL;
    trib_code code = print_answer(&l, cli, "/verify", &verdict, &err);
    trib_json_bool(trib_json_get(verdict, "ok"), &ok);
    int status = close_live(&l, code, &err);
    return status == TRIB_EXIT_OK && !ok ? TRIB_EXIT_FOUND : status;
}

static const trib_cli_option live_options[] = {LIVE_OPTIONS};
static const trib_cli_example show_examples[] = {{"trib stream show ord-1 --tenant ali", "its events, a line each"}};
static const trib_cli_example state_examples[] = {{"trib stream state ord-1", "status, money, members, tasks"}};
static const trib_cli_example verify_examples[] = {{"trib stream verify ord-1", "whether its hash chain holds"}};

extern const trib_cli_command trib_cmd_stream_show;
const trib_cli_command trib_cmd_stream_show = {
    .name = "stream show",
    .args = "STREAM",
    .summary = "Show the events of a stream",
    .description = "Time, opcode, node, point, delta and payload of each, a line each; with --json an object a line.",
    .options = live_options,
    .option_count = sizeof live_options / sizeof *live_options,
    .examples = show_examples,
    .example_count = sizeof show_examples / sizeof *show_examples,
    .min_args = 1,
    .max_args = 1,
    .run = run_show,
};

extern const trib_cli_command trib_cmd_stream_state;
const trib_cli_command trib_cmd_stream_state = {
    .name = "stream state",
    .args = "STREAM",
    .summary = "Show what a stream amounts to: status, money, tasks, stock",
    .description = "As JSON; docs/reference/streams.md says what its members mean.",
    .options = live_options,
    .option_count = sizeof live_options / sizeof *live_options,
    .examples = state_examples,
    .example_count = sizeof state_examples / sizeof *state_examples,
    .min_args = 1,
    .max_args = 1,
    .run = run_state,
};

extern const trib_cli_command trib_cmd_stream_verify;
const trib_cli_command trib_cmd_stream_verify = {
    .name = "stream verify",
    .args = "STREAM",
    .summary = "Check that every event of a stream is as it came, in its place",
    .description = "The server makes the hash chain anew from the events and compares it. Status 7: it does not hold.",
    .options = live_options,
    .option_count = sizeof live_options / sizeof *live_options,
    .examples = verify_examples,
    .example_count = sizeof verify_examples / sizeof *verify_examples,
    .min_args = 1,
    .max_args = 1,
    .run = run_verify,
};

/* ---- append ---- */

static void add_member(const trib_cli *cli, trib_json_writer *w, const char *option, const char *member) {
    const char *value = trib_cli_get(cli, option);
    if (value) trib_jw_member_str(w, member, trib_str_c(value));
}

static trib_code add_event(live *l, trib_json_writer *w, trib_error *err) {
    static const char *const raw[] = {"delta", "payload"};
    const trib_cli *cli = l->cli;
    int64_t opcode;
    const trib_json *json;
    if (!trib_cli_get(cli, "opcode") || !trib_str_i64(trib_str_c(trib_cli_get(cli, "opcode")), &opcode))
        return trib_error_set(err, TRIB_USAGE, "--opcode N says what the event is");
    trib_jw_object_begin(w);
    trib_jw_member_i64(w, "opcode", opcode);
    add_member(cli, w, "id", "id");
    add_member(cli, w, "node", "nodeId");
    add_member(cli, w, "point", "pointId");
    for (size_t i = 0; i < sizeof raw / sizeof *raw; i++) {
        const char *value = trib_cli_get(cli, raw[i]);
        if (!value) continue;
        if (trib_json_parse(&l->arena, trib_str_c(value), &json, err) != TRIB_OK)
            return trib_error_set(err, TRIB_USAGE, "--%s must be JSON: %s", raw[i], value);
        trib_jw_key_c(w, raw[i]);
        trib_jw_value(w, json);
    }
    trib_jw_object_end(w);
    return TRIB_OK;
}

static trib_code write_body(live *l, trib_buf *body, trib_error *err) {
    const char *expected = trib_cli_get(l->cli, "expected");
    uint64_t version;
    trib_json_writer w;
    trib_jw_init(&w, body);
    trib_jw_object_begin(&w);
    if (expected && trib_str_u64(trib_str_c(expected), &version)) trib_jw_member_i64(&w, "expected", (int64_t)version);
    else if (expected) trib_jw_member_str(&w, "expected", trib_str_c(expected));
    trib_jw_key_c(&w, "events");
    trib_jw_array_begin(&w);
    trib_code code = add_event(l, &w, err);
    trib_jw_array_end(&w);
    trib_jw_object_end(&w);
    return code == TRIB_OK && body->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : code;
}

static int run_append(trib_cli *cli) {
    live l;
    trib_buf body;
    trib_error err;
    const trib_json *answer = NULL;
    trib_buf_init(&body, BODY_MAX_BYTES);
    trib_code code = open_live(&l, cli, &err);
    if (code == TRIB_OK) code = write_body(&l, &body, &err);
    if (code == TRIB_OK) code = call(&l, "POST", "/events", trib_buf_str(&body), &answer, &err);
    if (code == TRIB_OK) trib_admin_print_json(cli->out, answer);
    trib_buf_deinit(&body);
    return close_live(&l, code, &err);
}

static const trib_cli_option append_options[] = {
    {"opcode", "N", "what it is, as the stream's type says"},
    {"node", "ID", "the node it is about"},
    {"point", "ID", "the point it is about"},
    {"delta", "N", "by how much"},
    {"payload", "JSON", "an object with the rest"},
    {"id", "ID", "its own id; a random one without"},
    {"expected", "VERSION|none|exists|any", "what the stream must be like; any without"},
    LIVE_OPTIONS,
};

static const trib_cli_example append_examples[] = {
    {"trib stream append ord-1 --tenant bab-hara --opcode 301 --node ord-1", "the restaurant accepts the order"},
};

extern const trib_cli_command trib_cmd_stream_append;
const trib_cli_command trib_cmd_stream_append = {
    .name = "stream append",
    .args = "STREAM",
    .summary = "Append an event to a stream",
    .description = "Prints the number that it got. The stream's type says what is allowed: `trib stream types`.",
    .options = append_options,
    .option_count = sizeof append_options / sizeof *append_options,
    .examples = append_examples,
    .example_count = sizeof append_examples / sizeof *append_examples,
    .min_args = 1,
    .max_args = 1,
    .run = run_append,
};

/* ---- continue ---- */

static trib_code print_next(const live *l, const trib_json *answer, trib_error *err) {
    trib_str id;
    if (!trib_json_str(trib_json_get(answer, "streamId"), &id))
        return trib_error_set(err, TRIB_REMOTE, "the server did not say which stream takes what comes now");
    if (l->cli->json) trib_admin_print_json(l->cli->out, answer);
    else fprintf(l->cli->out, "%.*s\n", TRIB_STR_ARG(id));
    return TRIB_OK;
}

static int run_continue(trib_cli *cli) {
    live l;
    trib_error err;
    const trib_json *answer = NULL;
    trib_code code = open_live(&l, cli, &err);
    if (code == TRIB_OK) code = call(&l, "POST", "/continue", TRIB_STR("{}"), &answer, &err);
    if (code == TRIB_OK) code = print_next(&l, answer, &err);
    return close_live(&l, code, &err);
}

static const trib_cli_example continue_examples[] = {
    {"trib stream continue ord-1 --tenant ali", "ord-1~2, opened behind the closed ord-1; the same when asked again"},
    {"trib stream append \"$(trib stream continue ord-1)\" --opcode 405 --delta 12", "money comes back after the end"},
};

extern const trib_cli_command trib_cmd_stream_continue;
const trib_cli_command trib_cmd_stream_continue = {
    .name = "stream continue",
    .args = "STREAM",
    .summary = "Say which stream takes what comes now: itself, or what continues it",
    .description =
        "A closed stream takes no events any more. What comes after its end, a late refund say, goes into its\n"
        "continuation, which is opened when it is asked for the first time. Prints its id; an open stream's is its "
        "own.\ndocs/reference/streams.md says what a continuation begins with.",
    .options = live_options,
    .option_count = sizeof live_options / sizeof *live_options,
    .examples = continue_examples,
    .example_count = sizeof continue_examples / sizeof *continue_examples,
    .min_args = 1,
    .max_args = 1,
    .run = run_continue,
};
