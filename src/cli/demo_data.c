/* SPDX-License-Identifier: Apache-2.0 */
/* What the demo writes, as tables. The order's numbers: 2 x 18.00 + 5.00 = 41.00, 5.00 for the delivery, 46.00 in all;
 * 34.00 go to the restaurant and 12.00 to the driver. */
#include "cli/demo.h"

#define DAY "2026-02-20T"
#define T(text)                                                                                                        \
    {                                                                                                                  \
        .type = TRIB_VALUE_TEXT, .bytes = { text, sizeof(text) - 1 }                                                   \
    }
#define TS(time) T(DAY time ".000Z")
#define R(number)                                                                                                      \
    { .type = TRIB_VALUE_REAL, .real = (number) }
#define ORDER T(DEMO_ORDER)

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define CALL(db, array)                                                                                                \
    { db, array, COUNT(array) }

const demo_target demo_targets[DEMO_DBS] = {
    [DEMO_STREAMS] = {"streams", "streams (all events)", true, 12}, [DEMO_ALI] = {"ali", "ali (customer)", false, 1},
    [DEMO_SHOP] = {"bab-hara", "bab-hara (restaurant)", false, 3},  [DEMO_RAMI] = {"rami", "rami (driver)", false, 3},
    [DEMO_DISCOVERY] = {"discovery", "discovery", true, 2},
};

const demo_place demo_place_start = {25.2640, 55.3310}, demo_place_shop = {25.2650, 55.3320},
                 demo_place_customer = {25.0780, 55.1350};

demo_place demo_on_the_way(demo_place from, demo_place to, unsigned at, unsigned count) {
    if (at >= count) return to;
    double part = (double)at / (double)count;
    return (demo_place){from.lat + (to.lat - from.lat) * part, from.lng + (to.lng - from.lng) * part};
}

const char demo_read_sql[] = "SELECT * FROM events WHERE streamId = ? ORDER BY ts";
const char demo_delete_sql[] = "DELETE FROM events WHERE streamId = ?";
const char demo_ping_sql[] = "UPDATE points SET lat = ?, lng = ? WHERE id = 'pt-rami-loc'";
const char demo_nearest_sql[] = "SELECT workspaceId FROM points "
                                "WHERE nodeId IN (SELECT id FROM nodes WHERE nodeType = 'driver') "
                                "AND openNow = true AND availability = 'idle' "
                                "ORDER BY ABS(lat - ?) + ABS(lng - ?) LIMIT 1";

/* ---- step 0 ---- */

/* Equal `ts` keep the order in which they were written: the index ends in the rowid. */
#define STREAM_SCHEMA                                                                                                  \
    {"schema: events",                                                                                                 \
     "CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, streamId TEXT NOT NULL, opcode INTEGER NOT NULL, "       \
     "nodeId TEXT, pointId TEXT, delta REAL, payload TEXT, ts TEXT NOT NULL)",                                         \
     {{0}},                                                                                                            \
     0},                                                                                                               \
    {                                                                                                                  \
        "", "CREATE INDEX IF NOT EXISTS events_by_stream ON events (streamId, ts)", {{0}}, 0                           \
    }

#define TENANT_SCHEMA                                                                                                  \
    {"schema: nodes, points",                                                                                          \
     "CREATE TABLE IF NOT EXISTS nodes (id TEXT PRIMARY KEY, parentId TEXT, nodeType TEXT NOT NULL, "                  \
     "title TEXT, createdAt TEXT, payload TEXT)",                                                                      \
     {{0}},                                                                                                            \
     0},                                                                                                               \
    {                                                                                                                  \
        "",                                                                                                            \
            "CREATE TABLE IF NOT EXISTS points (id TEXT PRIMARY KEY, nodeId TEXT NOT NULL, qty REAL, price REAL, "     \
            "currency TEXT, "                                                                                          \
            "availability TEXT, locationText TEXT, lat REAL, lng REAL, openNow BOOLEAN)",                              \
            {{0}}, 0                                                                                                   \
    }

