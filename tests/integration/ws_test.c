/* SPDX-License-Identifier: Apache-2.0 */
/* WebSockets against the real program over sockets: RFC 6455 section by section, then Hrana over it. */
#include "ws_client.h"

static int failed;

static void check(bool fine, const char *what) {
    if (!fine) failed++;
    printf("%s %s\n", fine ? "ok    " : "FAILED", what);
}

#define HELLO             "{\"type\":\"hello\",\"jwt\":null}"
#define REQUEST(id, rest) "{\"type\":\"request\",\"request_id\":" #id ",\"request\":{" rest "}}"
#define OPEN(id, stream)  REQUEST(id, "\"type\":\"open_stream\",\"stream_id\":" #stream)
#define CLOSE(id, stream) REQUEST(id, "\"type\":\"close_stream\",\"stream_id\":" #stream)
#define EXECUTE(id, stream, sql)                                                                                       \
    REQUEST(id, "\"type\":\"execute\",\"stream_id\":" #stream ",\"stmt\":{\"sql\":\"" sql "\"}")
#define NUMBERS(n) "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c LIMIT " #n ") SELECT n FROM c"

/* ---- the handshake (§4) ---- */

static void handshakes(const server *s) {
    static const struct {
        const char *name, *path, *more, *want;
    } rows[] = {
        {"4.2.2 the accept value", "/acme", "Sec-WebSocket-Version: 13\r\n", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
        {"4.2.2 a tenant's path with a slash", "/acme/", "Sec-WebSocket-Version: 13\r\n", "HTTP/1.1 101 "},
        {"4.2.2 the root, without a tenant until hello", "/", "Sec-WebSocket-Version: 13\r\n", "HTTP/1.1 101 "},
        {"4.4 version 8 is told 13", "/acme", "Sec-WebSocket-Version: 8\r\n", "\r\nsec-websocket-version: 13\r\n"},
        {"4.4 no version", "/acme", "", "HTTP/1.1 426 "},
        {"4.1 two keys", "/acme", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
         "HTTP/1.1 400 "},
        {"1.9 the preferred subprotocol", "/acme",
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: hrana1, hrana2\r\n",
         "\r\nSec-WebSocket-Protocol: hrana2\r\n"},
        {"1.9 no known subprotocol", "/acme", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n",
         "HTTP/1.1 400 "},
        {"another path", "/acme/v2", "Sec-WebSocket-Version: 13\r\n", "HTTP/1.1 200 "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ws_client *c = calloc(1, sizeof *c);
        if (!c) die("no memory");
        (void)ws_ask(c, s->port, rows[i].path, rows[i].more);
        bool fine = strstr(c->head, rows[i].want) != NULL;
        if (!fine) printf("       %s\n", c->head);
        check(fine, rows[i].name);
        ws_hang_up(c);
    }
    ws_client *c = calloc(1, sizeof *c);
    if (!c) die("no memory");
    check(
        ws_ask(c, s->port, "/acme", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n") &&
            !strstr(c->head, "xtensions"),
        "9.1 an extension that is offered is not taken");
    ws_hang_up(c);
}

/* ---- frames (§5 to §8) ---- */

typedef struct frame_row {
    bool fin;
    uint8_t rsv, opcode;
    bool bare; /* without a mask */
    int length_form;
    const char *payload;
    size_t len; /* 0: of the string */
} frame_row;

#define FRAMES_MAX 5

static const struct {
    const char *name;
    frame_row frames[FRAMES_MAX];
    unsigned close_code; /* 0: a pong with the last frame's payload comes instead */
} frame_rows[] = {
    {"5.1 a frame without a mask", {{.fin = true, .opcode = 1, .bare = true, .payload = HELLO}}, 1002},
    {"5.2 reserved bit 1", {{.fin = true, .rsv = 4, .opcode = 1, .payload = "x"}}, 1002},
    {"5.2 reserved bit 2", {{.fin = true, .rsv = 2, .opcode = 9, .payload = "x"}}, 1002},
    {"5.2 reserved bit 3", {{.fin = true, .rsv = 1, .opcode = 8, .payload = "x"}}, 1002},
    {"5.2 opcode 3", {{.fin = true, .opcode = 3, .payload = "x"}}, 1002},
    {"5.2 opcode 7 between fragments",
     {{.opcode = 1, .payload = "x"}, {.fin = true, .opcode = 7, .payload = "x"}},
     1002},
    {"5.2 opcode 11", {{.fin = true, .opcode = 11, .payload = "x"}}, 1002},
    {"5.2 opcode 15", {{.fin = true, .opcode = 15, .payload = "x"}}, 1002},
    {"5.2 a length of 16 bits for 5 bytes", {{.fin = true, .opcode = 9, .length_form = 2, .payload = "12345"}}, 1002},
    {"5.2 a length of 64 bits for 5 bytes", {{.fin = true, .opcode = 1, .length_form = 8, .payload = "12345"}}, 1002},
    {"5.4 a continuation of nothing", {{.fin = true, .opcode = 0, .payload = "x"}}, 1002},
    {"5.4 a message inside a message",
     {{.opcode = 1, .payload = "x"}, {.fin = true, .opcode = 1, .payload = "x"}},
     1002},
    {"5.4 a continuation after the end",
     {{.opcode = 1, .payload = HELLO}, {.fin = true}, {.fin = true, .payload = "x"}},
     1002},
    {"5.5 a ping of 126 bytes",
     {{.fin = true,
       .opcode = 9,
       .payload = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                  "01234567890123456789012345"}},
     1002},
    {"5.5 a ping in fragments", {{.opcode = 9, .payload = "x"}}, 1002},
    {"5.5.2 a ping without bytes", {{.fin = true, .opcode = 9, .payload = ""}}, 0},
    {"5.5.2 a ping of 125 bytes",
     {{.fin = true,
       .opcode = 9,
       .payload = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                  "0123456789012345678901234"}},
     0},
    {"5.5.2 a ping between fragments",
     {{.opcode = 1, .payload = "{\"type\":"}, {.fin = true, .opcode = 9, .payload = "now"}},
     0},
    {"5.5.3 a pong that nobody asked for",
     {{.fin = true, .opcode = 10, .payload = "x"}, {.fin = true, .opcode = 9, .payload = "y"}},
     0},
    {"5.5.1 a close is answered with its code", {{.fin = true, .opcode = 8, .payload = "\x03\xe8"}}, 1000},
    {"5.5.1 a close without a code", {{.fin = true, .opcode = 8, .payload = ""}}, 1005},
    {"5.5.1 a close with a reason", {{.fin = true, .opcode = 8, .payload = "\x03\xe9going"}}, 1001},
    {"5.5.1 half a close code", {{.fin = true, .opcode = 8, .payload = "\x03"}}, 1002},
    {"7.4.1 code 999", {{.fin = true, .opcode = 8, .payload = "\x03\xe7"}}, 1002},
    {"7.4.1 code 1004", {{.fin = true, .opcode = 8, .payload = "\x03\xec"}}, 1002},
    {"7.4.1 code 1005", {{.fin = true, .opcode = 8, .payload = "\x03\xed"}}, 1002},
    {"7.4.1 code 1006", {{.fin = true, .opcode = 8, .payload = "\x03\xee"}}, 1002},
    {"7.4.1 code 1015", {{.fin = true, .opcode = 8, .payload = "\x03\xf7"}}, 1002},
    {"7.4.2 code 2999", {{.fin = true, .opcode = 8, .payload = "\x0b\xb7"}}, 1002},
    {"7.4.2 code 3000", {{.fin = true, .opcode = 8, .payload = "\x0b\xb8"}}, 3000},
    {"7.4.2 code 4999", {{.fin = true, .opcode = 8, .payload = "\x13\x87"}}, 4999},
    {"7.4.2 code 5000", {{.fin = true, .opcode = 8, .payload = "\x13\x88"}}, 1002},
    {"8.1 a reason that is not UTF-8", {{.fin = true, .opcode = 8, .payload = "\x03\xe8\xff"}}, 1007},
    {"8.1 text that is not UTF-8", {{.fin = true, .opcode = 1, .payload = "\xc3\x28"}}, 1007},
    {"8.1 a surrogate", {{.fin = true, .opcode = 1, .payload = "\xed\xa0\x80"}}, 1007},
    {"8.1 an overlong form", {{.fin = true, .opcode = 1, .payload = "\xc0\xaf"}}, 1007},
    {"8.1 text that ends inside a character", {{.fin = true, .opcode = 1, .payload = "\xe2\x82"}}, 1007},
    {"8.1 a character that breaks across fragments",
     {{.opcode = 1, .payload = "\xf0\x9f"}, {.fin = true, .payload = "\x28"}},
     1007},
    {"8.1 found before the message ends", {{.opcode = 1, .payload = "\xff and more"}}, 1007},
};

static void frames(const server *s) {
    for (size_t i = 0; i < sizeof frame_rows / sizeof *frame_rows; i++) {
        ws_client *c = ws_open(s->port, "hrana3");
        const char *last = "";
        for (size_t k = 0; k < FRAMES_MAX; k++) {
            const frame_row *f = &frame_rows[i].frames[k];
            if (!f->payload && !f->fin) break;
            last = f->payload;
            ws_frame frame = {f->fin, f->rsv, f->opcode, !f->bare, f->length_form};
            ws_send_frame(c, frame, f->payload ? f->payload : "", f->payload ? strlen(f->payload) : 0);
        }
        bool fine;
        if (frame_rows[i].close_code) {
            do fine = ws_read(c);
            while (fine && c->opcode == 1); /* hello_ok */
            fine = fine && c->opcode == 8 && c->close_code == frame_rows[i].close_code;
            if (!fine) printf("       opcode %u, close code %u\n", c->opcode, c->close_code);
            char byte;
            fine = fine && recv(c->fd, &byte, 1, 0) <= 0;
        } else {
            fine = ws_read(c) && c->opcode == 10 && strcmp(c->payload, last) == 0;
        }
        check(fine, frame_rows[i].name);
        ws_hang_up(c);
    }
}

static void sizes(const server *s) {
    enum { BIG = 17 << 20 };
    ws_frame text = {.fin = true, .opcode = 1, .masked = true};
    char *big = malloc(BIG);
    if (!big) die("no memory");
    memset(big, ' ', BIG);
    ws_client *c = ws_open(s->port, "hrana3");
    ws_send_frame(c, text, big, 30000);
    check(ws_is_closed(c, 1009, "limit"), "10.4 before hello, 30 KB are too much");
    ws_hang_up(c);
    c = ws_open(s->port, "hrana3");
    ws_say(c, HELLO);
    check(ws_hears(c, "hello_ok"), "hello is answered");
    ws_send_frame(c, text, big, BIG);
    check(ws_is_closed(c, 1009, "limit"), "10.4 a message of 17 MiB is too much");
    ws_hang_up(c);
    c = ws_open(s->port, "hrana3");
    ws_say(c, HELLO);
    (void)ws_hears(c, "hello_ok");
    static const char ask[] = OPEN(1, 1);
    memcpy(big + 10000000, ask, sizeof ask - 1);
    for (size_t at = 0; at < 10100000; at += 65536) {
        size_t n = 10100000 - at < 65536 ? 10100000 - at : 65536;
        ws_send_frame(c, (ws_frame){at + n == 10100000, 0, at ? 0 : 1, true, 0}, big + at, n);
    }
    check(ws_hears(c, "\"request_id\":1,"), "5.4 a message of 10 MB in 155 fragments is read");
    ws_hang_up(c);
    free(big);
}

static void bytes_one_by_one(const server *s) {
    unsigned char frame[256];
    static const char hello[] = HELLO;
    ws_client *c = ws_open(s->port, NULL);
    size_t n = ws_frame_write((ws_frame){.fin = true, .opcode = 1, .masked = true}, hello, sizeof hello - 1, frame);
    for (size_t i = 0; i < n; i++) server_send(c->fd, (char *)frame + i, 1);
    check(ws_hears(c, "{\"type\":\"hello_ok\"}"), "5.2 a frame may come byte by byte, and no subprotocol is hrana1");
    ws_hang_up(c);
}

/* ---- Hrana ---- */

static void breaches_of_the_protocol_close_with_the_reason(const server *s) {
    static const struct {
        const char *name, *protocol, *first, *second;
        unsigned code;
        const char *why;
    } rows[] = {
        {"a request before hello", "hrana3", OPEN(1, 1), NULL, 1008, "Received a request before hello message"},
        {"what is no JSON", "hrana3", "{", NULL, 1007, "Cannot deserialize client message from JSON"},
        {"a message of no type", "hrana3", "{}", NULL, 1007, "Cannot deserialize"},
        {"an unknown message", "hrana3", "{\"type\":\"x\"}", NULL, 1008, "ClientMsg type not recognized"},
        {"an unknown request", "hrana3", HELLO, REQUEST(1, "\"type\":\"x\""), 1008, "Request type not recognized"},
        {"a stream that is not open", "hrana3", HELLO, EXECUTE(1, 7, "SELECT 1"), 1008, "Stream 7 not found"},
        {"a cursor that is not open", "hrana3", HELLO,
         REQUEST(1, "\"type\":\"fetch_cursor\",\"cursor_id\":3,\"max_count\":1"), 1008, "Cursor 3 not found"},
        {"a second hello in hrana1", "hrana1", HELLO, HELLO, 1008, "hrana2 and higher"},
        {"describe in hrana1", "hrana1", HELLO,
         REQUEST(1, "\"type\":\"describe\",\"stream_id\":1,\"sql\":\"SELECT 1\""), 1008,
         "describe is only supported in protocol version hrana2 and higher"},
        {"get_autocommit in hrana2", "hrana2", HELLO, REQUEST(1, "\"type\":\"get_autocommit\",\"stream_id\":1"), 1008,
         "only supported in protocol version hrana3"},
        {"a cursor in hrana2", "hrana2", HELLO,
         REQUEST(1, "\"type\":\"open_cursor\",\"stream_id\":1,\"cursor_id\":1,\"batch\":{\"steps\":[]}"), 1008,
         "hrana3 and higher"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ws_client *c = ws_open(s->port, rows[i].protocol);
        ws_say(c, rows[i].first);
        bool fine = true;
        if (rows[i].second) {
            ws_say(c, rows[i].second);
            fine = ws_hears(c, "hello_ok");
        }
        check(fine && ws_is_closed(c, rows[i].code, rows[i].why), rows[i].name);
        ws_hang_up(c);
    }
    ws_client *c = ws_open(s->port, "hrana2");
    ws_send_frame(c, (ws_frame){.fin = true, .opcode = 2, .masked = true}, HELLO, strlen(HELLO));
    check(ws_is_closed(c, 1003, "Received a binary WebSocket message"), "a binary message in JSON");
    ws_hang_up(c);
}

static ws_client *greeted(const server *s) {
    ws_client *c = ws_open(s->port, "hrana3");
    ws_say(c, HELLO);
    if (!ws_hears(c, "hello_ok")) failed++;
    return c;
}

static void a_burst_is_answered_in_order(const server *s) {
    ws_client *c = ws_open(s->port, "hrana2");
    static const char *const burst[] = {
        HELLO,
        OPEN(1, 1),
        REQUEST(2, "\"type\":\"store_sql\",\"sql_id\":5,\"sql\":\"SELECT 'stored'\""),
        REQUEST(3, "\"type\":\"execute\",\"stream_id\":1,\"stmt\":{\"sql_id\":5}"),
        REQUEST(4, "\"type\":\"close_sql\",\"sql_id\":5"),
        REQUEST(5, "\"type\":\"store_sql\",\"sql_id\":5,\"sql\":\"SELECT 'other'\""),
        REQUEST(6, "\"type\":\"execute\",\"stream_id\":1,\"stmt\":{\"sql_id\":5}"),
        EXECUTE(7, 1, "SELECT nope"),
        CLOSE(8, 1),
        OPEN(9, 1),
        EXECUTE(10, 1, "SELECT 'again'"),
        HELLO,
    };
    for (size_t i = 0; i < sizeof burst / sizeof *burst; i++) ws_say(c, burst[i]);
    static const struct {
        const char *id, *want;
        int after; /* index of the answer that comes before it; -1: any time */
    } rows[] = {
        {"\"request_id\":1,", "\"type\":\"open_stream\"", -1},
        {"\"request_id\":2,", "\"type\":\"store_sql\"", 0},
        {"\"request_id\":3,", "\"stored\"", 1},
        {"\"request_id\":4,", "\"type\":\"close_sql\"", 1},
        {"\"request_id\":5,", "\"type\":\"store_sql\"", 3},
        {"\"request_id\":6,", "\"other\"", 2},
        {"\"request_id\":7,", "no such column", 5},
        {"\"request_id\":8,", "\"type\":\"close_stream\"", 6},
        {"\"request_id\":9,", "\"type\":\"open_stream\"", -1},
        {"\"request_id\":10,", "\"again\"", 8},
    };
    bool seen[10] = {false}, fine = ws_hears(c, "hello_ok");
    for (int n = 0; n < 11 && fine; n++) {
        fine = ws_read(c) && c->opcode == 1;
        if (fine && strstr(c->payload, "hello_ok")) continue; /* the second one */
        bool known = false;
        for (int i = 0; i < 10; i++) {
            if (!fine || !strstr(c->payload, rows[i].id)) continue;
            known = true;
            fine = strstr(c->payload, rows[i].want) && (rows[i].after < 0 || seen[rows[i].after]);
            seen[i] = true;
        }
        fine = fine && known;
        if (!fine) printf("       %s\n", c->payload);
    }
    check(fine, "a burst without waiting: in order in a stream, stored SQL as it was when it was named");
    ws_hang_up(c);
}

/* Over 8 KiB a message is decoded on a worker; the short ones behind it must not overtake it. */
static void long_messages_keep_their_place(const server *s) {
    enum { LONG = 200000 };
    char *text = malloc(LONG + 300);
    ws_client *c = greeted(s);
    bool fine = text != NULL;
    ws_say(c, OPEN(1, 1));
    for (int i = 0; i < 4 && fine; i++) {
        int n = snprintf(
            text, 300,
            "{\"type\":\"request\",\"request_id\":%d,\"request\":{\"type\":\"store_sql\",\"sql_id\":%d,\"sql\":"
            "\"SELECT length('",
            10 + i, i);
        memset(text + n, 'x', LONG);
        snprintf(text + n + LONG, 300 - (size_t)n, "')\"}}");
        ws_say(c, text);
        snprintf(text, 300,
                 "{\"type\":\"request\",\"request_id\":%d,\"request\":{\"type\":\"execute\",\"stream_id\":1,\"stmt\":"
                 "{\"sql_id\":%d}}}",
                 20 + i, i);
        ws_say(c, text);
    }
    free(text);
    fine = fine && ws_hears(c, "open_stream");
    for (int i = 0; i < 8 && fine; i++)
        fine = ws_hears(c, "response_ok"); /* a text that is not stored ends the socket */
    check(fine, "long messages are taken in their order");
    ws_hang_up(c);
}

static void streams_do_not_wait_for_each_other(const server *s) {
    ws_client *c = greeted(s);
    static const char *const burst[] = {OPEN(1, 1), OPEN(2, 2),
                                        EXECUTE(3, 1,
                                                "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c LIMIT "
                                                "1000000) SELECT count(*) FROM c"),
                                        EXECUTE(4, 2, "SELECT 'quick'")};
    for (size_t i = 0; i < 4; i++) ws_say(c, burst[i]);
    bool fine = ws_hears(c, "\"request_id\":1,") && ws_hears(c, "\"request_id\":2,");
    check(fine && ws_hears(c, "\"quick\"") && ws_hears(c, "\"1000000\""), "a stream overtakes a slow one");
    ws_hang_up(c);
}

static size_t count(const char *text, const char *part) {
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) n++;
    return n;
}

static void cursors(const server *s) {
    ws_client *c = greeted(s);
    static const char *const begin[] = {
        OPEN(1, 1),
        EXECUTE(2, 1, "CREATE TABLE IF NOT EXISTS w(x)"),
        EXECUTE(3, 1, "BEGIN"),
        EXECUTE(4, 1, "INSERT INTO w VALUES (1)"),
        REQUEST(5, "\"type\":\"open_cursor\",\"stream_id\":1,\"cursor_id\":9,\"batch\":{\"steps\":[{\"stmt\":{\"sql\":"
                   "\"" NUMBERS(100000) "\"}},{\"stmt\":{\"sql\":\"SELECT nope\"}}]}"),
        REQUEST(6, "\"type\":\"fetch_cursor\",\"cursor_id\":9,\"max_count\":3")};
    for (size_t i = 0; i < 6; i++) ws_say(c, begin[i]);
    bool fine = true;
    for (size_t i = 0; i < 5; i++) fine = ws_hears(c, "response_ok") && fine;
    fine = fine && ws_hears(c, "{\"type\":\"response_ok\",\"request_id\":6,\"response\":{\"type\":\"fetch_cursor\","
                               "\"entries\":[{\"type\":\"step_begin\",\"step\":0,");
    check(fine && count(c->payload, "\"type\":\"row\"") == 2 && strstr(c->payload, "],\"done\":false}}"),
          "a cursor gives as many entries as were asked for");
    size_t rows = 2, ends = 0, errors = 0;
    bool done = false;
    for (int i = 0; i < 100 && fine && !done; i++) {
        ws_say(c, REQUEST(7, "\"type\":\"fetch_cursor\",\"cursor_id\":9,\"max_count\":2000"));
        fine = ws_hears(c, "\"request_id\":7,");
        rows += count(c->payload, "\"type\":\"row\"");
        ends += count(c->payload, "\"type\":\"step_end\"");
        errors += count(c->payload, "\"type\":\"step_error\"");
        done = strstr(c->payload, "],\"done\":true}}");
        fine = fine && !strstr(c->payload, "replication_index\",");
    }
    check(fine && done && rows == 100000 && ends == 1 && errors == 1, "every entry comes once, and then it is done");
    ws_say(c, REQUEST(8, "\"type\":\"close_cursor\",\"cursor_id\":9"));
    ws_say(c, REQUEST(9, "\"type\":\"open_cursor\",\"stream_id\":1,\"cursor_id\":9,\"batch\":{\"steps\":[{\"stmt\":{"
                         "\"sql\":\"" NUMBERS(1000000) "\"}}]}"));
    ws_say(c, REQUEST(10, "\"type\":\"fetch_cursor\",\"cursor_id\":9,\"max_count\":1"));
    ws_say(c, REQUEST(11, "\"type\":\"close_cursor\",\"cursor_id\":9"));
    ws_say(c, REQUEST(12, "\"type\":\"get_autocommit\",\"stream_id\":1"));
    fine = ws_hears(c, "close_cursor") && ws_hears(c, "open_cursor") && ws_hears(c, "\"done\":false");
    fine = fine && ws_hears(c, "close_cursor") && ws_hears(c, "\"is_autocommit\":false");
    check(fine, "closing a cursor midway keeps the transaction");
    ws_say(c, REQUEST(13, "\"type\":\"open_cursor\",\"stream_id\":1,\"cursor_id\":2,\"batch\":{\"steps\":[]}"));
    ws_say(c, EXECUTE(14, 1, "SELECT 1"));
    check(ws_hears(c, "open_cursor") && ws_is_closed(c, 1008, "already has an open cursor"),
          "a stream with a cursor takes nothing else");
    ws_hang_up(c);
}

static void a_socket_that_ends_rolls_back(const server *s) {
    ws_client *c = greeted(s);
    ws_say(c, OPEN(1, 1));
    ws_say(c, EXECUTE(2, 1, "CREATE TABLE gone(x)"));
    ws_say(c, EXECUTE(3, 1, "BEGIN IMMEDIATE"));
    ws_say(c, EXECUTE(4, 1, "INSERT INTO gone VALUES (1)"));
    bool fine = true;
    for (int i = 0; i < 4; i++) fine = ws_hears(c, "response_ok") && fine;
    ws_say(c, EXECUTE(5, 1, NUMBERS(100000000))); /* it runs when the socket ends */
    usleep(100000);
    ws_hang_up(c);
    c = greeted(s);
    ws_say(c, OPEN(1, 1));
    ws_say(c, EXECUTE(2, 1, "INSERT INTO gone VALUES (2)"));
    ws_say(c, EXECUTE(3, 1, "SELECT 'rows: ' || count(*) FROM gone"));
    fine = fine && ws_hears(c, "open_stream") && ws_hears(c, "\"affected_row_count\":1") && ws_hears(c, "rows: 1");
    check(fine, "what a socket left open is rolled back, and its turn is free");
    ws_hang_up(c);
}

/* 128 streams are open at most; what was sent to those that were refused is answered, and closing them is fine. */
static void too_many_streams_are_refused_one_by_one(const server *s) {
    ws_client *c = greeted(s);
    bool fine = true;
    for (int i = 0; i < 129; i++) {
        char text[128];
        snprintf(text, sizeof text, REQUEST(1, "\"type\":\"open_stream\",\"stream_id\":%d"), i);
        ws_say(c, text);
        fine = fine && ws_hears(c, i < 128 ? "response_ok" : "TOO_MANY_REQUESTS");
    }
    ws_say(c, EXECUTE(2, 128, "SELECT 1"));
    fine = fine && ws_hears(c, "STREAM_NOT_OPEN");
    ws_say(c, CLOSE(3, 128));
    fine = fine && ws_hears(c, "response_ok");
    ws_say(c, EXECUTE(4, 5, "SELECT 'fine'"));
    check(fine && ws_hears(c, "\"fine\""), "a stream too many is refused, the socket goes on");
    ws_hang_up(c);
}

/* 80 MB of requests by a client that does not read their answers: they wait in its own socket, not in our memory. */
static void who_does_not_read_is_not_served_ahead(const server *s) {
    ws_client *c = greeted(s);
    ws_say(c, OPEN(1, 1));
    (void)ws_hears(c, "open_stream");
    struct timeval limit = {.tv_sec = 1};
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    int sent = 0;
    char request[4200];
    snprintf(request, sizeof request, "%s%4000s", EXECUTE(2, 1, "SELECT hex(zeroblob(10000))"), "");
    while (sent < 20000 && ws_say(c, request)) sent++;
    check(sent < 20000, "a client that does not read its answers is not read");
    int answered = 0;
    while (answered < 200 && ws_read(c) && c->opcode == 1) answered++;
    check(answered == 200, "and is answered as it reads");
    ws_hang_up(c);
}

static void hooks_are_off(const server *s) {
    ws_client *c = greeted(s);
    ws_say(c, OPEN(1, 1));
    ws_say(c, EXECUTE(2, 1, ".close_tcp"));
    check(ws_hears(c, "open_stream") && ws_hears(c, "response_error"), "test hooks are off by default");
    ws_hang_up(c);
}

/* A server with --test-hooks: over HTTP the connection ends without an answer, and the session goes on by its baton. */
static void hooks_break_the_connection(void) {
    server s = server_start((const char *const[]){"--no-auth", "--test-hooks", NULL});
    server_create_tenant(&s, "acme");
    ws_client *c = greeted(&s);
    ws_say(c, OPEN(1, 1));
    ws_say(c, EXECUTE(2, 1, ".close_ws"));
    check(ws_hears(c, "open_stream") && ws_is_closed(c, 1000, ".close_ws"), "the hook .close_ws closes a WebSocket");
    ws_hang_up(c);
    c = greeted(&s);
    ws_say(c, OPEN(1, 1));
    ws_say(c, EXECUTE(2, 1, ".close_tcp"));
    check(ws_hears(c, "open_stream") && !ws_read(c), "the hook .close_tcp drops its connection");
    ws_hang_up(c);
    static const char body[] = "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\".close_tcp\"}}]}";
    char request[300], byte;
    int fd = server_connect(s.port);
    snprintf(request, sizeof request, "POST /acme/v2/pipeline HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s",
             sizeof body - 1, body);
    server_say(fd, request);
    check(recv(fd, &byte, 1, 0) <= 0, "and one of HTTP");
    close(fd);
    server_stop(&s);
}

static void the_end_of_the_server(const server *s) {
    ws_client *idle = greeted(s), *busy = greeted(s);
    ws_say(busy, OPEN(1, 1));
    ws_say(busy, EXECUTE(2, 1,
                         "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c LIMIT 300000) "
                         "SELECT 'sum ' || count(*) FROM c"));
    bool fine = ws_hears(busy, "open_stream");
    kill(s->pid, SIGTERM);
    check(ws_is_closed(idle, 1001, "shutting down"), "at the server's end a WebSocket is closed with 1001");
    check(fine && ws_hears(busy, "sum 300000") && ws_is_closed(busy, 1001, ""), "after what it had asked for");
    ws_hang_up(idle);
    ws_hang_up(busy);
}

int main(void) {
    server s = server_start((const char *const[]){"--no-auth", NULL});
    server_create_tenant(&s, "acme");
    handshakes(&s);
    frames(&s);
    sizes(&s);
    bytes_one_by_one(&s);
    breaches_of_the_protocol_close_with_the_reason(&s);
    a_burst_is_answered_in_order(&s);
    long_messages_keep_their_place(&s);
    streams_do_not_wait_for_each_other(&s);
    cursors(&s);
    a_socket_that_ends_rolls_back(&s);
    too_many_streams_are_refused_one_by_one(&s);
    who_does_not_read_is_not_served_ahead(&s);
    hooks_are_off(&s);
    hooks_break_the_connection();
    the_end_of_the_server(&s);
    check(server_ended(&s), "the server ends cleanly");
    return failed ? 1 : 0;
}
