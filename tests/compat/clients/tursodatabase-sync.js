// SPDX-License-Identifier: Apache-2.0
// @tursodatabase/sync: local databases that pull pages (all, in pieces, or a part) and push statements, devices that write offline, and
// writes that go to the tenant at once.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createClient } from "@libsql/client";
import { connect } from "@tursodatabase/sync";
import { AWKWARD_TEXT, BEYOND_DOUBLE, EVERY_BYTE, INT64_MIN, otherToken, readOnlyToken, token, url } from "../lib/fixture.js";

const folder = mkdtempSync(join(tmpdir(), "sync-"));
const remote = createClient({ url, authToken: token });
const open = (name, more = {}) => connect({ path: join(folder, name), url: url.replace(/\/$/, ""), authToken: token, ...more });
const run = async (db, sql) => (await db.prepare(sql)).run();
const texts = async (db) => (await (await db.prepare("SELECT text FROM note ORDER BY text")).all()).map((row) => row.text);
const remoteTexts = async () => (await remote.execute("SELECT text FROM note ORDER BY text")).rows.map((row) => row.text);
let phone, laptop;

before(async () => {
    await remote.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)");
    await remote.execute("INSERT INTO note (text) VALUES ('a')");
});
after(async () => {
    for (const db of [phone, laptop]) await db.close();
    remote.close();
    rmSync(folder, { recursive: true });
});

test("connect brings the database", async () => {
    phone = await open("phone.db");
    laptop = await open("laptop.db");
    assert.deepEqual(await texts(phone), ["a"]);
});

test("a push goes to the tenant, a pull brings it to another device", async () => {
    await run(phone, "INSERT INTO note (text) VALUES ('b')");
    assert.deepEqual(await remoteTexts(), ["a"]);
    await phone.push();
    assert.deepEqual(await remoteTexts(), ["a", "b"]);
    assert.equal(await laptop.pull(), true);
    assert.deepEqual(await texts(laptop), ["a", "b"]);
    assert.equal(await laptop.pull(), false);
});

test("two devices that wrote at the same time both keep what they wrote", async () => {
    await run(phone, "INSERT INTO note (id, text) VALUES (10, 'c')");
    await run(laptop, "INSERT INTO note (id, text) VALUES (20, 'd')");
    await run(laptop, "UPDATE note SET text = 'A' WHERE id = 1");
    await phone.push();
    await laptop.push();
    for (const db of [phone, laptop]) await db.pull();
    assert.deepEqual(await texts(phone), ["A", "b", "c", "d"]);
    assert.deepEqual(await texts(laptop), await texts(phone));
    assert.deepEqual(await remoteTexts(), await texts(phone));
});

test("a table that a device made is there for all", async () => {
    await run(phone, "CREATE TABLE tag (name TEXT)");
    await run(phone, "INSERT INTO tag VALUES ('red')");
    await phone.push();
    await laptop.pull();
    assert.equal((await (await laptop.prepare("SELECT name FROM tag")).get()).name, "red");
});

test("changes of many pages are pulled while local ones wait", async () => {
    await run(phone, "INSERT INTO note (text) VALUES ('waits')");
    for (let i = 0; i < 40; i++) await remote.execute("INSERT INTO tag VALUES (hex(randomblob(3000)))");
    await phone.pull();
    assert.equal((await (await phone.prepare("SELECT count(*) AS n FROM tag")).get()).n, 41);
    assert.ok((await texts(phone)).includes("waits"));
    await phone.push();
    assert.ok((await remoteTexts()).includes("waits"));
});

test("a pull that waits hears of the next commit", async () => {
    const waiting = await open("waiting.db", { longPollTimeoutMs: 20000 });
    const began = Date.now();
    const pull = waiting.pull();
    setTimeout(() => remote.execute("INSERT INTO note (text) VALUES ('news')"), 300);
    await pull;
    assert.ok(Date.now() - began < 15000);
    assert.ok((await texts(waiting)).includes("news"));
    await waiting.close();
});

test("the token of another tenant is refused", async () => {
    await assert.rejects(open("stranger.db", { authToken: otherToken }));
});

