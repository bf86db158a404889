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

test("batches, transactions and migrations run on the tenant, whole or not at all, and are read here", async () => {
    const [, two] = await db.batch([{ sql: "INSERT INTO dish (name) VALUES (?)", args: ["sfiha"] }, "SELECT count(*) AS n FROM dish"], "write");
    assert.equal(two.rows[0].n, (await names(remote)).length);
    await assert.rejects(db.batch(["INSERT INTO dish (name) VALUES ('lost')", "INSERT INTO dish (name) VALUES (NULL)"], "write"), /NOT NULL constraint failed: dish\.name/);
    const tx = await db.transaction("write");
    await tx.execute("INSERT INTO dish (name) VALUES ('maqluba')");
    assert.equal((await tx.execute("SELECT count(*) AS n FROM dish WHERE name = 'maqluba'")).rows[0].n, 1);
    assert.ok(!(await names(remote)).includes("maqluba"));
    await tx.commit();
    const undone = await db.transaction("write");
    await undone.execute("DELETE FROM dish");
    await undone.rollback();
    await db.migrate(["CREATE TABLE hall (id INTEGER PRIMARY KEY, seats INTEGER)", "INSERT INTO hall (seats) VALUES (40)"]);
    await db.sync();
    assert.deepEqual(await names(db), await names(remote));
    assert.ok((await names(db)).includes("maqluba") && !(await names(db)).includes("lost"));
    assert.equal((await db.execute("SELECT seats FROM hall")).rows[0].seats, 40);
});

for (const readYourWrites of [true, false]) {
    test(`readYourWrites: ${readYourWrites}: a write is on the tenant, and here ${readYourWrites ? "at once" : "with the next sync at the latest"}`, async () => {
        const own = open(`own-${readYourWrites}.db`, { readYourWrites });
        await own.sync();
        for (let i = 0; i < 20; i++) {
            await own.execute({ sql: "INSERT INTO dish (name) VALUES (?)", args: [`${readYourWrites} ${i}`] });
            assert.ok((await names(remote)).includes(`${readYourWrites} ${i}`));
            if (readYourWrites) assert.ok((await names(own)).includes(`${readYourWrites} ${i}`));
        }
        await own.sync();
        assert.deepEqual(await names(own), await names(remote));
        own.close();
    });
}

test("a replica that is opened again goes on from its file", async () => {
    const first = open("again.db");
    await first.sync();
    const before = await names(first);
    first.close();
    await remote.execute("INSERT INTO dish (name) VALUES ('since then')");
    const again = open("again.db");
    assert.deepEqual((await names(again)).slice(0, before.length), before);
    await again.sync();
    assert.deepEqual(await names(again), await names(remote));
    assert.equal((await again.execute("PRAGMA integrity_check")).rows[0].integrity_check, "ok");
    again.close();
});
