// SPDX-License-Identifier: Apache-2.0
// npm libsql with an http URL: the Rust client, in its synchronous and its promise form. It describes before every prepare,
// speaks /v3/pipeline and /v3/cursor in JSON, and joins paths itself, so that the last slash makes no difference to it.
// What it cannot do remotely, whatever the server: named arguments (it sends none), types of columns, and a statement inside a
// transaction that was prepared outside (it closes the session with it).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import Database from "libsql";
import PromiseDatabase from "libsql/promise";
import { AWKWARD_TEXT, BEYOND_DOUBLE, EVERY_BYTE, INT64_MAX, INT64_MIN, fails, otherToken, readOnlyToken, token, url, wideToken } from "../lib/fixture.js";

const bare = url.slice(0, -1);
let db, promised;

before(() => {
    db = new Database(url, { authToken: token });
    promised = new PromiseDatabase(url, { authToken: token });
    db.exec("CREATE TABLE dish (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, price REAL)");
});
after(() => {
    db.close();
    promised.close();
});

test("sync: run, get, all, iterate", () => {
    const insert = db.prepare("INSERT INTO dish (name, price) VALUES (?, ?)");
    const put = insert.run("kibbeh", 4.5);
    assert.equal(put.changes, 1);
    assert.equal(put.lastInsertRowid, 1);
    insert.run(["fattoush", 3]);
    insert.run("muhammara", null);
    const { id, name, price } = db.prepare("SELECT * FROM dish WHERE name = ?").get("kibbeh");
    assert.deepEqual([id, name, price], [1, "kibbeh", 4.5]);
    assert.equal(db.prepare("SELECT * FROM dish WHERE name = 'none'").get(), undefined);
    assert.deepEqual(db.prepare("SELECT name FROM dish ORDER BY id").all().map((row) => row.name), ["kibbeh", "fattoush", "muhammara"]);
    const seen = [];
    for (const row of db.prepare("SELECT id FROM dish ORDER BY id DESC").iterate()) seen.push(row.id);
    assert.deepEqual(seen, [3, 2, 1]);
    assert.equal(db.prepare("UPDATE dish SET price = 1").run().changes, 3);
});

test("sync: columns, raw, pluck, pragma, exec", () => {
    const select = db.prepare("SELECT id, name, price FROM dish ORDER BY id");
    assert.deepEqual(select.columns().map((column) => column.name), ["id", "name", "price"]);
    assert.equal(select.reader, true);
    assert.equal(db.prepare("DELETE FROM dish WHERE id = 0").reader, false);
    assert.deepEqual(db.prepare("SELECT id, name FROM dish ORDER BY id").raw().all()[0], [1, "kibbeh"]);
    assert.deepEqual(db.prepare("SELECT id FROM dish ORDER BY id").pluck().all(), [1, 2, 3]);
    assert.equal(db.pragma("user_version", { simple: true }).user_version, 0);
    db.exec("CREATE TABLE one (a); INSERT INTO one VALUES (1); INSERT INTO one VALUES (';')");
    assert.equal(db.prepare("SELECT count(*) AS n FROM one").get().n, 2);
});

test("sync: values come back exactly as they went", () => {
    db.exec("CREATE TABLE thing (id INTEGER PRIMARY KEY, v)");
    const put = db.prepare("INSERT INTO thing (v) VALUES (?) RETURNING v");
    for (const v of [null, 0.5, 1e300, -7, "", AWKWARD_TEXT]) assert.equal(put.get([v]).v, v);
    assert.ok(Buffer.from(EVERY_BYTE).equals(Buffer.from(put.get([Buffer.from(EVERY_BYTE)]).v)));
    const big = db.prepare("INSERT INTO thing (v) VALUES (?) RETURNING v").safeIntegers();
    for (const v of [INT64_MAX, INT64_MIN, BEYOND_DOUBLE, 0n]) assert.equal(big.get([v]).v, v);
});

test("sync: transactions commit and roll back", () => {
    db.exec("CREATE TABLE account (id INTEGER PRIMARY KEY, money INTEGER CHECK (money >= 0)); INSERT INTO account VALUES (1, 100), (2, 0)");
    const move = db.transaction((amount) => {
        db.prepare("UPDATE account SET money = money + ? WHERE id = 2").run(amount);
        assert.equal(db.inTransaction, true);
        db.prepare("UPDATE account SET money = money - ? WHERE id = 1").run(amount);
    });
    const money = () => db.prepare("SELECT money FROM account ORDER BY id").all().map((row) => row.money);
    move(30);
    assert.deepEqual(money(), [70, 30]);
    move.immediate(10);
    assert.deepEqual(money(), [60, 40]);
    assert.throws(() => move(1000), /CHECK constraint failed/);
    assert.deepEqual(money(), [60, 40]);
    assert.equal(db.inTransaction, false);
});

test("sync: errors say what SQLite says", () => {
    assert.throws(() => db.prepare("SELECT * FROM missing").all(), /no such table: missing/);
    assert.throws(() => db.prepare("SELEC 1").all(), /syntax error/);
    assert.throws(() => db.prepare("INSERT INTO dish (name) VALUES ('kibbeh')").run(), /UNIQUE constraint failed: dish\.name/);
    assert.throws(() => db.exec("SELECT * FROM missing"), /no such table: missing/);
});

