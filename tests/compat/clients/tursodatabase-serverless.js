// SPDX-License-Identifier: Apache-2.0
// @tursodatabase/serverless: /v3/cursor for statements and batches, /v3/pipeline for describe, sequence and get_autocommit. It
// keeps one session open and learns from a last step, conditioned on is_autocommit, whether a transaction is open.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { TimeoutError, connect } from "@tursodatabase/serverless";
import { createClient } from "@tursodatabase/serverless/compat";
import {
    AWKWARD_TEXT, BEYOND_DOUBLE, EVERY_BYTE, INT64_MAX, INT64_MIN, fails, otherToken, readOnlyToken, serverUrl, token, url, wideToken,
} from "../lib/fixture.js";

const db = connect({ url, authToken: token });
const count = async (table, connection = db) => (await connection.get(`SELECT count(*) AS n FROM ${table}`)).n;

before(() => db.exec("CREATE TABLE dish (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, price REAL)"));
after(() => db.close());

test("run, get, all and iterate, with positional and named arguments", async () => {
    const put = await db.run("INSERT INTO dish (name, price) VALUES (?, ?)", ["kibbeh", 4.5]);
    assert.deepEqual(put, { changes: 1, lastInsertRowid: 1 });
    await db.run("INSERT INTO dish (name, price) VALUES (:name, :price)", { name: "fattoush", price: 3 });
    await db.run("INSERT INTO dish (name, price) VALUES (@name, $price)", { "@name": "muhammara", $price: null });
    assert.deepEqual(await db.get("SELECT * FROM dish WHERE name = ?", "kibbeh"), { id: 1, name: "kibbeh", price: 4.5 });
    assert.equal(await db.get("SELECT * FROM dish WHERE name = 'none'"), undefined);
    assert.deepEqual((await db.all("SELECT name FROM dish ORDER BY id")).map((row) => row.name), ["kibbeh", "fattoush", "muhammara"]);
    const seen = [];
    for await (const row of db.iterate("SELECT id FROM dish ORDER BY id DESC")) seen.push(row.id);
    assert.deepEqual(seen, [3, 2, 1]);
    assert.equal((await db.run("UPDATE dish SET price = 1")).changes, 3);
});

test("prepared statements: columns, raw, pluck, safe integers, many runs", async () => {
    const insert = await db.prepare("INSERT INTO dish (name, price) VALUES (?, ?)");
    assert.equal(insert.reader, false);
    for (let i = 0; i < 10; i++) await insert.run([`dish ${i}`, i]);
    const select = await db.prepare("SELECT id, name, price, 1 + 1 AS two FROM dish WHERE name = ?");
    assert.equal(select.reader, true);
    assert.deepEqual(select.columns().map((column) => [column.name, column.type]), [
        ["id", "INTEGER"], ["name", "TEXT"], ["price", "REAL"], ["two", null],
    ]);
    assert.equal((await select.get(["dish 7"])).price, 7);
    assert.deepEqual(await select.raw().get(["dish 8"]), [12, "dish 8", 8, 2]);
    const ids = await db.prepare("SELECT id FROM dish ORDER BY id");
    assert.deepEqual((await ids.pluck().all()).slice(0, 3), [1, 2, 3]);
    const bigint = await db.prepare("SELECT CAST(? AS INTEGER) AS n");
    assert.equal((await bigint.safeIntegers().get([BEYOND_DOUBLE])).n, BEYOND_DOUBLE);
    const rows = [];
    const all = await db.prepare("SELECT name FROM dish WHERE id <= 2 ORDER BY id");
    for await (const row of all.iterate()) rows.push(row.name);
    assert.deepEqual(rows, ["kibbeh", "fattoush"]);
    await fails(db.prepare("SELECT * FROM missing"), "SQLITE_ERROR", /no such table: missing/);
    await fails(db.prepare("SELEC 1"), "SQL_INPUT_ERROR", /syntax error/);
});

test("values come back exactly as they went", async () => {
    await db.exec("CREATE TABLE thing (id INTEGER PRIMARY KEY, v)");
    for (const v of [null, 1, -1, 0.5, 1e300, "", AWKWARD_TEXT, Number.MAX_SAFE_INTEGER]) {
        const row = await db.get("INSERT INTO thing (v) VALUES (?) RETURNING v", [v]);
        assert.equal(row.v, v);
    }
    for (const v of [new Uint8Array(), EVERY_BYTE]) {
        const row = await db.get("INSERT INTO thing (v) VALUES (?) RETURNING v, typeof(v) AS t", [v]);
        assert.ok(Buffer.from(v).equals(row.v));
        assert.equal(row.t, "blob");
    }
    const safe = connect({ url, authToken: token });
    safe.defaultSafeIntegers(true);
    for (const v of [INT64_MAX, INT64_MIN, BEYOND_DOUBLE]) {
        assert.equal((await safe.get("INSERT INTO thing (v) VALUES (?) RETURNING v", [v])).v, v);
    }
    await safe.close();
});

