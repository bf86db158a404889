/* SPDX-License-Identifier: Apache-2.0 */
/* The indexes of discovery follow its rows, whoever changes them and how; clients may change rows, not tables. */
#include "store/nearest.h"
#include "unit/features/discovery/discovery_test.h"

/* The indexes equal what they would be if they were made anew. */
static void expect_whole(void) {
    const char *off = rows(
        "discovery", "SELECT count(*) FROM (SELECT rowid FROM points WHERE openNow IN (1, 'true') AND lat BETWEEN -90 "
                     "AND 90 AND lng BETWEEN -180 AND 180 EXCEPT SELECT n FROM _trib_place)");
    assert_string_equal(off, "0");
    off = rows(
        "discovery",
        "SELECT count(*) FROM _trib_place i LEFT JOIN points p ON p.rowid = i.n LEFT JOIN nodes n ON n.workspaceId = "
        "p.workspaceId AND n.id = p.nodeId LEFT JOIN _trib_kind k ON k.name = n.nodeType WHERE p.rowid IS NULL OR "
        "coalesce(p.openNow, 0) NOT IN (1, 'true') OR p.lat NOT BETWEEN lat0 AND lat1 OR p.lng NOT BETWEEN lng0 AND "
        "lng1 OR kind0 <> coalesce(k.n, 0) * 1024");
    assert_string_equal(off, "0");
    assert_string_equal(rows("discovery", "SELECT rtreecheck('_trib_place')"), "ok");
    run("discovery", "INSERT INTO _trib_search(_trib_search) VALUES ('integrity-check')");
    assert_string_equal(rows("discovery", "SELECT (SELECT count(*) FROM nodes) - (SELECT count(*) FROM _trib_search)"),
                        "0");
}

static const char *found(const char *word) {
    char sql[300];
    snprintf(
        sql, sizeof sql,
        "SELECT workspaceId || '/' || id FROM nodes WHERE rowid IN (SELECT rowid FROM _trib_search WHERE _trib_search "
        "MATCH '%s') ORDER BY 1",
        word);
    return rows("discovery", sql);
}

static void indexes_follow_every_way_to_change_a_row(void **state) {
    (void)state;
    static const char *const steps[] = {
        "INSERT INTO points(workspaceId, id, nodeId, lat, lng, openNow) VALUES ('r', 'p', 'rami', 1, 2, true)",
        "INSERT INTO nodes(workspaceId, id, nodeType, title) VALUES ('r', 'rami', 'driver', 'Rami')",
        "INSERT OR REPLACE INTO nodes(workspaceId, id, nodeType, title) VALUES ('r', 'rami', 'courier', 'Ramy')",
        "INSERT OR REPLACE INTO points(workspaceId, id, nodeId, lat, lng, openNow) VALUES ('r', 'p', 'rami', 3, 4, "
        "true)",
        "INSERT OR IGNORE INTO points(workspaceId, id, nodeId, lat, lng, openNow) VALUES ('r', 'p', 'x', 5, 6, true)",
        "INSERT INTO points(workspaceId, id, nodeId, openNow) VALUES ('r', 'p', 'x', 1) ON CONFLICT DO UPDATE SET lat "
        "= 7",
        "UPDATE points SET openNow = false",
        "UPDATE points SET openNow = 'true', lat = 91",
        "UPDATE points SET lat = -90, lng = 180",
        "UPDATE nodes SET nodeType = 'driver', title = 'Rámi'",
        "UPDATE nodes SET id = 'rami2'",
        "UPDATE points SET nodeId = 'rami2'",
        "UPDATE nodes SET rowid = rowid + 100",
        "UPDATE points SET rowid = rowid + 100",
        "UPDATE points SET workspaceId = 'q'",
        "DELETE FROM nodes",
        "DELETE FROM points",
    };
    trib_error err = {0};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (client("discovery", steps[i], &err) != TRIB_OK) fail_msg("%s: %s", steps[i], err.message);
        expect_whole();
        if (i == 2) assert_string_equal(found("rami"), "");
        if (i == 2) assert_string_equal(found("ramy"), "r/rami");
        if (i == 9) assert_string_equal(found("rami"), "r/rami");
        if (i == 3) assert_string_equal(rows("discovery", "SELECT id FROM nearest(3, 4, 1, 10, 'courier')"), "p");
    }
}

static void the_documents_statements_run_as_they_are_written(void **state) {
    (void)state;
    trib_error err = {0};
    run("discovery", "INSERT INTO nodes(workspaceId, id, nodeType, title) VALUES ('rami', 'rami', 'driver', 'Rami')");
    run("discovery", "INSERT INTO points(workspaceId, id, nodeId, availability, lat, lng, openNow) VALUES ('rami', "
                     "'pt-rami-loc', 'rami', 'idle', 25.2640, 55.3310, true)");
    const char *sql =
        "SELECT workspaceId FROM points WHERE nodeId IN (SELECT id FROM nodes WHERE nodeType = 'driver') AND "
        "openNow = true AND availability = 'idle' ORDER BY ABS(lat - 25.2650) + ABS(lng - 55.3320) LIMIT 1";
    assert_string_equal(rows("discovery", sql), "rami");
    assert_int_equal(client("discovery", sql, &err), TRIB_OK);
    assert_int_equal(client("discovery",
                            "UPDATE points SET openNow = false WHERE id = 'pt-rami-loc' AND workspaceId = 'rami'",
                            &err),
                     TRIB_OK);
    assert_string_equal(rows("discovery", sql), "");
    assert_string_equal(rows("discovery", "SELECT id FROM nearest(25, 55)"), "");
}

