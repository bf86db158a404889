// SPDX-License-Identifier: Apache-2.0
// @libsql/hrana-client over WebSocket in every version and encoding: hrana1, hrana2, hrana3 in JSON, hrana3 in protobuf.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as hrana from "@libsql/hrana-client";
import WebSocket from "ws";
import { AWKWARD_TEXT, EVERY_BYTE, INT64_MAX, INT64_MIN, fails, readOnlyToken, token, url } from "../lib/fixture.js";

const wsUrl = url.replace(/^http/, "ws");
// what openWs offers for version 3 is chosen by the server; one subprotocol alone leaves it no choice
async function openAs(protocol) {
    const socket = new WebSocket(wsUrl, [protocol]);
    const client = new hrana.WsClient(socket, token);
    client.socket = socket;
    await client.getVersion(); // it refuses what its version has not, also before it knows its version
    return client;
}
const KINDS = { hrana1: 1, hrana2: 2, hrana3: 3, "hrana3-protobuf": 3 };

async function on(client, work) {
    const stream = client.openStream();
    try {
        return await work(stream);
    } finally {
        stream.close();
    }
}

before(async () => {
    const client = await openAs("hrana2");
    await on(client, (stream) => stream.sequence("CREATE TABLE dish (id INTEGER PRIMARY KEY, name TEXT UNIQUE); INSERT INTO dish VALUES (1, 'kibbeh')"));
    client.close();
});

test("openWs: version 3 is spoken in protobuf where the client offers it", async () => {
    for (const version of [1, 2, 3]) {
        const client = hrana.openWs(wsUrl, token, version);
        await client.getVersion();
        assert.equal((await on(client, (stream) => stream.queryValue("SELECT 7"))).value, 7);
        assert.equal(await client.getVersion(), version === 1 ? 2 : version); // it offers hrana2 for 1 as well
        client.close();
    }
});

for (const [protocol, version] of Object.entries(KINDS)) {
    test(`${protocol}: the subprotocol is taken, and values come back exactly`, async () => {
        const client = await openAs(protocol);
        client.intMode = "bigint";
        assert.equal(await client.getVersion(), version);
        assert.equal(client.socket.protocol, protocol);
        const cases = [null, 0n, -1n, INT64_MAX, INT64_MIN, 0.1, 5e-324, "", AWKWARD_TEXT, "x".repeat(200000), new Uint8Array(), EVERY_BYTE];
        const { row } = await on(client, (stream) => stream.queryRow([`SELECT ${cases.map(() => "?").join()}`, cases]));
        cases.forEach((sent, i) => {
            if (sent instanceof Uint8Array) assert.ok(Buffer.from(row[i]).equals(Buffer.from(sent)));
            else assert.deepEqual(row[i], sent);
        });
        client.close();
    });

    test(`${protocol}: batches with conditions, errors, transactions in streams beside each other`, async () => {
        const client = await openAs(protocol);
        const [one, two] = [client.openStream(), client.openStream()];
        await one.run("BEGIN");
        await one.run("DELETE FROM dish");
        assert.equal((await two.queryValue("SELECT count(*) FROM dish")).value, 1);
        assert.equal((await one.queryValue("SELECT count(*) FROM dish")).value, 0);
        one.close(); // rolls back
        const batch = two.batch();
        const bad = batch.step();
        const failed = assert.rejects(bad.run("INSERT INTO dish VALUES (2, 'kibbeh')"), /UNIQUE constraint failed: dish.name/);
        const yes = batch.step().condition(hrana.BatchCond.error(bad)).queryValue("SELECT 'yes'");
        const no = batch.step().condition(hrana.BatchCond.ok(bad)).queryValue("SELECT 'no'");
        await batch.execute();
        await failed;
        assert.equal((await yes).value, "yes");
        assert.equal(await no, undefined);
        await fails(two.query("SELECT * FROM missing"), "SQLITE_ERROR", /no such table: missing/);
        assert.equal((await two.queryValue("SELECT 1")).value, 1);
        two.close();
        client.close();
    });

    if (version < 2) continue;
    test(`${protocol}: sequence, describe and stored texts`, async () => {
        const client = await openAs(protocol);
        await on(client, async (stream) => {
            await stream.sequence("CREATE TEMPORARY TABLE nope (a)").catch(() => {});
            await stream.sequence("CREATE TABLE IF NOT EXISTS one (a); DELETE FROM one; INSERT INTO one VALUES (1); INSERT INTO one VALUES (2)");
            const told = await stream.describe("SELECT a, ?, :named FROM one");
            assert.deepEqual(told.paramNames, [undefined, ":named"]);
            const sql = client.storeSql("SELECT sum(a) FROM one");
            for (let i = 0; i < 3; i++) assert.equal((await stream.queryValue(sql)).value, 3);
            sql.close();
            const again = client.storeSql("SELECT 'another'");
            assert.equal((await stream.queryValue(again)).value, "another");
            again.close();
        });
        client.close();
    });

    if (version < 3) continue;
    test(`${protocol}: cursors, also of many rows, and get_autocommit`, async () => {
        const client = await openAs(protocol);
        await on(client, async (stream) => {
            assert.equal(await stream.getAutocommit(), true);
            await stream.run("BEGIN");
            assert.equal(await stream.getAutocommit(), false);
            const batch = stream.batch(true);
            const rows = batch.step().query("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 50000) SELECT n, hex(n) FROM c");
            const failed = assert.rejects(batch.step().query("SELECT * FROM missing"), /no such table/);
            const last = batch.step().queryValue("SELECT 'last'");
            await batch.execute();
            await failed;
            assert.equal((await rows).rows.length, 50000);
            assert.deepEqual(Array.from((await rows).rows[49999]), [50000, "3530303030"]);
            assert.equal((await last).value, "last");
            assert.equal(await stream.getAutocommit(), false);
        });
        client.close();
    });
}

test("a second hello brings a fresh token: the rights of open streams change with it", async () => {
    const socket = new WebSocket(wsUrl, ["hrana2"]);
    const heard = [], waiting = [];
    socket.on("message", (data) => (waiting.length ? waiting.shift()(JSON.parse(data)) : heard.push(JSON.parse(data))));
    const hear = () => (heard.length ? Promise.resolve(heard.shift()) : new Promise((resolve) => waiting.push(resolve)));
    const ask = (message) => (socket.send(JSON.stringify(message)), hear());
    const write = (id) => ask({ type: "request", request_id: id, request: { type: "execute", stream_id: 1, stmt: { sql: "UPDATE dish SET name = name" } } });
    await new Promise((resolve) => socket.on("open", resolve));
    assert.equal((await ask({ type: "hello", jwt: readOnlyToken })).type, "hello_ok");
    assert.equal((await ask({ type: "request", request_id: 1, request: { type: "open_stream", stream_id: 1 } })).type, "response_ok");
    assert.equal((await write(2)).error.code, "SQLITE_READONLY");
    assert.equal((await ask({ type: "hello", jwt: token })).type, "hello_ok");
    assert.equal((await write(3)).response.result.affected_row_count, 1);
    const closed = new Promise((resolve) => socket.on("close", (code, reason) => resolve([code, String(reason)])));
    assert.equal((await ask({ type: "hello", jwt: "x.y.z" })).error.code, "AUTH_JWT_INVALID");
    const [code, reason] = await closed;
    assert.equal(code, 1008);
    assert.match(reason, /^Authentication failed: /);
});
