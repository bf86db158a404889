// SPDX-License-Identifier: Apache-2.0
// @libsql/client over HTTP: POST v2/pipeline relative to the tenant's URL, one pipeline a call, batons in transactions.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createClient } from "@libsql/client";
import {
    AWKWARD_TEXT, BEYOND_DOUBLE, EVERY_BYTE, INT64_MAX, INT64_MIN, fails, otherToken, otherUrl, readOnlyToken, serverUrl, tenant,
    token, url, wideToken,
} from "../lib/fixture.js";
import { attach, attachFlow } from "../lib/attach.js";

const db = createClient({ url, authToken: token });
const big = createClient({ url, authToken: token, intMode: "bigint" });
const count = async (table, client = db) => (await client.execute(`SELECT count(*) AS n FROM ${table}`)).rows[0].n;

before(async () => {
    await db.execute("CREATE TABLE dish (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, price REAL)");
});
after(() => [db, big].forEach((client) => client.close()));

test("execute: arguments of every kind, columns with types, changes and rowid", async () => {
    const put = await db.execute({ sql: "INSERT INTO dish (name, price) VALUES (?, ?)", args: ["kibbeh", 4.5] });
    assert.equal(put.rowsAffected, 1);
    assert.equal(put.lastInsertRowid, 1n);
    await db.execute({ sql: "INSERT INTO dish (name, price) VALUES (:name, :price)", args: { name: "fattoush", price: 3 } });
    await db.execute({ sql: "INSERT INTO dish (name, price) VALUES (@name, $price)", args: { "@name": "muhammara", $price: null } });
    await db.execute("INSERT INTO dish (id, name, price) VALUES (?3, ?1, ?2)", ["shakriyeh", 6.25, 40]);
    const got = await db.execute("SELECT id, name, price, price * 2 AS twice FROM dish ORDER BY id");
    assert.deepEqual(got.columns, ["id", "name", "price", "twice"]);
    assert.deepEqual(got.columnTypes, ["INTEGER", "TEXT", "REAL", ""]);
    assert.deepEqual(got.rows.map((row) => Array.from(row)), [
        [1, "kibbeh", 4.5, 9], [2, "fattoush", 3, 6], [3, "muhammara", null, null], [40, "shakriyeh", 6.25, 12.5],
    ]);
    assert.equal(got.rows[0].name, "kibbeh");
    assert.equal(got.rowsAffected, 0);
    assert.equal(got.lastInsertRowid, undefined);
    const changed = await db.execute("UPDATE dish SET price = 1 WHERE price IS NULL OR id = 40");
    assert.equal(changed.rowsAffected, 2);
    const returned = await db.execute("DELETE FROM dish WHERE id = 40 RETURNING name");
    assert.equal(returned.rows[0].name, "shakriyeh");
    assert.equal(returned.rowsAffected, 1);
    assert.equal((await db.execute("SELECT 1 WHERE 0")).rows.length, 0);
});

test("execute: values come back exactly as they went", async () => {
    await db.execute("CREATE TABLE thing (id INTEGER PRIMARY KEY, v)");
    const when = new Date("2026-01-02T03:04:05.678Z");
    const cases = [
        ["null", null, null], ["true", true, 1], ["false", false, 0], ["a date", when, when.getTime()], ["empty text", "", ""],
        ["text", AWKWARD_TEXT, AWKWARD_TEXT], ["real", 0.1, 0.1], ["tiny", 5e-324, 5e-324],
        ["huge", 1.7976931348623157e308, 1.7976931348623157e308], ["negative", -1234.5, -1234.5],
    ];
    for (const [name, sent, expected] of cases) {
        const { rows } = await db.execute({ sql: "INSERT INTO thing (v) VALUES (?) RETURNING v", args: [sent] });
        assert.deepEqual(rows[0].v, expected, name);
    }
    const { rows } = await db.execute("SELECT typeof(v) AS t FROM thing ORDER BY id");
    assert.deepEqual(rows.map((row) => row.t), [
        "null", "integer", "integer", "real", "text", "text", "real", "real", "real", "real",
    ]);
});

