/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of connections over loopback sockets: bytes, bounds, pauses, ends, timeouts. */
#include "conn_test.h"

#include "io/conn_int.h"

enum {
    BIG_BYTES = 4 * 1024 * 1024,
    STREAM_BYTES = 4 * BIG_BYTES, /* several times what the kernel takes for a connection */
};

static void bytes_come_back_whatever_their_split(void **state) {
    (void)state;
    server s;
    server_start(&s, &echo_handler, (trib_conn_limits){0});
    int fd = client_to(&s);
    enum { N = 300000 };
    char *out = malloc(N), *in = malloc(N);
    assert_non_null(out);
    assert_non_null(in);
    for (size_t i = 0; i < N; i++) out[i] = pattern(i);
    for (size_t at = 0, step = 1; at < N; at += step, step = step * 3 % 70001 + 1) {
        size_t n = step < N - at ? step : N - at;
        client_send(fd, out + at, n);
        assert_int_equal(client_read(fd, in + at, n), (ssize_t)n);
    }
    assert_memory_equal(in, out, N);
    free(in);
    free(out);
    close(fd);
    server_stop(&s, 1000);
    assert_int_equal(s.last_why, TRIB_OK);
}

static const trib_conn_handler line_handler = {
    .on_open = note_open, .on_data = lines, .on_eof = note_eof, .on_close = note_close};

static void unused_bytes_are_shown_again_before_new_ones(void **state) {
    (void)state;
    server s;
    server_start(&s, &line_handler, (trib_conn_limits){0});
    int fd = client_to(&s);
    client_send(fd, "one\ntw", 6);
    client_expect(fd, "[one]");
    client_send(fd, "o\nturn\nthree\nfo", 15);
    client_expect(fd, "[two][turn][three]");
    client_send(fd, "u", 1);
    client_send(fd, "r\n", 2);
    client_expect(fd, "[four]");
    close(fd);
    server_stop(&s, 1000);
}

static void a_paused_connection_keeps_bytes_and_end_until_resumed(void **state) {
    (void)state;
    server s;
    server_start(&s, &line_handler, (trib_conn_limits){0});
    int fd = client_to(&s);
    client_send(fd, "pause\nsecond\n", 13);
    client_expect(fd, "[pause]");
    client_send(fd, "third\n", 6);
    shutdown(fd, SHUT_WR);
    assert_int_equal(s.eofs, 0);
    on_loop(&s, resume);
    client_expect(fd, "(resumed)[second][third]<eof>");
    client_expect_end(fd);
    close(fd);
    server_stop(&s, 1000);
    assert_int_equal(s.eofs, 1);
    assert_int_equal(s.last_why, TRIB_OK);
}

static void a_pause_bounds_what_is_taken_from_the_peer(void **state) {
    (void)state;
    server s;
    server_start(&s, &line_handler, (trib_conn_limits){0});
    int fd = client_to(&s);
    client_send(fd, "pause\n", 6);
    client_expect(fd, "[pause]");
    /* far more than kernel buffers take: without a bound the server would swallow it all */
    char *junk = malloc(BIG_BYTES * 8);
    assert_non_null(junk);
    memset(junk, '\n', BIG_BYTES * 8);
    ssize_t sent = 0, got;
    struct timeval soon = {.tv_usec = 200000};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
    while (sent < BIG_BYTES * 8 && (got = send(fd, junk, (size_t)(BIG_BYTES * 8 - sent), MSG_NOSIGNAL)) > 0)
        sent += got;
    assert_true(sent < BIG_BYTES * 8);
    free(junk);
    close(fd);
    server_stop(&s, 0);
}

static atomic_uint kept_bytes;

static void look_at_kept(trib_conn *conn) {
    atomic_store(&kept_bytes, conn->kept_bytes);
}

static order before_sleep;

static void resume_before_sleep(trib_task *task) {
    (void)task;
    trib_conn_read_resume(before_sleep.conn);
}

static void when_idle(trib_defer *defer) {
    (void)defer;
    before_sleep.task.run = resume_before_sleep;
    trib_loop_run_last(trib_conn_loop(before_sleep.conn), &before_sleep.task);
}

