/* SPDX-License-Identifier: Apache-2.0 */
/* The other kinds of deals, played as the food order is: what there must be before, then the requests, then what the
 * stream's state says. All of them settle with a ledger of zero. */
#include <string.h>

#include "cli/demo.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A worker who is idle, under the name of the tenant. */
#define WORKER(name, type)                                                                                             \
    {name, "INSERT OR REPLACE INTO nodes (id, nodeType, title) VALUES ('" name "', '" type "', '" name "')"}, {        \
        name, "INSERT OR REPLACE INTO points (id, nodeId, availability, lat, lng, openNow) "                           \
              "VALUES ('pt-" name "-loc', '" name "', 'idle', 25.2640, 55.3310, true)"                                 \
    }
#define NODE(tenant, id, type, title)                                                                                  \
    { tenant, "INSERT OR REPLACE INTO nodes (id, nodeType, title) VALUES ('" id "', '" type "', '" title "')" }
#define POINT(tenant, id, node, qty, price)                                                                            \
    {                                                                                                                  \
        tenant, "INSERT OR REPLACE INTO points (id, nodeId, qty, price, currency) VALUES ('" id "', '" node "', " qty  \
                ", " price ", 'AED')"                                                                                  \
    }

/* ---- ride ---- */

#define RIDE "api/rides/ride-7001/"
static const demo_sql ride_setup[] = {{"ali", NULL}, {"rami", NULL}, WORKER("rami", "driver")};
static const demo_post ride_posts[] = {
    {"ali", "api/rides",
     "{\"id\":\"ride-7001\",\"from\":\"Al Rigga\",\"to\":\"Marina\",\"fare\":40,\"currency\":\"AED\"}"},
    {"streams", RIDE "assign", "{\"driver\":\"rami\",\"vehicle\":\"Sedan\",\"eta\":4,\"commission\":8}"},
    {"rami", RIDE "arrive", "{\"note\":\"at the door\"}"},
    {"rami", RIDE "start", "{}"},
    {"rami", RIDE "finish", "{\"fare\":42.5,\"distanceKm\":24,\"minutes\":31,\"lat\":25.0780,\"lng\":55.1350}"},
    {"ali", RIDE "pay", "{\"method\":\"card\"}"},
};

/* ---- grocery ---- */

#define GROCERY "api/groceries/gro-7002/"
static const demo_sql grocery_setup[] = {
    {"ali", NULL},
    {"fresh-mart", NULL},
    {"pia", NULL},
    {"rami", NULL},
    NODE("fresh-mart", "store-01", "store", "Fresh Mart"),
    NODE("fresh-mart", "prod-milk", "product", "Milk"),
    NODE("fresh-mart", "prod-rice", "product", "Rice"),
    POINT("fresh-mart", "pt-milk", "prod-milk", "40", "6.5"),
    POINT("fresh-mart", "pt-rice", "prod-rice", "25", "12"),
    WORKER("pia", "picker"),
    WORKER("rami", "driver"),
};
static const demo_post grocery_posts[] = {
    {"ali", "api/groceries",
     "{\"id\":\"gro-7002\",\"store\":\"fresh-mart\",\"items\":[{\"id\":\"prod-milk\",\"qty\":2},"
     "{\"id\":\"prod-rice\",\"qty\":1.5}],\"fees\":{\"delivery\":9},\"deliveryAddress\":\"Marina Walk\"}"},
    {"ali", GROCERY "pay", "{\"method\":\"card\"}"},
    {"fresh-mart", GROCERY "accept", "{}"},
    {"fresh-mart", GROCERY "pick", "{\"picker\":\"pia\",\"fee\":3}"},
    {"pia", GROCERY "start", "{}"},
    {"pia", GROCERY "done", "{\"actualMinutes\":9}"},
    {"fresh-mart", GROCERY "assign", "{\"driver\":\"rami\",\"vehicle\":\"Motorcycle\",\"fee\":7}"},
    {"rami", GROCERY "pickup", "{}"},
    {"rami", GROCERY "deliver", "{\"totalMinutes\":48,\"lat\":25.0780,\"lng\":55.1350}"},
};

