/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers of a city that move and say where they are: all in turn, at an even rate (city.h). */
#include <math.h>
#include <stdio.h>

#include "cli/city.h"

#define STEP_DEGREES 0.0005 /* some 50 m */
#define SOUTH        25.05
#define WEST         55.10
#define SIDE         0.25

static double place(city *c, double from) {
    return from + SIDE * (double)(city_random(c) >> 11) / 9007199254740992.0;
}

bool city_drive(city_person *driver) {
    double lat = driver->to_lat - driver->lat, lng = driver->to_lng - driver->lng, far = hypot(lat, lng);
    if (far <= STEP_DEGREES) {
        driver->lat = driver->to_lat;
        driver->lng = driver->to_lng;
        return true;
    }
    driver->lat += lat / far * STEP_DEGREES;
    driver->lng += lng / far * STEP_DEGREES;
    return false;
}

static void answered(trib_http_many_call *call, const trib_http_many_answer *answer) {
    city_ping *ping = (city_ping *)(void *)call;
    ping->used = false;
    if (answer->code == TRIB_OK && answer->status == 200) ping->city->counts.pings++;
    else city_note_answer(ping->city, answer, "motion");
}

static void send_ping(city *c, city_ping *ping) {
    city_person *driver = &c->drivers.people[c->ping_at++ % c->drivers.count];
    char body[96];
    if (city_drive(driver)) {
        driver->to_lat = place(c, SOUTH);
        driver->to_lng = place(c, WEST);
    }
    snprintf(body, sizeof body, "{\"lat\":%.6f,\"lng\":%.6f,\"pointId\":\"here\"}", driver->lat, driver->lng);
    if (!city_write_request(c, &ping->request, driver->name, "api/motion", "", trib_str_c(body))) {
        city_stop(c, TRIB_NOMEM, "no memory for a request");
        return;
    }
    ping->city = c;
    ping->used = true;
    ping->call.done = answered;
    ping->call.request = trib_buf_str(&ping->request);
    trib_http_many_send(c->many, &ping->call);
}

/* What could not be sent within a second is not sent later: a newer position is worth more. */
void city_pings_send(city *c, int64_t now_ns) {
    double a_second = CITY_PINGS_A_SECOND * c->rate;
    uint64_t due = (uint64_t)((double)(now_ns - c->began_ns) / 1e9 * a_second);
    uint64_t done = c->ping_at + c->counts.late_pings;
    if (due > done + (uint64_t)a_second) {
        c->counts.late_pings += due - done - (uint64_t)a_second;
        done = due - (uint64_t)a_second;
    }
    for (unsigned i = 0; i < CITY_PING_CALLS_MAX && done < due && !c->stops; i++) {
        if (c->pings[i].used) continue;
        send_ping(c, &c->pings[i]);
        done++;
    }
}
