/* SPDX-License-Identifier: Apache-2.0 */
/* The six kinds of deals, as tables: what begins one, and which action does what, in which order (deals_int.h says what
 * the words of a template mean). The rules about statuses, roles, money and payloads are those of the stream types
 * (src/deal/types); here is what a command does around its events. */
#include "features/deals/deals_int.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define EVENT(number, ...)                                                                                             \
    { .kind = DEALS_EVENT, .opcode = (number), .payload = __VA_ARGS__ }
#define PAYOUT                                                                                                         \
    { .kind = DEALS_PAYOUT }
#define PAID                                                                                                           \
    { .kind = DEALS_PAID }
#define UNDO                                                                                                           \
    { .kind = DEALS_UNDO }
#define STOCK(reason)                                                                                                  \
    { .kind = DEALS_STOCK, .opcode = 102, .payload = "reason=" reason }
#define CLAIM(of, ...)                                                                                                 \
    { .kind = DEALS_CLAIM, .opcode = 302, .job = (of), .by_platform = true, .payload = __VA_ARGS__ }
#define FREE(of)                                                                                                       \
    { .kind = DEALS_FREE, .job = (of) }
#define ACTION(word, roles, extra, text, ...)                                                                          \
    {                                                                                                                  \
        .name = (word), .who = (roles), .members = (extra), .summary = (text), .steps = {__VA_ARGS__},                 \
        .step_count = sizeof((deals_step[]){__VA_ARGS__}) / sizeof(deals_step)                                         \
    }

#define PAY(role)                                                                                                      \
    ACTION("pay", role " payment", "amount", "a payment; what is left to pay, if no amount is given",                  \
           EVENT(203, "method cardLast4 reference currency", .delta = DEALS_LEFT), PAYOUT)
#define CANCEL(number, roles)                                                                                          \
    ACTION("cancel", roles " platform", NULL, "ends it and gives everything back", EVENT(number, "reason"), UNDO)
#define COMMENT ACTION("comment", "any", NULL, "a remark", EVENT(311, "text"))
#define CHARGE(role)                                                                                                   \
    ACTION("charge", role, "amount", "something on top of the price",                                                  \
           EVENT(201, "invoiceRef reason currency", .delta = DEALS_AMOUNT))

/* ---- who works ---- */

static const deals_job food_driver = {.role = "driver",
                                      .worker = "driver",
                                      .word = "en-route",
                                      .node = "delivery",
                                      .title = "Delivery",
                                      .payload = "restaurant@merchant pickupAddress deliverTo^deliveryAddress",
                                      .fee = "delivery-fee"};
static const deals_job grocery_driver = {.role = "driver",
                                         .worker = "driver",
                                         .word = "en-route",
                                         .node = "delivery",
                                         .title = "Delivery",
                                         .payload = "store@merchant pickupAddress deliverTo^deliveryAddress",
                                         .fee = "delivery-fee"};
static const deals_job picker = {.role = "picker",
                                 .worker = "picker",
                                 .word = "picking",
                                 .node = "picking",
                                 .title = "Picking",
                                 .payload = "store@merchant items^items",
                                 .fee = "picking-fee"};
static const deals_job ride_driver = {.role = "driver",
                                      .worker = "driver",
                                      .word = "en-route",
                                      .node = "ride",
                                      .title = "Ride",
                                      .payload = "passenger@passenger from^from to^to",
                                      .fee = "ride-fare"};
static const deals_job courier = {.role = "courier",
                                  .worker = "courier",
                                  .node = "delivery",
                                  .title = "Parcel",
                                  .payload = "seller@seller tracking deliverTo^deliveryAddress",
                                  .fee = "courier-fee"};

/* ---- what can be done ---- */

static const deals_action food_actions[] = {
    PAY("customer"),
    ACTION("accept", "merchant", "start", "the restaurant takes it; with `start`, chef or station also starts",
           EVENT(301, "task=kitchen-prep estMinutes"), EVENT(303, "chef station", .if_asked = true),
           {.kind = DEALS_STOCK, .opcode = 102, .payload = "reason=order-sale", .if_asked = true}),
    ACTION("start", "merchant", NULL, "the kitchen starts, stock leaves", EVENT(303, "chef station"),
           STOCK("order-sale")),
    ACTION("done", "merchant", NULL, "the kitchen is done", EVENT(305, "task=kitchen-prep actualMinutes")),
    ACTION("assign", "merchant dispatch", "driver fee", "an idle driver gets the delivery",
           CLAIM(&food_driver, "task=delivery driver@driver vehicle eta")),
    ACTION("pickup", "driver", NULL, "the driver has it", EVENT(502, "pickedUpBy@driver confirmedItems#")),
    ACTION("deliver", "driver customer", "lat lng", "the customer has it; pays out, the driver is idle again", PAID,
           EVENT(503, "deliveredBy@driver confirmedBy@customer totalMinutes"), PAYOUT, FREE(&food_driver)),
    CANCEL(504, "customer merchant"),
    COMMENT,
};

