/* SPDX-License-Identifier: Apache-2.0 */
/* Streams into a store that fails as told, at each of its calls: a stream is in the database or whole in an object,
 * never in neither, and nothing is overwritten. */
#include "core/archive_int.h"
#include "features/archive/archive_int.h"
#include "support/ws_app_test.h"
#include "unit/features/streams/streams_test.h"

/* ---- a store in memory ---- */

typedef enum fault {
    NONE,
    REFUSES,     /* nothing happens, and it says so */
    DROPS,       /* it happens, and the answer is lost */
    FORGETS,     /* it says that it happened */
    TRUNCATES,   /* half of it is kept, or answered */
    FLIPS,       /* another byte is kept, or answered */
    SAYS_THERE,  /* says that something is there already; nothing is */
    SAYS_NOTHING /* says that there is nothing */
} fault;

enum { OBJECTS_MAX = 32, WAIT_MS = 20000 };

static struct {
    pthread_mutex_t lock;
    struct {
        char key[100], bytes[8192];
        size_t len;
    } objects[OBJECTS_MAX];
    size_t count;
    fault put, get; /* of the calls to come */
    int put_times, get_times;
    int puts, gets, overwritten;
} store = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int find_object(trib_str key) {
    for (size_t i = 0; i < store.count; i++)
        if (trib_str_eq_c(key, store.objects[i].key)) return (int)i;
    return -1;
}

static fault take_fault(fault kind, int *times) {
    if (*times == 0) return NONE;
    --*times;
    return kind;
}

static trib_code broken(trib_error *err) {
    return trib_error_set(err, TRIB_CONNECT, "the store is broken");
}

static void keep(const trib_object *object, fault how) {
    size_t n = store.count++;
    assert_true(n < OBJECTS_MAX && object->bytes.len < sizeof store.objects[n].bytes);
    snprintf(store.objects[n].key, sizeof store.objects[n].key, "%.*s", TRIB_STR_ARG(object->key));
    memcpy(store.objects[n].bytes, object->bytes.ptr, object->bytes.len);
    store.objects[n].len = how == TRUNCATES ? object->bytes.len / 2 : object->bytes.len;
    if (how == FLIPS) store.objects[n].bytes[3] ^= 1;
}

static trib_code put_object(void *ctx, const trib_object *object, bool *ret_made, trib_error *err) {
    (void)ctx;
    pthread_mutex_lock(&store.lock);
    store.puts++;
    fault how = take_fault(store.put, &store.put_times);
    bool there = find_object(object->key) >= 0;
    if (how != REFUSES && how != FORGETS && how != SAYS_THERE && !there) keep(object, how);
    pthread_mutex_unlock(&store.lock);
    *ret_made = !there && how != SAYS_THERE;
    return how == REFUSES || how == DROPS ? broken(err) : TRIB_OK;
}

static trib_code get_object(void *ctx, trib_str key, trib_buf *ret, bool *ret_found, trib_error *err) {
    (void)ctx;
    pthread_mutex_lock(&store.lock);
    store.gets++;
    fault how = take_fault(store.get, &store.get_times);
    int i = find_object(key);
    *ret_found = i >= 0 && how != SAYS_NOTHING;
    if (*ret_found) {
        trib_buf_add_bytes(ret, store.objects[i].bytes, how == TRUNCATES ? 5 : store.objects[i].len);
        if (how == FLIPS) ret->ptr[3] ^= 1;
    }
    pthread_mutex_unlock(&store.lock);
    if (how == REFUSES || how == DROPS) return broken(err);
    return ret->failed ? trib_error_set(err, TRIB_RESPONSE_TOO_LARGE, NULL) : TRIB_OK;
}

static trib_code list_objects(void *ctx, trib_str after, bool (*take)(void *, trib_str, uint64_t), void *take_ctx,
                              trib_error *err) {
    (void)ctx, (void)after, (void)err;
    for (size_t i = 0; i < store.count; i++)
        if (!take(take_ctx, trib_str_c(store.objects[i].key), store.objects[i].len)) break;
    return TRIB_OK;
}

/* ---- an app with both modules ---- */