/* ---- parcel ---- */

#define PARCEL "api/parcels/par-7003/"
static const demo_sql parcel_setup[] = {
    {"ali", NULL},
    {"book-shop", NULL},
    {"swift", NULL},
    NODE("book-shop", "store-01", "store", "Book Shop"),
    NODE("book-shop", "prod-atlas", "product", "Atlas"),
    POINT("book-shop", "pt-atlas", "prod-atlas", "12", "95"),
    NODE("swift", "swift", "courier", "Swift"),
};
static const demo_post parcel_posts[] = {
    {"ali", "api/parcels",
     "{\"id\":\"par-7003\",\"seller\":\"book-shop\",\"items\":[{\"id\":\"prod-atlas\",\"qty\":1}],\"fees\":15,"
     "\"deliveryAddress\":\"Marina Walk\"}"},
    {"ali", PARCEL "pay", "{\"method\":\"card\"}"},
    {"book-shop", PARCEL "accept", "{}"},
    {"book-shop", PARCEL "pack", "{}"},
    {"book-shop", PARCEL "assign", "{\"courier\":\"swift\",\"tracking\":\"SW-100\",\"fee\":12}"},
    {"swift", PARCEL "pickup", "{}"},
    {"swift", PARCEL "scan", "{\"hub\":\"DXB-1\"}"},
    {"swift", PARCEL "deliver", "{}"},
};

/* ---- booking ---- */

#define BOOKING "api/bookings/bkg-7004/"
static const demo_sql booking_setup[] = {
    {"ali", NULL},
    {"cool-air", NULL},
    NODE("cool-air", "cool-air", "provider", "Cool Air"),
    {"cool-air",
     "INSERT OR REPLACE INTO nodes (id, nodeType, title, payload) VALUES ('slot-9', 'slot', 'Sunday 9 to 11', "
     "'{\"start\":\"2026-03-01T09:00:00Z\",\"end\":\"2026-03-01T11:00:00Z\"}')"},
    POINT("cool-air", "pt-slot-9", "slot-9", "1", "180"),
};
static const demo_post booking_posts[] = {
    {"ali", "api/bookings", "{\"id\":\"bkg-7004\",\"provider\":\"cool-air\",\"slot\":\"pt-slot-9\"}"},
    {"ali", BOOKING "pay", "{\"method\":\"card\"}"},
    {"cool-air", BOOKING "accept", "{}"},
    {"cool-air", BOOKING "start", "{}"},
    {"cool-air", BOOKING "done", "{\"actualMinutes\":95}"},
    {"ali", BOOKING "confirm", "{\"rating\":5}"},
};

/* ---- rental ---- */

#define RENTAL "api/rentals/rent-7005/"
static const demo_sql rental_setup[] = {
    {"ali", NULL},
    {"palm-host", NULL},
    NODE("palm-host", "palm-host", "host", "Palm Host"),
    NODE("palm-host", "flat-12", "place", "Flat 12"),
    {"palm-host",
     "INSERT OR REPLACE INTO points (id, nodeId, price, currency) VALUES ('pt-flat-12', 'flat-12', 350, 'AED')"},
};
static const demo_post rental_posts[] = {
    {"ali", "api/rentals",
     "{\"id\":\"rent-7005\",\"host\":\"palm-host\",\"thing\":\"flat-12\",\"start\":\"2026-04-10\",\"end\":\"2026-04-"
     "13\","
     "\"fees\":{\"cleaning\":100}}"},
    {"ali", RENTAL "pay", "{\"method\":\"card\"}"},
    {"palm-host", RENTAL "accept", "{}"},
    {"palm-host", RENTAL "start", "{}"},
    {"ali", RENTAL "end", "{}"},
};