static const deals_action ride_actions[] = {
    ACTION("assign", "passenger dispatch", "driver commission", "an idle driver gets the ride",
           CLAIM(&ride_driver, "task=ride driver@driver vehicle eta")),
    ACTION("arrive", "driver", NULL, "the driver is near, or at the door", EVENT(304, "note eta")),
    ACTION("start", "driver", NULL, "the passenger is in the car", EVENT(602, "note")),
    ACTION("finish", "driver", "fare lat lng", "arrived; the driver is idle again",
           EVENT(603, "distanceKm minutes currency", .delta = DEALS_FARE), FREE(&ride_driver)),
    PAY("passenger"),
    ACTION("release", "driver dispatch", NULL, "the driver gives the ride back",
           {.kind = DEALS_EVENT, .opcode = 309, .payload = "reason", .by_platform = true},
           {.kind = DEALS_FREE, .job = &ride_driver, .word = "release"}),
    CANCEL(604, "passenger driver"),
    COMMENT,
};

static const deals_action grocery_actions[] = {
    PAY("customer"),
    ACTION("accept", "merchant", NULL, "the store takes it", EVENT(301, "task=picking estMinutes")),
    ACTION("pick", "merchant dispatch", "picker fee", "an idle picker gets the list",
           CLAIM(&picker, "task=picking picker@picker eta")),
    ACTION("start", "picker", NULL, "the picker starts", EVENT(303, "note")),
    ACTION("done", "picker merchant", NULL, "picked and packed: stock leaves, the picker is idle again",
           STOCK("order-sale"), EVENT(305, "task=picking actualMinutes"), FREE(&picker)),
    ACTION("assign", "merchant dispatch", "driver fee", "an idle driver gets the delivery",
           CLAIM(&grocery_driver, "task=delivery driver@driver vehicle eta")),
    ACTION("pickup", "driver", NULL, "the driver has it", EVENT(502, "pickedUpBy@driver confirmedItems#")),
    ACTION("deliver", "driver customer", "lat lng", "the customer has it; pays out, the driver is idle again", PAID,
           EVENT(503, "deliveredBy@driver confirmedBy@customer totalMinutes"), PAYOUT, FREE(&grocery_driver)),
    CANCEL(504, "customer merchant"),
    COMMENT,
};

static const deals_action parcel_actions[] = {
    PAY("buyer"),
    ACTION("accept", "seller", NULL, "the seller takes it", EVENT(301, "task=packing estMinutes")),
    ACTION("pack", "seller", NULL, "packed: stock leaves", STOCK("order-sale"), EVENT(305, "task=packing")),
    ACTION("assign", "seller dispatch", "courier fee", "a courier takes the parcel on",
           CLAIM(&courier, "task=delivery courier@courier tracking")),
    ACTION("pickup", "courier", NULL, "the courier has it", EVENT(502, "pickedUpBy@courier confirmedItems#")),
    ACTION("scan", "courier", NULL, "a scan on the way", EVENT(304, "hub eta")),
    ACTION("fail", "courier", NULL, "nobody was there; it stays on its way", EVENT(306, "reason")),
    ACTION("deliver", "courier buyer", NULL, "the buyer has it; pays out", PAID,
           EVENT(503, "deliveredBy@courier confirmedBy@buyer"), PAYOUT, FREE(&courier)),
    ACTION("return", "platform", NULL, "lost or refused: gives everything back", EVENT(505, "reason"), UNDO),
    CANCEL(504, "buyer seller"),
    COMMENT,
};

static const deals_action booking_actions[] = {
    PAY("customer"),
    ACTION("accept", "provider", NULL, "the provider takes it", EVENT(301, "task=service")),
    ACTION("start", "provider", NULL, "the work begins", EVENT(303, "note")),
    ACTION("progress", "provider", NULL, "how far the work is", EVENT(304, "note percent")),
    CHARGE("provider"),
    ACTION("done", "provider", NULL, "the work is done", EVENT(305, "task=service actualMinutes")),
    ACTION("confirm", "customer", NULL, "the customer confirms; pays out if all is paid",
           EVENT(612, "confirmedBy@customer rating"), PAYOUT),
    ACTION("no-show", "customer provider", NULL, "one of the two was not there: gives everything back",
           EVENT(614, "missing"), UNDO),
    CANCEL(613, "customer provider"),
    COMMENT,
};

static const deals_action rental_actions[] = {
    PAY("guest"),
    ACTION("accept", "host", NULL, "the host accepts: the days are taken", EVENT(301, "note"),
           {.kind = DEALS_DAYS, .opcode = 102, .payload = "reason=rental", .word = "confirmed"}),
    ACTION("start", "host guest", NULL, "handed over", EVENT(621, "note")),
    CHARGE("host"),
    ACTION("end", "host guest", NULL, "given back; pays out if all is paid", EVENT(622, "note"),
           {.kind = DEALS_DAYS, .word = "ended"}, PAYOUT),
    CANCEL(623, "guest host"),
    COMMENT,
};

