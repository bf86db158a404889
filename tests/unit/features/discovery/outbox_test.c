/* SPDX-License-Identifier: Apache-2.0 */
/* What tenants publish comes into discovery, one change at a time, and is what reading everything anew gives. */
#include <unistd.h>

#include "core/outbox.h"
#include "features/discovery/outbox_int.h"
#include "unit/features/discovery/discovery_test.h"

static void make_tables(const char *tenant) {
    run(tenant, "CREATE TABLE nodes (id TEXT PRIMARY KEY, parentId TEXT, nodeType TEXT NOT NULL, title TEXT, createdAt "
                "TEXT, payload TEXT)");
    run(tenant, "CREATE TABLE points (id TEXT PRIMARY KEY, nodeId TEXT NOT NULL, qty REAL, price REAL, currency TEXT, "
                "availability TEXT, locationText TEXT, lat REAL, lng REAL, openNow BOOLEAN)");
}

static void publish(const char *tenant, bool on) {
    trib_tenant_change change = {.given = 1U << TRIB_TENANT_PUBLISH, .values[TRIB_TENANT_PUBLISH] = on};
    trib_control_op op = {.type = TRIB_CONTROL_SETTINGS, .change = &change};
    assert_int_equal(app_test_run(&t, &op, tenant, NULL), TRIB_OK);
}

static void carry(void) {
    discovery_module *m = module;
    for (int i = 0; i < 20000; i++) {
        trib_app_tick(&t.app);
        if (!discovery_carrier_is_busy(m->carrier)) return;
        usleep(300);
    }
    fail_msg("it does not come to an end");
}

/* As a client; marks the tenant as its job would. */
static void write_as(const char *tenant, const char *text) {
    trib_error err = {0};
    if (client(tenant, text, &err) != TRIB_OK) fail_msg("%s: %s", text, err.message);
    trib_outbox_mark(t.app.outbox, tenant_of(tenant));
}

static const char *const all_nodes = "SELECT * FROM nodes ORDER BY workspaceId, id";
static const char *const all_points = "SELECT * FROM points ORDER BY workspaceId, id";

static int setup(void **state) {
    if (discovery_setup(state) != 0) return -1;
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "bab", NULL), TRIB_OK);
    make_tables("bab");
    publish("bab", true);
    carry();
    return 0;
}

static void expect_points(const char *want) {
    carry();
    assert_string_equal(rows("discovery", "SELECT id, availability, lat, openNow FROM points ORDER BY workspaceId, id"),
                        want);
}

static void only_what_says_so_is_shown(void **state) {
    (void)state;
    write_as(
        "bab",
        "INSERT INTO nodes(id, nodeType, title, payload) VALUES ('rest', 'restaurant', 'Bab', '{\"published\":true}'), "
        "('ord', 'order', 'Order', '{}'), ('bad', 'order', 'Order', 'no json'), ('nil', 'order', 'Order', NULL)");
    write_as(
        "bab",
        "INSERT INTO points(id, nodeId, availability, lat, lng, openNow) VALUES ('at', 'rest', 'open', 25.5, 55, 1), "
        "('secret', 'ord', 'open', 25.5, 55, 1)");
    expect_points("at,open,25.500000,1");
    assert_string_equal(rows("discovery", "SELECT workspaceId, id, title FROM nodes"), "bab,rest,Bab");
    write_as("bab", "UPDATE nodes SET payload = '{\"published\":true}' WHERE id = 'ord'");
    expect_points("at,open,25.500000,1;secret,open,25.500000,1");
    write_as("bab", "UPDATE nodes SET payload = '{\"published\":false}' WHERE id = 'ord'");
    expect_points("at,open,25.500000,1");
    write_as("bab", "UPDATE points SET openNow = 0 WHERE id = 'at'");
    expect_points("at,open,25.500000,0");
    write_as("bab", "UPDATE nodes SET id = 'rest2' WHERE id = 'rest'");
    expect_points("");
    write_as("bab", "UPDATE points SET nodeId = 'rest2', id = 'at2' WHERE id = 'at'");
    expect_points("at2,open,25.500000,0");
    write_as("bab", "DELETE FROM nodes WHERE id = 'rest2'");
    expect_points("");
    assert_string_equal(rows("discovery", all_nodes), "");
}