#define KIND(name, title, stream)                                                                                      \
    { #name, title, stream, name##_setup, COUNT(name##_setup), name##_posts, COUNT(name##_posts) }
const demo_kind demo_kinds[] = {
    KIND(ride, "A taxi ride", "ride-7001"),
    KIND(grocery, "Groceries, with a picker", "gro-7002"),
    KIND(parcel, "A parcel", "par-7003"),
    KIND(booking, "A booking of a slot", "bkg-7004"),
    KIND(rental, "A flat for three nights", "rent-7005"),
};
const unsigned demo_kind_count = COUNT(demo_kinds);

/* ---- playing ---- */

static trib_code run_sql(demo_state *demo, const char *tenant, const char *sql, trib_error *err) {
    const trib_sql_stmt stmt = {.sql = trib_str_c(sql)};
    trib_remote remote;
    trib_sql_rows rows;
    trib_arena_reset(&demo->arena);
    trib_code code = demo_remote(demo, tenant, &remote, err);
    return code == TRIB_OK ? trib_sql_execute(&remote, NULL, &stmt, &demo->arena, &rows, err) : code;
}

/* A tenant of the kind, without what an earlier run left of the deal. */
static trib_code prepare_tenant(demo_state *demo, const demo_kind *kind, const char *tenant, trib_error *err) {
    char sql[128];
    trib_code code = demo_ensure_tenant(demo, tenant, err);
    if (code == TRIB_OK) code = run_sql(demo, tenant, demo_tenant_schema[0], err);
    if (code == TRIB_OK) code = run_sql(demo, tenant, demo_tenant_schema[1], err);
    snprintf(sql, sizeof sql, "DELETE FROM nodes WHERE id = '%s'", kind->stream);
    return code == TRIB_OK ? run_sql(demo, tenant, sql, err) : code;
}

static trib_code read_outcome(demo_state *demo, const demo_kind *kind, uint64_t before, trib_error *err) {
    demo_outcome *to = &demo->outcomes[demo->outcome_count];
    const trib_json *state = NULL;
    trib_str status = {0};
    double balance = 1;
    char path[128];
    snprintf(path, sizeof path, "api/streams/%s/state", kind->stream);
    trib_arena_reset(&demo->arena);
    trib_code code = trib_remote_call(&demo->db[DEMO_STREAMS], "GET", path, (trib_str){0}, &demo->arena, &state, err);
    if (code != TRIB_OK) return code;
    (void)trib_json_str(trib_json_get(state, "status"), &status);
    (void)trib_json_f64(trib_json_get(state, "balance"), &balance);
    to->events = (int64_t)(demo->events - before);
    to->kind = kind;
    to->ledger_zero = balance > -0.001 && balance < 0.001;
    snprintf(to->status, sizeof to->status, "%.*s", TRIB_STR_ARG(status));
    demo->outcome_count++;
    return TRIB_OK;
}

trib_code demo_play_kind(demo_state *demo, const demo_kind *kind, trib_error *err) {
    uint64_t before = demo->events;
    char sql[128];
    demo_say(demo, "\n%s, %s\n\n", kind->title, kind->stream);
    snprintf(sql, sizeof sql, "DELETE FROM events WHERE streamId = '%s'", kind->stream);
    trib_code code = run_sql(demo, "streams", sql, err);
    for (unsigned i = 0; code == TRIB_OK && i < kind->setup_count; i++) {
        const demo_sql *setup = &kind->setup[i];
        code =
            setup->sql ? run_sql(demo, setup->tenant, setup->sql, err) : prepare_tenant(demo, kind, setup->tenant, err);
    }
    for (unsigned i = 0; code == TRIB_OK && i < kind->post_count; i++) code = demo_send(demo, &kind->posts[i], err);
    return code == TRIB_OK ? read_outcome(demo, kind, before, err) : code;
}