/* ---- the six ---- */

#define ACTIONS(list) .actions = (list), .action_count = COUNT(list)

const deals_vertical deals_verticals[] = {
    {.path = "orders",
     .type = "food",
     .prefix = "ord-",
     .opening = DEALS_OF_ITEMS,
     .opcode = 501,
     .payload = "customer@customer restaurant@merchant items$ fees currency deliveryAddress notes channel",
     .members = "id total",
     .buyer = "customer",
     .seller = "merchant",
     .seller_node = "restaurant",
     .node = "order",
     .title = "Order",
     .buyer_payload = "restaurant@merchant items$ total$",
     .seller_payload = "customer@customer items$ total$ deliveryAddress",
     .revenue = "order-revenue",
     ACTIONS(food_actions)},
    {.path = "rides",
     .type = "ride",
     .prefix = "ride-",
     .opening = DEALS_OF_FARE,
     .opcode = 601,
     .payload = "passenger@passenger from to currency",
     .members = "id fare",
     .buyer = "passenger",
     .node = "ride",
     .title = "Ride",
     .buyer_payload = "from to total$",
     .revenue = "commission",
     ACTIONS(ride_actions)},
    {.path = "groceries",
     .type = "grocery",
     .prefix = "gro-",
     .opening = DEALS_OF_ITEMS,
     .opcode = 501,
     .payload = "streamType=grocery customer@customer store@merchant items$ fees currency deliveryAddress notes",
     .members = "id total",
     .buyer = "customer",
     .seller = "merchant",
     .seller_node = "store",
     .node = "order",
     .title = "Order",
     .buyer_payload = "store@merchant items$ total$",
     .seller_payload = "customer@customer items$ total$ deliveryAddress",
     .revenue = "order-revenue",
     ACTIONS(grocery_actions)},
    {.path = "parcels",
     .type = "parcel",
     .prefix = "par-",
     .opening = DEALS_OF_ITEMS,
     .opcode = 501,
     .payload = "streamType=parcel buyer@buyer seller@seller items$ fees currency deliveryAddress",
     .members = "id total",
     .buyer = "buyer",
     .seller = "seller",
     .seller_node = "store",
     .node = "order",
     .title = "Order",
     .buyer_payload = "seller@seller items$ total$",
     .seller_payload = "buyer@buyer items$ total$ deliveryAddress",
     .revenue = "order-revenue",
     ACTIONS(parcel_actions)},
    {.path = "bookings",
     .type = "service",
     .prefix = "bkg-",
     .opening = DEALS_OF_SLOT,
     .opcode = 611,
     .payload = "streamType=service customer@customer provider@provider start$ end$ items$ fees currency",
     .members = "id slot start end total",
     .buyer = "customer",
     .seller = "provider",
     .seller_node = "provider",
     .node = "booking",
     .title = "Booking",
     .buyer_payload = "provider@provider start$ end$ items$ total$",
     .seller_payload = "customer@customer start$ end$ items$ total$",
     .revenue = "service-revenue",
     ACTIONS(booking_actions)},
    {.path = "rentals",
     .type = "rental",
     .prefix = "rent-",
     .opening = DEALS_OF_DAYS,
     .opcode = 611,
     .payload = "streamType=rental guest@guest host@host start$ end$ items$ fees currency",
     .members = "id thing start end total",
     .buyer = "guest",
     .seller = "host",
     .seller_node = "host",
     .node = "rental",
     .title = "Rental",
     .buyer_payload = "host@host start$ end$ items$ total$",
     .seller_payload = "guest@guest status=requested start$ end$ items$ total$",
     .revenue = "rental-revenue",
     ACTIONS(rental_actions)},
};
const size_t deals_vertical_count = COUNT(deals_verticals);

const deals_vertical *deals_vertical_find(trib_str path) {
    for (size_t i = 0; i < deals_vertical_count; i++)
        if (trib_str_eq_c(path, deals_verticals[i].path)) return &deals_verticals[i];
    return NULL;
}

const deals_action *deals_action_find(const deals_vertical *vertical, trib_str name) {
    for (size_t i = 0; i < vertical->action_count; i++)
        if (trib_str_eq_c(name, vertical->actions[i].name)) return &vertical->actions[i];
    return NULL;
}

bool deals_lists(const char *list, trib_str word) {
    trib_str rest = trib_str_c(list);
    while (rest.len > 0) {
        size_t end = trib_str_find(rest, ' ');
        if (trib_str_eq(trib_str_sub(rest, 0, end), word)) return true;
        rest = end == SIZE_MAX ? (trib_str){0} : trib_str_sub(rest, end + 1, rest.len);
    }
    return false;
}