/* The loop looks at its sockets once more before what this one keeps is shown, and has no room for what comes. */
static void resume_just_before_the_sockets(trib_conn *conn) {
    static trib_defer idle = {.run = when_idle};
    before_sleep.conn = conn;
    trib_loop_defer(trib_conn_loop(conn), &idle);
}

static void a_connection_that_keeps_all_it_may_is_read_on_when_resumed(void **state) {
    (void)state;
    enum { LINE = 1024, SENT = 3 * TRIB_CONN_READ_MAX_BYTES, HEARD = SENT + SENT / LINE /* "[...]" for each line */ };
    server s;
    server_start(&s, &line_handler, (trib_conn_limits){0});
    int fd = client_to(&s);
    char *text = malloc(HEARD);
    assert_non_null(text);
    client_send(fd, "pause\n", 6);
    client_expect(fd, "[pause]");
    memset(text, 'x', SENT);
    for (size_t at = LINE - 1; at < SENT; at += LINE) text[at] = '\n';
    client_send(fd, text, SENT);
    for (int i = 0; i < WAIT_S * 1000 && atomic_load(&kept_bytes) < TRIB_CONN_READ_MAX_BYTES; i++) {
        on_loop(&s, look_at_kept);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_int_equal(atomic_load(&kept_bytes), TRIB_CONN_READ_MAX_BYTES);
    on_loop(&s, resume_just_before_the_sockets);
    assert_int_equal(client_read(fd, text, HEARD), HEARD);
    free(text);
    close(fd);
    server_stop(&s, 1000);
}

static size_t use_nothing(trib_conn *conn, trib_str bytes) {
    (void)conn;
    (void)bytes;
    return 0;
}

static void a_full_buffer_of_which_nothing_is_used_closes(void **state) {
    (void)state;
    static const trib_conn_handler handler = {.on_open = note_open, .on_data = use_nothing, .on_close = note_close};
    server s;
    server_start(&s, &handler, (trib_conn_limits){.read_max_bytes = 1000});
    int fd = client_to(&s);
    char junk[1000] = {0};
    client_send(fd, junk, 999);
    client_send(fd, junk, 1);
    await(&s.closed, 1);
    assert_int_equal(s.last_why, TRIB_BODY_TOO_LARGE);
    close(fd);
    server_stop(&s, 1000);
}

/* ---- writing ---- */

/* Writes the pattern until STREAM_BYTES are produced, stopping whenever told to. */
static void produce(trib_conn *conn) {
    server *s = server_of(conn);
    while (s->produced < STREAM_BYTES && !trib_conn_write_blocked(conn)) {
        char piece[10000];
        size_t n = STREAM_BYTES - s->produced < sizeof piece ? STREAM_BYTES - s->produced : sizeof piece;
        for (size_t i = 0; i < n; i++) piece[i] = pattern(s->produced + i);
        s->produced += n;
        if (s->produced / 10000 % 2) {
            trib_conn_write(conn, trib_str_make(piece, n));
        } else {
            trib_buf buf;
            trib_buf_init(&buf, n);
            trib_buf_add_bytes(&buf, piece, n);
            trib_conn_write_buf(conn, &buf);
            if (buf.len != 0) abort();
            trib_buf_deinit(&buf);
        }
    }
    if (trib_conn_write_blocked(conn)) atomic_fetch_add(&s->blocked, 1);
    else trib_conn_close(conn);
}

static size_t start_producing(trib_conn *conn, trib_str bytes) {
    produce(conn);
    return bytes.len;
}

static void go_on_producing(trib_conn *conn) {
    atomic_fetch_add(&server_of(conn)->drained, 1);
    produce(conn);
}

static void a_slow_reader_pauses_the_writer_and_gets_every_byte(void **state) {
    (void)state;
    static const trib_conn_handler handler = {
        .on_open = note_open, .on_data = start_producing, .on_drained = go_on_producing, .on_close = note_close};
    server s;
    server_start(&s, &handler, (trib_conn_limits){.unsent_high_bytes = 50000});
    int fd = client_to(&s);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){8192}, sizeof(int));
    client_send(fd, "go", 2);
    await(&s.blocked, 1);
    assert_true(s.produced < STREAM_BYTES);
    /* The small window was for the block alone: it is below a segment of the loopback, so that each piece would wait
     * for the sender's probe of 200 ms. */
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){1 << 18}, sizeof(int));
    char *in = malloc(STREAM_BYTES);
    assert_non_null(in);
    size_t at = 0;
    for (int pauses = 2; pauses <= 3; pauses++, at += BIG_BYTES) {
        assert_int_equal(client_read(fd, in + at, BIG_BYTES), BIG_BYTES);
        await(&s.blocked, pauses);
        assert_true(s.produced < STREAM_BYTES);
    }
    assert_int_equal(client_read(fd, in + at, STREAM_BYTES - at), STREAM_BYTES - at);
    size_t wrong = 0;
    for (size_t i = 0; i < STREAM_BYTES; i++) wrong += in[i] != pattern(i);
    assert_int_equal(wrong, 0);
    client_expect_end(fd);
    free(in);
    close(fd);
    server_stop(&s, 5000);
    assert_int_equal(s.drained, s.blocked);
    assert_int_equal(s.last_why, TRIB_OK);
}