static void *archive_state;
static ws_test w;

static int start_archive(void) {
    t.app.objects = (trib_objects){.put = put_object, .get = get_object, .list = list_objects, .where = "memory"};
    return trib_archive_module.start(&t.app, &archive_state, NULL) == TRIB_OK ? 0 : -1;
}

static int setup(void **state) {
    store.count = 0;
    store.put_times = store.get_times = store.puts = store.gets = 0;
    if (streams_setup(state) != 0 || start_module(NULL) != TRIB_OK) return -1;
    return start_archive();
}

static void stop_archive(void) {
    trib_archive_module.stop(archive_state);
    archive_state = NULL;
}

static int teardown(void **state) {
    stop_archive();
    return streams_teardown(state);
}

/* Everything anew on the same folder, as after a crash of the process. */
static void restart(void) {
    stop_archive();
    stop_module();
    app_test_stop(&t);
    assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
    assert_int_equal(start_module(NULL), TRIB_OK);
    assert_int_equal(start_archive(), 0);
}

static void ask_archive(http_test *h, void (*handle)(trib_http_request *), const char *id) {
    void *streams = module;
    module = archive_state;
    ask(h, handle, id, "");
    module = streams;
}

static void says(void (*handle)(trib_http_request *), const char *id, const char *text) {
    http_test h;
    ask_archive(&h, handle, id);
    const char *answer = http_test_wait(&t, &h);
    if (!strstr(answer, text)) fail_msg("%s: wanted %s, got %s", id, text, answer);
    http_test_end(&h);
}

static void settle(void) {
    assert_true(trib_archive_settle(t.app.archive, WAIT_MS));
}

static char before[8192];

static void read_whole(const char *id, char *to, size_t size) {
    http_test h;
    ask(&h, streams_handle_events, id, "");
    snprintf(to, size, "%s", http_test_wait(&t, &h));
    http_test_end(&h);
}

static void make_stream(const char *id) {
    char body[400];
    snprintf(
        body, sizeof body,
        "{\"events\":[{\"id\":\"%s-1\",\"opcode\":9,\"delta\":-0.5,\"payload\":{\"a\":\"\\u00e9\\n\"},\"ts\":\"x\"},"
        "{\"id\":\"%s-2\",\"opcode\":9,\"nodeId\":\"\",\"delta\":1e21},{\"id\":\"%s-3\",\"opcode\":-1}]}",
        id, id, id);
    expect(streams_handle_append, id, body, "\"last\":3");
    read_whole(id, before, sizeof before);
}

/* Wherever it is, it reads as before. */
static void reads_as_before(const char *id) {
    char now[8192];
    read_whole(id, now, sizeof now);
    assert_string_equal(now, before);
}

static bool is_archived(const char *id) {
    http_test h;
    ask_archive(&h, archive_handle_show, id);
    bool yes = strstr(http_test_wait(&t, &h), "\"state\":\"archived\"") != NULL;
    http_test_end(&h);
    return yes;
}

