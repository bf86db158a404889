// SPDX-License-Identifier: Apache-2.0
// The steps of a food order. Each looks at the stream (may this tenant do this now?), adds its events, and then changes the state
// in the tenants' own databases.
import { discoveryDb, tenantDb, type Env } from "./databases";
import { Refused, numberOf, textOf, type Body } from "./refused";
import { OPCODE, append, archive, orderOf, readStream, type Item, type Order } from "./streams";

export interface Call {
    env: Env;
    /** The tenant that asks. */
    me: string;
    /** The order, where the path names one. */
    id: string;
    body: Body;
}

const DELIVERY_FEE = 5, DRIVER_SHARE = 12, CURRENCY = "AED";

/** POST /api/orders {restaurant, items: [{id, qty}], deliveryAddress, notes?} */
export async function place({ env, me, body }: Call) {
    const id = `ord-${crypto.randomUUID()}`, ts = new Date().toISOString();
    const restaurant = textOf(body, "restaurant"), deliveryAddress = textOf(body, "deliveryAddress"), notes = textOf(body, "notes", "");
    const items = await withPrices(env, restaurant, body.items);
    const total = items.reduce((sum, item) => sum + item.qty * item.price, DELIVERY_FEE);
    const insert = "INSERT INTO nodes (id, nodeType, title, createdAt, payload) VALUES (?, 'order', ?, ?, ?)";
    await tenantDb(env, me).execute({ sql: insert, args: [id, `Order ${id}`, ts, JSON.stringify({ restaurant, items, total })] });
    await tenantDb(env, restaurant).execute({
        sql: insert,
        args: [id, `${id} - ${me}`, ts, JSON.stringify({ customer: me, items, total, deliveryAddress })],
    });
    const payload = { customer: me, restaurant, items, deliveryAddress, notes, channel: "app" };
    await append(env, id, [{ opcode: OPCODE.ORDER_CREATE, node: id, delta: total, payload }]);
    return { id, total };
}

/** POST /api/orders/:id/pay {method, cardLast4} */
export async function pay(call: Call) {
    const { total } = await orderFor(call, "customer", OPCODE.ORDER_CREATE);
    const payload = { method: textOf(call.body, "method"), cardLast4: textOf(call.body, "cardLast4") };
    await append(call.env, call.id, [{ opcode: OPCODE.INVOICE_PAYMENT, node: call.id, delta: total, payload }]);
}

/** POST /api/orders/:id/accept {estMinutes, chef, station}: the kitchen starts, and what it needs leaves the stock. */
export async function accept(call: Call) {
    const { env, id, me, body } = call;
    const { items } = await orderFor(call, "restaurant", OPCODE.INVOICE_PAYMENT);
    const points = await pointsOf(env, me, items.map((item) => item.id));
    const task = { task: "kitchen-prep", estMinutes: numberOf(body, "estMinutes") };
    const cooks = { chef: textOf(body, "chef"), station: textOf(body, "station") };
    await append(env, id, [
        { opcode: OPCODE.TASK_CREATE, node: id, payload: task },
        { opcode: OPCODE.TASK_START, node: id, payload: cooks },
        ...items.map((item) => ({
            opcode: OPCODE.SALE_OUT, node: item.id, point: points.get(item.id)?.id, delta: -item.qty, payload: { reason: "order-sale" },
        })),
    ]);
    await tenantDb(env, me).batch(items.map((item) => ({
        sql: "UPDATE points SET qty = qty - ? WHERE nodeId = ?", args: [item.qty, item.id],
    })), "write");
}

/** POST /api/orders/:id/kitchen {actualMinutes}: the food is ready. */
export async function kitchenDone(call: Call) {
    await orderFor(call, "restaurant", OPCODE.TASK_START);
    const payload = { task: "kitchen-prep", actualMinutes: numberOf(call.body, "actualMinutes") };
    await append(call.env, call.id, [{ opcode: OPCODE.TASK_DONE, node: call.id, payload }]);
}

