// SPDX-License-Identifier: Apache-2.0
// @libsql/hrana-client at the edges, over HTTP (2 and 3) and WebSocket (hrana1, hrana2, hrana3, hrana3-protobuf): the order of what is
// sent without waiting, streams beside each other, arguments, conditions, describe, stored texts, cursors that are left, broken sockets.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as hrana from "@libsql/hrana-client";
import WebSocket from "ws";
import { BEYOND_DOUBLE, fails, token, url } from "../lib/fixture.js";

const socket = (protocol) => new hrana.WsClient(new WebSocket(url.replace(/^http/, "ws"), [protocol]), token);
const KINDS = {
    "HTTP 2": [2, () => hrana.openHttp(url, token, undefined, undefined, 2)],
    "HTTP 3": [3, () => hrana.openHttp(url, token, undefined, undefined, 3)],
    hrana1: [1, () => socket("hrana1")], hrana2: [2, () => socket("hrana2")], hrana3: [3, () => socket("hrana3")], "hrana3-protobuf": [3, () => socket("hrana3-protobuf")],
};
let tables = 0;

for (const [kind, [version, make]] of Object.entries(KINDS)) {
    const isWs = kind.startsWith("hrana");
    const t = `t${tables++}`;
    const using = (work) => async () => {
        const client = make();
        await client.getVersion();
        const stream = client.openStream();
        try {
            await stream.run(`DROP TABLE IF EXISTS ${t}`);
            await stream.run(`CREATE TABLE ${t} (a INTEGER)`);
            await work(stream, client);
        } finally {
            client.close();
        }
    };
    const values = async (stream, sql = `SELECT a FROM ${t} ORDER BY a`) => (await stream.query(sql)).rows.map((row) => row[0]);

    test(`${kind}: value, row and rows of results with none, one and many; each form of asking`, using(async (stream) => {
        assert.equal((await stream.queryValue("SELECT 1 AS one")).value, 1);
        assert.equal((await stream.queryValue("SELECT 1 WHERE 0")).value, undefined);
        assert.equal((await stream.queryRow("SELECT 1 WHERE 0")).row, undefined);
        const { row, columnNames } = await stream.queryRow("SELECT 1 AS one, 'elephant' AS two, 42.5 AS three, NULL AS four");
        assert.deepEqual([Array.from(row), row.one, row.two, row.three, row.four, columnNames], [[1, "elephant", 42.5, null], 1, "elephant", 42.5, null, ["one", "two", "three", "four"]]);
        const many = await stream.query("VALUES (1, 2, 3), (4, 5, 6)");
        assert.deepEqual(many.rows.map((each) => Array.from(each)), [[1, 2, 3], [4, 5, 6]]);
        const run = await stream.run(`INSERT INTO ${t} VALUES (1), (2), (3)`);
        assert.deepEqual([run.affectedRowCount, run.lastInsertRowid], [3, 3n]);
        assert.deepEqual([(await stream.run(`UPDATE ${t} SET a = 0`)).affectedRowCount, (await stream.run(`DELETE FROM ${t} WHERE rowid > 1`)).affectedRowCount], [3, 2]);
        assert.equal((await stream.query(`INSERT INTO ${t} VALUES (9) RETURNING a + 1`)).rows[0][0], 10);
    }));

    test(`${kind}: what is sent without waiting runs in order, also behind what fails`, using(async (stream) => {
        const all = await Promise.allSettled([stream.run(`INSERT INTO ${t} VALUES (1)`), stream.queryValue(`SELECT count(*) FROM ${t}`), stream.query("SELECT foobar"),
            stream.run(`INSERT INTO ${t} SELECT max(a) + 1 FROM ${t}`), stream.queryValue(`SELECT max(a) FROM ${t}`)]);
        assert.deepEqual(all.map(({ status }) => status), ["fulfilled", "fulfilled", "rejected", "fulfilled", "fulfilled"]);
        assert.ok(all[2].reason instanceof hrana.ResponseError);
        assert.equal(all[2].reason.code, "SQL_INPUT_ERROR");
        assert.deepEqual([all[1].value.value, all[4].value.value], [1, 2]);
        const hundred = Array.from({ length: 100 }, (_, i) => stream.queryValue(["SELECT ?", [i]]));
        assert.deepEqual((await Promise.all(hundred)).map(({ value }) => value), hundred.map((_, i) => i));
    }));

    test(`${kind}: streams are separate: transactions, changes, settings; many are opened and closed`, using(async (stream, client) => {
        const other = client.openStream();
        await stream.run("BEGIN");
        await stream.run(`INSERT INTO ${t} VALUES (1)`);
        assert.deepEqual([await values(stream), await values(other)], [[1], []]);
        await stream.run("COMMIT");
        assert.deepEqual(await values(other), [1]);
        await stream.run("PRAGMA foreign_keys = off");
        assert.deepEqual([(await stream.queryValue("PRAGMA foreign_keys")).value, (await other.queryValue("PRAGMA foreign_keys")).value], [0, 1]);
        assert.deepEqual([(await stream.queryValue("SELECT last_insert_rowid()")).value, (await other.queryValue("SELECT last_insert_rowid()")).value], [1, 0]);
        other.close();
        await assert.rejects(other.query("SELECT 1"), hrana.ClosedError);
        for (let i = 0; i < 40; i++) {
            const each = client.openStream();
            const asked = each.queryValue(["SELECT ?", [i]]);
            each.closeGracefully(); // what was asked for is still answered
            assert.equal((await asked).value, i);
            each.close();
        }
    }));

    test(`${kind}: arguments by number and name, bound and taken back; a value too large for number`, using(async (stream) => {
        const ask = async (...args) => Array.from((await stream.queryRow(args.length > 1 ? args : args[0])).row);
        assert.deepEqual(await ask("SELECT ?, ?3, ?2", ["a", "b", "c"]), ["a", "c", "b"]);
        assert.deepEqual(await ask("SELECT :x || @y || $z", { x: "a", y: "b", z: "c" }), ["abc"]);
        assert.deepEqual(await ask("SELECT :x, :x", { ":x": 7 }), [7, 7]);
        const stmt = new hrana.Stmt("SELECT ?1, ?2").bindIndex(1, "one").bindIndex(2, true);
        assert.deepEqual(await ask(stmt), ["one", 1]);
        assert.deepEqual(await ask(stmt.unbindAll().bindIndexes([new Date(5), 1.5])), [5, 1.5]);
        await fails(stream.query(["SELECT ?, ?", ["one"]]), "ARGS_INVALID", /./);
        await fails(stream.query(["SELECT ?", ["one", "two"]]), "ARGS_INVALID", /too many parameters/);
        await fails(stream.query(new hrana.Stmt("SELECT ?, :b").bindIndex(1, 1).bindName("b", 2)), "ARGS_BOTH_POSITIONAL_AND_NAMED", /./);
        await assert.rejects(stream.query(["SELECT ?", [BEYOND_DOUBLE]]), RangeError);
        stream.intMode = "string";
        assert.deepEqual(await ask("SELECT ?", [BEYOND_DOUBLE]), [`${BEYOND_DOUBLE}`]);
    }));

    test(`${kind}: a batch runs every step whose condition holds: ok, error, not, and, or`, using(async (stream) => {
        const batch = stream.batch();
        const { ok, error, not, and, or } = hrana.BatchCond;
        const good = batch.step(), bad = batch.step(), done = [good.queryValue("SELECT 'good'"), bad.queryValue("SELECT foobar")];
        const cases = [[ok(good), true], [ok(bad), false], [error(bad), true], [error(good), false], [not(ok(bad)), true], [and(batch, [ok(good), error(bad)]), true], [and(batch, [ok(good), ok(bad)]), false],
            [or(batch, [ok(bad), ok(good)]), true], [or(batch, [ok(bad), error(good)]), false], [and(batch, []), true], [or(batch, []), false], [not(and(batch, [not(or(batch, [ok(bad)])), ok(good)])), false]];
        if (version >= 3) cases.push([hrana.BatchCond.isAutocommit(batch), true], [not(hrana.BatchCond.isAutocommit(batch)), false]);
        const steps = cases.map(([condition]) => batch.step().condition(condition).queryValue("SELECT 'ran'"));
        await batch.execute();
        const settled = await Promise.allSettled(done);
        assert.deepEqual([settled[0].value.value, settled[1].status, settled[1].reason.code], ["good", "rejected", "SQL_INPUT_ERROR"]);
        const ran = await Promise.all(steps);
        cases.forEach(([, expected], i) => assert.equal(ran[i]?.value, expected ? "ran" : undefined, `case ${i}`));
        const large = stream.batch();
        const results = Array.from({ length: 1000 }, (_, i) => large.step().queryValue(["SELECT ?", [i]]));
        await large.execute();
        assert.deepEqual((await Promise.all(results)).map(({ value }) => value), results.map((_, i) => i));
    }));

    if (version >= 2) test(`${kind}: describe tells parameters, columns and kind of every statement, and runs none`, using(async (stream) => {
        const kinds = { "SELECT 1": [false, true], [`INSERT INTO ${t} VALUES (1)`]: [false, false], [`EXPLAIN SELECT 1`]: [true, true], [`EXPLAIN QUERY PLAN DELETE FROM ${t}`]: [true, true], [`CREATE TABLE ${t}_x (a)`]: [false, false],
            [`UPDATE ${t} SET a = 1`]: [false, false], [`DELETE FROM ${t} RETURNING a`]: [false, false], "PRAGMA user_version": [false, true] };
        for (const [sql, [isExplain, isReadonly]] of Object.entries(kinds)) {
            const told = await stream.describe(sql);
            assert.deepEqual([told.isExplain, told.isReadonly], [isExplain, isReadonly], sql);
        }
        assert.deepEqual(await values(stream), []);
        const told = await stream.describe(`SELECT a, a + 1 AS b, :x, @y, $z, ?, ?10 FROM ${t}`);
        assert.deepEqual(told.columns.slice(0, 2), [{ name: "a", decltype: "INTEGER" }, { name: "b", decltype: undefined }]);
        assert.deepEqual(told.paramNames, [":x", "@y", "$z", undefined, undefined, undefined, undefined, undefined, undefined, "?10"]);
        assert.deepEqual((await stream.describe(`DELETE FROM ${t} RETURNING a`)).columns.map(({ name }) => name), ["a"]);
        for (const [sql, code] of [["FOOBAR", "SQL_INPUT_ERROR"], ["", "SQL_NO_STATEMENT"], ["SELECT 1; SELECT 2", "SQL_MANY_STATEMENTS"]]) await fails(stream.describe(sql), code, /./);
    }));

    if (version >= 2) test(`${kind}: sequences, and stored texts by the hundred`, using(async (stream, client) => {
        await stream.sequence(`INSERT INTO ${t} VALUES (1); INSERT INTO ${t} VALUES (2);`);
        await stream.sequence("-- only a comment");
        await stream.sequence("");
        await fails(stream.sequence(`INSERT INTO ${t} VALUES (3); SELECT foobar; INSERT INTO ${t} VALUES (4)`), "SQL_INPUT_ERROR", /foobar/);
        assert.deepEqual(await values(stream), [1, 2, 3]);
        const owner = isWs ? client : stream;
        for (let i = 0; i < 300; i++) {
            const sql = owner.storeSql(`SELECT ${i}`);
            if (i % 3 === 0) assert.equal((await stream.queryValue(sql)).value, i);
            sql.close();
        }
        const kept = Array.from({ length: 40 }, (_, i) => owner.storeSql(`SELECT ${i} + ?`));
        const sums = await Promise.all(kept.map((sql) => stream.queryValue([sql, [1]])));
        assert.deepEqual(sums.map(({ value }) => value), kept.map((_, i) => i + 1));
        const script = owner.storeSql(`INSERT INTO ${t} VALUES (5); INSERT INTO ${t} VALUES (6)`);
        await stream.sequence(script);
        assert.deepEqual((await stream.describe(kept[0])).paramNames, [undefined]);
        const batch = stream.batch(), both = [batch.step().queryValue([kept[7], [0]]), batch.step().queryValue([kept[8], [0]])];
        await batch.execute();
        assert.deepEqual((await Promise.all(both)).map(({ value }) => value), [7, 8]);
        kept[0].close();
        assert.throws(() => stream.queryValue([kept[0], [1]]), hrana.ClosedError);
        assert.deepEqual(await values(stream), [1, 2, 3, 5, 6]);
    }));

    if (version >= 3) test(`${kind}: cursors: empty, of failing steps, one behind the other, and one that is not read to its end`, using(async (stream, client) => {
        for (let i = 0; i < 3; i++) {
            const batch = stream.batch(true);
            const none = batch.step().query("SELECT 1 WHERE 0"), bad = assert.rejects(batch.step().query("SELECT foobar"), hrana.ResponseError), late = batch.step().query("SELECT 1 UNION ALL SELECT abs(-9223372036854775807 - 1)");
            const lateFails = assert.rejects(late, /integer overflow/);
            const rows = batch.step().query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) SELECT i FROM n");
            await batch.execute();
            await Promise.all([bad, lateFails]);
            assert.deepEqual([(await none).rows.length, (await rows).rows.length, (await rows).rows.at(-1)[0]], [0, 3000, 3000]);
        }
        const left = client.openStream();
        const batch = left.batch(true);
        batch.step().query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000) SELECT i, hex(i) FROM n").catch(() => {});
        batch.execute().catch(() => {});
        left.close();
        assert.equal((await stream.queryValue("SELECT 'alive'")).value, "alive");
    }));

    if (isWs) for (const hook of [".close_ws", ".close_tcp"]) {
        test(`${kind}: ${hook} breaks the socket: what is under way fails, its transaction is rolled back`, using(async (stream, client) => {
            await stream.run("BEGIN");
            await stream.run(`INSERT INTO ${t} VALUES (1)`);
            const [first, second] = await Promise.allSettled([stream.query(hook), stream.query("SELECT 1")]);
            assert.ok(first.reason instanceof hrana.WebSocketError || first.reason instanceof hrana.ClosedError, `${first.reason}`);
            assert.equal(second.status, "rejected");
            assert.equal(client.closed, true);
            const again = make();
            const fresh = again.openStream();
            assert.deepEqual(await values(fresh), []);
            await fresh.run(`INSERT INTO ${t} VALUES (2)`); // the turn is free
            again.close();
        }));
    }
}