#define DISCOVERY_SCHEMA                                                                                               \
    {"schema: nodes, points with workspaceId",                                                                         \
     "CREATE TABLE IF NOT EXISTS nodes (workspaceId TEXT NOT NULL, id TEXT NOT NULL, "                                 \
     "parentId TEXT, nodeType TEXT NOT NULL, title TEXT, createdAt TEXT, payload TEXT, PRIMARY KEY (workspaceId, "     \
     "id))",                                                                                                           \
     {{0}},                                                                                                            \
     0},                                                                                                               \
    {                                                                                                                  \
        "",                                                                                                            \
            "CREATE TABLE IF NOT EXISTS points (workspaceId TEXT NOT NULL, id TEXT NOT NULL, nodeId TEXT NOT NULL, "   \
            "qty REAL, "                                                                                               \
            "price REAL, currency TEXT, availability TEXT, locationText TEXT, lat REAL, lng REAL, openNow BOOLEAN, "   \
            "PRIMARY KEY (workspaceId, id))",                                                                          \
            {{0}}, 0                                                                                                   \
    }

#define NODE "INSERT OR REPLACE INTO nodes (id, parentId, nodeType, title, payload) VALUES "
#define POINT                                                                                                          \
    "INSERT OR REPLACE INTO points (id, nodeId, qty, price, currency, availability, lat, lng, openNow) VALUES "

static const demo_stmt setup_streams[] = {
    STREAM_SCHEMA,
    {"", "DELETE FROM events WHERE streamId = ?", {ORDER}, 1},
};
static const demo_stmt setup_ali[] = {
    TENANT_SCHEMA,
    {"", "DELETE FROM nodes WHERE id = ?", {ORDER}, 1},
};
static const demo_stmt setup_shop[] = {
    TENANT_SCHEMA,
    {"", "DELETE FROM nodes WHERE id = ?", {ORDER}, 1},
    {"node  rest-01   Bab Al Hara, Al Rigga, Dubai",
     NODE "('rest-01', NULL, 'restaurant', 'Bab Al Hara', '{\"address\":\"Al Rigga, Dubai\"}')",
     {{0}},
     0},
    {"node  prod-shw  Chicken Shawarma",
     NODE "('prod-shw', 'menu-01', 'product', 'Chicken Shawarma', '{\"desc\":\"Grilled chicken wrap\"}')",
     {{0}},
     0},
    {"node  prod-lbn  Laban",
     NODE "('prod-lbn', 'menu-01', 'product', 'Laban', '{\"desc\":\"Traditional buttermilk\"}')",
     {{0}},
     0},
    {"point pt-shw    200 at 18.00 AED",
     POINT "('pt-shw', 'prod-shw', 200, 18.00, 'AED', 'in-stock', NULL, NULL, true)",
     {{0}},
     0},
    {"point pt-lbn    150 at 5.00 AED",
     POINT "('pt-lbn', 'prod-lbn', 150, 5.00, 'AED', 'in-stock', NULL, NULL, true)",
     {{0}},
     0},
    {"point pt-rest-loc  25.2650, 55.3320, open",
     POINT "('pt-rest-loc', 'rest-01', NULL, NULL, NULL, 'open', 25.2650, 55.3320, true)",
     {{0}},
     0},
};
static const demo_stmt setup_rami[] = {
    TENANT_SCHEMA,
    {"", "DELETE FROM nodes WHERE id = ?", {ORDER}, 1},
    {"node  rami      driver", NODE "('rami', NULL, 'driver', 'Rami', '{\"vehicle\":\"Motorcycle\"}')", {{0}}, 0},
    {"point pt-rami-loc  25.2640, 55.3310, idle",
     POINT "('pt-rami-loc', 'rami', NULL, NULL, NULL, 'idle', 25.2640, 55.3310, true)",
     {{0}},
     0},
};
static const demo_stmt setup_discovery[] = {
    DISCOVERY_SCHEMA,
    {"node  rami      driver (of workspace rami)",
     "INSERT OR REPLACE INTO nodes (workspaceId, id, nodeType, title) VALUES ('rami', 'rami', 'driver', 'Rami')",
     {{0}},
     0},
    {"point pt-rami-loc  25.2640, 55.3310, idle (of workspace rami)",
     "INSERT OR REPLACE INTO points (workspaceId, id, nodeId, availability, lat, lng, openNow) "
     "VALUES ('rami', 'pt-rami-loc', 'rami', 'idle', 25.2640, 55.3310, true)",
     {{0}},
     0},
};