test("batch: plain, atomic in every mode, and undone as a whole", async () => {
    await db.exec("CREATE TABLE line (id INTEGER PRIMARY KEY, n INTEGER UNIQUE)");
    const plain = await db.batch(["INSERT INTO line (n) VALUES (1)", { sql: "INSERT INTO line (n) VALUES (?)", args: [2] }, "SELECT n FROM line ORDER BY n"]);
    assert.deepEqual(plain.map((result) => result.rowsAffected), [1, 1, 0]);
    assert.deepEqual(plain[2].rows, [{ n: 1 }, { n: 2 }]);
    let n = 10;
    for (const mode of ["deferred", "immediate", "exclusive", "write", "concurrent"]) {
        const done = await db.batch([{ sql: "INSERT INTO line (n) VALUES (:n)", args: { n: n++ } }, { sql: "INSERT INTO line (n) VALUES (?)", args: [n++] }], mode);
        assert.deepEqual(done.map((result) => result.rowsAffected), [1, 1], mode);
        assert.equal(db.inTransaction, false, mode);
    }
    assert.equal(await count("line"), 12);
    await fails(db.batch(["INSERT INTO line (n) VALUES (100)", "INSERT INTO line (n) VALUES (1)"], "immediate"),
        "SQLITE_CONSTRAINT", /UNIQUE constraint failed: line\.n/);
    assert.equal(await count("line"), 12);
    await fails(db.batch(["INSERT INTO line (n) VALUES (100)", "INSERT INTO line (n) VALUES (1)", "INSERT INTO line (n) VALUES (101)"]),
        "SQLITE_CONSTRAINT", /UNIQUE constraint failed: line\.n/);
    assert.equal(await count("line"), 14, "a plain batch keeps what worked before and after");
});

test("transactions: commit, rollback, nesting of raw BEGIN, and inTransaction", async () => {
    await db.exec("CREATE TABLE account (id INTEGER PRIMARY KEY, money INTEGER CHECK (money >= 0)); INSERT INTO account VALUES (1, 100), (2, 0)");
    const money = async () => (await db.all("SELECT money FROM account ORDER BY id")).map((row) => row.money);
    const move = db.transactionAsync(async (tx, amount) => {
        await tx.run("UPDATE account SET money = money - ? WHERE id = 1", [amount]);
        await tx.batch([{ sql: "UPDATE account SET money = money + ? WHERE id = 2", args: [amount] }]);
        return amount;
    });
    assert.equal(await move(30), 30);
    assert.deepEqual(await money(), [70, 30]);
    assert.equal(await move.immediate(10), 10);
    await fails(move.deferred(1000), "SQLITE_CONSTRAINT", /CHECK constraint failed/);
    assert.deepEqual(await money(), [60, 40]);

    await db.run("BEGIN IMMEDIATE");
    assert.equal(db.inTransaction, true);
    await db.run("UPDATE account SET money = 1 WHERE id = 1");
    await fails(db.run("UPDATE account SET money = -1 WHERE id = 1"), "SQLITE_CONSTRAINT", /CHECK/);
    assert.equal(db.inTransaction, true);
    await db.run("ROLLBACK");
    assert.equal(db.inTransaction, false);
    assert.deepEqual(await money(), [60, 40]);

    const old = db.transaction(async () => {
        await db.run("UPDATE account SET money = money + 1");
        throw new Error("changed my mind");
    });
    await fails(old(), undefined, /changed my mind/);
    assert.deepEqual(await money(), [60, 40]);
});

test("many rows arrive in order over the cursor", async () => {
    const rows = await db.all("WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000) SELECT n, 'row ' || n AS name FROM c");
    assert.equal(rows.length, 10000);
    for (const [i, row] of rows.entries()) assert.deepEqual(row, { n: i + 1, name: `row ${i + 1}` });
});

test("pragma, sequence with several statements, errors with codes", async () => {
    assert.equal((await db.pragma("user_version")).rows[0][0], 0);
    await db.exec("CREATE TABLE one (a); INSERT INTO one VALUES (1); INSERT INTO one VALUES (2)");
    assert.equal(await count("one"), 2);
    await fails(db.exec("INSERT INTO one VALUES (3); INSERT INTO nowhere VALUES (1); DELETE FROM one"), "SQLITE_ERROR", /no such table: nowhere/);
    assert.equal(await count("one"), 3);
    await fails(db.run("INSERT INTO dish (name) VALUES ('kibbeh')"), "SQLITE_CONSTRAINT", /UNIQUE constraint failed: dish\.name/);
    await fails(db.run("INSERT INTO dish (name) VALUES (?)", []), "ARGS_INVALID", /parameter/);
    await fails(db.all("SELECT * FROM missing"), "SQLITE_ERROR", /no such table: missing/);
});