static void becomes_archived(const char *id) {
    int64_t until_ns = trib_env_mono_ns(&t.env.env) + (int64_t)WAIT_MS * 1000000;
    while (!is_archived(id)) {
        if (trib_env_mono_ns(&t.env.env) > until_ns) fail_msg("%s is not archived in time", id);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
}

/* ---- tests ---- */

static void an_archived_stream_reads_the_same_and_takes_no_more(void **state) {
    (void)state;
    make_stream("s");
    says(archive_handle_ask, "s", "\"state\":\"waiting\"");
    settle();
    assert_true(is_archived("s"));
    reads_as_before("s");
    assert_int_equal(store.objects[0].len, strlen(before));
    assert_memory_equal(store.objects[0].bytes, before, strlen(before));
    assert_string_equal(store.objects[0].key, "s.json");
    expect(streams_handle_verify, "s", "", "{\"ok\":true,\"events\":3,\"version\":3}");
    expect(streams_handle_append, "s", "{\"events\":[{\"opcode\":9}]}", "STREAM_CLOSED");
    assert_int_not_equal(sql("INSERT INTO events VALUES ('z', 's', 1, NULL, NULL, NULL, NULL, NULL)", NULL), TRIB_OK);
    expect(streams_handle_list, "s", "", "\"streamId\":\"s\",\"type\":null,\"status\":null,\"version\":3,\"events\":3");
    assert_int_equal(store.puts, 1);
    says(archive_handle_ask, "s", "\"state\":\"archived\"");
    settle();
    assert_int_equal(store.puts, 1);
    restart();
    reads_as_before("s");
}

static void whatever_a_put_does_the_stream_is_in_the_database_or_in_an_object(void **state) {
    static const fault passing[] = {REFUSES, DROPS, FORGETS, SAYS_THERE};
    char id[20];
    (void)state;
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++) {
        snprintf(id, sizeof id, "p%zu", i);
        make_stream(id);
        store.put = passing[i];
        store.put_times = 1000;
        says(archive_handle_ask, id, "waiting");
        settle();
        assert_false(is_archived(id));
        reads_as_before(id);
        store.put_times = 0;
        becomes_archived(id); /* by itself, once the store has recovered */
        reads_as_before(id);
    }
}

static void an_object_that_was_kept_wrong_stops_it(void **state) {
    static const fault damage[] = {TRUNCATES, FLIPS};
    char id[20];
    (void)state;
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        snprintf(id, sizeof id, "d%zu", i);
        make_stream(id);
        store.put = damage[i];
        store.put_times = 1;
        says(archive_handle_ask, id, "waiting");
        settle();
        says(archive_handle_show, id, "other bytes than the stream");
        says(archive_handle_show, id, "\"state\":\"stopped\"");
        reads_as_before(id);
        assert_int_equal(store.puts, (int)i + 1); /* it is not tried again */
        settle();
        assert_int_equal(trib_archive_count(t.app.archive).stopped, i + 1);
    }
    restart();
    says(archive_handle_show, "d0", "\"state\":\"stopped\"");
    store.count = 0; /* somebody looks, and moves it away */
    says(archive_handle_ask, "d0", "waiting");
    settle();
    assert_true(is_archived("d0"));
}

static void whatever_a_get_answers_nothing_is_deleted_on_doubt(void **state) {
    static const fault passing[] = {REFUSES, SAYS_NOTHING};
    char id[20];
    (void)state;
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++) {
        snprintf(id, sizeof id, "g%zu", i);
        make_stream(id);
        store.get = passing[i];
        store.get_times = 1000;
        says(archive_handle_ask, id, "waiting");
        settle();
        assert_false(is_archived(id));
        reads_as_before(id);
        store.get_times = 0;
        becomes_archived(id);
        reads_as_before(id);
    }
    /* an answer that was damaged on its way is asked for again, a few times */
    make_stream("g8");
    store.get = FLIPS;
    store.get_times = 2;
    says(archive_handle_ask, "g8", "waiting");
    settle();
    assert_true(is_archived("g8"));
    make_stream("g9");
    store.get = TRUNCATES;
    store.get_times = 3;
    says(archive_handle_ask, "g9", "waiting");
    settle();
    says(archive_handle_show, "g9", "\"state\":\"stopped\"");
    reads_as_before("g9");
}

static void another_object_is_neither_overwritten_nor_believed(void **state) {
    (void)state;
    store.count = 1;
    snprintf(store.objects[0].key, sizeof store.objects[0].key, "s.json");
    memcpy(store.objects[0].bytes, "[]", 2);
    store.objects[0].len = 2;
    make_stream("s");
    says(archive_handle_ask, "s", "waiting");
    settle();
    says(archive_handle_show, "s", "nothing is overwritten");
    assert_int_equal(store.objects[0].len, 2);
    reads_as_before("s");
}

static void an_object_of_an_earlier_try_is_taken_for_it(void **state) {
    (void)state;
    make_stream("s");
    store.get = REFUSES;
    store.get_times = 1;
    says(archive_handle_ask, "s", "waiting");
    settle();
    restart(); /* put, not read back, not marked */
    settle();
    assert_true(is_archived("s"));
    assert_int_equal(store.count, 1);
    reads_as_before("s");
}

