/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of deals share: the built-in types, events in one line. */
#ifndef TRIB_TESTS_DEAL_SUPPORT_H
#define TRIB_TESTS_DEAL_SUPPORT_H

#include "deal/registry.h"
#include "deal/state.h"

typedef struct step {
    int opcode;
    const char *node, *point, *delta, *payload; /* NULL: SQL's NULL, or empty */
    const char *role, *tenant;                  /* role NULL: trusted */
    const char *status;                         /* afterwards; NULL: not looked at */
} step;

static inline trib_str str_of(const char *text) {
    return text ? trib_str_c(text) : (trib_str){0};
}

static inline trib_deal_event event_of(const trib_deal_type *type, const step *s) {
    return (trib_deal_event){
        .opcode = s->opcode,
        .node_id = str_of(s->node),
        .point_id = str_of(s->point),
        .delta = str_of(s->delta),
        .payload = str_of(s->payload),
        .actor = {.tenant = str_of(s->tenant),
                  .roles = s->role ? trib_deal_role_bit(type, trib_str_c(s->role)) : 0,
                  .is_trusted = !s->role},
    };
}

/* The documents' order, event by event. */
static const step documents_order[] = {
    {501, "ord-5001", NULL, "46",
     "{\"customer\":\"ali\",\"restaurant\":\"bab-hara\",\"items\":[{\"id\":\"prod-shw\",\"qty\":2,\"price\":18.00},{"
     "\"id\":\"prod-lbn\",\"qty\":1,\"price\":5.00}],\"deliveryAddress\":\"Marina Walk\",\"notes\":\"\",\"channel\":"
     "\"app\"}",
     "customer", "ali", "placed"},
    {203, "ord-5001", NULL, "46.0", "{\"method\":\"card\",\"cardLast4\":\"4242\"}", "customer", "ali", "placed"},
    {301, "ord-5001", NULL, "0", "{\"task\":\"kitchen-prep\",\"estMinutes\":15}", "merchant", "bab-hara", "accepted"},
    {303, "ord-5001", NULL, "0", "{\"chef\":\"Hassan\",\"station\":\"grill\"}", "merchant", "bab-hara", "preparing"},
    {102, "prod-shw", "pt-shw", "-2", "{\"reason\":\"order-sale\"}", "merchant", "bab-hara", "preparing"},
    {102, "prod-lbn", "pt-lbn", "-1", "{\"reason\":\"order-sale\"}", "merchant", "bab-hara", "preparing"},
    {305, "ord-5001", NULL, "0", "{\"task\":\"kitchen-prep\",\"actualMinutes\":12}", "merchant", "bab-hara", "ready"},
    {302, "rami", NULL, "0", "{\"task\":\"delivery\",\"driver\":\"rami\",\"vehicle\":\"Motorcycle\",\"eta\":20}",
     "dispatch", "hub", "ready"},
    {502, "ord-5001", NULL, "0", "{\"pickedUpBy\":\"rami\",\"confirmedItems\":3}", "driver", "rami", "shipped"},
    {503, "ord-5001", NULL, "0", "{\"deliveredBy\":\"rami\",\"confirmedBy\":\"ali\",\"totalMinutes\":35}", "driver",
     "rami", "delivered"},
    {402, "rami", NULL, "12", "{\"type\":\"delivery-fee\",\"currency\":\"AED\"}", "platform", "hub", "delivered"},
    {401, "rest-01", NULL, "34", "{\"type\":\"order-revenue\",\"currency\":\"AED\"}", "platform", "hub", "settled"},
};
enum { DOCUMENTS_STEPS = sizeof documents_order / sizeof *documents_order };

#endif
