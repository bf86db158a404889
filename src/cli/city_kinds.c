/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of deals that a city plays: what sellers have, and each request as a template (city.h). */
#include <stdio.h>

#include "base/time.h"
#include "cli/city.h"

#define COUNT(array)    (sizeof(array) / sizeof *(array))
#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)

const char city_tables_sql[] =
    "CREATE TABLE IF NOT EXISTS nodes(id TEXT PRIMARY KEY, parentId TEXT, nodeType TEXT, title TEXT, createdAt TEXT, "
    "payload TEXT); CREATE INDEX IF NOT EXISTS nodes_of ON nodes(parentId); "
    "CREATE TABLE IF NOT EXISTS points(id TEXT PRIMARY KEY, nodeId TEXT, qty REAL, price REAL, currency TEXT, "
    "availability TEXT, locationText TEXT, lat REAL, lng REAL, openNow BOOLEAN); "
    "DELETE FROM nodes; DELETE FROM points; ";
#define WORKER(type)                                                                                                   \
    "INSERT INTO nodes(id, nodeType, title, payload) VALUES ('me', '" type                                             \
    "', 'Worker', '{\"published\":true}'); INSERT INTO points(id, nodeId, availability, lat, lng, openNow) "           \
    "VALUES ('here', 'me', 'idle', 25.2, 55.2, true); "
const char city_driver_sql[] = WORKER("driver"), city_picker_sql[] = WORKER("picker");
const char city_courier_sql[] = "INSERT INTO nodes(id, nodeType, title) VALUES ('me', 'courier', 'Courier'); ";

#define NODE(id, type) "INSERT INTO nodes(id, nodeType, title) VALUES ('" id "', '" type "', '" id "'); "
#define POINT(id, qty, price)                                                                                          \
    NODE(id, "product")                                                                                                \
    "INSERT INTO points(id, nodeId, qty, price, currency) VALUES ('pt-" id "', '" id "', " qty ", " price ", 'AED'); "
#define PAY                                                                                                            \
    { CITY_BUYER, "pay", "{\"method\":\"card\",\"cardLast4\":\"4242\"}", CITY_NOTHING }
#define ASSIGN                                                                                                         \
    { CITY_SELLER, "assign", "{\"driver\":\"%w\",\"vehicle\":\"Motorcycle\",\"eta\":20,\"fee\":7}", CITY_TAKES_DRIVER }
#define PICKUP                                                                                                         \
    { CITY_DRIVER, "pickup", "{}", CITY_NOTHING }
#define DELIVER                                                                                                        \
    { CITY_DRIVER, "deliver", "{\"totalMinutes\":35,\"lat\":%y,\"lng\":%x}", CITY_FREES_DRIVER }

static const city_step food[] = {
    {CITY_BUYER, "",
     "{\"id\":\"%i\",\"restaurant\":\"%s\",\"items\":[{\"id\":\"shawarma\",\"qty\":2},{\"id\":\"laban\",\"qty\":1}],"
     "\"fees\":{\"delivery\":5},\"deliveryAddress\":\"Marina Walk\",\"notes\":\"\",\"channel\":\"app\"}",
     CITY_NOTHING},
    PAY,
    {CITY_SELLER, "accept", "{\"estMinutes\":15}", CITY_NOTHING},
    {CITY_SELLER, "start", "{\"chef\":\"Hassan\",\"station\":\"grill\"}", CITY_TAKES_STOCK},
    {CITY_SELLER, "done", "{\"actualMinutes\":12}", CITY_NOTHING},
    ASSIGN,
    PICKUP,
    DELIVER,
};
const city_step city_scarce_step = {
    CITY_BUYER, "",
    "{\"id\":\"%i\",\"restaurant\":\"%s\",\"items\":[{\"id\":\"truffle\",\"qty\":1}],\"fees\":{\"delivery\":9},"
    "\"deliveryAddress\":\"Marina Walk\",\"channel\":\"app\"}",
    CITY_NOTHING};