const demo_call demo_setup[] = {
    CALL(DEMO_STREAMS, setup_streams),     CALL(DEMO_ALI, setup_ali),
    CALL(DEMO_SHOP, setup_shop),           CALL(DEMO_RAMI, setup_rami),
    CALL(DEMO_DISCOVERY, setup_discovery),
};
const unsigned demo_setup_count = COUNT(demo_setup);

/* ---- steps 1 to 10 ---- */

#define ITEMS             "[{\"id\":\"prod-shw\",\"qty\":2,\"price\":18},{\"id\":\"prod-lbn\",\"qty\":1,\"price\":5}]"
#define INSERT_NODE(type) "INSERT INTO nodes (id, nodeType, title, createdAt, payload) VALUES (?, '" type "', ?, ?, ?)"
/* point and delta as the SQL text has them: literals, or ? for an argument */
#define INSERT_EVENT(opcode, point, delta) "INSERT INTO events VALUES (?, ?, " opcode ", ?, " point ", " delta ", ?, ?)"

static const demo_stmt step1_ali[] = {
    {"+ node  " DEMO_ORDER "  order of 46.00 AED at bab-hara",
     INSERT_NODE("order"),
     {ORDER, T("Order " DEMO_ORDER), TS("12:30:00"),
      T("{\"restaurant\":\"bab-hara\",\"items\":" ITEMS ",\"total\":46}")},
     4},
};
static const demo_stmt step1_shop[] = {
    {"+ node  " DEMO_ORDER "  order of ali",
     INSERT_NODE("order"),
     {ORDER, T(DEMO_ORDER " - ali"), TS("12:30:00"),
      T("{\"customer\":\"ali\",\"items\":" ITEMS ",\"total\":46,\"deliveryAddress\":\"Marina Walk\"}")},
     4},
};
static const demo_stmt step1_stream[] = {
    {"+ event 501 ORDER_CREATE     +46",
     INSERT_EVENT("501", "NULL", "?"),
     {T("evt-5001-01"), ORDER, ORDER, R(46.0),
      T("{\"customer\":\"ali\",\"restaurant\":\"bab-hara\",\"items\":" ITEMS
        ",\"deliveryAddress\":\"Marina Walk\",\"notes\":\"\","
        "\"channel\":\"app\"}"),
      TS("12:30:00")},
     6},
};
static const demo_stmt step2_stream[] = {
    {"+ event 203 INVOICE_PAYMENT  +46",
     INSERT_EVENT("203", "NULL", "?"),
     {T("evt-5001-02"), ORDER, ORDER, R(46.0), T("{\"method\":\"card\",\"cardLast4\":\"4242\"}"), TS("12:30:10")},
     6},
};
static const demo_stmt step3_stream[] = {
    {"+ event 301 TASK_CREATE      kitchen-prep, 15 minutes",
     INSERT_EVENT("301", "NULL", "0"),
     {T("evt-5001-03"), ORDER, ORDER, T("{\"task\":\"kitchen-prep\",\"estMinutes\":15}"), TS("12:31:00")},
     5},
    {"+ event 303 TASK_START       Hassan at the grill",
     INSERT_EVENT("303", "NULL", "0"),
     {T("evt-5001-04"), ORDER, ORDER, T("{\"chef\":\"Hassan\",\"station\":\"grill\"}"), TS("12:32:00")},
     5},
};
static const demo_stmt step4_shop[] = {
    {"~ point pt-shw    qty - 2", "UPDATE points SET qty = qty - 2 WHERE id = 'pt-shw'", {{0}}, 0},
    {"~ point pt-lbn    qty - 1", "UPDATE points SET qty = qty - 1 WHERE id = 'pt-lbn'", {{0}}, 0},
};
static const demo_stmt step4_stream[] = {
    {"+ event 102 SALE_OUT         -2 prod-shw",
     INSERT_EVENT("102", "'pt-shw'", "-2"),
     {T("evt-5001-05"), ORDER, T("prod-shw"), T("{\"reason\":\"order-sale\"}"), TS("12:32:05")},
     5},
    {"+ event 102 SALE_OUT         -1 prod-lbn",
     INSERT_EVENT("102", "'pt-lbn'", "-1"),
     {T("evt-5001-06"), ORDER, T("prod-lbn"), T("{\"reason\":\"order-sale\"}"), TS("12:32:06")},
     5},
};
static const demo_stmt step5_stream[] = {
    {"+ event 305 TASK_DONE        kitchen-prep, 12 minutes",
     INSERT_EVENT("305", "NULL", "0"),
     {T("evt-5001-07"), ORDER, ORDER, T("{\"task\":\"kitchen-prep\",\"actualMinutes\":12}"), TS("12:43:00")},
     5},
};
static const demo_stmt step6_rami[] = {
    {"+ node  " DEMO_ORDER "  delivery, Al Rigga St to Marina Walk",
     INSERT_NODE("delivery"),
     {ORDER, T("Delivery " DEMO_ORDER), TS("12:43:30"),
      T("{\"restaurant\":\"bab-hara\",\"pickupAddress\":\"Al Rigga St\",\"deliverTo\":\"Marina Walk\"}")},
     4},
    {"~ point pt-rami-loc  en-route",
     "UPDATE points SET availability = 'en-route', openNow = false WHERE id = 'pt-rami-loc'",
     {{0}},
     0},
};
static const demo_stmt step6_stream[] = {
    {"+ event 302 TASK_ASSIGN      rami, motorcycle, 20 minutes",
     INSERT_EVENT("302", "NULL", "0"),
     {T("evt-5001-08"), ORDER, T("rami"),
      T("{\"task\":\"delivery\",\"driver\":\"rami\",\"vehicle\":\"Motorcycle\",\"eta\":20}"), TS("12:43:30")},
     5},
};
static const demo_stmt step6_discovery[] = {
    {"~ point pt-rami-loc  not to be found any more",
     "UPDATE points SET openNow = false WHERE id = 'pt-rami-loc' AND workspaceId = ?",
     {T("rami")},
     1},
};
static const demo_stmt step8_stream[] = {
    {"+ event 502 ORDER_SHIP       picked up by rami",
     INSERT_EVENT("502", "NULL", "0"),
     {T("evt-5001-09"), ORDER, ORDER, T("{\"pickedUpBy\":\"rami\",\"confirmedItems\":3}"), TS("12:49:00")},
     5},
};
static const demo_stmt step10_stream[] = {
    {"+ event 503 ORDER_DELIVER    after 35 minutes",
     INSERT_EVENT("503", "NULL", "0"),
     {T("evt-5001-10"), ORDER, ORDER, T("{\"deliveredBy\":\"rami\",\"confirmedBy\":\"ali\",\"totalMinutes\":35}"),
      TS("13:05:30")},
     5},
    {"+ event 402 ACCOUNT_PAYOUT   +12 rami",
     INSERT_EVENT("402", "NULL", "12.00"),
     {T("evt-5001-11"), ORDER, T("rami"), T("{\"type\":\"delivery-fee\",\"currency\":\"AED\"}"), TS("13:06:00")},
     5},
    {"+ event 401 ACCOUNT_PAYIN    +34 rest-01",
     INSERT_EVENT("401", "NULL", "34.00"),
     {T("evt-5001-12"), ORDER, T("rest-01"), T("{\"type\":\"order-revenue\",\"currency\":\"AED\"}"), TS("13:06:00")},
     5},
};
static const demo_stmt step10_rami[] = {
    {"~ point pt-rami-loc  idle at 25.0780, 55.1350",
     "UPDATE points SET availability = 'idle', openNow = true, lat = ?, lng = ? WHERE id = 'pt-rami-loc'",
     {R(25.0780), R(55.1350)},
     2},
};
static const demo_stmt step10_discovery[] = {
    {"~ point pt-rami-loc  to be found again",
     "UPDATE points SET openNow = true, availability = 'idle', lat = ?, lng = ? WHERE id = 'pt-rami-loc' AND "
     "workspaceId = ?",
     {R(25.0780), R(55.1350), T("rami")},
     3},
};