test("execute: blobs of no byte, of every byte and of a megabyte", async () => {
    await db.execute("CREATE TABLE file (id INTEGER PRIMARY KEY, body BLOB)");
    const large = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 31) & 255);
    for (const body of [new Uint8Array(), EVERY_BYTE, EVERY_BYTE.slice(0, 1), EVERY_BYTE.slice(0, 2), large]) {
        const { rows } = await db.execute({
            sql: "INSERT INTO file (body) VALUES (?) RETURNING body, length(body) AS n, typeof(body) AS t", args: [body],
        });
        assert.ok(rows[0].body instanceof ArrayBuffer);
        assert.ok(Buffer.from(rows[0].body).equals(Buffer.from(body)), `${body.length} bytes`);
        assert.deepEqual([rows[0].n, rows[0].t], [body.length, "blob"]);
    }
    const first = await db.execute({ sql: "SELECT id FROM file WHERE body = ?", args: [EVERY_BYTE.buffer.slice(0, 2)] });
    assert.equal(first.rows[0].id, 4);
});

test("integers: bigint keeps all 64 bits, number refuses what it cannot hold, string is text", async () => {
    await db.execute("CREATE TABLE number (id INTEGER PRIMARY KEY, n INTEGER)");
    for (const n of [INT64_MAX, INT64_MIN, BEYOND_DOUBLE, -1n, 0n]) {
        const { rows } = await big.execute({ sql: "INSERT INTO number (n) VALUES (?) RETURNING n, CAST(n AS TEXT) AS t", args: [n] });
        assert.equal(rows[0].n, n);
        assert.equal(rows[0].t, String(n));
    }
    await assert.rejects(db.execute("SELECT n FROM number WHERE id = 1"), RangeError);
    assert.deepEqual((await db.execute("SELECT n FROM number WHERE id = 4")).rows[0].n, -1);
    const asText = createClient({ url, authToken: token, intMode: "string" });
    assert.equal((await asText.execute("SELECT n FROM number WHERE id = 3")).rows[0].n, String(BEYOND_DOUBLE));
    asText.close();
    const last = await big.execute({ sql: "INSERT INTO number (id, n) VALUES (?, 0)", args: [BEYOND_DOUBLE] });
    assert.equal(last.lastInsertRowid, BEYOND_DOUBLE);
    const next = await big.execute("SELECT sum(n) AS s FROM number WHERE id IN (3, 4)");
    assert.equal(next.rows[0].s, BEYOND_DOUBLE - 1n);
});

test("batch: write, read and deferred; all or nothing; results in order", async () => {
    await db.execute("CREATE TABLE line (id INTEGER PRIMARY KEY, n INTEGER UNIQUE)");
    for (const mode of ["write", "deferred"]) {
        const done = await db.batch([
            { sql: "INSERT INTO line (n) VALUES (?)", args: [mode === "write" ? 1 : 11] },
            ["INSERT INTO line (n) VALUES (?)", [mode === "write" ? 2 : 12]],
            { sql: "INSERT INTO line (n) VALUES (:n)", args: { n: mode === "write" ? 3 : 13 } },
            "SELECT count(*) AS n FROM line",
        ], mode);
        assert.deepEqual(done.map((result) => result.rowsAffected), [1, 1, 1, 0]);
        assert.equal(done[3].rows[0].n, mode === "write" ? 3 : 6);
    }
    const read = await db.batch(["SELECT min(n) AS n FROM line", "SELECT max(n) AS n FROM line"], "read");
    assert.deepEqual(read.map((result) => result.rows[0].n), [1, 13]);
    const error = await fails(
        db.batch(["INSERT INTO line (n) VALUES (100)", "INSERT INTO line (n) VALUES (1)", "INSERT INTO line (n) VALUES (101)"], "write"),
        "SQLITE_CONSTRAINT", /UNIQUE constraint failed: line\.n/);
    assert.equal(error.statementIndex, 1);
    assert.equal(await count("line"), 6);
    await fails(db.batch(["INSERT INTO line (n) VALUES (200)"], "read"), "SQLITE_READONLY", /readonly|read-only|READONLY/i);
    assert.equal(await count("line"), 6);
    const same = await db.batch(Array.from({ length: 100 }, (_, i) => ({ sql: "INSERT INTO line (n) VALUES (?)", args: [1000 + i] })), "write");
    assert.equal(same.length, 100);
    assert.equal(await count("line"), 106);
});

