/* SPDX-License-Identifier: Apache-2.0 */
/* nearest() equals looking at every place, at poles and across the antimeridian too. */
#include <math.h>

#include "base/geo.h"
#include "unit/features/discovery/discovery_test.h"

enum { PLACES = 4000, CASES = 10000 };

static uint64_t seed = 88172645463325252u;
static double between(double from, double to) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return from + (to - from) * (double)(seed >> 11) / 9007199254740992.0;
}

typedef struct place {
    double lat, lng;
    int type;
    bool open;
} place;
static place places[PLACES];

/* Thick in a city, at the poles and on both sides of the antimeridian. */
static void draw(double *lat, double *lng) {
    switch ((int)between(0, 6)) {
    case 0: *lat = between(89, 90), *lng = between(-180, 180); break;
    case 1: *lat = between(-90, -89.5), *lng = between(-180, 180); break;
    case 2: *lat = between(-20, 20), *lng = between(179, 180) * (between(0, 2) < 1 ? 1 : -1); break;
    case 3: *lat = between(25, 25.3), *lng = between(55, 55.4); break;
    case 4: *lat = between(0, 4) < 1 ? 90 : between(0, 4) < 1 ? -90 : 0, *lng = between(0, 2) < 1 ? 180 : -180; break;
    default: *lat = between(-90, 90), *lng = between(-180, 180);
    }
}

static trib_code fill(void *ctx, trib_handle *handle, trib_error *err) {
    char sql[400];
    (void)ctx;
    trib_code code = trib_db_start_run(handle, "BEGIN IMMEDIATE", NULL, 0, NULL, NULL, err);
    for (int i = 0; code == TRIB_OK && i < 3; i++) {
        snprintf(sql, sizeof sql, "INSERT INTO nodes(workspaceId, id, nodeType) VALUES ('w', 'n%d', 't%d')", i, i);
        code = trib_db_start_run(handle, sql, NULL, 0, NULL, NULL, err);
    }
    for (int i = 0; code == TRIB_OK && i < PLACES; i++) {
        place *p = &places[i];
        draw(&p->lat, &p->lng);
        p->type = (int)between(0, 3);
        p->open = between(0, 5) < 4;
        snprintf(sql, sizeof sql,
                 "INSERT INTO points(workspaceId, id, nodeId, lat, lng, openNow) VALUES ('w', 'p%d', 'n%d', %.17g, "
                 "%.17g, %d)",
                 i, p->type, p->lat, p->lng, p->open);
        code = trib_db_start_run(handle, sql, NULL, 0, NULL, NULL, err);
    }
    return code == TRIB_OK ? trib_db_start_run(handle, "COMMIT", NULL, 0, NULL, NULL, err) : code;
}

typedef struct got {
    double m[64];
    int count;
} got;