static void pings_and_sales_are_not_told_until_they_matter(void **state) {
    (void)state;
    write_as("bab", "INSERT INTO nodes(id, nodeType, payload) VALUES ('d', 'driver', '{\"published\":true}'), "
                    "('p', 'product', '{\"published\":true,\"lowStock\":5}'), ('s', 'shop', '{\"published\":true}')");
    write_as("bab", "INSERT INTO points(id, nodeId, qty, availability, lat, lng, openNow) VALUES ('d', 'd', NULL, "
                    "'idle', 1, 1, 1), "
                    "('p', 'p', 10, 'in-stock', NULL, NULL, 1), ('s', 's', NULL, 'open', 3, 3, 1)");
    expect_points("d,idle,1.000000,1;p,in-stock,-,1;s,open,3.000000,1");
    const char *seq = "SELECT max(seq) FROM _trib_outbox";
    char before[40];
    snprintf(before, sizeof before, "%s", rows("bab", seq));
    write_as("bab", "UPDATE points SET lat = 2 WHERE id = 'd'");
    write_as("bab", "UPDATE points SET qty = 6 WHERE id = 'p'");
    assert_string_equal(rows("bab", seq), before);
    write_as("bab", "UPDATE points SET qty = 5 WHERE id = 'p'");
    write_as("bab", "UPDATE points SET lat = 4 WHERE id = 's'"); /* a shop that has moved */
    expect_points("d,idle,1.000000,1;p,low-stock,-,1;s,open,4.000000,1");
    write_as("bab", "UPDATE points SET qty = 0 WHERE id = 'p'");
    write_as("bab", "UPDATE points SET availability = 'en-route', openNow = 0 WHERE id = 'd'");
    expect_points("d,en-route,2.000000,0;p,out-of-stock,-,1;s,open,4.000000,1");
    write_as("bab",
             "UPDATE points SET availability = 'idle', openNow = 1, lat = 9 WHERE id = 'd'"); /* the job is done */
    expect_points("d,idle,9.000000,1;p,out-of-stock,-,1;s,open,4.000000,1");
}

static void whoever_moves_for_a_living_is_not_followed(void **state) {
    static const char *const types[] = {"driver", "picker", "courier"};
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char sql[200], before[40];
        const char *seq = "SELECT max(seq) FROM _trib_outbox";
        snprintf(sql, sizeof sql,
                 "INSERT INTO nodes(id, nodeType, payload) VALUES ('n%zu', '%s', '{\"published\":true}')", i, types[i]);
        write_as("bab", sql);
        snprintf(sql, sizeof sql, "INSERT INTO points(id, nodeId, lat, lng, openNow) VALUES ('p%zu', 'n%zu', 1, 1, 1)",
                 i, i);
        write_as("bab", sql);
        snprintf(before, sizeof before, "%s", rows("bab", seq));
        write_as("bab", "UPDATE points SET lat = lat + 1");
        assert_string_equal(rows("bab", seq), before);
    }
}

static uint64_t seed = 88172645463325252u;
static int below(int n) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (int)(seed % (uint64_t)n);
}