test("transaction: commit, rollback, close, and reading one's own writes", async () => {
    await db.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, money INTEGER NOT NULL CHECK (money >= 0))");
    await db.execute("INSERT INTO account VALUES (1, 100), (2, 0)");
    const move = async (tx, amount) => {
        await tx.execute({ sql: "UPDATE account SET money = money - ? WHERE id = 1", args: [amount] });
        await tx.execute({ sql: "UPDATE account SET money = money + ? WHERE id = 2", args: [amount] });
    };
    const money = async (client = db) => (await client.execute("SELECT money FROM account ORDER BY id")).rows.map((row) => row.money);

    const commit = await db.transaction("write");
    await move(commit, 30);
    assert.deepEqual(await money(commit), [70, 30]);
    assert.deepEqual(await money(), [100, 0], "nobody else sees it before the commit");
    await commit.commit();
    assert.equal(commit.closed, true);
    assert.deepEqual(await money(), [70, 30]);

    const back = await db.transaction("write");
    await move(back, 30);
    await back.rollback();
    assert.deepEqual(await money(), [70, 30]);
    await fails(back.execute("SELECT 1"), "TRANSACTION_CLOSED", /closed/);

    const closed = await db.transaction("write");
    await closed.batch(["UPDATE account SET money = 0", "SELECT 1"]);
    closed.close();
    const after = await db.transaction("write"); // gets the turn although nobody said rollback
    assert.deepEqual(await money(after), [70, 30]);
    await after.commit();

    const failed = await db.transaction("write");
    await failed.execute("UPDATE account SET money = money + 1 WHERE id = 1");
    await fails(failed.execute("UPDATE account SET money = -1 WHERE id = 2"), "SQLITE_CONSTRAINT", /CHECK constraint failed/);
    await failed.executeMultiple("UPDATE account SET money = money + 1 WHERE id = 1; UPDATE account SET money = money + 1 WHERE id = 2;");
    await failed.commit(); // a failed statement does not end the transaction
    assert.deepEqual(await money(), [72, 31]);

    const read = await db.transaction("read");
    assert.deepEqual(await money(read), [72, 31]);
    await db.execute("UPDATE account SET money = 5 WHERE id = 2");
    assert.deepEqual(await money(read), [72, 31], "a read transaction keeps its snapshot");
    await fails(read.execute("UPDATE account SET money = 6"), "SQLITE_READONLY", /readonly|read-only|READONLY/i);
    await read.commit();

    const deferred = await db.transaction("deferred");
    assert.deepEqual(await money(deferred), [72, 5]);
    await deferred.execute("UPDATE account SET money = 7 WHERE id = 2");
    await deferred.commit();
    assert.deepEqual(await money(), [72, 7]);
    await (await db.transaction("write")).commit(); // nothing in it
});

test("transaction: many writers at once take turns and lose nothing", async () => {
    await db.execute("CREATE TABLE counter (n INTEGER NOT NULL)");
    await db.execute("INSERT INTO counter VALUES (0)");
    await Promise.all(Array.from({ length: 20 }, async () => {
        const tx = await db.transaction("write");
        const { rows } = await tx.execute("SELECT n FROM counter");
        await tx.execute({ sql: "UPDATE counter SET n = ?", args: [BigInt(rows[0].n) + 1n] });
        await tx.commit();
    }));
    assert.equal((await db.execute("SELECT n FROM counter")).rows[0].n, 20);
});