static size_t flood(trib_conn *conn, trib_str bytes) {
    char piece[10000] = {0};
    for (int i = 0; i < BIG_BYTES; i++) {
        trib_code code = trib_conn_write(conn, trib_str_make(piece, sizeof piece));
        if (code == TRIB_OK) continue;
        atomic_store(&server_of(conn)->write_failed, (int)code);
        break;
    }
    return bytes.len;
}

static void a_writer_that_ignores_the_bound_loses_the_connection(void **state) {
    (void)state;
    static const trib_conn_handler handler = {.on_open = note_open, .on_data = flood, .on_close = note_close};
    server s;
    server_start(&s, &handler, (trib_conn_limits){.unsent_max_bytes = 100000});
    int fd = client_to(&s);
    client_send(fd, "go", 2);
    await(&s.closed, 1);
    assert_int_equal(s.write_failed, TRIB_OVERLOADED);
    assert_int_equal(s.last_why, TRIB_OVERLOADED);
    close(fd);
    server_stop(&s, 1000);
}

static size_t big_answer_noted(trib_conn *conn, trib_str bytes) {
    trib_buf buf;
    trib_buf_init(&buf, BIG_BYTES);
    for (size_t i = 0; i < BIG_BYTES; i++) trib_buf_add_char(&buf, pattern(i));
    trib_conn_write_buf(conn, &buf);
    trib_buf_deinit(&buf);
    atomic_store(&server_of(conn)->produced, trib_conn_unsent_bytes(conn));
    return bytes.len;
}

/* 64 KiB at once; the rest waits until others had their turn. */
static void a_large_answer_is_written_in_turns(void **state) {
    (void)state;
    static const trib_conn_handler handler = {
        .on_open = note_open, .on_data = big_answer_noted, .on_close = note_close};
    server s;
    server_start(&s, &handler, (trib_conn_limits){0});
    int fd = client_to(&s);
    client_send(fd, "go", 2);
    char *in = malloc(BIG_BYTES);
    assert_non_null(in);
    assert_int_equal(client_read(fd, in, BIG_BYTES), BIG_BYTES);
    for (size_t i = 0; i < BIG_BYTES; i++) assert_int_equal(in[i], pattern(i));
    assert_in_range(s.produced, BIG_BYTES - 64 * 1024, BIG_BYTES);
    free(in);
    close(fd);
    server_stop(&s, 1000);
}

static void look_at_unsent(trib_conn *conn) {
    atomic_store(&server_of(conn)->produced, trib_conn_unsent_bytes(conn));
}

/* An attacker that asks for much and reads nothing: left to itself the kernel takes 2.5 MB for each of its
 * connections. */