/** POST /api/orders/:id/assign {pickupAddress, eta}: the nearest idle driver gets the delivery. */
export async function assign(call: Call) {
    const { env, id, me, body } = call;
    const order = await orderFor(call, "restaurant", OPCODE.TASK_DONE);
    if (order.driver) throw new Refused(409, "this was done already");
    const eta = numberOf(body, "eta"), pickupAddress = textOf(body, "pickupAddress");
    const [shop] = (await tenantDb(env, me).execute("SELECT lat, lng FROM points WHERE lat IS NOT NULL")).rows;
    // Found and taken in one statement, so that no driver is found twice.
    const [found] = (await discoveryDb(env).execute({
        sql: `UPDATE points SET openNow = false WHERE (workspaceId, id) = (
                SELECT workspaceId, id FROM points
                WHERE (workspaceId, nodeId) IN (SELECT workspaceId, id FROM nodes WHERE nodeType = 'driver')
                AND openNow = true AND availability = 'idle' ORDER BY abs(lat - ?) + abs(lng - ?) LIMIT 1)
              RETURNING workspaceId`,
        args: [shop?.lat ?? 0, shop?.lng ?? 0],
    })).rows;
    if (!found) throw new Refused(409, "no driver is free; try again later");
    const driver = String(found.workspaceId), driverDb = tenantDb(env, driver);
    try {
        const [node] = (await driverDb.execute("SELECT payload FROM nodes WHERE nodeType = 'driver'")).rows;
        const { vehicle } = JSON.parse(String(node?.payload ?? "{}"));
        await append(env, id, [{ opcode: OPCODE.TASK_ASSIGN, node: driver, payload: { task: "delivery", driver, vehicle, eta } }]);
    } catch (error) { // somebody was quicker: this driver is free again
        await discoveryDb(env).execute({
            sql: "UPDATE points SET openNow = true WHERE workspaceId = ? AND id = ?", args: [driver, location(driver)],
        });
        throw error;
    }
    const task = { restaurant: me, pickupAddress, deliverTo: order.deliveryAddress };
    await driverDb.batch([
        {
            sql: "INSERT INTO nodes (id, nodeType, title, createdAt, payload) VALUES (?, 'delivery', ?, ?, ?)",
            args: [id, `Delivery ${id}`, new Date().toISOString(), JSON.stringify(task)],
        },
        { sql: "UPDATE points SET availability = 'en-route', openNow = false WHERE id = ?", args: [location(driver)] },
    ], "write");
    return { driver };
}

/** POST /api/orders/:id/pickup {}: the driver has the food. */
export async function pickup(call: Call) {
    const { items } = await orderFor(call, "driver", OPCODE.TASK_ASSIGN);
    const payload = { pickedUpBy: call.me, confirmedItems: items.reduce((sum, item) => sum + item.qty, 0) };
    await append(call.env, call.id, [{ opcode: OPCODE.ORDER_SHIP, node: call.id, payload }]);
}

/** POST /api/orders/:id/deliver {lat, lng, totalMinutes}: the customer has it, both others are paid, the driver is free. */
export async function deliver(call: Call) {
    const { env, id, me, body } = call;
    const order = await orderFor(call, "driver", OPCODE.ORDER_SHIP);
    const lat = numberOf(body, "lat"), lng = numberOf(body, "lng"), totalMinutes = numberOf(body, "totalMinutes");
    const shop = await restaurantNode(env, order.restaurant);
    const fee = { type: "delivery-fee", currency: CURRENCY }, revenue = { type: "order-revenue", currency: CURRENCY };
    await append(env, id, [
        { opcode: OPCODE.ORDER_DELIVER, node: id, payload: { deliveredBy: me, confirmedBy: order.customer, totalMinutes } },
        { opcode: OPCODE.ACCOUNT_PAYOUT, node: me, delta: DRIVER_SHARE, payload: fee },
        { opcode: OPCODE.ACCOUNT_PAYIN, node: shop, delta: order.total - DRIVER_SHARE, payload: revenue },
    ]);
    const sql = "UPDATE points SET availability = 'idle', openNow = true, lat = ?, lng = ? WHERE id = ?";
    await tenantDb(env, me).execute({ sql, args: [lat, lng, location(me)] });
    await discoveryDb(env).execute({ sql: `${sql} AND workspaceId = ?`, args: [lat, lng, location(me), me] });
}