static void a_damaged_object_is_never_shown(void **state) {
    (void)state;
    make_stream("s");
    says(archive_handle_ask, "s", "waiting");
    settle();
    store.objects[0].bytes[3] ^= 1;
    expect(streams_handle_events, "s", "", "CHAIN_BROKEN");
    says(archive_handle_verify, "s", "\"problems\":[{\"streamId\":\"s\",\"key\":\"s.json\"");
    says(archive_handle_restore, "s", "CHAIN_BROKEN");
    store.objects[0].bytes[3] ^= 1;
    reads_as_before("s");
    says(archive_handle_verify, "s", "{\"problems\":[],\"checked\":1");
    store.count = 0;
    expect(streams_handle_events, "s", "", "is not there");
}

static void a_restored_stream_is_the_same_and_goes_out_again(void **state) {
    (void)state;
    make_stream("s");
    says(archive_handle_ask, "s", "waiting");
    settle();
    says(archive_handle_restore, "s", "\"state\":\"restored\"");
    reads_as_before("s");
    expect(streams_handle_verify, "s", "", "{\"ok\":true,\"events\":3,\"version\":3}");
    expect(streams_handle_append, "s", "{\"events\":[{\"opcode\":9}]}", "STREAM_CLOSED");
    says(archive_handle_restore, "s", "STREAM_NOT_FOUND");
    says(archive_handle_ask, "s", "waiting");
    settle();
    assert_true(is_archived("s"));
    reads_as_before("s");
}

static void what_json_cannot_say_stays_in_the_database(void **state) {
    (void)state;
    assert_int_equal(sql("INSERT INTO events VALUES ('i', 's', 1, NULL, NULL, 9e999, NULL, NULL)", NULL), TRIB_OK);
    says(archive_handle_ask, "s", "waiting");
    settle();
    says(archive_handle_show, "s", "\"state\":\"stopped\"");
    assert_int_equal(store.count, 0);
    assert_int_equal(store.puts, 0);
}

static void a_stream_that_was_deleted_meanwhile_is_forgotten(void **state) {
    (void)state;
    make_stream("s");
    store.put = REFUSES;
    store.put_times = 1000;
    says(archive_handle_ask, "s", "waiting");
    settle();
    assert_int_equal(sql("DELETE FROM events WHERE streamId = 's'", NULL), TRIB_OK);
    restart();
    settle();
    says(archive_handle_show, "s", "STREAM_NOT_FOUND");
    assert_int_equal(trib_archive_count(t.app.archive).waiting, 0);
}

static void ended_streams_are_archived_by_themselves(void **state) {
    (void)state;
    stop_archive();
    make_stream("open");
    make_stream("s");
    expect(streams_handle_close, "s", "", "\"closed\":true");
    t.app.settings.archive_after_ms = 1;
    /* the events have SQLite's time, the archive that of the test */
    t.env.offset_ns += ((int64_t)time(NULL) * 1000 - trib_env_wall_ms(&t.env.env) + 5000) * 1000000;
    assert_int_equal(start_archive(), 0);
    settle();
    becomes_archived("s");
    says(archive_handle_show, "open", "nobody has asked");
    assert_int_equal(store.count, 1);
}

/* More than one transaction asks for. */
static void many_that_have_ended_are_all_archived(void **state) {
    (void)state;
    char id[16];
    enum { MANY = 2 * TRIB_ARCHIVE_ASK + 1 };
    stop_archive();
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "s%02d", i);
        make_stream(id);
        expect(streams_handle_close, id, "", "\"closed\":true");
    }
    t.app.settings.archive_after_ms = 1;
    t.env.offset_ns += ((int64_t)time(NULL) * 1000 - trib_env_wall_ms(&t.env.env) + 5000) * 1000000;
    assert_int_equal(start_archive(), 0);
    settle();
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "s%02d", i);
        becomes_archived(id);
    }
    assert_int_equal(store.count, MANY);
}