const city_step city_cancel_step = {CITY_SELLER, "cancel", "{\"reason\":\"sold out\"}", CITY_NOTHING};

static const city_step ride[] = {
    {CITY_BUYER, "", "{\"id\":\"%i\",\"from\":\"Al Rigga\",\"to\":\"Marina\",\"fare\":40,\"currency\":\"AED\"}",
     CITY_NOTHING},
    {CITY_PLATFORM, "assign", "{\"driver\":\"%w\",\"vehicle\":\"Sedan\",\"eta\":4,\"commission\":8}",
     CITY_TAKES_DRIVER},
    {CITY_DRIVER, "arrive", "{\"note\":\"at the door\"}", CITY_NOTHING},
    {CITY_DRIVER, "start", "{}", CITY_NOTHING},
    {CITY_DRIVER, "finish", "{\"fare\":42.5,\"distanceKm\":24,\"minutes\":31,\"lat\":%y,\"lng\":%x}",
     CITY_FREES_DRIVER},
    PAY,
};

static const city_step grocery[] = {
    {CITY_BUYER, "",
     "{\"id\":\"%i\",\"store\":\"%s\",\"items\":[{\"id\":\"milk\",\"qty\":2},{\"id\":\"rice\",\"qty\":1}],"
     "\"fees\":{\"delivery\":11},\"deliveryAddress\":\"Marina Walk\"}",
     CITY_NOTHING},
    PAY,
    {CITY_SELLER, "accept", "{}", CITY_NOTHING},
    {CITY_SELLER, "pick", "{\"picker\":\"%p\",\"fee\":3}", CITY_TAKES_PICKER},
    {CITY_PICKER, "start", "{}", CITY_NOTHING},
    {CITY_PICKER, "done", "{\"actualMinutes\":9}", CITY_FREES_PICKER},
    ASSIGN,
    PICKUP,
    DELIVER,
};

static const city_step parcel[] = {
    {CITY_BUYER, "",
     "{\"id\":\"%i\",\"seller\":\"%s\",\"items\":[{\"id\":\"atlas\",\"qty\":1}],\"fees\":15,"
     "\"deliveryAddress\":\"Marina Walk\"}",
     CITY_NOTHING},
    PAY,
    {CITY_SELLER, "accept", "{}", CITY_NOTHING},
    {CITY_SELLER, "pack", "{}", CITY_NOTHING},
    {CITY_SELLER, "assign", "{\"courier\":\"%c\",\"tracking\":\"SW-100\",\"fee\":12}", CITY_NOTHING},
    {CITY_COURIER, "pickup", "{}", CITY_NOTHING},
    {CITY_COURIER, "scan", "{\"hub\":\"DXB-1\"}", CITY_NOTHING},
    {CITY_COURIER, "deliver", "{}", CITY_NOTHING},
};

static const city_step booking[] = {
    {CITY_BUYER, "", "{\"id\":\"%i\",\"provider\":\"%s\",\"slot\":\"pt-class\"}", CITY_NOTHING},
    PAY,
    {CITY_SELLER, "accept", "{}", CITY_NOTHING},
    {CITY_SELLER, "start", "{}", CITY_NOTHING},
    {CITY_SELLER, "done", "{\"actualMinutes\":95}", CITY_NOTHING},
    {CITY_BUYER, "confirm", "{\"rating\":5}", CITY_NOTHING},
};

static const city_step rental[] = {
    {CITY_BUYER, "",
     "{\"id\":\"%i\",\"host\":\"%s\",\"thing\":\"flat\",\"start\":\"%d\",\"end\":\"%e\",\"fees\":{\"cleaning\":100}}",
     CITY_NOTHING},
    PAY,
    {CITY_SELLER, "accept", "{}", CITY_NOTHING},
    {CITY_SELLER, "start", "{}", CITY_NOTHING},
    {CITY_BUYER, "end", "{}", CITY_NOTHING},
};