static void the_kernel_takes_little_for_a_peer_that_does_not_read(void **state) {
    (void)state;
    static const trib_conn_handler handler = {
        .on_open = note_open, .on_data = big_answer_noted, .on_close = note_close};
    server s;
    server_start(&s, &handler, (trib_conn_limits){0});
    int fd = client_to(&s);
    client_send(fd, "go", 2);
    char first;
    assert_int_equal(client_read(fd, &first, 1), 1);
    size_t before;
    do { /* until it takes no more */
        before = s.produced;
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        on_loop(&s, look_at_unsent);
    } while (before != s.produced);
    assert_in_range(s.produced, BIG_BYTES - 1024 * 1024, BIG_BYTES);
    close(fd);
    server_stop(&s, 1000);
}

/* ---- many large answers at once ---- */

enum { CROWD = 16, CROWD_ANSWER_BYTES = 1024 * 1024, LOOKS = 12 };

typedef struct crowd {
    trib_task task; /* posts itself: once in each iteration of the loop */
    trib_loop *loop;
    trib_conn *conns[CROWD];
    _Atomic unsigned count;
    unsigned looks;
    size_t unsent_bytes[LOOKS];
    atomic_bool done;
} crowd;

static crowd many;

static void join_crowd(trib_conn *conn) {
    note_open(conn);
    if (trib_conn_loop(conn) == server_of(conn)->loops[0]) many.conns[many.count++] = conn;
}

static void look_at_crowd(trib_task *task) {
    trib_buf buf;
    for (unsigned i = 0; i < CROWD && many.looks == 0; i++) {
        trib_buf_init(&buf, CROWD_ANSWER_BYTES);
        for (size_t n = 0; n < CROWD_ANSWER_BYTES; n++) trib_buf_add_char(&buf, 'x');
        trib_conn_write_buf(many.conns[i], &buf);
        trib_buf_deinit(&buf);
    }
    for (unsigned i = 0; i < CROWD; i++) many.unsent_bytes[many.looks] += trib_conn_unsent_bytes(many.conns[i]);
    if (++many.looks == LOOKS) atomic_store(&many.done, true);
    else trib_loop_post(many.loop, task);
}

static void one_iteration_sends_a_bounded_part_of_all_large_answers(void **state) {
    (void)state;
    static const trib_conn_handler handler = {.on_open = join_crowd, .on_data = echo, .on_close = note_close};
    server s;
    int fds[2 * CROWD];
    many.task.run = look_at_crowd;
    server_start(&s, &handler, (trib_conn_limits){0});
    many.loop = s.loops[0];
    for (int i = 0; i < 2 * CROWD; i++) fds[i] = client_to(&s);
    await(&s.opened, 2 * CROWD);
    assert_int_equal(many.count, CROWD);
    trib_loop_post(many.loop, &many.task);
    while (!atomic_load(&many.done)) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    for (unsigned i = 1; i < LOOKS; i++)
        assert_true(many.unsent_bytes[i - 1] - many.unsent_bytes[i] <= 256 * 1024 + CROWD * 16 * 1024);
    assert_true(many.unsent_bytes[LOOKS - 1] < many.unsent_bytes[0]);
    for (int i = 0; i < 2 * CROWD; i++) close(fds[i]);
    server_stop(&s, 1000);
}

static size_t big_answer_then_close(trib_conn *conn, trib_str bytes) {
    trib_buf buf;
    trib_buf_init(&buf, BIG_BYTES);
    for (size_t i = 0; i < BIG_BYTES; i++) trib_buf_add_char(&buf, pattern(i));
    trib_conn_write_buf(conn, &buf);
    trib_buf_deinit(&buf);
    trib_conn_close(conn);
    if (trib_conn_write(conn, TRIB_STR("too late")) != TRIB_CANCELLED) abort();
    return bytes.len;
}

static const trib_conn_handler big_handler = {
    .on_open = note_open, .on_data = big_answer_then_close, .on_close = note_close};

static void close_during_a_write_sends_the_rest_first(void **state) {
    (void)state;
    server s;
    server_start(&s, &big_handler, (trib_conn_limits){0});
    int fd = client_to(&s);
    client_send(fd, "go", 2);
    char *in = malloc(BIG_BYTES);
    assert_non_null(in);
    assert_int_equal(client_read(fd, in, BIG_BYTES), BIG_BYTES);
    for (size_t i = 0; i < BIG_BYTES; i++) assert_int_equal(in[i], pattern(i));
    client_expect_end(fd);
    free(in);
    close(fd);
    server_stop(&s, 5000);
    assert_int_equal(s.last_why, TRIB_OK);
}