/* No more than that: what others have stays, and so do members and what the stream amounts to. */
static void what_belongs_to_the_events_goes_with_them(void **state) {
    (void)state;
    make_stream("s");
    make_stream("stays");
    assert_int_equal(sql("INSERT INTO _trib_idem SELECT 'a', streamId, streamId, '', '' FROM _trib_stream", NULL),
                     TRIB_OK);
    assert_int_equal(sql("INSERT INTO _trib_member VALUES ('a', 's', 'customer')", NULL), TRIB_OK);
    says(archive_handle_ask, "s", "waiting");
    settle();
    becomes_archived("s");
#define ANY(rows) "SELECT json('{') FROM " rows /* fails where there is one */
    static const char *const gone[] = {ANY("_trib_ev WHERE streamId = 's'"), ANY("events WHERE streamId = 's'"),
                                       ANY("_trib_idem WHERE streamId = 's'"), ANY("_trib_partial")};

    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) assert_int_equal(sql(gone[i], NULL), TRIB_OK);
    static const char *const kept[] = {ANY("_trib_ev WHERE streamId = 'stays'"),
                                       ANY("_trib_idem WHERE streamId = 'stays'"),
                                       ANY("_trib_member WHERE streamId = 's'"),
                                       ANY("_trib_stream WHERE streamId = 's' AND count = 0 AND bytes = 0 AND version "
                                           "= 3 AND folded = 3 AND deleted_ms IS NULL")};
#undef ANY
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) assert_int_equal(sql(kept[i], NULL), TRIB_SQL_ERROR);
}

/* What a store that is away makes of each stream. */
static void failures_are_one_line_of_the_log_now_and_then(void **state) {
    uint64_t more = 0;
    (void)state;
    assert_true(trib_archive_may_log(t.app.archive, &more));
    assert_int_equal(more, 0);
    for (int i = 0; i < 3; i++) assert_false(trib_archive_may_log(t.app.archive, &more));
    t.env.offset_ns += (int64_t)TRIB_ARCHIVE_LOG_MS * 1000000;
    assert_true(trib_archive_may_log(t.app.archive, &more));
    assert_int_equal(more, 3);
}

static void archive_it(const char *id) {
    make_stream(id);
    says(archive_handle_ask, id, "waiting");
    settle();
    assert_true(is_archived(id));
}

static void take_socket(trib_http_request *request) {
    static trib_principal principal;
    app_test_principal(&principal, 1);
    request->tenant = trib_tenant_ref(streams_tenant());
    request->principal = trib_principal_ref(&principal);
    request->module_state = module;
    streams_handle_socket(request);
    w.ws.tenant = request->tenant;
    w.ws.principal = request->principal;
}

static void hears(const char *text) {
    trib_str said = ws_test_hear(&w);
    if (!memmem(said.ptr, said.len, text, strlen(text))) fail_msg("wanted %s, got %.*s", text, TRIB_STR_ARG(said));
}

static void who_follows_an_archived_stream_is_shown_it_and_its_end(void **state) {
    http_test h;
    (void)state;
    archive_it("s");
    follow(&h, "s", "live=sse&offset=1");
    until(&h, "event: closed\ndata: {\"offset\":3}\n\n");
    assert_int_equal(count_in(&h, "id: "), 2);
    assert_int_equal(count_in(&h, "\"id\":\"s-2\""), 1);
    http_test_end(&h);
    follow(&h, "s", "live=sse&offset=3");
    http_test_wait(&t, &h);
    assert_int_equal(h.status, 204);
    http_test_end(&h);
    follow(&h, "s", "live=long-poll");
    assert_string_equal(http_test_wait(&t, &h), before);
    assert_non_null(strstr(h.extra_headers, "Stream-Next-Offset: 3\r\nStream-Up-To-Date: true\r\nStream-Closed: true"));
    http_test_end(&h);
    ws_test_open(&t, &w, take_socket, 0);
    ws_test_say(&w, "{\"type\":\"subscribe\",\"streamId\":\"s\",\"offset\":2}");
    hears("{\"type\":\"subscribed\",\"streamId\":\"s\",\"offset\":2,\"version\":3}");
    hears("{\"type\":\"events\",\"streamId\":\"s\",\"first\":3,\"last\":3,\"events\":[{\"id\":\"s-3\"");
    hears("{\"type\":\"closed\",\"streamId\":\"s\",\"offset\":3}");
    ws_test_leave(&w);
}