static trib_code take(void *ctx, const trib_stmt *stmt, trib_error *err) {
    got *to = ctx;
    trib_value id = trib_stmt_col_value(stmt, 0);
    uint64_t number = 0;
    (void)err;
    assert_true(trib_str_u64(trib_str_sub(id.bytes, 1, id.bytes.len), &number) && number < PLACES);
    const place *p = &places[number];
    double m = trib_stmt_col_value(stmt, 1).real;
    assert_true(p->open);
    assert_true(fabs(m - trib_geo_distance_m(trib_stmt_col_value(stmt, 2).real, trib_stmt_col_value(stmt, 3).real,
                                             p->lat, p->lng)) < 1e-6);
    to->m[to->count++] = m;
    return TRIB_OK;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static trib_code ask_all(void *ctx, trib_handle *handle, trib_error *err) {
    static double all[PLACES];
    trib_code code = TRIB_OK;
    (void)ctx;
    for (int i = 0; code == TRIB_OK && i < CASES; i++) {
        double lat, lng, max_m = i % 3 ? HUGE_VAL : between(0, 4e5);
        draw(&lat, &lng);
        int k = 1 + (int)between(0, i % 50 ? 8 : 60), type = i % 4 - 1, count = 0;
        char name[8];
        snprintf(name, sizeof name, "t%d", type);
        for (int n = 0; n < PLACES; n++) {
            double m = trib_geo_distance_m(lat, lng, places[n].lat, places[n].lng);
            if (places[n].open && (type < 0 || places[n].type == type) && m <= max_m) all[count++] = m;
        }
        qsort(all, (size_t)count, sizeof *all, compare);
        trib_arg args[5] = {
            {.value = {.type = TRIB_VALUE_REAL, .real = lat}},
            {.value = {.type = TRIB_VALUE_REAL, .real = lng}},
            {.value = {.type = TRIB_VALUE_INTEGER, .integer = k}},
            {.value = {.type = max_m < HUGE_VAL ? TRIB_VALUE_REAL : TRIB_VALUE_NULL, .real = max_m}},
            {.value = {.type = type < 0 ? TRIB_VALUE_NULL : TRIB_VALUE_TEXT, .bytes = trib_str_c(name)}}};
        got found = {.count = 0};
        code = trib_db_start_run(handle, "SELECT id, distance_m, ?1, ?2 FROM nearest(?1, ?2, ?3, ?4, ?5)", args, 5,
                                 take, &found, err);
        if (found.count != (count < k ? count : k))
            fail_msg("%f,%f: %d places of %d, k %d", lat, lng, found.count, count, k);
        for (int n = 0; n < found.count; n++)
            if (found.m[n] != all[n])
                fail_msg("%f,%f: place %d is %f away, wanted %f", lat, lng, n, found.m[n], all[n]);
    }
    return code;
}

static void ten_thousand_questions_are_answered_as_by_looking_at_every_place(void **state) {
    (void)state;
    trib_error err = {0};
    if (trib_db_start(&t.app, tenant_of("discovery"), fill, NULL, &err) != TRIB_OK) fail_msg("%s", err.message);
    if (trib_db_start(&t.app, tenant_of("discovery"), ask_all, NULL, &err) != TRIB_OK) fail_msg("%s", err.message);
}

static void wrong_arguments_are_told(void **state) {
    (void)state;
    trib_error err = {0};
    static const struct {
        const char *sql, *why;
    } wrong[] = {
        {"SELECT * FROM nearest", "wants a place"},
        {"SELECT * FROM nearest(1)", "wants a place"},
        {"SELECT * FROM nearest(NULL, 1)", "a latitude and a longitude"},
        {"SELECT * FROM nearest(91, 1)", "-90 to 90"},
        {"SELECT * FROM nearest(1, 1, 0)", "1 to 1000"},
        {"SELECT * FROM nearest(1, 1, 1001)", "1 to 1000"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (client("discovery", wrong[i].sql, &err) == TRIB_OK) fail_msg("%s was done", wrong[i].sql);
        expect(err.message, wrong[i].why);
    }
    assert_int_equal(client("streams", "SELECT * FROM nearest(1, 1)", &err), TRIB_SQL_ERROR);
    expect(err.message, "no such table");
}

static void two_walks_of_one_statement_do_not_meet(void **state) {
    (void)state;
    run("discovery", "INSERT INTO points(workspaceId, id, nodeId, lat, lng, openNow) VALUES ('w', 'a', 'n', 0, 0, 1), "
                     "('w', 'b', 'n', 0, 1, 1), ('w', 'c', 'n', 0, 5, 1)");
    assert_string_equal(rows("discovery", "SELECT x.id, y.id FROM nearest(0, 0, 3) x, nearest(x.lat, x.lng, 2) y"),
                        "a,a;a,b;b,b;b,a;c,c;c,b");
    assert_string_equal(rows("discovery", "SELECT id FROM nearest(0, 4, 9) ORDER BY distance_m DESC"), "a;b;c");
    assert_string_equal(rows("discovery", "SELECT id FROM nearest(0, 4, 9) ORDER BY distance_m LIMIT 1"), "c");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, discovery_setup, discovery_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(ten_thousand_questions_are_answered_as_by_looking_at_every_place),
        TEST(wrong_arguments_are_told),
        TEST(two_walks_of_one_statement_do_not_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
