/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of TLS connections over loopback sockets, with OpenSSL as the client: bytes, bounds, ends, handshakes that go
 * wrong. */
#include "conn_test.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "support/tls_pair.h"

enum { DAY_S = 24 * 60 * 60, STREAM_BYTES = 8 * 1024 * 1024 };

typedef struct tls_server {
    server s;
    trib_tls *tls;
    char folder[64], cert[96], key[96];
} tls_server;

static void start(tls_server *t, const trib_conn_handler *handler, trib_conn_limits limits) {
    trib_error err = {0};
    memcpy(t->folder, "/tmp/trib-tls-XXXXXX", 21);
    assert_non_null(mkdtemp(t->folder));
    snprintf(t->cert, sizeof t->cert, "%s/cert.pem", t->folder);
    snprintf(t->key, sizeof t->key, "%s/key.pem", t->folder);
    assert_true(tls_pair_write(t->cert, t->key, "first", -60, DAY_S, NULL));
    if (trib_tls_new(trib_env_native(), t->cert, t->key, &t->tls, &err) != TRIB_OK) fail_msg("%s", err.message);
    server_start_with(
        &t->s, (trib_listener_config){.address = "127.0.0.1:0", .handler = handler, .limits = limits, .tls = t->tls});
}

static void stop(tls_server *t) {
    server_stop(&t->s, 1000);
    trib_tls_free(t->tls);
    unlink(t->cert);
    unlink(t->key);
    rmdir(t->folder);
}

/* ---- a blocking client ---- */

typedef struct client {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
} client;