static const demo_call step1[] = {CALL(DEMO_ALI, step1_ali), CALL(DEMO_SHOP, step1_shop),
                                  CALL(DEMO_STREAMS, step1_stream)};
static const demo_call step2[] = {CALL(DEMO_STREAMS, step2_stream)};
static const demo_call step3[] = {CALL(DEMO_STREAMS, step3_stream)};
static const demo_call step4[] = {CALL(DEMO_SHOP, step4_shop), CALL(DEMO_STREAMS, step4_stream)};
static const demo_call step5[] = {CALL(DEMO_STREAMS, step5_stream)};
static const demo_call step6[] = {CALL(DEMO_RAMI, step6_rami), CALL(DEMO_STREAMS, step6_stream),
                                  CALL(DEMO_DISCOVERY, step6_discovery)};
static const demo_call step8[] = {CALL(DEMO_STREAMS, step8_stream)};
static const demo_call step10[] = {CALL(DEMO_STREAMS, step10_stream), CALL(DEMO_RAMI, step10_rami),
                                   CALL(DEMO_DISCOVERY, step10_discovery)};

const demo_step demo_steps[] = {
    {1, "Ali orders two Chicken Shawarma and a Laban", "12:30:00", step1, COUNT(step1)},
    {2, "Ali pays", "12:30:10", step2, COUNT(step2)},
    {3, "Bab Al Hara accepts, the kitchen starts", "12:31:00", step3, COUNT(step3)},
    {4, "Stock is deducted", "12:32:05", step4, COUNT(step4)},
    {5, "The kitchen is done", "12:43:00", step5, COUNT(step5)},
    {6, "The nearest idle driver is assigned", "12:43:30", step6, COUNT(step6)},
    {7, "Rami drives to the restaurant", "12:43:30", NULL, 0},
    {8, "Rami picks up", "12:49:00", step8, COUNT(step8)},
    {9, "Rami drives to Ali", "12:49:00", NULL, 0},
    {10, "The order is delivered, the payouts are booked", "13:05:30", step10, COUNT(step10)},
};
const unsigned demo_step_count = COUNT(demo_steps);

const demo_event demo_events[DEMO_EVENTS] = {
    {501, "ORDER_CREATE", DEMO_ORDER, 46, "12:30:00"}, {203, "INVOICE_PAYMENT", DEMO_ORDER, 46, "12:30:10"},
    {301, "TASK_CREATE", DEMO_ORDER, 0, "12:31:00"},   {303, "TASK_START", DEMO_ORDER, 0, "12:32:00"},
    {102, "SALE_OUT", "prod-shw", -2, "12:32:05"},     {102, "SALE_OUT", "prod-lbn", -1, "12:32:06"},
    {305, "TASK_DONE", DEMO_ORDER, 0, "12:43:00"},     {302, "TASK_ASSIGN", "rami", 0, "12:43:30"},
    {502, "ORDER_SHIP", DEMO_ORDER, 0, "12:49:00"},    {503, "ORDER_DELIVER", DEMO_ORDER, 0, "13:05:30"},
    {402, "ACCOUNT_PAYOUT", "rami", 12, "13:06:00"},   {401, "ACCOUNT_PAYIN", "rest-01", 34, "13:06:00"},
};
