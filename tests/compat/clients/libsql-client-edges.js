// SPDX-License-Identifier: Apache-2.0
// @libsql/client by HTTP and by WebSocket, at the edges: every kind of argument and of integer, statements that end a transaction from
// within, errors in the middle of batches, transactions beside each other, connections that break.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { LibsqlBatchError, LibsqlError, createClient } from "@libsql/client";
import { BEYOND_DOUBLE, EVERY_BYTE, INT64_MAX, INT64_MIN, fails, token, url } from "../lib/fixture.js";

const array = (rows) => rows.map((row) => Array.from(row));

for (const way of ["HTTP", "WebSocket"]) {
    const where = way === "HTTP" ? url : url.replace(/^http/, "ws");
    const open = (more = {}) => createClient({ url: where, authToken: token, ...more });
    const db = open();
    after(() => db.close());
    const t = `t_${way}`;
    const anew = (columns, ...rows) => db.batch([`DROP TABLE IF EXISTS ${t}`, `CREATE TABLE ${t} (${columns})`, ...rows.map((row) => `INSERT INTO ${t} VALUES (${row})`)], "write");
    const all = async (on = db) => array((await on.execute(`SELECT * FROM ${t} ORDER BY 1`)).rows).flat();

    test(`${way}: results: rows as arrays and by name, column types, changes and rowids of every kind of statement`, async () => {
        const one = await db.execute("SELECT 1 AS one, 'two' AS two, 0.5 AS three, NULL AS four, x'00ff' AS five");
        assert.deepEqual([one.columns, one.columnTypes], [["one", "two", "three", "four", "five"], ["", "", "", "", ""]]);
        assert.deepEqual([one.rows.length, one.rows[0].length, one.rows[0].one, one.rows[0].two, one.rows[0].three, one.rows[0].four], [1, 5, 1, "two", 0.5, null]);
        assert.deepEqual(Object.keys(one.rows[0]), one.columns);
        assert.deepEqual(JSON.parse(JSON.stringify(one.toJSON())).rows, [[1, "two", 0.5, null, "AP8="]]);
        assert.deepEqual(array((await db.execute("VALUES (1, 'one'), (2, 'two'), (3, 'three')")).rows), [[1, "one"], [2, "two"], [3, "three"]]);
        assert.deepEqual((await db.execute("SELECT 1 AS a, 2 AS a")).columns, ["a", "a"]);
        await anew("id INTEGER PRIMARY KEY, i INT, b BIGINT, v VARCHAR(20), d DECIMAL(10,5), f DOUBLE PRECISION, bo BOOLEAN, x", "1, 1, 1, 'x', 1.5, 1.5, 1, NULL");
        const typed = await db.execute(`SELECT *, i + 1, v AS other FROM ${t}`);
        assert.deepEqual(typed.columnTypes, ["INTEGER", "INT", "BIGINT", "VARCHAR(20)", "DECIMAL(10,5)", "DOUBLE PRECISION", "BOOLEAN", "", "", "VARCHAR(20)"]);
        await anew("a");
        const changes = async (sql) => [(await db.execute(sql)).rowsAffected];
        assert.deepEqual(await changes(`INSERT INTO ${t} VALUES (1), (2), (3)`), [3]);
        const many = await db.execute(`WITH x (a) AS (VALUES (4), (5)) INSERT INTO ${t} SELECT a FROM x RETURNING a, a * 2 AS two`);
        assert.deepEqual([array(many.rows), many.rowsAffected, many.lastInsertRowid, many.columns], [[[4, 8], [5, 10]], 2, 5n, ["a", "two"]]);
        assert.deepEqual(await changes(`UPDATE ${t} SET a = a + 10 WHERE a >= 4`), [2]);
        assert.deepEqual(await changes(`DELETE FROM ${t}`), [5]);
        assert.deepEqual(await changes("SELECT 1"), [0]);
        assert.deepEqual(await changes(`CREATE INDEX ${t}_a ON ${t} (a)`), [0]);
        assert.equal((await db.execute(`REPLACE INTO ${t} (rowid, a) VALUES (77, 1)`)).lastInsertRowid, 77n);
    });

    test(`${way}: arguments: what fits arrives, what does not is refused before it is sent`, async () => {
        const echo = async (value, client = db) => (await client.execute({ sql: "SELECT ? AS v", args: [value] })).rows[0].v;
        for (const [sent, got] of [["a", "a"], ["žluťoučký kůň 🥙", "žluťoučký kůň 🥙"], ["", ""], [123, 123], [-12.75, -12.75], [0, 0], [Number.MAX_VALUE, Number.MAX_VALUE], [Number.MIN_VALUE, Number.MIN_VALUE],
            [-Number.MAX_VALUE, -Number.MAX_VALUE], [null, null], [true, 1], [false, 0], [10n, 10], [-267n, -267], [new Date("2023-01-01T12:34:56Z"), 1672576496000]]) assert.equal(await echo(sent), got, `${sent}`);
        for (const bytes of [EVERY_BYTE, EVERY_BYTE.buffer, Buffer.from(EVERY_BYTE)]) assert.ok(Buffer.from(await echo(bytes)).equals(Buffer.from(EVERY_BYTE)));
        for (const bad of [NaN, Infinity, -Infinity, 1n << 63n, -(1n << 63n) - 1n]) await assert.rejects(echo(bad), RangeError, `${bad}`);
        for (const bad of [undefined, Symbol("x"), () => 1]) await assert.rejects(echo(bad), TypeError);
        assert.equal((await db.execute("SELECT 'a' || char(0) || 'b' AS v")).rows[0].v, "a\0b");
        assert.equal(await echo("a\0b"), "a\0b");
    });

    test(`${way}: integers in every mode: number refuses what it cannot hold, bigint and string keep it`, async () => {
        const modes = Object.fromEntries(["number", "bigint", "string"].map((intMode) => [intMode, open({ intMode })]));
        for (const value of [0n, 1n, -10n, 22n, 1n << 32n, -(1n << 33n), 9007199254740991n, -9007199254740991n, BEYOND_DOUBLE, INT64_MAX, INT64_MIN]) {
            const read = async (mode) => (await modes[mode].execute({ sql: "SELECT ? AS v", args: [value] })).rows[0].v;
            if (BigInt(Number(value)) === value && Number.isSafeInteger(Number(value))) assert.equal(await read("number"), Number(value));
            else await assert.rejects(read("number"), RangeError, `${value}`);
            assert.equal(await read("bigint"), value);
            assert.equal(await read("string"), `${value}`);
        }
        Object.values(modes).forEach((client) => client.close());
    });

    test(`${way}: arguments by number and by name: with holes, twice, with and without prefix`, async () => {
        const one = async (sql, args) => Array.from((await db.execute({ sql, args })).rows[0]);
        assert.deepEqual(await one("SELECT ?, ?", ["one", "two"]), ["one", "two"]);
        assert.deepEqual(await one("SELECT ?2, ?3, ?1", ["one", "two", "three"]), ["two", "three", "one"]);
        assert.deepEqual(await one("SELECT ?3 || ?1", ["one", "two", "three"]), ["threeone"]);
        assert.deepEqual(await one("SELECT ?, ?1, ?", ["one", "two"]), ["one", "one", "two"]);
        for (const sign of [":", "@", "$"]) {
            assert.deepEqual(await one(`SELECT ${sign}b, ${sign}a, ${sign}b`, { a: "one", [`${sign}b`]: "two" }), ["two", "one", "two"]);
        }
        assert.deepEqual(await one("SELECT :a, @b, $c", { a: 1, b: 2, c: 3 }), [1, 2, 3]);
        for (const [sql, args] of [["SELECT ?, ?", ["one"]], ["SELECT ?3", ["one", "two"]], ["SELECT :a", {}], ["SELECT :a, :b", { a: 1 }], ["SELECT ?", { a: 1 }], ["SELECT 1", ["too many"]]]) {
            await fails(db.execute({ sql, args }), "ARGS_INVALID", /./);
        }
    });

    test(`${way}: batches: 2 to 500 statements, alike and different, mixed with reads; empty ones`, async () => {
        for (const n of [2, 20, 500]) {
            const different = await db.batch(Array.from({ length: n }, (_, i) => `SELECT ${i}`), "read");
            assert.deepEqual(different.map(({ rows }) => rows[0][0]), Array.from({ length: n }, (_, i) => i));
            const alike = await db.batch(Array.from({ length: n }, (_, i) => ({ sql: "SELECT ?, 'same'", args: [i] })), "read");
            assert.deepEqual(alike.map(({ rows }) => rows[0][0]), Array.from({ length: n }, (_, i) => i));
        }
        await anew("a", 1, 2, 4, 8);
        const results = await db.batch([{ sql: `SELECT a FROM ${t} WHERE a >= ? ORDER BY a`, args: [3] }, `UPDATE ${t} SET a = a + 20`, `SELECT sum(a) FROM ${t}`], "write");
        assert.deepEqual([array(results[0].rows), results[1].rowsAffected, array(results[2].rows)], [[[4], [8]], 4, [[95]]]);
        assert.deepEqual(await db.batch([], "write"), []);
    });

    test(`${way}: an error in a batch tells which statement, its code, and undoes the others`, async () => {
        await anew("a UNIQUE", 1);
        for (const [index, statements, code] of [
            [0, ["SELECT foobar", `INSERT INTO ${t} VALUES (2)`], /^SQL/], [2, [`INSERT INTO ${t} VALUES (2)`, "SELECT 1", `INSERT INTO ${t} VALUES (1)`, `INSERT INTO ${t} VALUES (3)`], /^SQLITE_CONSTRAINT$/],
            [1, [`INSERT INTO ${t} VALUES (2)`, { sql: "SELECT ?", args: [] }], /^ARGS_INVALID$/],
        ]) {
            for (const mode of ["write", "deferred"]) {
                const error = await fails(db.batch(statements, mode), null, /./);
                assert.ok(error instanceof LibsqlBatchError && error instanceof LibsqlError);
                assert.equal(error.statementIndex, index);
                assert.match(error.code, code);
                assert.deepEqual(await all(), [1]);
            }
        }
        const tx = await db.transaction("write");
        const error = await fails(tx.batch([`INSERT INTO ${t} VALUES (5)`, `INSERT INTO ${t} VALUES (1)`, `INSERT INTO ${t} VALUES (6)`]), "SQLITE_CONSTRAINT", /UNIQUE/);
        assert.equal(error.statementIndex, 1);
        await tx.execute(`INSERT INTO ${t} VALUES (7)`); // the transaction goes on
        await tx.commit();
        assert.deepEqual(await all(), [1, 5, 7]);
    });

    test(`${way}: statements that end the transaction from within: ROLLBACK, COMMIT, OR ROLLBACK`, async () => {
        await anew("a UNIQUE", 1, 2);
        for (const end of ["ROLLBACK", `INSERT OR ROLLBACK INTO ${t} VALUES (2)`]) {
            const tx = await db.transaction("write");
            await tx.execute(`INSERT INTO ${t} VALUES (10)`);
            if (end === "ROLLBACK") await tx.execute(end);
            else await fails(tx.execute(end), "SQLITE_CONSTRAINT", /UNIQUE/);
            await assert.rejects(tx.commit(), LibsqlError); // there is nothing to commit any more
            tx.close();
            assert.deepEqual(await all(), [1, 2], end);
        }
        await fails(db.batch([`INSERT INTO ${t} VALUES (10)`, `INSERT OR ROLLBACK INTO ${t} VALUES (1)`, `INSERT INTO ${t} VALUES (11)`], "write"), "SQLITE_CONSTRAINT", /UNIQUE/);
        assert.deepEqual(await all(), [1, 2]);
        await assert.rejects(db.batch([`INSERT INTO ${t} VALUES (10)`, "ROLLBACK"], "write"), LibsqlError);
        assert.deepEqual(await all(), [1, 2]);
    });

    test(`${way}: transactions: beside each other, closed ones, batches and scripts in them, errors that do not end them`, async () => {
        await anew("a", 1);
        const readers = await Promise.all(Array.from({ length: 5 }, () => db.transaction("read")));
        for (const reader of readers) assert.deepEqual(await all(reader), [1]);
        const writer = await db.transaction("write");
        await writer.batch([`INSERT INTO ${t} VALUES (2)`, { sql: `INSERT INTO ${t} VALUES (?)`, args: [3] }]);
        await writer.executeMultiple(`INSERT INTO ${t} VALUES (4); -- comment\n INSERT INTO ${t} VALUES (5);`);
        await fails(writer.execute("SELECT foobar"), "SQL_INPUT_ERROR", /no such column: foobar/);
        await fails(writer.executeMultiple(`INSERT INTO ${t} VALUES (6); SELECT foobar; INSERT INTO ${t} VALUES (7)`), "SQL_INPUT_ERROR", /foobar/);
        assert.deepEqual(await all(writer), [1, 2, 3, 4, 5, 6]);
        for (const reader of readers) assert.deepEqual(await all(reader), [1]);
        assert.equal(writer.closed, false);
        await writer.commit();
        assert.equal(writer.closed, true);
        for (const work of [() => writer.execute("SELECT 1"), () => writer.batch(["SELECT 1"]), () => writer.commit(), () => writer.executeMultiple("SELECT 1")]) await fails(work, "TRANSACTION_CLOSED", /closed/);
        for (const reader of readers) reader.close();
        assert.deepEqual(await all(), [1, 2, 3, 4, 5, 6]);
        const unused = await db.transaction("write"); // has not begun anything at the server yet
        await unused.rollback();
        const first = await db.transaction("write");
        await fails(first.execute("SELECT foobar"), "SQL_INPUT_ERROR", /foobar/); // an error in its first statement
        await first.execute(`INSERT INTO ${t} VALUES (8)`);
        await first.commit();
        assert.ok((await all()).includes(8));
    });

    test(`${way}: scripts: BEGIN and COMMIT of their own, and an error inside undoes them`, async () => {
        await anew("a");
        await db.executeMultiple(`BEGIN; INSERT INTO ${t} VALUES (1); INSERT INTO ${t} VALUES (2); COMMIT;`);
        await fails(db.executeMultiple(`BEGIN; INSERT INTO ${t} VALUES (3); SELECT foobar; COMMIT;`), "SQL_INPUT_ERROR", /foobar/);
        assert.deepEqual(await all(), [1, 2]);
        await db.executeMultiple("-- nothing\n/* at all */ ;;; ");
        await db.executeMultiple(`SELECT 'a;b'; CREATE TRIGGER ${t}_r AFTER INSERT ON ${t} BEGIN UPDATE ${t} SET a = -a WHERE a = new.a; SELECT 1; END; INSERT INTO ${t} VALUES (9)`);
        assert.deepEqual(await all(), [-9, 1, 2]);
    });

    test(`${way}: migrate: an orphan is allowed inside, and nothing of one that fails stays`, async () => {
        await db.batch([`DROP TABLE IF EXISTS ${t}_child`, `DROP TABLE IF EXISTS ${t}_parent`, `CREATE TABLE ${t}_parent (id INTEGER PRIMARY KEY)`, `CREATE TABLE ${t}_child (p REFERENCES ${t}_parent (id))`], "write");
        await db.migrate([`INSERT INTO ${t}_child VALUES (99)`, `CREATE TABLE ${t}_new AS SELECT * FROM ${t}_child`, `DROP TABLE ${t}_new`]);
        await fails(db.execute(`INSERT INTO ${t}_child VALUES (98)`), "SQLITE_CONSTRAINT", /FOREIGN KEY/);
        const error = await fails(db.migrate([`CREATE TABLE ${t}_gone (a)`, "SELECT foobar"]), "SQL_INPUT_ERROR", /foobar/);
        assert.ok(error instanceof LibsqlBatchError);
        assert.equal((await db.execute({ sql: "SELECT count(*) AS n FROM sqlite_schema WHERE name = ?", args: [`${t}_gone`] })).rows[0].n, 0);
    });

    test(`${way}: one write transaction waits for the other, and loses nothing`, async () => {
        await anew("a", 0);
        const first = await db.transaction("write");
        await first.execute(`UPDATE ${t} SET a = a + 1`);
        const order = [];
        const second = (async () => {
            const tx = await db.transaction("write");
            await tx.execute(`UPDATE ${t} SET a = a * 10`);
            order.push("second");
            await tx.commit();
        })();
        await new Promise((done) => setTimeout(done, 150));
        order.push("first");
        await first.commit();
        await second;
        assert.deepEqual([order, await all()], [["first", "second"], [10]]);
    });

    test(`${way}: client: protocol, closed, errors are LibsqlError, reconnect()`, async () => {
        const client = open();
        assert.equal(client.protocol, way === "HTTP" ? "http" : "ws");
        const error = await fails(client.execute("SELECT foobar"), "SQL_INPUT_ERROR", /SQL_INPUT_ERROR: SQL input error: no such column: foobar \(at offset 7\)/);
        assert.ok(error instanceof LibsqlError);
        if (client.reconnect) await client.reconnect();
        assert.equal((await client.execute("SELECT 42 AS a")).rows[0].a, 42);
        client.close();
        assert.equal(client.closed, true);
        await fails(client.execute("SELECT 1"), null, /closed/);
    });

    if (way === "HTTP") test("HTTP: .close_tcp: the call fails, its transaction is rolled back, the next call goes through", async () => {
        await anew("a", 1);
        await assert.rejects(db.execute(".close_tcp"));
        assert.deepEqual(await all(), [1]);
        const tx = await db.transaction("write");
        await tx.execute(`INSERT INTO ${t} VALUES (2)`);
        await assert.rejects(tx.execute(".close_tcp"));
        await assert.rejects(tx.commit());
        await db.execute(`INSERT INTO ${t} VALUES (3)`);
        assert.deepEqual(await all(), [1, 3]);
    });

    for (const hook of way === "HTTP" ? [] : [".close_ws", ".close_tcp"]) {
        test(`${way}: ${hook}: what was under way fails, what comes next goes through, in calls, batches and transactions`, async () => {
            await anew("a", 1);
            const client = open();
            await fails(client.execute(hook), "HRANA_WEBSOCKET_ERROR", /./);
            assert.deepEqual(await all(client), [1]);
            await assert.rejects(client.batch([`INSERT INTO ${t} VALUES (2)`, hook], "write"), LibsqlError);
            assert.deepEqual(await all(client), [1]);
            const tx = await client.transaction("write");
            await tx.execute(`INSERT INTO ${t} VALUES (3)`);
            await fails(tx.execute(hook), "HRANA_WEBSOCKET_ERROR", /./);
            await fails(tx.commit(), null, /[Cc]lient is closed/);
            assert.deepEqual(await all(client), [1]);
            client.close();
        });
    }
}
