// SPDX-License-Identifier: Apache-2.0
// @tursodatabase/sync: local databases that pull pages and push statements.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createClient } from "@libsql/client";
import { connect } from "@tursodatabase/sync";
import { otherToken, token, url } from "../lib/fixture.js";

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