#define MANY        TEXT(100000000)
#define STEPS(name) .steps = name, .step_count = COUNT(name)
const city_kind city_kinds[CITY_KINDS] = {
    {.name = "food",
     .path = "orders",
     .prefix = "ord",
     STEPS(food),
     .stock = 3,
     .start = 2 * (int64_t)CITY_STOCK + CITY_SCARCE_STOCK,
     .seller_sql = NODE("shop", "restaurant") POINT("shawarma", MANY, "18") POINT("laban", MANY, "5")
         POINT("truffle", TEXT(3), "90")},
    {.name = "ride", .path = "rides", .prefix = "ride", STEPS(ride)},
    {.name = "grocery",
     .path = "groceries",
     .prefix = "gro",
     STEPS(grocery),
     .stock = 3,
     .start = 2 * (int64_t)CITY_STOCK,
     .seller_sql = NODE("shop", "store") POINT("milk", MANY, "6.5") POINT("rice", MANY, "12")},
    {.name = "parcel",
     .path = "parcels",
     .prefix = "par",
     STEPS(parcel),
     .stock = 1,
     .start = CITY_STOCK,
     .seller_sql = NODE("shop", "store") POINT("atlas", MANY, "95")},
    {.name = "booking",
     .path = "bookings",
     .prefix = "bkg",
     STEPS(booking),
     .stock = 1,
     .start = CITY_STOCK,
     .seller_sql = NODE("shop", "provider") POINT(
         "class", MANY,
         "180") "UPDATE nodes SET payload = '{\"start\":\"2026-03-01T09:00:00Z\",\"end\":\"2026-03-01T11:00:00Z\"}' "
                "WHERE id = 'class'; "},
    {.name = "rental",
     .path = "rentals",
     .prefix = "rent",
     STEPS(rental),
     .seller_sql = NODE("shop", "host") NODE(
         "flat", "place") "INSERT INTO points(id, nodeId, price, currency) VALUES ('pt-flat', 'flat', 350, 'AED'); "},
};
_Static_assert(CITY_STOCK == 100000000 && CITY_SCARCE_STOCK == 3, "as MANY and the truffles have it");

const city_step *city_step_of(const city_deal *deal) {
    if (deal->cancelled) return &city_cancel_step;
    if (deal->scarce && deal->step == 0) return &city_scarce_step;
    return &deal->kind->steps[deal->step];
}

void city_day(uint64_t day, char ret[16]) {
    char iso[TRIB_TIME_ISO_BYTES];
    trib_time_to_iso(INT64_C(1767225600000) + (int64_t)day * 86400000, iso);
    snprintf(ret, 16, "%.10s", iso);
}

static void write_place(trib_buf *out, char which, const city_deal *deal) {
    char day[16];
    switch (which) {
    case 'i': trib_buf_add_c(out, deal->id); break;
    case 's': trib_buf_add_c(out, deal->seller->name); break;
    case 'w': trib_buf_add_c(out, deal->driver->name); break;
    case 'p': trib_buf_add_c(out, deal->picker->name); break;
    case 'c': trib_buf_add_c(out, deal->courier->name); break;
    case 'y': trib_buf_printf(out, "%.6f", deal->driver->lat); break;
    case 'x': trib_buf_printf(out, "%.6f", deal->driver->lng); break;
    case 'd':
    case 'e':
        city_day(deal->seller->day + (which == 'e'), day);
        trib_buf_add_c(out, day);
        break;
    default: trib_buf_add_char(out, which); break;
    }
}

bool city_write_body(const city_deal *deal, const city_step *step, trib_buf *out) {
    for (const char *c = step->body; *c; c++) {
        if (*c == '%') write_place(out, *++c, deal);
        else trib_buf_add_char(out, *c);
    }
    return !out->failed;
}
