// SPDX-License-Identifier: Apache-2.0
// examples/worker, as its README says to run it (seed, dev, order), against a server with tokens, inside workerd: one food order
// from the customer's tap to the archive. What it leaves is compared with what `trib demo` leaves on a server of its own.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createClient } from "@libsql/client";
import { createClient as createWebClient } from "@libsql/client/web";
import { run, start, startTrib } from "../lib/own-server.js";

const DATABASES = ["ali", "bab-hara", "rami", "streams", "discovery"];
// All that may differ between the two: the order's random name wherever it stands, and these columns.
const RANDOM = /\bord-(?:5001|[0-9a-f-]{36})\b/g;
const EVENT_ID = "id"; // of events: made from the order's name
const TIMES = ["ts", "createdAt"];
// the demo's driver publishes himself, which his node's payload says; the Worker writes him into discovery
const PUBLISHED = "payload";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
// modules find their packages from the folder that they lie in
const example = path("../node_modules/.example-worker"), broken = path("../node_modules/.example-worker-broken");
const folder = mkdtempSync(join(tmpdir(), "trib-worker-"));
const servers = [];
let ours, demo, token, worker, orderId;

const trib = async (...args) => (await run(process.env.COMPAT_BIN, args)).stdout.trim();
const read = (file) => JSON.parse(readFileSync(path(file), "utf8"));

async function runWorker(from, extra = {}) {
    const env = { ...process.env, PORT: "0", LIBSQL_URL: ours.url, LIBSQL_TOKEN: token, ...extra };
    const started = await start(process.execPath, ["dev.mjs"], /Ctrl-C/, { cwd: from, env });
    servers.push(started);
    return /^worker (http:\S+)/m.exec(started.printed)[1];
}

before(async () => {
    for (const copy of [example, broken]) {
        rmSync(copy, { recursive: true, force: true });
        cpSync(path("../../../examples/worker"), copy, { recursive: true, filter: (name) => !/(node_modules|\.local)$/.test(name) });
    }
    ours = await startTrib(["serve", "--log-level", "debug", "--data", join(folder, "ours")], /^admin /m);
    demo = await startTrib(["demo", "--log-level", "warn", "--data", join(folder, "demo")], /a token .*\n/);
    servers.push(ours, demo);
    for (const tenant of ["ali", "bab-hara", "rami"]) await trib("tenant", "create", tenant, "--data", join(folder, "ours"));
    token = await trib("token", "create", "--all", "--data", join(folder, "ours"));
    demo.token = await trib("token", "create", "--all", "--data", join(folder, "demo"));
    const env = { ...process.env, LIBSQL_URL: ours.url, LIBSQL_TOKEN: token };
    await run(process.execPath, ["seed.mjs"], { cwd: example, env });
    worker = await runWorker(example);
});
after(async () => {
    for (const server of servers) await server.end();
    for (const each of [folder, example, broken]) rmSync(each, { recursive: true, force: true });
});

/** Every table of the five databases with its columns and rows. */
async function contents(url, authToken) {
    const found = {};
    for (const name of DATABASES) {
        const db = createClient({ url: `${url}${name}/`, authToken });
        const tables = await db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 6) <> '_trib_' AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name");
        for (const { name: table } of tables.rows) {
            const columns = await db.execute(`SELECT name, type, "notnull", pk FROM pragma_table_info('${table}')`);
            const { rows } = await db.execute(`SELECT * FROM "${table}" ORDER BY 1, 2`);
            found[`${name}.${table}`] = { columns: columns.rows.map((row) => Array.from(row)), rows: rows.map((row) => ({ ...row })) };
        }
        db.close();
    }
    return found;
}

/** A row without what may differ; that there is a time, or none, may not. */
function comparable(row) {
    return Object.fromEntries(Object.entries(row).map(([name, value]) => {
        if (TIMES.includes(name) && value !== null) {
            assert.match(value, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
            return [name, "a time"];
        }
        if (name === EVENT_ID && "streamId" in row) return [name, "an id"];
        if (name === PUBLISHED && row.nodeType === "driver") return [name, "his own"];
        return [name, typeof value === "string" ? value.replace(RANDOM, "the order") : value];
    }));
}
const strip = (found) => Object.fromEntries(Object.entries(found).map(([name, { columns, rows }]) => [name, { columns, rows: rows.map(comparable) }]));

async function ask(tenant, method, route, body, at = worker) {
    const headers = tenant ? { authorization: `Bearer ${tenant}-key` } : {};
    const answer = await fetch(new URL(route, at), { method, headers, body: body && JSON.stringify(body) });
    return { status: answer.status, text: await answer.text() };
}
const place = (at) => ask("ali", "POST", "/api/orders", { restaurant: "bab-hara", items: [{ id: "prod-lbn", qty: 1 }], deliveryAddress: "x" }, at);

test("its TypeScript is right by the compiler's strict rules, and it pins the versions that run here", async () => {
    await run(process.execPath, [path("../node_modules/typescript/bin/tsc"), "-p", example]);
    const { dependencies, devDependencies } = read("../../../examples/worker/package.json"), here = read("../package.json").dependencies;
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) assert.equal(version, here[name], name);
});