test("two devices edit offline: the later push wins a row, everything else of both stays", async () => {
    await remote.batch(["CREATE TABLE item (id TEXT PRIMARY KEY, n INTEGER, who TEXT)", "INSERT INTO item VALUES ('x', 1, 'server'), ('y', 1, 'server'), ('z', 1, 'server')"], "write");
    const items = async (db) => (await (await db.prepare("SELECT id, n, who FROM item ORDER BY id")).all()).map(({ id, n, who }) => [id, n, who]);
    for (const db of [phone, laptop]) await db.pull();
    await run(phone, "UPDATE item SET n = 10, who = 'phone' WHERE id = 'x'");
    await run(phone, "DELETE FROM item WHERE id = 'z'");
    await (await phone.prepare("INSERT INTO item VALUES (?, ?, ?)")).run(["p", 1, "phone"]);
    await laptop.transactionAsync(async (tx) => {
        await tx.exec("UPDATE item SET n = 20, who = 'laptop' WHERE id = 'x'");
        await tx.exec("UPDATE item SET n = 21, who = 'laptop' WHERE id = 'y'");
        await tx.exec("INSERT INTO item VALUES ('l', 2, 'laptop')");
    })();
    assert.ok((await phone.stats()).cdcOperations >= 3);
    // each sees its own until they meet
    assert.deepEqual((await items(phone)).find(([id]) => id === "x"), ["x", 10, "phone"]);
    await laptop.push();
    await phone.push(); // later: its row x wins
    for (const db of [laptop, phone]) await db.pull();
    const expected = [["l", 2, "laptop"], ["p", 1, "phone"], ["x", 10, "phone"], ["y", 21, "laptop"]];
    assert.deepEqual(await items(phone), expected);
    assert.deepEqual(await items(laptop), expected);
    assert.deepEqual((await remote.execute("SELECT id, n, who FROM item ORDER BY id")).rows.map((row) => Array.from(row)), expected);
    await phone.checkpoint();
    for (const db of [laptop, phone]) await db.push(); // nothing is left to push
    await phone.pull();
    assert.deepEqual(await items(phone), expected);
});

test("a device that is opened again keeps what it had not pushed, and pushes it", async () => {
    let tablet = await open("tablet.db");
    await run(tablet, "INSERT INTO note (text) VALUES ('kept over a restart')");
    await tablet.close();
    tablet = await open("tablet.db");
    assert.ok((await texts(tablet)).includes("kept over a restart"));
    await tablet.push();
    assert.ok((await remoteTexts()).includes("kept over a restart"));
    await tablet.close();
});

test("values come back exactly as they went, by push and by pull", async () => {
    const [from, to] = [await open("from.db"), await open("to.db")];
    await run(from, "CREATE TABLE value (id INTEGER PRIMARY KEY, v)");
    const put = (await from.prepare("INSERT INTO value (v) VALUES (?)"));
    const sent = [null, 1, -1, 0.5, 1e300, "", AWKWARD_TEXT, BEYOND_DOUBLE, INT64_MIN, Buffer.from(EVERY_BYTE)];
    for (const v of sent) await put.run([v]);
    await from.push();
    await to.pull();
    const got = await (await to.prepare("SELECT v FROM value ORDER BY id")).safeIntegers().all();
    sent.forEach((v, i) => {
        const back = got[i].v;
        if (v instanceof Buffer) assert.ok(v.equals(Buffer.from(back)));
        else assert.equal(typeof back === "bigint" && typeof v === "number" ? Number(back) : back, v);
    });
    assert.deepEqual((await remote.execute("SELECT typeof(v) AS t FROM value ORDER BY id")).rows.map((row) => row.t),
        (await (await from.prepare("SELECT typeof(v) AS t FROM value ORDER BY id")).all()).map((row) => row.t));
    for (const db of [from, to]) await db.close();
});

test("transform: a device rewrites what it pushes, and leaves some of it at home", async () => {
    await remote.execute("CREATE TABLE counter (id TEXT PRIMARY KEY, n INTEGER)");
    await remote.execute("INSERT INTO counter VALUES ('c', 100)");
    const adding = await open("adding.db", {
        transform: ({ tableName, changeType, before, after: now }) => {
            if (tableName === "note") return { operation: "skip" };
            if (tableName !== "counter" || changeType !== "update") return null;
            return { operation: "rewrite", stmt: { sql: "UPDATE counter SET n = n + ? WHERE id = ?", values: [now.n - before.n, now.id] } };
        },
    });
    await remote.execute("UPDATE counter SET n = 200"); // somebody else was faster
    await run(adding, "UPDATE counter SET n = n + 5 WHERE id = 'c'");
    await run(adding, "INSERT INTO note (text) VALUES ('stays at home')");
    await adding.push();
    assert.equal((await remote.execute("SELECT n FROM counter")).rows[0].n, 205);
    assert.ok(!(await remoteTexts()).includes("stays at home"));
    await adding.close();
});