/** POST /api/orders/:id/archive {} */
export async function archiveOrder(call: Call) {
    await orderFor(call, "restaurant", OPCODE.ACCOUNT_PAYIN);
    return { archived: await archive(call.env, call.id) };
}

/** POST /api/motion {lat, lng}: where the driver is. Touches the driver's own database, and nothing else. */
export async function motion({ env, me, body }: Call) {
    const { rowsAffected } = await tenantDb(env, me).execute({
        sql: "UPDATE points SET lat = ?, lng = ? WHERE id = ?", args: [numberOf(body, "lat"), numberOf(body, "lng"), location(me)],
    });
    if (rowsAffected === 0) throw new Refused(404, "only drivers have a position");
}

/** GET /api/streams/:id: the same bytes for everybody who takes part. */
export async function stream({ env, me, id }: Call): Promise<Response> {
    const text = await readStream(env, id);
    takesPart(orderOf(text), me);
    return new Response(text, { headers: { "content-type": "application/json" } });
}

// ---- what the steps share ----

const location = (driver: string) => `pt-${driver}-loc`;

/** Somebody else's order looks like one that does not exist. */
function takesPart(order: Order | undefined, me: string): Order {
    if (!order || ![order.customer, order.restaurant, order.driver].includes(me)) throw new Refused(404, "no such order");
    return order;
}

async function orderFor({ env, me, id }: Call, role: "customer" | "restaurant" | "driver", after: number): Promise<Order> {
    const order = takesPart(orderOf(await readStream(env, id)), me);
    if (order[role] !== me) throw new Refused(403, `only the ${role} of this order may do that`);
    if (!order.seen.has(after)) throw new Refused(409, `too early: the order has no event ${after} yet`);
    return order;
}

async function pointsOf(env: Env, restaurant: string, products: string[]) {
    const { rows } = await tenantDb(env, restaurant).execute({
        sql: "SELECT id, nodeId, price FROM points WHERE price IS NOT NULL AND nodeId IN (SELECT value FROM json_each(?))",
        args: [JSON.stringify(products)],
    });
    return new Map(rows.map((row) => [String(row.nodeId), { id: String(row.id), price: Number(row.price) }]));
}

async function restaurantNode(env: Env, restaurant: string): Promise<string> {
    const [node] = (await tenantDb(env, restaurant).execute("SELECT id FROM nodes WHERE nodeType = 'restaurant'")).rows;
    if (!node) throw new Refused(404, "no such restaurant");
    return String(node.id);
}

/** What was asked for, with the restaurant's prices: a customer says what and how much, never what it costs. */
async function withPrices(env: Env, restaurant: string, asked: unknown): Promise<Item[]> {
    if (!Array.isArray(asked) || asked.length === 0 || asked.length > 50) throw new Refused(400, '"items" must be a list');
    await restaurantNode(env, restaurant);
    if (!asked.every((item) => typeof item === "object" && item !== null)) throw new Refused(400, '"items" must have objects');
    const ids = asked.map((item: Body) => textOf(item, "id"));
    if (new Set(ids).size < ids.length) throw new Refused(400, "name each product once, with its qty");
    const points = await pointsOf(env, restaurant, ids);
    return asked.map((item: Body) => {
        const id = textOf(item, "id"), qty = numberOf(item, "qty", 1), point = points.get(id);
        if (!point || !Number.isInteger(qty)) throw new Refused(400, `${id} cannot be ordered like that`);
        return { id, qty, price: point.price };
    });
}