test("one whole order through its routes leaves what `trib demo` leaves, in every table of the five databases", async () => {
    const { stdout } = await run(process.execPath, ["order.mjs"], { cwd: example, env: { ...process.env, WORKER_URL: worker } });
    orderId = /\bord-[0-9a-f-]{36}\b/.exec(stdout)[0];
    const [left, wanted] = [await contents(ours.url, token), await contents(demo.url, demo.token)];
    assert.deepEqual(Object.keys(left), ["ali.nodes", "ali.points", "bab-hara.nodes", "bab-hara.points", "rami.nodes", "rami.points",
        "streams.events", "discovery.nodes", "discovery.points"]);
    assert.deepEqual(strip(left), strip(wanted));
    assert.equal(left["bab-hara.points"].rows.find((row) => row.id === "pt-shw").qty, 198);
    assert.equal(left["streams.events"].rows.length, 0);
    assert.deepEqual([...stdout.matchAll(/^ {2}(\d{3}) /gm)].map(([, opcode]) => Number(opcode)),
        [501, 203, 301, 303, 102, 102, 305, 302, 502, 503, 402, 401]);
});

test("the archived stream has the same 12 events as the demo's, and all three read the same bytes of it", async () => {
    const [first, ...others] = await Promise.all(["ali", "bab-hara", "rami"].map((tenant) => ask(tenant, "GET", `/api/streams/${orderId}`)));
    for (const other of others) assert.deepEqual(other, first);
    const wanted = JSON.parse(readFileSync(join(folder, "demo/archive/streams-archive/ord-5001.json"), "utf8"));
    assert.equal(wanted.length, 12);
    assert.deepEqual(JSON.parse(first.text).map(comparable), wanted.map(comparable));
});

test("a step twice, too early, or by somebody else is refused and changes no row", async () => {
    const { id } = JSON.parse((await place()).text);
    const step = (tenant, name, body = {}) => ask(tenant, "POST", `/api/orders/${id}/${name}`, body).then(({ status }) => status);
    const card = { method: "card", cardLast4: "4242" }, kitchen = { estMinutes: 1, chef: "a", station: "b" };
    assert.equal(await step("ali", "pay", card), 200);
    const before = await contents(ours.url, token);
    assert.equal(await step("ali", "pay", card), 409, "paid already");
    assert.equal(await step("bab-hara", "kitchen", { actualMinutes: 1 }), 409, "not accepted yet");
    assert.equal(await step("ali", "accept", kitchen), 403, "the customer does not cook");
    assert.equal(await step("rami", "pay", card), 404, "not his order");
    assert.equal((await ask("rami", "GET", `/api/streams/${id}`)).status, 404);
    assert.equal((await ask(undefined, "GET", `/api/streams/${id}`)).status, 401);
    assert.equal((await ask("ali", "POST", "/api/motion", { lat: 1, lng: 1 })).status, 404, "customers have no position");
    const one = [{ id: "prod-lbn", qty: 1 }];
    for (const [restaurant, items] of [
        ["streams", one], ["rami", one], ["nobody", one], ["../ali", one], ["", one], ["bab-hara", []], ["bab-hara", [null]],
        ["bab-hara", [...one, ...one]], ["bab-hara", [{ id: "prod-lbn", qty: -1 }]], ["bab-hara", [{ id: "rest-01", qty: 1 }]],
    ]) {
        const { status } = await ask("ali", "POST", "/api/orders", { restaurant, items, deliveryAddress: "x" });
        assert.ok(status === 400 || status === 404, `${restaurant} ${JSON.stringify(items)}: ${status}`);
    }
    assert.deepEqual(await contents(ours.url, token), before);
    // ten acceptances at once: one is taken, and the stock falls once
    const both = await Promise.all(Array.from({ length: 10 }, () => step("bab-hara", "accept", kitchen)));
    assert.deepEqual(both.sort(), [200, ...Array(9).fill(409)]);
    const stock = (found) => found["bab-hara.points"].rows.find((row) => row.id === "pt-lbn").qty;
    assert.equal(stock(await contents(ours.url, token)), stock(before) - 1);
});

test("the routing trap: without the slash the client is refused with the cure, and no row changes anywhere", async () => {
    const before = await contents(ours.url, token);
    const db = createWebClient({ url: `${ours.url}ali`, authToken: token });
    const write = "INSERT INTO nodes (id, nodeType) VALUES ('trap', 'order')";
    for (const attempt of [
        () => db.execute(write), () => db.batch([write], "write"), () => db.executeMultiple(write), () => db.migrate([write]),
        async () => (await db.transaction("write")).execute(write),
    ]) {
        await assert.rejects(attempt, (error) => {
            assert.equal(error.code, "TENANT_MISSING", error.message);
            assert.match(error.message, /slash/);
            return true;
        });
    }
    db.close();
    // the worker itself, with that one character missing
    const file = join(broken, "src/databases.ts"), source = readFileSync(file, "utf8");
    assert.ok(source.includes("/${name}/`"));
    writeFileSync(file, source.replace("/${name}/`", "/${name}`"));
    const trapped = await runWorker(broken);
    for (const [tenant, route, body] of [
        ["ali", "/api/orders", { restaurant: "bab-hara", items: [{ id: "prod-lbn", qty: 1 }], deliveryAddress: "x" }],
        ["rami", "/api/motion", { lat: 1, lng: 1 }],
        ["ali", `/api/orders/${orderId}/pay`, { method: "card", cardLast4: "4242" }],
    ]) {
        const { status, text } = await ask(tenant, "POST", route, body, trapped);
        assert.deepEqual([status, JSON.parse(text).code], [502, "TENANT_MISSING"], route);
    }
    assert.deepEqual(await contents(ours.url, token), before);
});