/** A table of about 3 MiB, so that a part of the database is less than all of it. */
async function large() {
    const { rows } = await remote.execute("SELECT 1 FROM sqlite_schema WHERE name = 'page'");
    if (rows.length === 0) await remote.batch(["CREATE TABLE page (id INTEGER PRIMARY KEY, body TEXT)",
        "INSERT INTO page WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) SELECT i, printf('%06d', i) || hex(randomblob(1000)) FROM n"], "write");
    return (await remote.execute("SELECT sum(length(body)) AS n, count(*) AS m FROM page")).rows[0];
}

test("a bootstrap in pieces brings the same as one in a single answer", async () => {
    const { n, m } = await large();
    const whole = await open("whole.db"), pieces = await open("pieces.db", { pullBytesThreshold: 1 << 18 });
    for (const db of [whole, pieces]) {
        assert.deepEqual({ ...(await (await db.prepare("SELECT sum(length(body)) AS n, count(*) AS m FROM page")).get()) }, { n, m });
        assert.ok((await db.stats()).networkReceivedBytes > n / 2);
        await db.close();
    }
});

for (const [kind, bootstrapStrategy] of [["prefix", { kind: "prefix", length: 128 * 1024 }], ["query", { kind: "query", query: "SELECT * FROM page WHERE id = 1400" }]]) {
    test(`partial bootstrap by ${kind}: what is missing comes when it is read`, async () => {
        const { n, m } = await large();
        const part = await open(`part-${kind}.db`, { partialSyncExperimental: { bootstrapStrategy, segmentSize: 16 * 4096 } });
        const first = (await part.stats()).networkReceivedBytes;
        if (kind === "prefix") assert.ok(first < n / 4, `${first} of ${n} bytes`);
        assert.equal((await (await part.prepare("SELECT substr(body, 1, 6) AS b FROM page WHERE id = 1400")).get()).b, "001400");
        if (kind === "prefix") assert.ok((await part.stats()).networkReceivedBytes < n / 2);
        await run(part, "INSERT INTO page VALUES (5000, '')");
        await part.push();
        await remote.execute("UPDATE page SET body = 'new' WHERE id = 7");
        await part.pull();
        assert.equal((await (await part.prepare("SELECT body FROM page WHERE id = 7")).get()).body, "new");
        assert.equal((await (await part.prepare("SELECT count(*) AS m FROM page")).get()).m, m + 1);
        await remote.batch(["DELETE FROM page WHERE id = 5000", "UPDATE page SET body = printf('%06d', 7) || hex(randomblob(1000)) WHERE id = 7"], "write");
        await part.close();
    });
}

test("remote writes: they run on the tenant and are read here, transactions too", async () => {
    const writer = await open("writer.db", { remoteWritesExperimental: true });
    await run(writer, "CREATE TABLE seat (id INTEGER PRIMARY KEY, who TEXT UNIQUE)");
    await (await writer.prepare("INSERT INTO seat (who) VALUES (?)")).run(["Hala"]);
    const seats = async () => (await remote.execute("SELECT who FROM seat ORDER BY id")).rows.map((row) => row.who);
    const here = async () => (await (await writer.prepare("SELECT who FROM seat ORDER BY id")).all()).map((row) => row.who);
    assert.deepEqual(await seats(), ["Hala"]);
    assert.deepEqual(await here(), ["Hala"]);
    await writer.exec("INSERT INTO seat (who) VALUES ('Sami')");
    assert.deepEqual(await here(), ["Hala", "Sami"]);
    await assert.rejects(run(writer, "INSERT INTO seat (who) VALUES ('Hala')"), /UNIQUE constraint failed: seat\.who/);
    const two = writer.transaction(async (fail) => {
        await (await writer.prepare("INSERT INTO seat (who) VALUES ('Omar')")).run();
        await (await writer.prepare("UPDATE seat SET who = 'HALA' WHERE who = 'Hala'")).run();
        assert.equal((await seats()).length, 2);
        if (fail) throw new Error("changed my mind");
    });
    await assert.rejects(two(true), /changed my mind/);
    assert.deepEqual(await seats(), ["Hala", "Sami"]);
    await two(false);
    assert.deepEqual(await seats(), ["HALA", "Sami", "Omar"]);
    assert.deepEqual(await here(), ["HALA", "Sami", "Omar"]);
    assert.equal(await laptop.pull(), true);
    assert.equal((await (await laptop.prepare("SELECT count(*) AS n FROM seat")).get()).n, 3);
    await writer.close();
});

test("a token that only reads pulls, and its push is refused", async () => {
    const reader = await open("reader.db", { authToken: readOnlyToken });
    await run(reader, "INSERT INTO note (text) VALUES ('not allowed')");
    await assert.rejects(reader.push());
    assert.ok(!(await remoteTexts()).includes("not allowed"));
    await reader.close();
});
