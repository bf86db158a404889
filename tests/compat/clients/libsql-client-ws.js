// SPDX-License-Identifier: Apache-2.0
// @libsql/client over WebSocket (a ws: URL): one socket, a stream for each call, stored SQL, requests sent without waiting.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createClient } from "@libsql/client";
import { AWKWARD_TEXT, BEYOND_DOUBLE, EVERY_BYTE, INT64_MAX, INT64_MIN, fails, otherToken, otherUrl, readOnlyToken, token, url } from "../lib/fixture.js";
import { attach, attachFlow } from "../lib/attach.js";

const wsUrl = url.replace(/^http/, "ws");
const open = (authToken = token, more = {}) => createClient({ url: wsUrl, authToken, ...more });
const db = open();
const big = open(token, { intMode: "bigint" });
const count = async (table) => (await db.execute(`SELECT count(*) AS n FROM ${table}`)).rows[0].n;

before(() => db.execute("CREATE TABLE dish (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, price REAL)"));
after(() => [db, big].forEach((client) => client.close()));

test("execute: arguments of every kind, columns, changes and rowid", async () => {
    const put = await db.execute({ sql: "INSERT INTO dish (name, price) VALUES (?, ?)", args: ["kibbeh", 4.5] });
    assert.deepEqual([put.rowsAffected, put.lastInsertRowid], [1, 1n]);
    await db.execute({ sql: "INSERT INTO dish (name, price) VALUES (:name, $price)", args: { name: "fattoush", $price: null } });
    const got = await db.execute("SELECT id, name, price FROM dish ORDER BY id");
    assert.deepEqual(got.columns, ["id", "name", "price"]);
    assert.deepEqual(got.rows.map((row) => Array.from(row)), [[1, "kibbeh", 4.5], [2, "fattoush", null]]);
});

test("values come back exactly as they went", async () => {
    const sent = [null, INT64_MAX, INT64_MIN, BEYOND_DOUBLE, 0.1, 5e-324, "", AWKWARD_TEXT, EVERY_BYTE];
    const { rows } = await big.execute({ sql: `SELECT ${sent.map(() => "?").join()}`, args: sent });
    sent.forEach((value, i) => {
        if (value instanceof Uint8Array) assert.ok(Buffer.from(rows[0][i]).equals(Buffer.from(value)));
        else assert.equal(rows[0][i], value);
    });
    const large = Uint8Array.from({ length: 3 << 20 }, (_, i) => (i * 31) & 255);
    const { rows: [row] } = await db.execute({ sql: "SELECT ? AS body", args: [large] });
    assert.ok(Buffer.from(row.body).equals(Buffer.from(large)), "three megabytes both ways");
});

test("batch and migrate: all or nothing, results in order", async () => {
    const results = await db.batch(["INSERT INTO dish (id, name) VALUES (10, 'a')", { sql: "SELECT name FROM dish WHERE id = ?", args: [10] }], "write");
    assert.equal(results[1].rows[0].name, "a");
    await fails(db.batch(["INSERT INTO dish (id, name) VALUES (11, 'b')", "INSERT INTO dish (id, name) VALUES (12, 'a')"], "write"), "SQLITE_CONSTRAINT", /UNIQUE/);
    assert.equal(await count("dish"), 3);
    await db.migrate(["CREATE TABLE made (a)", "INSERT INTO made VALUES (1)"]);
    assert.equal(await count("made"), 1);
    await db.executeMultiple("CREATE TABLE many (a); INSERT INTO many VALUES (1); INSERT INTO many VALUES (';')");
    assert.equal(await count("many"), 2);
});

test("transaction: commit, rollback, and many writers at once lose nothing", async () => {
    const tx = await db.transaction("write");
    await tx.execute("DELETE FROM dish");
    assert.equal((await tx.execute("SELECT count(*) AS n FROM dish")).rows[0].n, 0);
    assert.equal(await count("dish"), 3); // the others do not see it
    await tx.rollback();
    await db.execute("CREATE TABLE counter (n)");
    await db.execute("INSERT INTO counter VALUES (0)");
    await Promise.all(Array.from({ length: 40 }, async () => {
        const mine = await db.transaction("write");
        const { rows } = await mine.execute("SELECT n FROM counter");
        await mine.execute({ sql: "UPDATE counter SET n = ?", args: [rows[0].n + 1] });
        await mine.commit();
    }));
    assert.equal((await db.execute("SELECT n FROM counter")).rows[0].n, 40);
});

test("a thousand calls without waiting, each with its own answer", async () => {
    const answers = await Promise.all(Array.from({ length: 1000 }, (_, i) => db.execute({ sql: "SELECT ? AS i", args: [i] })));
    answers.forEach(({ rows }, i) => assert.equal(rows[0].i, i));
});

test("errors: codes and messages that programs look for, and the socket goes on", async () => {
    await fails(db.execute("SELECT * FROM missing"), "SQLITE_ERROR", /no such table: missing/);
    await fails(db.execute("INSERT INTO dish (name) VALUES ('kibbeh')"), "SQLITE_CONSTRAINT", /UNIQUE constraint failed: dish.name/);
    await fails(db.execute({ sql: "SELECT ?, ?", args: [1] }), "ARGS_INVALID", /./);
    assert.equal((await db.execute("SELECT 1 AS one")).rows[0].one, 1);
});

test("tokens: none, a broken one, another tenant's, and one that may only read", async () => {
    for (const [authToken, code, message] of [
        [undefined, "AUTH_JWT_MISSING", /^AUTH_JWT_MISSING: Authentication failed: /],
        ["not.a.token", "AUTH_JWT_INVALID", /Authentication failed: /],
        [otherToken, "TENANT_NOT_FOUND", /./],
    ]) {
        const client = createClient({ url: wsUrl, authToken });
        await fails(client.execute("SELECT 1"), code, message);
        client.close();
    }
    const reader = open(readOnlyToken);
    assert.equal((await reader.execute("SELECT count(*) AS n FROM dish")).rows[0].n, 3);
    await fails(reader.execute("DELETE FROM dish"), "SQLITE_READONLY", /./);
    reader.close();
});

test("a connection that breaks is opened again by the next call", async () => {
    const client = open();
    await fails(client.execute(".close_ws"), "HRANA_WEBSOCKET_ERROR", /closed with code 1000/);
    assert.equal((await client.execute("SELECT 1 AS one")).rows[0].one, 1);
    await fails(client.execute(".close_tcp"), "HRANA_WEBSOCKET_ERROR", /closed with code 1006/);
    assert.equal((await client.execute("SELECT 1 AS one")).rows[0].one, 1);
    const tx = await client.transaction("write");
    await tx.execute("DELETE FROM dish");
    await fails(tx.execute(".close_tcp"), "HRANA_WEBSOCKET_ERROR", /./);
    assert.equal(await count("dish"), 3); // rolled back, and its turn is free
    await client.execute("UPDATE dish SET price = 1");
    client.close();
});

test(attachFlow, () => attach(wsUrl, otherUrl.replace(/^http/, "ws")));
