// SPDX-License-Identifier: Apache-2.0
// One order, from the customer's tap to the archive, over the worker's routes; prints who asked for what. What the three apps of a
// delivery service would send.
//
//   WORKER_URL (http://127.0.0.1:8787/); the keys are those of dev.mjs
const worker = process.env.WORKER_URL ?? "http://127.0.0.1:8787/";

async function ask(tenant, method, path, body) {
    const answer = await fetch(new URL(path, worker), {
        method,
        headers: { authorization: `Bearer ${tenant}-key`, "content-type": "application/json" },
        body: body && JSON.stringify(body),
    });
    const result = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path} as ${tenant}: ${answer.status} ${JSON.stringify(result)}`);
    return result;
}
async function step(tenant, path, body = {}) {
    const result = await ask(tenant, "POST", path, body);
    console.log(`${tenant.padEnd(9)} POST ${path} -> ${JSON.stringify(result)}`);
    return result;
}
async function drive(from, to, pings) {
    for (let i = 1; i <= pings; i++) {
        const at = (name) => from[name] + ((to[name] - from[name]) * i) / pings;
        await ask("rami", "POST", "/api/motion", { lat: at("lat"), lng: at("lng") });
    }
    console.log(`rami      POST /api/motion, ${pings} times`);
}

const start = { lat: 25.264, lng: 55.331 }, shop = { lat: 25.265, lng: 55.332 }, home = { lat: 25.078, lng: 55.135 };
const items = [{ id: "prod-shw", qty: 2 }, { id: "prod-lbn", qty: 1 }];
const { id } = await step("ali", "/api/orders", { restaurant: "bab-hara", items, deliveryAddress: "Marina Walk" });
const order = `/api/orders/${id}`;
await step("ali", `${order}/pay`, { method: "card", cardLast4: "4242" });
await step("bab-hara", `${order}/accept`, { estMinutes: 15, chef: "Hassan", station: "grill" });
await step("bab-hara", `${order}/kitchen`, { actualMinutes: 12 });
await step("bab-hara", `${order}/assign`, { pickupAddress: "Al Rigga St", eta: 20 });
await drive(start, shop, 5);
await step("rami", `${order}/pickup`);
await drive(shop, home, 15);
await step("rami", `${order}/deliver`, { ...home, totalMinutes: 35 });

const events = await ask("ali", "GET", `/api/streams/${id}`);
for (const { opcode, nodeId, delta, payload } of events) console.log(`  ${opcode} ${nodeId} ${delta} ${payload}`);
await step("bab-hara", `${order}/archive`);