test("migrate: foreign keys are off inside and on before and after", async () => {
    await db.executeMultiple(`
        CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL REFERENCES parent (id) ON DELETE CASCADE);
        INSERT INTO parent VALUES (1, 'a');
        INSERT INTO child VALUES (10, 1);`);
    const enforced = () => fails(db.execute("INSERT INTO child VALUES (11, 99)"), "SQLITE_CONSTRAINT", /FOREIGN KEY constraint failed/);
    await enforced();
    // with the keys on, dropping the parent would cascade into child
    const done = await db.migrate([
        "CREATE TABLE parent_new (id INTEGER PRIMARY KEY, name TEXT, rank INTEGER DEFAULT 7)",
        "INSERT INTO parent_new (id, name) SELECT id, name FROM parent",
        "DROP TABLE parent",
        "ALTER TABLE parent_new RENAME TO parent",
    ]);
    assert.equal(done.length, 4);
    assert.equal(await count("child"), 1);
    assert.equal((await db.execute("SELECT rank FROM parent")).rows[0].rank, 7);
    await enforced();
    await fails(db.migrate(["ALTER TABLE parent ADD COLUMN x", "INSERT INTO nowhere VALUES (1)"]), "SQLITE_ERROR", /no such table: nowhere/);
    assert.equal((await db.execute("SELECT count(*) AS n FROM pragma_table_info('parent') WHERE name = 'x'")).rows[0].n, 0);
    await enforced();
    // the same steps in a plain batch: keys stay on, and the orphan is refused
    await fails(db.batch(["INSERT INTO child VALUES (12, 98)"], "write"), "SQLITE_CONSTRAINT", /FOREIGN KEY constraint failed/);
    // keys off on purpose, orphan and all
    await db.migrate(["INSERT INTO child VALUES (13, 97)"]);
    assert.equal((await db.execute("PRAGMA foreign_key_check")).rows.length, 1);
});

test("executeMultiple: a script with comments, triggers and semicolons in text; stops at the first error", async () => {
    await db.executeMultiple(`
        -- a comment; with a semicolon
        CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT, stamp TEXT);
        /* another ; */
        CREATE TRIGGER note_stamp AFTER INSERT ON note BEGIN
            UPDATE note SET stamp = 'at ' || NEW.id WHERE id = NEW.id;
        END;
        INSERT INTO note (body) VALUES ('one; two');
        INSERT INTO note (body) VALUES ('three');`);
    const { rows } = await db.execute("SELECT body, stamp FROM note ORDER BY id");
    assert.deepEqual(rows.map((row) => Array.from(row)), [["one; two", "at 1"], ["three", "at 2"]]);
    await fails(db.executeMultiple("INSERT INTO note (body) VALUES ('kept'); INSERT INTO nowhere VALUES (1); DELETE FROM note;"),
        "SQLITE_ERROR", /no such table: nowhere/);
    assert.equal(await count("note"), 3);
    await db.executeMultiple("");
    await db.executeMultiple("BEGIN; INSERT INTO note (body) VALUES ('gone');"); // left open: rolled back when the session ends
    assert.equal(await count("note"), 3);
});