static void clients_change_rows_and_no_tables(void **state) {
    (void)state;
    trib_error err = {0};
    static const char *const refused[] = {"DROP TABLE nodes",
                                          "DROP TABLE points",
                                          "ALTER TABLE points ADD COLUMN x",
                                          "ALTER TABLE nodes RENAME TO n",
                                          "CREATE TRIGGER mine AFTER INSERT ON points BEGIN SELECT 1; END",
                                          "DROP TRIGGER _trib_point_in",
                                          "DELETE FROM _trib_place",
                                          "SELECT * FROM _trib_place",
                                          "INSERT INTO _trib_search(_trib_search) VALUES ('rebuild')",
                                          "DELETE FROM _trib_place_node",
                                          "UPDATE _trib_search_data SET block = NULL",
                                          "DROP TABLE _trib_search_data",
                                          "SELECT * FROM _trib_applied",
                                          "DROP INDEX _trib_points_of"};
    run("discovery",
        "INSERT INTO points(workspaceId, id, nodeId, lat, lng, openNow) VALUES ('r', 'p', 'n', 3, 4, true)");
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (client("discovery", refused[i], &err) == TRIB_OK) fail_msg("%s was done", refused[i]);
    assert_int_equal(client("discovery", "PRAGMA recursive_triggers = OFF", &err), TRIB_SQL_PARSE_ERROR);
    assert_int_equal(client("discovery", "CREATE TABLE IF NOT EXISTS nodes(x)", &err), TRIB_OK);
    expect_whole();
}

static void tables_of_an_application_are_taken_over(void **state) {
    (void)state;
    assert_int_equal(app_test_start(&t, true, NULL), TRIB_OK);
    run("discovery", "CREATE TABLE nodes(id TEXT, workspaceId TEXT, nodeType TEXT, title TEXT, own TEXT)");
    run("discovery",
        "CREATE TABLE points(id TEXT, workspaceId TEXT, nodeId TEXT, lat REAL, lng REAL, openNow BOOLEAN)");
    run("discovery", "INSERT INTO nodes VALUES ('a', 'w', 'driver', 'Ali', 'mine')");
    run("discovery", "INSERT INTO points VALUES ('p', 'w', 'a', 1, 2, true), ('q', 'w', 'a', 1, 2, false)");
    assert_int_equal(trib_discovery_module.start(&t.app, &module, NULL), TRIB_OK);
    expect_whole();
    assert_string_equal(found("ali"), "w/a");
    assert_string_equal(rows("discovery", "SELECT own, payload FROM nodes"), "mine,-");
    assert_string_equal(rows("discovery", "SELECT id, nodeType FROM nearest(1, 2)"), "p,driver");
    app_test_stop(&t);
    trib_discovery_module.stop(module);
    assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
    assert_int_equal(trib_discovery_module.start(&t.app, &module, NULL), TRIB_OK); /* changes nothing */
    expect_whole();
}

static void tables_that_name_no_row_stop_the_start(void **state) {
    (void)state;
    trib_error err = {0};
    assert_int_equal(app_test_start(&t, true, NULL), TRIB_OK);
    run("discovery", "CREATE TABLE nodes(id TEXT, workspaceId TEXT, nodeType TEXT)");
    run("discovery", "INSERT INTO nodes VALUES ('a', 'w', 'x'), ('a', 'w', 'y')");
    module = NULL;
    assert_int_equal(trib_discovery_module.start(&t.app, &module, &err), TRIB_CONFIG);
    expect(err.message, "cannot be taken over");
}

static void kinds_are_numbered_as_the_index_reads_them(void **state) {
    (void)state;
    assert_int_equal(TRIB_NEAREST_KINDS_MAX, 16000); /* schema.c has to spell them */
    assert_int_equal(TRIB_NEAREST_KIND_STEP, 1024);
}

static int fresh(void **state) {
    (void)state;
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, discovery_setup, discovery_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(indexes_follow_every_way_to_change_a_row),
        TEST(the_documents_statements_run_as_they_are_written),
        TEST(clients_change_rows_and_no_tables),
        cmocka_unit_test_setup_teardown(tables_of_an_application_are_taken_over, fresh, discovery_teardown),
        cmocka_unit_test_setup_teardown(tables_that_name_no_row_stop_the_start, fresh, discovery_teardown),
        cmocka_unit_test(kinds_are_numbered_as_the_index_reads_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