static void an_answer_is_not_lost_when_the_peer_still_uploads(void **state) {
    (void)state;
    server s;
    server_start(&s, &line_handler, (trib_conn_limits){0});
    int fd = client_to(&s);
    client_send(fd, "close\n", 6);
    char junk[65536] = {0};
    for (int i = 0; i < 10; i++) client_send(fd, junk, sizeof junk);
    client_expect(fd, "[close]");
    client_expect_end(fd);
    close(fd);
    server_stop(&s, 5000);
    assert_int_equal(s.last_why, TRIB_OK);
}

static void abort_drops_what_is_queued_and_tells_why(void **state) {
    (void)state;
    server s;
    server_start(&s, &line_handler, (trib_conn_limits){0});
    int fd = client_to(&s);
    client_send(fd, "abort\nnever shown\n", 18);
    await(&s.closed, 1);
    assert_int_equal(s.last_why, TRIB_FORBIDDEN);
    close(fd);
    server_stop(&s, 1000);
}

static void abort_now(trib_conn *conn) {
    trib_conn_abort(conn, TRIB_CANCELLED);
    trib_conn_abort(conn, TRIB_NOMEM); /* the first reason stays */
    trib_conn_close(conn);
    trib_conn_read_resume(conn);
    trib_conn_set_deadline(conn, 10);
    trib_conn_set_idle_timeout(conn, 10);
    if (trib_conn_write(conn, TRIB_STR("x")) != TRIB_CANCELLED) abort();
}

static void abort_during_a_write_closes_once(void **state) {
    (void)state;
    server s;
    server_start(&s, &big_handler, (trib_conn_limits){0});
    int fd = client_to(&s);
    client_send(fd, "go", 2);
    client_expect(fd, "a"); /* the write is under way, and far from its end */
    on_loop(&s, abort_now);
    await(&s.closed, 1);
    assert_int_equal(s.last_why, TRIB_CANCELLED);
    close(fd);
    server_stop(&s, 1000);
}

static void a_reset_by_the_peer_is_told_as_cancelled(void **state) {
    (void)state;
    server s;
    server_start(&s, &echo_handler, (trib_conn_limits){0});
    int fd = client_to(&s);
    client_send(fd, "x", 1);
    client_expect(fd, "x");
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    close(fd);
    await(&s.closed, 1);
    assert_int_equal(s.last_why, TRIB_CANCELLED);
    server_stop(&s, 1000);
}

static void either_side_can_end_its_half_first(void **state) {
    (void)state;
    server s;
    server_start(&s, &line_handler, (trib_conn_limits){0});
    int fd = client_to(&s);
    client_send(fd, "end\n", 4);
    client_expect(fd, "[end]");
    client_expect_end(fd);
    client_send(fd, "still read\n", 11); /* its answer has no way back, but reading goes on */
    shutdown(fd, SHUT_WR);
    await(&s.eofs, 1);
    close(fd);
    server_stop(&s, 1000);
}

/* ---- time ---- */

static void an_idle_connection_is_closed(void **state) {
    (void)state;
    server s;
    server_start(&s, &echo_handler, (trib_conn_limits){.idle_timeout_ms = 30});
    int fd = client_to(&s);
    client_expect_end(fd);
    await(&s.closed, 1);
    assert_int_equal(s.last_why, TRIB_REQUEST_TIMEOUT);
    close(fd);
    server_stop(&s, 1000);
}

static void note_timeout(trib_conn *conn, trib_conn_timeout which) {
    server *s = server_of(conn);
    atomic_store(&s->last_timeout, (int)which);
    /* the first time it may go on */
    if (atomic_fetch_add(&s->timeouts, 1) == 0) return;
    trib_conn_write(conn, TRIB_STR("408"));
    trib_conn_close(conn);
}