test("its compat client behaves as @libsql/client", async () => {
    const client = createClient({ url, authToken: token });
    const put = await client.execute({ sql: "INSERT INTO dish (name) VALUES (?)", args: ["shish"] });
    assert.equal(put.rowsAffected, 1);
    const done = await client.batch(["SELECT 1 AS one", { sql: "SELECT name FROM dish WHERE id = ?", args: [1] }], "read");
    assert.equal(done[0].rows[0].one, 1);
    assert.equal(done[1].rows[0].name, "kibbeh");
    await client.executeMultiple("CREATE TABLE two (a); INSERT INTO two VALUES (1)");
    assert.equal(await count("two"), 1);
    await client.close();
});

test("a query that takes too long is given up by the client, and its connection is of use again", async () => {
    const impatient = connect({ url, authToken: token, defaultQueryTimeout: 400 });
    const endless = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c";
    await assert.rejects(impatient.all(endless), TimeoutError);
    assert.equal((await impatient.get("SELECT 1 AS one")).one, 1);
    await db.exec("CREATE TABLE waits (a)");
    await impatient.run("BEGIN IMMEDIATE");
    await impatient.run("INSERT INTO waits VALUES (1)");
    await assert.rejects(impatient.all(endless), TimeoutError);
    await db.run("INSERT INTO waits VALUES (2)"); // the turn is free again, at the latest when it has waited for it
    assert.deepEqual((await db.all("SELECT a FROM waits")).map((row) => row.a), [2]);
    await impatient.close();
});

test("requests without waiting: one connection runs them in order, several beside each other", async () => {
    await db.exec("CREATE TABLE ordered (id INTEGER PRIMARY KEY, n INTEGER)");
    await Promise.all(Array.from({ length: 30 }, (_, n) => db.run("INSERT INTO ordered (n) VALUES (?)", [n])));
    assert.deepEqual((await db.all("SELECT n FROM ordered ORDER BY id")).map((row) => row.n), Array.from({ length: 30 }, (_, n) => n));
    const others = Array.from({ length: 10 }, () => connect({ url, authToken: token }));
    const sums = await Promise.all(others.map((other, i) => other.get("SELECT sum(n) + ? AS s FROM ordered", [i])));
    assert.deepEqual(sums.map((row) => row.s), others.map((_, i) => 435 + i));
    await Promise.all(others.map((other) => other.close()));
});

test("its compat client: columns by name and place, batches that fail, rowids of more than 32 bits", async () => {
    const client = createClient({ url, authToken: token });
    const { rows, columns, columnTypes } = await client.execute("SELECT id, name, 1 AS one FROM dish WHERE id = 1");
    assert.deepEqual([columns, columnTypes, rows[0].name, rows[0][1]], [["id", "name", "one"], ["INTEGER", "TEXT", ""], "kibbeh", "kibbeh"]);
    const error = await fails(client.batch(["INSERT INTO dish (name) VALUES ('half')", "INSERT INTO dish (name) VALUES ('kibbeh')"], "write"), "SQLITE_CONSTRAINT", /UNIQUE constraint failed: dish\.name/);
    assert.ok(error instanceof Error);
    assert.equal(await db.get("SELECT 1 FROM dish WHERE name = 'half'"), undefined);
    await fails(client.execute("SELECT * FROM missing"), "SQLITE_ERROR", /no such table: missing/);
    const big = await client.execute({ sql: "INSERT INTO thing (id, v) VALUES (?, 'last')", args: [5000000000] });
    assert.equal(BigInt(big.lastInsertRowid), 5000000000n);
    await client.close();
});

test("50 connections at once, each in its own transaction", async () => {
    await db.exec("CREATE TABLE hit (who INTEGER PRIMARY KEY)");
    await Promise.all(Array.from({ length: 50 }, async (_, i) => {
        const own = connect({ url, authToken: token });
        await own.transactionAsync((tx) => tx.run("INSERT INTO hit VALUES (?)", [i])).immediate();
        await own.close();
    }));
    assert.equal(await count("hit"), 50);
});

test("a read-only token, another tenant's token, and a URL that names no tenant are refused", async () => {
    const before = await count("dish");
    const reader = connect({ url, authToken: readOnlyToken });
    assert.equal(await count("dish", reader), before);
    await fails(reader.run("DELETE FROM dish"), null, /readonly|read-only|read only|not allow/i);
    await fails(reader.batch(["DELETE FROM dish"], "immediate"), null, /readonly|read-only|read only|not allow/i);
    await fails(reader.exec("DELETE FROM dish"), null, /readonly|read-only|read only|not allow/i);
    await reader.close();
    await fails(connect({ url, authToken: otherToken }).all("SELECT 1"), null, /doesn't exist/);
    await fails(connect({ url: serverUrl, authToken: wideToken }).run("DELETE FROM dish"), null, /slash/);
    // this client joins paths itself, so that the slash makes no difference to it
    const bare = connect({ url: url.slice(0, -1), authToken: wideToken });
    assert.equal(await count("dish", bare), before);
    await bare.close();
});