static void change(const char *tenant) {
    char sql[400];
    int n = below(12), p = below(30);
    static const char *const verbs[] = {"INSERT OR REPLACE", "INSERT OR IGNORE"};
    static const char *const shown[] = {"'{\"published\":true}'", "'{\"published\":true,\"lowStock\":3}'", "'{}'",
                                        "NULL"};
    switch (below(8)) {
    case 0:
        snprintf(sql, sizeof sql, "%s INTO nodes(id, nodeType, title, payload) VALUES ('n%d', '%s', 't%d', %s)",
                 verbs[below(2)], n, below(2) ? "driver" : "product", below(100), shown[below(4)]);
        break;
    case 1: snprintf(sql, sizeof sql, "UPDATE nodes SET payload = %s WHERE id = 'n%d'", shown[below(4)], n); break;
    case 2:
        snprintf(sql, sizeof sql, "DELETE FROM %s WHERE id = '%c%d'", below(2) ? "nodes" : "points",
                 below(2) ? 'n' : 'p', p);
        break;
    case 3:
    case 4:
        snprintf(sql, sizeof sql,
                 "%s INTO points(id, nodeId, qty, availability, lat, lng, openNow) VALUES ('p%d', 'n%d', %d, "
                 "'in-stock', %d.5, %d, %d)",
                 verbs[below(2)], p, n, below(8), below(80), below(170), below(2));
        break;
    case 5:
        snprintf(sql, sizeof sql, "UPDATE points SET qty = qty - 1, lat = %d WHERE id = 'p%d'", below(80), p);
        break;
    case 6:
        snprintf(sql, sizeof sql,
                 "UPDATE OR REPLACE points SET nodeId = 'n%d', openNow = %d, id = 'p%d' WHERE id = 'p%d'", n, below(2),
                 below(30), p);
        break;
    default:
        snprintf(sql, sizeof sql, "UPDATE OR IGNORE nodes SET id = 'n%d', title = 'x%d' WHERE id = 'n%d'", below(12),
                 below(9), n);
    }
    write_as(tenant, sql);
}

/* What discovery holds is what the tenants' tables say, as far as it never changes in silence. */
static void expect_rebuild_equal(void) {
    static char nodes[1 << 20], points[1 << 20];
    carry();
    snprintf(nodes, sizeof nodes, "%s", rows("discovery", all_nodes));
    snprintf(points, sizeof points, "%s", rows("discovery", all_points));
    assert_true(strlen(points) > 0);
    run("discovery", "DELETE FROM nodes");
    run("discovery", "DELETE FROM points");
    run("discovery", "UPDATE _trib_applied SET seq = 0");
    discovery_carrier_sweep(((discovery_module *)module)->carrier);
    carry();
    assert_string_equal(rows("discovery", all_nodes), nodes);
    assert_string_equal(rows("discovery", all_points), points);
    assert_string_equal(rows("bab", "SELECT count(*) FROM (SELECT kind, id FROM _trib_outbox WHERE kind >= 0 GROUP BY "
                                    "1, 2 HAVING count(*) > 1)"),
                        "0");
}

static void one_change_after_the_other_gives_what_reading_everything_gives(void **state) {
    (void)state;
    const char *count = getenv("TRIB_TEST_CHANGES"); /* the soak sets more */
    uint64_t changes = 1500;
    if (count) (void)trib_str_u64(trib_str_c(count), &changes);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "two", NULL), TRIB_OK);
    make_tables("two");
    publish("two", true);
    for (uint64_t i = 0; i < changes; i++) {
        change(below(3) ? "bab" : "two");
        if (below(5) == 0) carry(); /* only then: what is under way may have the turn */
        if (i == changes / 2) {     /* stops with changes that nobody has carried over */
            app_test_stop(&t);
            trib_discovery_module.stop(module);
            assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
            assert_int_equal(trib_discovery_module.start(&t.app, &module, NULL), TRIB_OK);
        }
    }
    expect_rebuild_equal();
}

/* A shop whose goods come and go must not keep a row of each that ever was. */
static void what_is_gone_leaves_the_outbox_when_it_was_carried(void **state) {
    (void)state;
    char sql[300];
    write_as("bab", "INSERT INTO nodes(id, nodeType, payload) VALUES ('r', 'shop', '{\"published\":true}')");
    for (int i = 0; i < 3; i++) {
        snprintf(sql, sizeof sql,
                 "INSERT INTO points(id, nodeId, openNow) WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM "
                 "n WHERE v < "
                 "%d) SELECT 'p' || %d || '-' || v, 'r', 1 FROM n",
                 3 * DISCOVERY_PRUNE_ROWS / 2, i);
        write_as("bab", sql);
        carry();
        write_as("bab", "DELETE FROM points");
        carry();
        assert_string_equal(rows("discovery", all_points), "");
        assert_string_equal(rows("bab", "SELECT count(*) < 70 FROM _trib_outbox"), "1");
    }
    write_as("bab",
             "INSERT INTO points(id, nodeId, availability, lat, lng, openNow) VALUES ('new', 'r', 'open', 1, 1, 1)");
    expect_points("new,open,1.000000,1");
    expect_rebuild_equal();
}

