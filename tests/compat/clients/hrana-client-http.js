// SPDX-License-Identifier: Apache-2.0
// @libsql/hrana-client over HTTP in every version and encoding: 2 in JSON (what it speaks by itself), 3 in protobuf (opened with
// protocolVersion 3 it asks for GET v3-protobuf), and 3 in JSON, which is in it but
// switched off: here it is told to, without cursors, whose last entry in JSON it does not know.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import * as hrana from "@libsql/hrana-client";
import { AWKWARD_TEXT, EVERY_BYTE, INT64_MAX, INT64_MIN, fails, otherToken, readOnlyToken, token, url } from "../lib/fixture.js";

const KINDS = {
    "version 2, JSON": { version: 2, encoding: "json", pipelinePath: "v2/pipeline" },
    "version 3, JSON": { version: 3, encoding: "json", pipelinePath: "v3/pipeline" },
    "version 3, protobuf": { version: 3, encoding: "protobuf", pipelinePath: "v3-protobuf/pipeline" },
};

for (const [kind, { version, encoding, pipelinePath }] of Object.entries(KINDS)) {
    const table = (name) => `${name}_${version}_${encoding}`;
    const dish = table("dish"), one = table("one"), hit = table("hit");
    const open = async (jwt = token) => {
        const opened = hrana.openHttp(url, jwt, undefined, undefined, version);
        await opened._endpointPromise;
        if (encoding === "json" && version === 3) opened._endpoint = { version, encoding, pipelinePath: "v3/pipeline", versionPath: "v3" };
        return opened;
    };
    const client = await open();
    client.intMode = "bigint";

    /** Runs `work` on a stream of its own. */
    async function on(work, from = client) {
        const stream = from.openStream();
        try {
            return await work(stream);
        } finally {
            stream.close();
        }
    }
    after(() => client.close());

    test(`${kind}: it is what is spoken`, async () => {
        assert.equal(await client.getVersion(), version);
        await on((stream) => stream.run(`CREATE TABLE ${dish} (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, price REAL)`));
        assert.deepEqual([client._endpoint.encoding, client._endpoint.pipelinePath], [encoding, pipelinePath]);
    });

    test(`${kind}: values come back exactly as they went`, () => on(async (stream) => {
        const large = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 31) & 255);
        const cases = [
            null, 0n, 1n, -1n, 63n, 64n, -64n, -65n, INT64_MAX, INT64_MIN, 0.1, -1234.5, 5e-324, 1.7976931348623157e308, "",
            AWKWARD_TEXT, "a\0b", "x".repeat(127), "x".repeat(128), "x".repeat(20000), new Uint8Array(), EVERY_BYTE, large,
        ];
        const { row } = await stream.queryRow([`SELECT ${cases.map(() => "?").join()}`, cases]);
        cases.forEach((sent, i) => {
            if (sent instanceof Uint8Array) assert.ok(Buffer.from(row[i]).equals(Buffer.from(sent)), `${sent.length} bytes`);
            else assert.deepEqual(row[i], sent);
        });
        const { row: named } = await stream.queryRow(["SELECT :a, @b, $c", { a: 1n, "@b": "two", $c: 3.5 }]);
        assert.deepEqual(Array.from(named), [1n, "two", 3.5]);
        if (encoding === "protobuf") assert.equal((await stream.queryValue("SELECT 9e999")).value, Infinity); // which JSON has no form for
    }));

    test(`${kind}: results tell columns, types, changes and rowid`, () => on(async (stream) => {
        const put = await stream.run([`INSERT INTO ${dish} (name, price) VALUES (?, ?)`, ["kibbeh", 4.5]]);
        assert.equal(put.affectedRowCount, 1);
        assert.equal(put.lastInsertRowid, 1n);
        const got = await stream.query(`SELECT id, name, price, price * 2 AS twice FROM ${dish}`);
        assert.deepEqual(got.columnNames, ["id", "name", "price", "twice"]);
        assert.deepEqual(got.columnDecltypes, ["INTEGER", "TEXT", "REAL", undefined]);
        assert.deepEqual(got.rows.map((row) => Array.from(row)), [[1n, "kibbeh", 4.5, 9]]);
        assert.equal(got.affectedRowCount, 0);
        assert.equal(got.lastInsertRowid, undefined);
        assert.equal((await stream.query("SELECT 1 WHERE 0")).rows.length, 0);
        await stream.run(`INSERT INTO ${dish} (id, name) VALUES (-7, 'fattoush')`);
        assert.equal((await stream.run(`UPDATE ${dish} SET price = 2`)).affectedRowCount, 2);
    }));

    test(`${kind}: a failed statement tells its code and leaves the stream alive`, () => on(async (stream) => {
        await fails(stream.query("SELECT * FROM missing"), "SQLITE_ERROR", /no such table: missing/);
        await fails(stream.run(`INSERT INTO ${dish} (name) VALUES ('kibbeh')`), "SQLITE_CONSTRAINT", /UNIQUE constraint failed: dish_[^ ]*\.name/);
        assert.equal((await stream.queryValue("SELECT 1")).value, 1n);
    }));

    test(`${kind}: a transaction lives in its stream from one request to the next`, async () => {
        await on(async (stream) => {
            if (version >= 3) assert.equal(await stream.getAutocommit(), true);
            await stream.run("BEGIN");
            if (version >= 3) assert.equal(await stream.getAutocommit(), false);
            await stream.run(`DELETE FROM ${dish}`);
            assert.equal((await stream.queryValue(`SELECT count(*) FROM ${dish}`)).value, 0n);
        }); // closed: rolled back
        assert.equal(await on(async (stream) => (await stream.queryValue(`SELECT count(*) FROM ${dish}`)).value), 2n);
    });

    test(`${kind}: sequence, describe and stored texts`, () => on(async (stream) => {
        await stream.sequence(`CREATE TABLE ${one} (a); INSERT INTO ${one} VALUES (1); INSERT INTO ${one} VALUES (2)`);
        await fails(stream.sequence(`INSERT INTO ${one} VALUES (3); SELECT * FROM missing`), "SQLITE_ERROR", /missing/);
        const told = await stream.describe(`SELECT a, ?, :named FROM ${one}`);
        assert.deepEqual(told.paramNames, [undefined, ":named"]);
        assert.deepEqual(told.columns.map((column) => column.name), ["a", "?", ":named"]);
        assert.deepEqual([told.isExplain, told.isReadonly], [false, true]);
        assert.equal((await stream.describe(`EXPLAIN DELETE FROM ${one}`)).isExplain, true);
        const sql = stream.storeSql(`SELECT sum(a) FROM ${one}`);
        for (let i = 0; i < 3; i++) assert.equal((await stream.queryValue(sql)).value, 6n);
        sql.close();
    }));

    for (const useCursor of encoding === "protobuf" ? [false, true] : [false]) {
        test(`${kind}: batch with conditions, ${useCursor ? "as a cursor" : "in one answer"}`, () => on(async (stream) => {
            const batch = stream.batch(useCursor);
            const madeIn = table(useCursor ? "cursor" : "batch");
            const made = batch.step();
            const all = [made.run(`CREATE TABLE ${madeIn} (a INTEGER PRIMARY KEY, b)`)];
            const put = batch.step().condition(hrana.BatchCond.ok(made));
            all.push(put.run([`INSERT INTO ${madeIn} VALUES (41, ?)`, ["x".repeat(300)]]));
            const bad = batch.step();
            const failure = fails(bad.run(`INSERT INTO ${madeIn} VALUES (41, 0)`), "SQLITE_CONSTRAINT", /UNIQUE/);
            const skipped = batch.step().condition(hrana.BatchCond.or(batch, [hrana.BatchCond.ok(bad), hrana.BatchCond.not(hrana.BatchCond.ok(put))]));
            all.push(skipped.query("SELECT 'never'"));
            const read = batch.step().condition(hrana.BatchCond.and(batch, [hrana.BatchCond.error(bad), ...(version >= 3 ? [hrana.BatchCond.isAutocommit(batch)] : [])]));
            all.push(read.query(`SELECT a, length(b) AS n FROM ${madeIn}`));
            await batch.execute();
            const [, inserted, none, rows] = await Promise.all(all);
            await failure;
            assert.equal(inserted.affectedRowCount, 1);
            assert.equal(inserted.lastInsertRowid, 41n);
            assert.equal(none, undefined);
            assert.deepEqual(rows.columnNames, ["a", "n"]);
            assert.deepEqual(rows.rows.map((row) => Array.from(row)), [[41n, 300n]]);
            assert.equal((await stream.queryValue("SELECT 5")).value, 5n);
        }));
    }

    if (encoding === "protobuf") test(`${kind}: a cursor of 60,000 rows comes in pieces and in order`, () => on(async (stream) => {
        const batch = stream.batch(true);
        const rows = batch.step().query("WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 60000) SELECT n, 'row ' || n FROM c");
        await batch.execute();
        const got = (await rows).rows;
        assert.equal(got.length, 60000);
        assert.ok(got.every((row, i) => row[0] === BigInt(i + 1) && row[1] === `row ${i + 1}`));
    }));

    test(`${kind}: many streams at once`, async () => {
        await on((stream) => stream.run(`CREATE TABLE ${hit} (who INTEGER PRIMARY KEY)`));
        await Promise.all(Array.from({ length: 30 }, (_, i) => on((stream) => stream.run([`INSERT INTO ${hit} VALUES (?)`, [BigInt(i)]]))));
        assert.equal(await on(async (stream) => (await stream.queryValue(`SELECT sum(who) FROM ${hit}`)).value), 435n);
    });

    test(`${kind}: a token that may not is told so`, async () => {
        const [reader, stranger] = await Promise.all([open(readOnlyToken), open(otherToken)]);
        await on((stream) => fails(stream.run(`DELETE FROM ${dish}`), "SQLITE_READONLY", /readonly/), reader);
        await on((stream) => fails(stream.query("SELECT 1"), null, /./), stranger);
        reader.close();
        stranger.close();
    });
}