static void who_follows_a_stream_while_it_is_archived_misses_nothing(void **state) {
    http_test h;
    (void)state;
    make_stream("s");
    follow(&h, "s", "live=sse&offset=0");
    until(&h, "id: 3\n");
    says(archive_handle_ask, "s", "waiting");
    settle();
    until(&h, "event: closed\ndata: {\"offset\":3}\n\n");
    assert_int_equal(count_in(&h, "id: "), 3);
    http_test_end(&h);
}

static void an_object_that_cannot_be_shown_ends_a_tail_with_its_reason(void **state) {
    http_test h;
    (void)state;
    archive_it("s");
    store.objects[0].bytes[3] ^= 1;
    follow(&h, "s", "live=sse");
    assert_non_null(strstr(http_test_wait(&t, &h), "CHAIN_BROKEN"));
    http_test_end(&h);
    store.objects[0].bytes[3] ^= 1;
    follow(&h, "s", "live=sse");
    leave(&h); /* while it is fetched */
    follow(&h, "s", "live=sse");
    until(&h, "event: closed");
    http_test_end(&h);
}

static void keys_are_unreserved_short_and_of_one_stream_each(void **state) {
    static const char *const ids[][2] = {{"ord-5001", "ord-5001.json"},
                                         {"a/b", "a~2Fb.json"},
                                         {"..", "...json"},
                                         {"~", "~7E.json"},
                                         {"\xc3\xb6 %", "~C3~B6~20~25.json"}};
    char longest[201], other[201];
    trib_buf key, second;
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        trib_buf_init(&key, TRIB_OBJECT_KEY_MAX_BYTES);
        assert_int_equal(trib_archive_key(trib_str_c(ids[i][0]), &key, NULL), TRIB_OK);
        assert_true(trib_str_eq_c(trib_buf_str(&key), ids[i][1]));
        trib_buf_deinit(&key);
    }
    memset(longest, '/', 200);
    memset(other, '/', 200);
    longest[200] = other[200] = '\0';
    other[199] = 'x';
    trib_buf_init(&key, TRIB_OBJECT_KEY_MAX_BYTES);
    trib_buf_init(&second, TRIB_OBJECT_KEY_MAX_BYTES);
    assert_int_equal(trib_archive_key(trib_str_c(longest), &key, NULL), TRIB_OK);
    assert_int_equal(trib_archive_key(trib_str_c(other), &second, NULL), TRIB_OK);
    assert_false(trib_str_eq(trib_buf_str(&key), trib_buf_str(&second)));
    trib_buf_deinit(&key);
    trib_buf_deinit(&second);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_archived_stream_reads_the_same_and_takes_no_more),
        TEST(whatever_a_put_does_the_stream_is_in_the_database_or_in_an_object),
        TEST(an_object_that_was_kept_wrong_stops_it),
        TEST(whatever_a_get_answers_nothing_is_deleted_on_doubt),
        TEST(another_object_is_neither_overwritten_nor_believed),
        TEST(an_object_of_an_earlier_try_is_taken_for_it),
        TEST(a_damaged_object_is_never_shown),
        TEST(a_restored_stream_is_the_same_and_goes_out_again),
        TEST(what_json_cannot_say_stays_in_the_database),
        TEST(a_stream_that_was_deleted_meanwhile_is_forgotten),
        TEST(who_follows_an_archived_stream_is_shown_it_and_its_end),
        TEST(who_follows_a_stream_while_it_is_archived_misses_nothing),
        TEST(an_object_that_cannot_be_shown_ends_a_tail_with_its_reason),
        TEST(ended_streams_are_archived_by_themselves),
        TEST(many_that_have_ended_are_all_archived),
        TEST(what_belongs_to_the_events_goes_with_them),
        TEST(failures_are_one_line_of_the_log_now_and_then),
        TEST(keys_are_unreserved_short_and_of_one_stream_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