test("promise: prepare, run, get, all, iterate, exec", async () => {
    await promised.exec("CREATE TABLE two (id INTEGER PRIMARY KEY, n INTEGER UNIQUE)");
    const insert = await promised.prepare("INSERT INTO two (n) VALUES (?)");
    for (let i = 0; i < 5; i++) assert.equal((await insert.run([i])).lastInsertRowid, i + 1);
    const select = await promised.prepare("SELECT n FROM two WHERE id = ?");
    assert.equal((await select.get([3])).n, 2);
    const all = await promised.prepare("SELECT n FROM two ORDER BY n");
    assert.deepEqual((await all.all()).map((row) => row.n), [0, 1, 2, 3, 4]);
    await fails(async () => (await promised.prepare("INSERT INTO two (n) VALUES (1)")).run(), null, /UNIQUE constraint failed: two\.n/);
    await fails(async () => (await promised.prepare("SELECT * FROM missing")).all(), null, /no such table: missing/);
});

test("promise: a transaction, step by step", async () => {
    const money = async () => (await (await promised.prepare("SELECT money FROM account ORDER BY id")).all()).map((row) => row.money);
    await promised.exec("BEGIN IMMEDIATE");
    await promised.exec("UPDATE account SET money = 0");
    assert.deepEqual(await money(), [0, 0]);
    assert.deepEqual(db.prepare("SELECT money FROM account ORDER BY id").all().map((row) => row.money), [60, 40]);
    await promised.exec("ROLLBACK");
    assert.deepEqual(await money(), [60, 40]);
    await promised.exec("BEGIN");
    await promised.exec("UPDATE account SET money = 1 WHERE id = 2");
    await promised.exec("COMMIT");
    assert.deepEqual(await money(), [60, 1]);
});

test("promise: raw, pluck, columns, pragma, iterate, safe integers, and values as they went", async () => {
    await promised.exec("CREATE TABLE kept (id INTEGER PRIMARY KEY, v)");
    const put = await promised.prepare("INSERT INTO kept (v) VALUES (?) RETURNING v");
    for (const v of [null, 0.5, -7, "", AWKWARD_TEXT]) assert.equal((await put.get([v])).v, v);
    assert.ok(Buffer.from(EVERY_BYTE).equals(Buffer.from((await put.get([Buffer.from(EVERY_BYTE)])).v)));
    const big = (await promised.prepare("INSERT INTO kept (v) VALUES (?) RETURNING v")).safeIntegers();
    for (const v of [INT64_MAX, INT64_MIN, BEYOND_DOUBLE]) assert.equal((await big.get([v])).v, v);
    const select = await promised.prepare("SELECT id, v FROM kept WHERE id <= 3 ORDER BY id");
    assert.deepEqual(select.columns().map((column) => column.name), ["id", "v"]);
    const seen = [];
    for await (const row of await select.iterate()) seen.push([row.id, row.v]);
    assert.deepEqual(seen, [[1, null], [2, 0.5], [3, -7]]);
    assert.deepEqual(await (await promised.prepare("SELECT id, v FROM kept WHERE id = 3")).raw().get(), [3, -7]);
    assert.deepEqual(await (await promised.prepare("SELECT v FROM kept WHERE id < 4 ORDER BY id")).pluck().all(), [null, 0.5, -7]);
    assert.deepEqual((await promised.pragma("table_info(kept)")).map((column) => column.name), ["id", "v"]);
});

test("promise: transaction() commits, rolls back, and tells what failed", async () => {
    await promised.exec("CREATE TABLE purse (id INTEGER PRIMARY KEY, money INTEGER CHECK (money >= 0)); INSERT INTO purse VALUES (1, 5)");
    const money = async () => (await (await promised.prepare("SELECT money FROM purse")).get()).money;
    // it does not wait for what is in it, so that only what is done before COMMIT is asked for counts
    const spend = promised.transaction(() => promised.exec("UPDATE purse SET money = money - 2"));
    await spend.immediate();
    assert.equal(await money(), 3);
    assert.throws(() => promised.transaction("no function"), TypeError);
    await promised.exec("BEGIN IMMEDIATE");
    assert.equal(promised.inTransaction, true);
    await promised.exec("UPDATE purse SET money = 2");
    await fails(promised.exec("UPDATE purse SET money = -1"), null, /CHECK constraint failed/);
    assert.equal(promised.inTransaction, true);
    await promised.exec("COMMIT");
    assert.equal(promised.inTransaction, false);
    assert.equal(await money(), 2);
});

test("10,000 rows in order", () => {
    const rows = db.prepare("WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000) SELECT n, 'row ' || n AS name FROM c").all();
    assert.equal(rows.length, 10000);
    for (const [i, row] of rows.entries()) assert.deepEqual([row.n, row.name], [i + 1, `row ${i + 1}`]);
});

test("the URL works with and without the last slash; other tokens are refused", () => {
    for (const where of [url, bare]) {
        const same = new Database(where, { authToken: wideToken });
        assert.equal(same.prepare("SELECT count(*) AS n FROM dish").get().n, 3);
        same.close();
    }
    const reader = new Database(url, { authToken: readOnlyToken });
    assert.equal(reader.prepare("SELECT count(*) AS n FROM dish").get().n, 3);
    assert.throws(() => reader.prepare("DELETE FROM dish").run(), /readonly|read-only|read only|not allow/i);
    assert.throws(() => reader.exec("DROP TABLE dish"), /readonly|read-only|read only|not allow/i);
    reader.close();
    const stranger = new Database(url, { authToken: otherToken });
    assert.throws(() => stranger.prepare("SELECT 1").all(), /doesn't exist/);
    stranger.close();
    assert.equal(db.prepare("SELECT count(*) AS n FROM dish").get().n, 3);
});