test("errors: codes and messages that programs look for", async () => {
    await db.execute("CREATE TABLE strict_one (id INTEGER PRIMARY KEY, a INTEGER NOT NULL, b TEXT CHECK (b <> 'no')) STRICT");
    const cases = [
        ["SELECT * FROM missing", [], "SQLITE_ERROR", /no such table: missing/],
        ["SELECT nobody FROM dish", [], "SQL_INPUT_ERROR", /no such column: nobody/],
        ["SELEC 1", [], "SQL_INPUT_ERROR", /near "SELEC": syntax error/],
        ["SELECT 1 FROM", [], /^SQL_(INPUT|PARSE)_ERROR$/, /incomplete input/],
        ["", [], "SQL_NO_STATEMENT", /does not contain any statement/],
        ["-- only a comment", [], "SQL_NO_STATEMENT", /does not contain any statement/],
        ["SELECT 1; SELECT 2", [], "SQL_MANY_STATEMENTS", /more than one statement/],
        ["INSERT INTO dish (name) VALUES ('kibbeh')", [], "SQLITE_CONSTRAINT", /UNIQUE constraint failed: dish\.name/],
        ["INSERT INTO dish (id, name) VALUES (1, 'x')", [], "SQLITE_CONSTRAINT", /UNIQUE constraint failed: dish\.id/],
        ["INSERT INTO dish (name) VALUES (NULL)", [], "SQLITE_CONSTRAINT", /NOT NULL constraint failed: dish\.name/],
        ["INSERT INTO strict_one (a, b) VALUES (1, 'no')", [], "SQLITE_CONSTRAINT", /CHECK constraint failed: b <> 'no'/],
        ["INSERT INTO strict_one (a) VALUES ('text')", [], "SQLITE_CONSTRAINT", /cannot store TEXT value in INTEGER column/],
        ["SELECT ?, ?", [1], "ARGS_INVALID", /parameter/],
        ["SELECT ?", [1, 2], "ARGS_INVALID", /too many parameters/],
        ["SELECT :a", { b: 1 }, "ARGS_INVALID", /parameter/],
        ["ATTACH 'x.db' AS x", [], null, /./],
        ["PRAGMA hard_heap_limit = 1", [], null, /./],
    ];
    for (const [sql, args, code, message] of cases) {
        const error = await fails(db.execute({ sql, args }), code instanceof RegExp ? null : code, message);
        if (code instanceof RegExp) assert.match(error.code, code, sql);
        assert.ok(error.code && !["UNKNOWN", "SERVER_ERROR", "HRANA_PROTO_ERROR"].includes(error.code), `${sql}: ${error.code}`);
    }
    assert.equal((await db.execute("SELECT 1 AS one; -- with a comment behind")).rows[0].one, 1);
});

test("10,000 rows in and out, in order and complete", async () => {
    await db.execute("CREATE TABLE row (id INTEGER PRIMARY KEY, name TEXT, weight REAL)");
    for (let from = 0; from < 10000; from += 1000) {
        await db.batch(Array.from({ length: 1000 }, (_, i) => ({
            sql: "INSERT INTO row VALUES (?, ?, ?)", args: [BigInt(from + i), `row ${from + i}`, (from + i) / 4],
        })), "write");
    }
    const { rows } = await db.execute("SELECT * FROM row ORDER BY id");
    assert.equal(rows.length, 10000);
    for (const [i, row] of rows.entries()) assert.deepEqual([row.id, row.name, row.weight], [i, `row ${i}`, i / 4]);
});

test("full-text search and R*Tree tables, in a transaction too", async () => {
    await db.executeMultiple("CREATE VIRTUAL TABLE menu USING fts5(name, body); CREATE VIRTUAL TABLE place USING rtree(id, lat0, lat1, lng0, lng1);");
    await db.batch([
        "INSERT INTO menu VALUES ('kibbeh', 'bulgur and lamb'), ('fattoush', 'bread and tomato')",
        "INSERT INTO place VALUES (1, 25.26, 25.27, 55.33, 55.34), (2, 24, 24, 54, 54)",
    ], "write");
    const found = await db.execute({ sql: "SELECT name, highlight(menu, 1, '<', '>') AS body FROM menu WHERE menu MATCH ?", args: ["lamb"] });
    assert.deepEqual(found.rows.map((row) => Array.from(row)), [["kibbeh", "bulgur and <lamb>"]]);
    assert.equal((await db.execute("SELECT id FROM place WHERE lat0 <= 25.265 AND lat1 >= 25.265")).rows[0].id, 1);
    const tx = await db.transaction("write");
    await tx.execute("UPDATE menu SET body = 'lentils' WHERE name = 'kibbeh'");
    assert.equal((await tx.execute("SELECT count(*) AS n FROM menu('lamb')")).rows[0].n, 0);
    await tx.rollback();
    assert.equal((await db.execute("SELECT count(*) AS n FROM menu('lamb')")).rows[0].n, 1);
});

