// SPDX-License-Identifier: Apache-2.0
// @libsql/client as an embedded replica (`syncUrl`): a local file that pulls changes from its tenant, and sends writes there.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createClient } from "@libsql/client";
import { otherToken, readOnlyToken, token, url } from "../lib/fixture.js";

const folder = mkdtempSync(join(tmpdir(), "replica-"));
const remote = createClient({ url, authToken: token });
const open = (name, more = {}) => createClient({ url: `file:${join(folder, name)}`, syncUrl: url, authToken: token, ...more });
const names = async (client) => (await client.execute("SELECT name FROM dish ORDER BY id")).rows.map((row) => row.name);
let db;

before(async () => {
    await remote.execute("CREATE TABLE dish (id INTEGER PRIMARY KEY, name TEXT NOT NULL, photo BLOB)");
    await remote.execute("INSERT INTO dish (name) VALUES ('kibbeh')");
    db = open("a.db");
});
after(() => {
    [db, remote].forEach((client) => client.close());
    rmSync(folder, { recursive: true });
});

test("the first sync brings the database", async () => {
    await db.sync();
    assert.deepEqual(await names(db), ["kibbeh"]);
});

test("later ones bring what changed, schema and large values too", async () => {
    await remote.execute("CREATE TABLE guest (id INTEGER PRIMARY KEY, name TEXT)");
    await remote.execute("INSERT INTO guest (name) VALUES ('Hala')");
    for (let i = 0; i < 60; i++) await remote.execute({ sql: "INSERT INTO dish (name, photo) VALUES (?, ?)", args: [`d${i}`, new Uint8Array(9000).fill(i)] });
    await db.sync();
    assert.equal((await db.execute("SELECT name FROM guest")).rows[0].name, "Hala");
    assert.equal((await names(db)).length, 61);
    assert.deepEqual(new Uint8Array((await db.execute("SELECT photo FROM dish WHERE name = 'd59'")).rows[0].photo), new Uint8Array(9000).fill(59));
    await remote.execute("DELETE FROM dish WHERE name LIKE 'd%'");
    await db.sync();
    assert.deepEqual(await names(db), ["kibbeh"]);
});

test("a write goes to the tenant and is read here at once", async () => {
    await db.execute("INSERT INTO dish (name) VALUES ('fattoush')");
    assert.deepEqual(await names(db), ["kibbeh", "fattoush"]);
    assert.deepEqual(await names(remote), ["kibbeh", "fattoush"]);
});

test("a sync without news changes nothing", async () => {
    await db.sync();
    await db.sync();
    assert.deepEqual(await names(db), ["kibbeh", "fattoush"]);
});

test("a second replica, opened later, has the same; a token that only reads is enough to sync", async () => {
    const second = open("b.db", { authToken: readOnlyToken });
    await second.sync();
    assert.deepEqual(await names(second), await names(db));
    await assert.rejects(second.execute("INSERT INTO dish (name) VALUES ('no')"));
    second.close();
});

test("syncInterval pulls by itself", async () => {
    const third = open("c.db", { syncInterval: 1 });
    await third.sync();
    await remote.execute("INSERT INTO dish (name) VALUES ('muhammara')");
    for (let i = 0; i < 80 && !(await names(third)).includes("muhammara"); i++) await new Promise((done) => setTimeout(done, 100));
    assert.ok((await names(third)).includes("muhammara"));
    third.close();
});

test("the token of another tenant is refused", async () => {
    await assert.rejects(async () => {
        const stranger = open("d.db", { authToken: otherToken });
        await stranger.sync();
    });
});