static void the_handler_decides_about_an_idle_timeout_and_is_asked_again(void **state) {
    (void)state;
    static const trib_conn_handler handler = {
        .on_open = note_open, .on_data = echo, .on_timeout = note_timeout, .on_close = note_close};
    server s;
    server_start(&s, &handler, (trib_conn_limits){.idle_timeout_ms = 20});
    int fd = client_to(&s);
    client_expect(fd, "408");
    client_expect_end(fd);
    close(fd);
    server_stop(&s, 1000);
    assert_int_equal(s.timeouts, 2);
    assert_int_equal(s.last_timeout, TRIB_CONN_TIMEOUT_IDLE);
}

static void open_with_deadline(trib_conn *conn) {
    note_open(conn);
    atomic_store(&server_of(conn)->timeouts, 1);
    trib_conn_set_deadline(conn, 40);
}

static void a_deadline_counts_although_bytes_trickle(void **state) {
    (void)state;
    static const trib_conn_handler handler = {
        .on_open = open_with_deadline, .on_data = use_nothing, .on_timeout = note_timeout, .on_close = note_close};
    server s;
    server_start(&s, &handler, (trib_conn_limits){0});
    int fd = client_to(&s);
    while (atomic_load(&s.timeouts) < 2 && send(fd, "x", 1, MSG_NOSIGNAL) == 1) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    client_expect(fd, "408");
    close(fd);
    server_stop(&s, 1000);
    assert_int_equal(s.last_timeout, TRIB_CONN_TIMEOUT_DEADLINE);
}

static void a_peer_that_never_reads_is_given_up(void **state) {
    (void)state;
    server s;
    server_start(&s, &big_handler, (trib_conn_limits){.idle_timeout_ms = 100});
    int fd = client_to(&s);
    /* else the kernel may take the whole answer, and nobody is waited for */
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){8192}, sizeof(int));
    client_send(fd, "go", 2);
    await(&s.closed, 1);
    assert_int_equal(s.last_why, TRIB_REQUEST_TIMEOUT);
    /* a reset: else the kernel would keep for minutes what the peer does not take */
    struct pollfd reset = {.fd = fd, .events = 0};
    int error = 0;
    socklen_t len = sizeof error;
    assert_int_equal(poll(&reset, 1, 10000), 1);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
    assert_int_equal(error, ECONNRESET);
    close(fd);
    server_stop(&s, 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_back_whatever_their_split),
        cmocka_unit_test(unused_bytes_are_shown_again_before_new_ones),
        cmocka_unit_test(a_paused_connection_keeps_bytes_and_end_until_resumed),
        cmocka_unit_test(a_pause_bounds_what_is_taken_from_the_peer),
        cmocka_unit_test(a_connection_that_keeps_all_it_may_is_read_on_when_resumed),
        cmocka_unit_test(a_full_buffer_of_which_nothing_is_used_closes),
        cmocka_unit_test(a_slow_reader_pauses_the_writer_and_gets_every_byte),
        cmocka_unit_test(a_writer_that_ignores_the_bound_loses_the_connection),
        cmocka_unit_test(a_large_answer_is_written_in_turns),
        cmocka_unit_test(the_kernel_takes_little_for_a_peer_that_does_not_read),
        cmocka_unit_test(one_iteration_sends_a_bounded_part_of_all_large_answers),
        cmocka_unit_test(close_during_a_write_sends_the_rest_first),
        cmocka_unit_test(an_answer_is_not_lost_when_the_peer_still_uploads),
        cmocka_unit_test(abort_drops_what_is_queued_and_tells_why),
        cmocka_unit_test(abort_during_a_write_closes_once),
        cmocka_unit_test(a_reset_by_the_peer_is_told_as_cancelled),
        cmocka_unit_test(either_side_can_end_its_half_first),
        cmocka_unit_test(an_idle_connection_is_closed),
        cmocka_unit_test(the_handler_decides_about_an_idle_timeout_and_is_asked_again),
        cmocka_unit_test(a_deadline_counts_although_bytes_trickle),
        cmocka_unit_test(a_peer_that_never_reads_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
