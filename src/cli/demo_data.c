/* SPDX-License-Identifier: Apache-2.0 */
/* What the demo writes, as tables. The order's numbers: 2 x 18.00 + 5.00 = 41.00, 5.00 for the delivery, 46.00 in all;
 * 34.00 go to the restaurant and 12.00 to the driver. */
#include "cli/demo.h"

#define DAY "2026-02-20T"
#define T(text)                                                                                                        \
    {                                                                                                                  \
        .type = TRIB_VALUE_TEXT, .bytes = { text, sizeof(text) - 1 }                                                   \
    }
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
const char demo_stands_sql[] = "SELECT id FROM points WHERE id = 'pt-rami-loc' AND lat = ? AND lng = ?";
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

#define NODES_SQL                                                                                                      \
    "CREATE TABLE IF NOT EXISTS nodes (id TEXT PRIMARY KEY, parentId TEXT, nodeType TEXT NOT NULL, "                   \
    "title TEXT, createdAt TEXT, payload TEXT)"
#define POINTS_SQL                                                                                                     \
    "CREATE TABLE IF NOT EXISTS points (id TEXT PRIMARY KEY, nodeId TEXT NOT NULL, qty REAL, price REAL, "             \
    "currency TEXT, availability TEXT, locationText TEXT, lat REAL, lng REAL, openNow BOOLEAN)"
const char *const demo_tenant_schema[2] = {NODES_SQL, POINTS_SQL};

#define TENANT_SCHEMA                                                                                                  \
    {"schema: nodes, points", NODES_SQL, {{0}}, 0}, {                                                                  \
        "", POINTS_SQL, {{0}}, 0                                                                                       \
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
    {"node  rami      driver",
     NODE "('rami', NULL, 'driver', 'Rami', '{\"vehicle\":\"Motorcycle\",\"published\":true}')",
     {{0}},
     0},
    {"point pt-rami-loc  25.2640, 55.3310, idle",
     POINT "('pt-rami-loc', 'rami', NULL, NULL, NULL, 'idle', 25.2640, 55.3310, true)",
     {{0}},
     0},
};
const demo_call demo_setup[] = {
    CALL(DEMO_STREAMS, setup_streams),
    CALL(DEMO_ALI, setup_ali),
    CALL(DEMO_SHOP, setup_shop),
    CALL(DEMO_RAMI, setup_rami),
};
const unsigned demo_setup_count = COUNT(demo_setup);

/* ---- steps 1 to 10 ---- */

#define POST(tenant, path, body) .post = {tenant, "api/orders" path, body}
/* ids and times of a request's events, the first of them at the step's time */
#define EVENTS(ids, times) "\"eventIds\":[" ids "],\"ts\":[" times "]"
#define ID(n)              "\"evt-5001-" n "\""
#define AT(time)           "\"" DAY time ".000Z\""

#define NEWS(what, where)                                                                                              \
    { what, "SELECT 1 FROM points WHERE workspaceId = 'rami' AND id = 'pt-rami-loc' AND " where }
const demo_news demo_first_news =
    NEWS("node and point of rami, who publishes himself", "abs(lat - 25.2640) + abs(lng - 55.3310) < 0.0001");

const demo_step demo_steps[] = {
    {1, "Ali orders two Chicken Shawarma and a Laban", "12:30:00",
     POST("ali", "",
          "{\"id\":\"" DEMO_ORDER "\",\"restaurant\":\"bab-hara\","
          "\"items\":[{\"id\":\"prod-shw\",\"qty\":2,\"price\":18},{\"id\":\"prod-lbn\",\"qty\":1,\"price\":5}],"
          "\"total\":46,\"deliveryAddress\":\"Marina Walk\",\"notes\":\"\",\"channel\":\"app\"," EVENTS(
              ID("01"), AT("12:30:00")) "}")},
    {2, "Ali pays", "12:30:10",
     POST("ali", "/" DEMO_ORDER "/pay",
          "{\"method\":\"card\",\"cardLast4\":\"4242\"," EVENTS(ID("02"), AT("12:30:10")) "}")},
    {3, "Bab Al Hara accepts", "12:31:00",
     POST("bab-hara", "/" DEMO_ORDER "/accept", "{\"estMinutes\":15," EVENTS(ID("03"), AT("12:31:00")) "}")},
    {4, "The kitchen starts, stock leaves", "12:32:00",
     POST("bab-hara", "/" DEMO_ORDER "/start",
          "{\"chef\":\"Hassan\",\"station\":\"grill\"," EVENTS(
              ID("04") "," ID("05") "," ID("06"), AT("12:32:00") "," AT("12:32:05") "," AT("12:32:06")) "}")},
    {5, "The kitchen is done", "12:43:00",
     POST("bab-hara", "/" DEMO_ORDER "/done", "{\"actualMinutes\":12," EVENTS(ID("07"), AT("12:43:00")) "}")},
    {6, "The nearest idle driver is assigned", "12:43:30",
     POST("bab-hara", "/" DEMO_ORDER "/assign",
          "{\"driver\":\"rami\",\"vehicle\":\"Motorcycle\",\"eta\":20,\"fee\":12,"
          "\"pickupAddress\":\"Al Rigga St\"," EVENTS(ID("08"), AT("12:43:30")) "}"),
     .news = NEWS("~ point pt-rami-loc  not to be found any more", "NOT openNow")},
    {.number = 7, .title = "Rami drives to the restaurant", .time = "12:43:30"},
    {8, "Rami picks up", "12:49:00", POST("rami", "/" DEMO_ORDER "/pickup", "{" EVENTS(ID("09"), AT("12:49:00")) "}")},
    {.number = 9, .title = "Rami drives to Ali", .time = "12:49:00"},
    {10, "The order is delivered, the payouts are booked", "13:05:30",
     POST("rami", "/" DEMO_ORDER "/deliver",
          "{\"lat\":25.0780,\"lng\":55.1350,\"totalMinutes\":35," EVENTS(
              ID("10") "," ID("11") "," ID("12"), AT("13:05:30") "," AT("13:06:00") "," AT("13:06:00")) "}"),
     .news = NEWS("~ point pt-rami-loc  to be found again, at Ali's",
                  "openNow AND availability = 'idle' AND abs(lat - 25.0780) + abs(lng - 55.1350) < 0.0001")},
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