static client client_new(const tls_server *t, int version) {
    client c = {.ctx = SSL_CTX_new(TLS_client_method()), .fd = client_to(&t->s)};
    assert_non_null(c.ctx);
    /* with a time limit, io_uring's notices would end OpenSSL's calls with EINTR (conn_test.h); ctest has a limit,
     * too */
    const struct timeval none = {0};
    setsockopt(c.fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
    setsockopt(c.fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
    SSL_CTX_set_security_level(c.ctx, 0);
    SSL_CTX_set_min_proto_version(c.ctx, version);
    SSL_CTX_set_max_proto_version(c.ctx, version);
    c.ssl = SSL_new(c.ctx);
    assert_non_null(c.ssl);
    SSL_set_fd(c.ssl, c.fd);
    return c;
}

static client client_open(const tls_server *t, int version) {
    client c = client_new(t, version);
    if (SSL_connect(c.ssl) != 1) fail_msg("%s", ERR_reason_error_string(ERR_peek_error()));
    return c;
}

static void client_free(client *c) {
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    if (c->fd >= 0) close(c->fd);
    ERR_clear_error();
}

static void say(client *c, const char *bytes, size_t n) {
    size_t written;
    assert_int_equal(SSL_write_ex(c->ssl, bytes, n, &written), 1);
}

/* Bytes read until n or the end; *ret_why: SSL_ERROR_NONE, SSL_ERROR_ZERO_RETURN (close_notify) or another. */
static size_t hear(client *c, char *bytes, size_t n, int *ret_why) {
    size_t at = 0, got;
    *ret_why = SSL_ERROR_NONE;
    while (at < n) {
        if (SSL_read_ex(c->ssl, bytes + at, n - at, &got) != 1) {
            *ret_why = SSL_get_error(c->ssl, 0);
            break;
        }
        at += got;
    }
    return at;
}

static void expect(client *c, const char *text) {
    char got[256] = {0};
    int why;
    size_t n = hear(c, got, strlen(text), &why);
    assert_string_equal(got, text);
    assert_int_equal(n, strlen(text));
}

static void expect_end(client *c) {
    char byte;
    int why;
    assert_int_equal(hear(c, &byte, 1, &why), 0);
    assert_int_equal(why, SSL_ERROR_ZERO_RETURN);
}

/* ---- handlers ---- */

static trib_str refuse_plain(trib_conn *conn) {
    (void)conn;
    return TRIB_STR("this is TLS");
}

static void note_drain(trib_conn *conn) {
    atomic_fetch_add(&server_of(conn)->drained, 1);
    trib_conn_write(conn, TRIB_STR("<drain>"));
    trib_conn_close(conn);
}

static const trib_conn_handler line_handler = {.on_open = note_open,
                                               .on_not_tls = refuse_plain,
                                               .on_data = lines,
                                               .on_eof = note_eof,
                                               .on_drain = note_drain,
                                               .on_close = note_close};

/* ---- bytes ---- */

static void bytes_come_back_whatever_their_split(void **state) {
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    enum { N = 300000 };
    (void)state;
    tls_server t;
    start(&t, &echo_handler, (trib_conn_limits){0});
    char *out = malloc(N), *in = malloc(N);
    assert_non_null(out);
    assert_non_null(in);
    for (size_t i = 0; i < N; i++) out[i] = pattern(i);
    for (int v = 0; v < 2; v++) {
        client c = client_open(&t, versions[v]);
        int why;
        for (size_t at = 0, step = 1; at < N; at += step, step = step * 3 % 70001 + 1) {
            size_t n = step < N - at ? step : N - at;
            say(&c, out + at, n);
            assert_int_equal(hear(&c, in + at, n, &why), n);
        }
        assert_memory_equal(in, out, N);
        client_free(&c);
    }
    free(in);
    free(out);
    stop(&t);
}

/* The client's bytes go through memory, so that the test decides how they are cut on the wire. */
static void records_that_come_byte_by_byte_are_put_together(void **state) {
    (void)state;
    tls_server t;
    start(&t, &line_handler, (trib_conn_limits){0});
    client c = client_new(&t, TLS1_3_VERSION);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    SSL_set_bio(c.ssl, in, out);
    SSL_set_connect_state(c.ssl);
    char got[64] = {0}, wire[4096];
    size_t n = 0, heard = 0;
    bool said = false;
    for (int round = 0; round < 2000 && heard < 5; round++) {
        if (!said && SSL_do_handshake(c.ssl) == 1) said = SSL_write_ex(c.ssl, "one\n", 4, &n) == 1;
        if (said && SSL_read_ex(c.ssl, got + heard, sizeof got - 1 - heard, &n) == 1) heard += n;
        int bytes = BIO_read(out, wire, sizeof wire);
        for (int i = 0; i < bytes; i++) {
            client_send(c.fd, wire + i, 1);
            if (i % 16 == 0) usleep(200);
        }
        ssize_t came = recv(c.fd, wire, sizeof wire, MSG_DONTWAIT);
        if (came > 0) BIO_write(in, wire, (int)came);
        else usleep(500);
    }
    assert_string_equal(got, "[one]");
    client_free(&c);
    stop(&t);
}

static size_t start_producing(trib_conn *conn, trib_str bytes);
static void go_on_producing(trib_conn *conn) {
    server *s = server_of(conn);
    atomic_fetch_add(&s->drained, 1);
    start_producing(conn, (trib_str){0});
}

static size_t start_producing(trib_conn *conn, trib_str bytes) {
    server *s = server_of(conn);
    char piece[5000];
    size_t at = atomic_load(&s->produced);
    while (at < STREAM_BYTES && !trib_conn_write_blocked(conn)) {
        size_t n = sizeof piece < STREAM_BYTES - at ? sizeof piece : STREAM_BYTES - at;
        for (size_t i = 0; i < n; i++) piece[i] = pattern(at + i);
        if (trib_conn_write(conn, trib_str_make(piece, n)) != TRIB_OK) break;
        at += n;
    }
    if (at < STREAM_BYTES) atomic_fetch_add(&s->blocked, 1);
    else trib_conn_close(conn);
    atomic_store(&s->produced, at);
    return bytes.len;
}

static void a_long_answer_arrives_whole_though_its_reader_is_slow(void **state) {
    static const trib_conn_handler handler = {
        .on_open = note_open, .on_data = start_producing, .on_drained = go_on_producing, .on_close = note_close};
    (void)state;
    tls_server t;
    start(&t, &handler, (trib_conn_limits){.unsent_high_bytes = 100000});
    client c = client_open(&t, TLS1_3_VERSION);
    char *got = malloc(STREAM_BYTES + 1);
    int why;
    assert_non_null(got);
    say(&c, "go", 2);
    await(&t.s.blocked, 1); /* the kernel takes no more */
    assert_int_equal(hear(&c, got, STREAM_BYTES, &why), STREAM_BYTES);
    for (size_t i = 0; i < STREAM_BYTES; i++) {
        if (got[i] != pattern(i)) fail_msg("byte %zu differs", i);
    }
    expect_end(&c);
    free(got);
    client_free(&c);
    stop(&t);
    assert_int_equal(t.s.last_why, TRIB_OK);
}

static void a_paused_connection_keeps_bytes_and_end_until_resumed(void **state) {
    (void)state;
    tls_server t;
    start(&t, &line_handler, (trib_conn_limits){0});
    client c = client_open(&t, TLS1_3_VERSION);
    say(&c, "pause\nsecond\nthi", 16); /* one record: the rest of it is plain text already */
    expect(&c, "[pause]");
    say(&c, "rd\n", 3);
    say(&c, "fourth\n", 7);
    SSL_shutdown(c.ssl);
    shutdown(c.fd, SHUT_WR);
    usleep(20000);
    assert_int_equal(t.s.eofs, 0);
    on_loop(&t.s, resume);
    expect(&c, "(resumed)[second][third][fourth]<eof>");
    expect_end(&c);
    client_free(&c);
    stop(&t);
    assert_int_equal(t.s.eofs, 1);
    assert_int_equal(t.s.last_why, TRIB_OK);
}

static void what_waits_behind_a_pause_is_shown_without_new_bytes(void **state) {
    enum { ROOM = 1000 };
    (void)state;
    tls_server t;
    start(&t, &line_handler, (trib_conn_limits){.read_max_bytes = ROOM});
    client c = client_open(&t, TLS1_3_VERSION);
    say(&c, "pause\n", 6);
    expect(&c, "[pause]");
    say(&c, "second\n", 7); /* still encrypted when it waits */
    usleep(20000);
    on_loop(&t.s, resume);
    expect(&c, "(resumed)[second]");
    char record[ROOM + 6], got[ROOM + 2];
    int why;
    memset(record, 'x', sizeof record);
    memcpy(record + ROOM - 7, "\npause\nthird\n", 13);
    say(&c, record,
        sizeof record); /* the read buffer is full just where the pause is; the rest is plain text already */
    assert_int_equal(hear(&c, got, ROOM - 7 + 2, &why), ROOM - 7 + 2);
    expect(&c, "[pause]");
    on_loop(&t.s, resume);
    expect(&c, "(resumed)[third]");
    client_free(&c);
    stop(&t);
}

static void a_pause_bounds_what_is_taken_from_the_peer(void **state) {
    enum { JUNK_BYTES = 64 * 1024, ROUNDS = 1000 };
    (void)state;
    tls_server t;
    start(&t, &line_handler, (trib_conn_limits){0});
    client c = client_open(&t, TLS1_3_VERSION);
    char *junk = malloc(JUNK_BYTES);
    assert_non_null(junk);
    memset(junk, '\n', JUNK_BYTES);
    say(&c, "pause\n", 6);
    expect(&c, "[pause]");
    struct timeval soon = {.tv_usec = 200000};
    setsockopt(c.fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
    int round = 0;
    size_t written;
    while (round < ROUNDS && SSL_write_ex(c.ssl, junk, JUNK_BYTES, &written) == 1) round++;
    assert_true(round < ROUNDS); /* the kernel's buffers filled up */
    free(junk);
    client_free(&c);
    stop(&t);
}

static void unused_bytes_have_the_same_bound_as_without_tls(void **state) {
    (void)state;
    tls_server t;
    start(&t, &line_handler, (trib_conn_limits){.read_max_bytes = 20000});
    client c = client_open(&t, TLS1_3_VERSION);
    char line[19999], byte;
    int why;
    memset(line, 'x', sizeof line);
    say(&c, line, sizeof line);
    say(&c, "\n", 1);
    char *got = malloc(sizeof line + 2);
    assert_non_null(got);
    assert_int_equal(hear(&c, got, sizeof line + 2, &why), sizeof line + 2);
    free(got);
    say(&c, line, sizeof line);
    say(&c, "x", 1);
    assert_int_equal(hear(&c, &byte, 1, &why), 0);
    client_free(&c);
    stop(&t);
    assert_int_equal(t.s.last_why, TRIB_BODY_TOO_LARGE);
}

/* ---- ends ---- */

static void close_notify_ends_one_direction_only(void **state) {
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    (void)state;
    tls_server t;
    start(&t, &line_handler, (trib_conn_limits){0});
    for (int v = 0; v < 2; v++) {
        client c = client_open(&t, versions[v]);
        say(&c, "one\n", 4);
        SSL_shutdown(c.ssl);
        expect(&c, "[one]<eof>");
        expect_end(&c);
        client_free(&c);
        c = client_open(&t, versions[v]);
        say(&c, "end\n", 4); /* the server says that it sends no more, and reads on */
        expect(&c, "[end]");
        expect_end(&c);
        say(&c, "close\n", 6);
        client_free(&c);
    }
    stop(&t);
    assert_int_equal(t.s.eofs, 2);
}

static void a_peer_that_only_ends_its_socket_is_at_its_end_too(void **state) {
    (void)state;
    tls_server t;
    start(&t, &line_handler, (trib_conn_limits){0});
    client c = client_open(&t, TLS1_3_VERSION);
    say(&c, "one\n", 4);
    shutdown(c.fd, SHUT_WR);
    expect(&c, "[one]<eof>");
    expect_end(&c);
    client_free(&c);
    stop(&t);
    assert_int_equal(t.s.eofs, 1);
}

/* Else a peer could take half an answer for a whole one. */
static void what_is_broken_off_ends_without_close_notify(void **state) {
    (void)state;
    tls_server t;
    start(&t, &line_handler, (trib_conn_limits){0});
    client c = client_open(&t, TLS1_3_VERSION);
    char got[16];
    int why;
    say(&c, "abort\n", 6);
    assert_int_equal(hear(&c, got, sizeof got, &why), strlen("[abort]"));
    assert_int_not_equal(why, SSL_ERROR_ZERO_RETURN);
    client_free(&c);
    stop(&t);
    assert_int_equal(t.s.last_why, TRIB_FORBIDDEN);
}

static void bytes_that_are_no_record_break_the_connection_off(void **state) {
    (void)state;
    tls_server t;
    start(&t, &line_handler, (trib_conn_limits){0});
    client c = client_open(&t, TLS1_3_VERSION);
    char got[16];
    int why;
    say(&c, "one\n", 4);
    expect(&c, "[one]");
    client_send(c.fd, "\x17\x03\x03\x00\x20 this was not made with the key", 37);
    assert_int_equal(hear(&c, got, sizeof got, &why), 0);
    await(&t.s.closed, 1);
    client_free(&c);
    stop(&t);
    assert_int_equal(t.s.last_why, TRIB_CANCELLED);
}

/* ---- handshakes ---- */

static uint64_t failed_handshakes(const tls_server *t) {
    trib_listener_stats stats;
    trib_listener_get_stats(t->s.listener, &stats);
    return stats.handshakes_failed;
}

/* They are counted a moment after the client has its alert. */
static void expect_failed_handshakes(const tls_server *t, uint64_t want) {
    for (int i = 0; i < WAIT_S * 1000 && failed_handshakes(t) < want; i++) usleep(1000);
    assert_int_equal(failed_handshakes(t), want);
}

static void plain_words_get_a_plain_answer(void **state) {
    (void)state;
    tls_server t;
    start(&t, &line_handler, (trib_conn_limits){0});
    int fd = client_to(&t.s);
    client_send(fd, "GET / HTTP/1.1\r\n\r\n", 18);
    client_expect(fd, "this is TLS");
    client_expect_end(fd);
    close(fd);
    stop(&t);
    assert_int_equal(t.s.opened, 0);
}

static void what_is_neither_is_closed_and_counted(void **state) {
    (void)state;
    tls_server t;
    start(&t, &line_handler, (trib_conn_limits){0});
    int fd = client_to(&t.s);
    char got[64];
    client_send(fd, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
    client_read(fd, got, sizeof got); /* an alert perhaps, then the end */
    close(fd);
    client c = client_new(&t, TLS1_1_VERSION);
    assert_int_not_equal(SSL_connect(c.ssl), 1);
    client_free(&c);
    expect_failed_handshakes(&t, 2);
    stop(&t);
    assert_int_equal(t.s.opened, 0);
}

static void only_http_1_is_agreed_on(void **state) {
    static const struct {
        const char *offered;
        bool good;
    } rows[] = {{"\x02h2\x08http/1.1", true}, {"\x08http/1.1", true}, {"\x02h2", false}, {"", true}};
    (void)state;
    tls_server t;
    start(&t, &line_handler, (trib_conn_limits){0});
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        client c = client_new(&t, TLS1_3_VERSION);
        const unsigned char *chosen = NULL;
        unsigned n = 0;
        if (rows[i].offered[0])
            SSL_set_alpn_protos(c.ssl, (const unsigned char *)rows[i].offered, (unsigned)strlen(rows[i].offered));
        assert_int_equal(SSL_connect(c.ssl) == 1, rows[i].good);
        SSL_get0_alpn_selected(c.ssl, &chosen, &n);
        if (rows[i].good && rows[i].offered[0]) assert_memory_equal(chosen, "http/1.1", 8);
        else assert_int_equal(n, 0);
        client_free(&c);
    }
    stop(&t);
}

static void a_handshake_has_a_time_limit_and_a_size_limit(void **state) {
    (void)state;
    tls_server t;
    start(&t, &line_handler, (trib_conn_limits){.handshake_timeout_ms = 50});
    int fd = client_to(&t.s);
    client_send(fd, "\x16\x03\x01", 3);
    client_expect_end(fd);
    close(fd);
    stop(&t);
    start(&t, &line_handler, (trib_conn_limits){0});
    fd = client_to(&t.s);
    /* a ClientHello of 128,000 bytes, record by record; sending may fail once the server has closed */
    static const char head[] = "\x16\x03\x01\x40\x00\x01\x01\xf4\x00\x03\x03";
    char record[16384 + 5];
    ssize_t sent = 0, last = 1;
    for (int i = 0; i < 64 && last > 0; i++) {
        memset(record, 0, sizeof record);
        memcpy(record, head, i == 0 ? 11 : 5);
        last = send(fd, record, sizeof record, MSG_NOSIGNAL);
        if (last > 0) sent += last;
        if (failed_handshakes(&t)) break;
        usleep(2000);
    }
    expect_failed_handshakes(&t, 1);
    assert_true(sent < 128000);
    close(fd);
    stop(&t);
    assert_int_equal(t.s.opened, 0);
}

static void a_client_may_not_renegotiate(void **state) {
    (void)state;
    tls_server t;
    start(&t, &line_handler, (trib_conn_limits){0});
    client c = client_open(&t, TLS1_2_VERSION);
    assert_int_equal(SSL_renegotiate(c.ssl), 1);
    assert_int_not_equal(SSL_do_handshake(c.ssl), 1);
    client_free(&c);
    stop(&t);
}

static int keep_session(SSL *ssl, SSL_SESSION *session) {
    SSL_SESSION **to = SSL_get_app_data(ssl);
    SSL_SESSION_free(*to);
    *to = session;
    return 1;
}

static void a_ticket_makes_the_next_handshake_short(void **state) {
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    (void)state;
    tls_server t;
    start(&t, &line_handler, (trib_conn_limits){0});
    for (int v = 0; v < 2; v++) {
        SSL_SESSION *session = NULL;
        client c = client_new(&t, versions[v]);
        SSL_CTX_set_session_cache_mode(c.ctx, SSL_SESS_CACHE_CLIENT);
        SSL_CTX_sess_set_new_cb(c.ctx, keep_session);
        SSL_set_app_data(c.ssl, &session);
        assert_int_equal(SSL_connect(c.ssl), 1);
        say(&c, "one\n", 4);
        expect(&c, "[one]"); /* the tickets of TLS 1.3 came before it */
        assert_non_null(session);
        client d = client_new(&t, versions[v]);
        SSL_set_session(d.ssl, session);
        assert_int_equal(SSL_connect(d.ssl), 1);
        assert_int_equal(SSL_session_reused(d.ssl), 1);
        client_free(&d);
        client_free(&c);
        SSL_SESSION_free(session);
    }
    stop(&t);
}

static void after_a_reload_new_connections_see_the_new_certificate_and_old_ones_stay(void **state) {
    static const char *const wanted[] = {"first", "second"};
    (void)state;
    tls_server t;
    client c[2];
    start(&t, &line_handler, (trib_conn_limits){0});
    c[0] = client_open(&t, TLS1_3_VERSION);
    assert_true(tls_pair_write(t.cert, t.key, "second", -60, DAY_S, NULL));
    assert_int_equal(trib_tls_reload(t.tls, NULL), TRIB_OK);
    c[1] = client_open(&t, TLS1_3_VERSION);
    for (int i = 0; i < 2; i++) {
        char name[32] = "";
        X509 *cert = SSL_get1_peer_certificate(c[i].ssl);
        assert_non_null(cert);
        X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, sizeof name);
        X509_free(cert);
        assert_string_equal(name, wanted[i]);
        say(&c[i], "one\n", 4);
        expect(&c[i], "[one]");
        client_free(&c[i]);
    }
    stop(&t);
}

static void a_handshake_under_way_is_finished_when_the_listener_closes(void **state) {
    (void)state;
    tls_server t;
    start(&t, &line_handler, (trib_conn_limits){.handshake_timeout_ms = 10 * WAIT_S * 1000});
    client c = client_new(&t, TLS1_3_VERSION);
    int silent = client_to(&t.s);
    client_send(silent, "\x16", 1);
    trib_listener_stats stats = {0};
    while (stats.accepted < 2) trib_listener_get_stats(t.s.listener, &stats);
    trib_listener_close(t.s.listener, 10 * WAIT_S * 1000, on_listener_closed, &t.s);
    usleep(20000);
    assert_int_equal(SSL_connect(c.ssl), 1);
    expect(&c, "<drain>");
    expect_end(&c);
    client_free(&c);
    client_expect_end(silent); /* long before the grace time is over */
    close(silent);
    while (sem_wait(&t.s.closed_sem) != 0) continue;
    for (int i = 0; i < LOOPS; i++) trib_loop_stop(t.s.loops[i]);
    for (int i = 0; i < LOOPS; i++) trib_loop_free(t.s.loops[i]);
    trib_tls_free(t.tls);
    unlink(t.cert);
    unlink(t.key);
    rmdir(t.folder);
    sem_destroy(&t.s.closed_sem);
    assert_int_equal(t.s.drained, 1);
    assert_int_equal(t.s.opened, t.s.closed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_back_whatever_their_split),
        cmocka_unit_test(records_that_come_byte_by_byte_are_put_together),
        cmocka_unit_test(a_long_answer_arrives_whole_though_its_reader_is_slow),
        cmocka_unit_test(a_paused_connection_keeps_bytes_and_end_until_resumed),
        cmocka_unit_test(what_waits_behind_a_pause_is_shown_without_new_bytes),
        cmocka_unit_test(a_pause_bounds_what_is_taken_from_the_peer),
        cmocka_unit_test(unused_bytes_have_the_same_bound_as_without_tls),
        cmocka_unit_test(close_notify_ends_one_direction_only),
        cmocka_unit_test(a_peer_that_only_ends_its_socket_is_at_its_end_too),
        cmocka_unit_test(what_is_broken_off_ends_without_close_notify),
        cmocka_unit_test(bytes_that_are_no_record_break_the_connection_off),
        cmocka_unit_test(plain_words_get_a_plain_answer),
        cmocka_unit_test(what_is_neither_is_closed_and_counted),
        cmocka_unit_test(only_http_1_is_agreed_on),
        cmocka_unit_test(a_handshake_has_a_time_limit_and_a_size_limit),
        cmocka_unit_test(a_client_may_not_renegotiate),
        cmocka_unit_test(a_ticket_makes_the_next_handshake_short),
        cmocka_unit_test(after_a_reload_new_connections_see_the_new_certificate_and_old_ones_stay),
        cmocka_unit_test(a_handshake_under_way_is_finished_when_the_listener_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