static void renamed_deleted_and_silent_tenants_take_their_rows_along(void **state) {
    (void)state;
    write_as("bab", "INSERT INTO nodes(id, nodeType, payload) VALUES ('r', 'shop', '{\"published\":true}')");
    carry();
    trib_control_op op = {.type = TRIB_CONTROL_RENAME, .new_name = TRIB_STR("hara")};
    assert_int_equal(app_test_run(&t, &op, "bab", NULL), TRIB_OK);
    carry();
    assert_string_equal(rows("discovery", "SELECT workspaceId FROM nodes"), "hara");
    publish("hara", false);
    carry();
    assert_string_equal(rows("discovery", "SELECT count(*) FROM nodes"), "0");
    assert_string_equal(rows("hara", "SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_trib\\_%' ESCAPE '\\'"),
                        "0");
    publish("hara", true);
    carry();
    assert_string_equal(rows("discovery", "SELECT workspaceId FROM nodes"), "hara");
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "hara", NULL), TRIB_OK);
    carry();
    assert_string_equal(rows("discovery", "SELECT (SELECT count(*) FROM nodes) + (SELECT count(*) FROM _trib_applied)"),
                        "0");
}

static void tables_that_are_made_anew_are_watched_anew(void **state) {
    (void)state;
    static const char *const steps[] = {
        "CREATE TABLE __new_points (id TEXT PRIMARY KEY, nodeId TEXT, availability TEXT, lat REAL, lng REAL, openNow "
        "INT, extra)",
        "INSERT INTO __new_points SELECT id, nodeId, availability, lat, lng, openNow, NULL FROM points",
        "DROP TABLE points", "ALTER TABLE __new_points RENAME TO points"};
    write_as("bab", "INSERT INTO nodes(id, nodeType, payload) VALUES ('r', 'shop', '{\"published\":true}')");
    write_as(
        "bab",
        "INSERT INTO points(id, nodeId, qty, lat, lng, openNow) VALUES ('a', 'r', 4, 1, 1, 1), ('b', 'r', 4, 1, 1, 1)");
    expect_points("a,-,1.000000,1;b,-,1.000000,1");
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) write_as("bab", steps[i]);
    carry();
    write_as("bab", "DELETE FROM points WHERE id = 'b'");
    write_as("bab", "UPDATE points SET availability = 'open'");
    expect_points("a,open,1.000000,1");
    assert_string_equal(rows("discovery", "SELECT qty FROM points"), "-");
}

static void the_outbox_is_not_for_clients(void **state) {
    (void)state;
    trib_error err = {0};
    static const char *const refused[] = {"SELECT * FROM _trib_outbox", "DELETE FROM _trib_outbox",
                                          "DROP TABLE _trib_outbox", "DROP TRIGGER _trib_out_0",
                                          "UPDATE _trib_outbox SET gone = 1"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (client("bab", refused[i], &err) == TRIB_OK) fail_msg("%s was done", refused[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, discovery_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(only_what_says_so_is_shown),
        TEST(pings_and_sales_are_not_told_until_they_matter),
        TEST(whoever_moves_for_a_living_is_not_followed),
        TEST(one_change_after_the_other_gives_what_reading_everything_gives),
        TEST(what_is_gone_leaves_the_outbox_when_it_was_carried),
        TEST(renamed_deleted_and_silent_tenants_take_their_rows_along),
        TEST(tables_that_are_made_anew_are_watched_anew),
        TEST(the_outbox_is_not_for_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