test("200 calls at once: with the client's own limit, and each on a connection of its own", async () => {
    await db.execute("CREATE TABLE hit (id INTEGER PRIMARY KEY, who INTEGER NOT NULL UNIQUE)");
    const wild = createClient({ url, authToken: token, concurrency: 200 });
    for (const [turn, client] of [db, wild].entries()) {
        const done = await Promise.all(Array.from({ length: 200 }, async (_, i) => {
            await client.execute({ sql: "INSERT INTO hit (who) VALUES (?)", args: [BigInt(turn * 200 + i)] });
            const { rows } = await client.execute({ sql: "SELECT who FROM hit WHERE who = ?", args: [BigInt(turn * 200 + i)] });
            return rows[0].who;
        }));
        assert.deepEqual(done, Array.from({ length: 200 }, (_, i) => turn * 200 + i));
        assert.equal(await count("hit"), (turn + 1) * 200);
    }
    wild.close();
});

test("a read-only token reads, and its writes are refused in every form", async () => {
    const reader = createClient({ url, authToken: readOnlyToken });
    const before = await count("dish");
    assert.equal(await count("dish", reader), before);
    assert.equal((await reader.batch(["SELECT 1 AS one"], "read"))[0].rows[0].one, 1);
    const refused = /readonly|read-only|read only|not allow|permission/i;
    await fails(reader.execute("DELETE FROM dish"), null, refused);
    await fails(reader.execute("WITH x AS (SELECT 1) INSERT INTO dish (name) SELECT 'x' FROM x"), null, refused);
    await fails(reader.batch(["DELETE FROM dish"], "deferred"), null, refused);
    await fails(reader.batch(["DELETE FROM dish"], "write"), null, refused);
    await fails(reader.executeMultiple("SELECT 1; DROP TABLE dish"), null, refused);
    const tx = await reader.transaction("deferred");
    assert.equal(await count("dish", tx), before);
    await fails(tx.execute("DELETE FROM dish"), null, refused);
    await tx.rollback();
    assert.equal(await count("dish"), before);
    reader.close();
});

test("another tenant's token gets exactly the answer of an unknown tenant; no token and a forged one get none", async () => {
    const ask = async (where, authToken) => {
        const client = createClient({ url: where, authToken });
        const error = await fails(client.execute("SELECT 1"), null, /./);
        client.close();
        return error;
    };
    const unknown = await ask(`${serverUrl}no-such-tenant/`, otherToken);
    const foreign = await ask(url, otherToken);
    assert.match(foreign.message, /doesn't exist/);
    assert.equal(foreign.code, unknown.code);
    assert.equal(foreign.message.replace(tenant, "NAME"), unknown.message.replace("no-such-tenant", "NAME"));
    for (const authToken of [undefined, "nonsense", `${token.slice(0, -4)}AAAA`]) {
        const error = await ask(url, authToken);
        assert.match(error.code, /^(AUTH_|UNAUTHORIZED)/, `${error.code}: ${error.message}`);
    }
});

test("a URL without its last slash is refused with the cure, and no row changes anywhere", async () => {
    const other = createClient({ url: otherUrl, authToken: otherToken });
    await other.execute("CREATE TABLE dish (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, price REAL)");
    const counts = async () => [await count("dish"), await count("dish", other)];
    const before = await counts();
    for (const where of [url, otherUrl]) {
        const trap = createClient({ url: where.slice(0, -1), authToken: wideToken });
        const insert = "INSERT INTO dish (name) VALUES ('lost')";
        await fails(trap.execute(insert), "TENANT_MISSING", /slash/);
        await fails(trap.batch([insert], "write"), "TENANT_MISSING", /slash/);
        await fails(trap.executeMultiple(insert), "TENANT_MISSING", /slash/);
        const tx = await trap.transaction("write");
        await fails(tx.execute(insert), "TENANT_MISSING", /slash/);
        trap.close();
        const right = createClient({ url: where, authToken: wideToken }); // the same token with the slash
        assert.equal((await right.execute("SELECT 1 AS one")).rows[0].one, 1);
        right.close();
    }
    assert.deepEqual(await counts(), before);
    other.close();
});

test(attachFlow, () => attach(url, otherUrl));
