// SPDX-License-Identifier: Apache-2.0
// npm libsql as an embedded replica (`syncUrl`): pulls, writes that go to the tenant, pulls by themselves (`syncPeriod`), and writes of its
// own with `offline: true`, a conflict included.
// Note: `libsql/promise` cannot open a replica, of whatever server: it hands its options over one place off.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createClient } from "@libsql/client";
import Database from "libsql";
import { BEYOND_DOUBLE, EVERY_BYTE, otherToken, readOnlyToken, token, url } from "../lib/fixture.js";

const folder = mkdtempSync(join(tmpdir(), "npm-replica-"));
const remote = createClient({ url, authToken: token });
const names = async () => (await remote.execute("SELECT name FROM dish ORDER BY id")).rows.map((row) => row.name);
const open = (name, more = {}) => new Database(join(folder, name), { syncUrl: url, authToken: token, ...more });
const local = (db) => db.prepare("SELECT name FROM dish ORDER BY id").all().map((row) => row.name);
const until = async (true_) => {
    for (let i = 0; i < 100 && !(await true_()); i++) await new Promise((done) => setTimeout(done, 100));
    assert.ok(await true_());
};

before(() => remote.batch(["CREATE TABLE dish (id INTEGER PRIMARY KEY, name TEXT NOT NULL, photo BLOB, n INTEGER)",
    { sql: "INSERT INTO dish (name, photo, n) VALUES ('kibbeh', ?, ?)", args: [EVERY_BYTE, BEYOND_DOUBLE] }], "write"));
after(() => {
    remote.close();
    rmSync(folder, { recursive: true });
});

test("pulls, writes to the tenant, reads its own writes", async () => {
    const db = open("sync.db");
    db.sync();
    assert.deepEqual(local(db), ["kibbeh"]);
    const row = db.prepare("SELECT photo, n FROM dish").safeIntegers().get();
    assert.ok(Buffer.from(EVERY_BYTE).equals(Buffer.from(row.photo)));
    assert.equal(row.n, BEYOND_DOUBLE);
    const put = db.prepare("INSERT INTO dish (name) VALUES (?)").run("fattoush");
    assert.deepEqual([put.changes, put.lastInsertRowid], [1, 2]);
    assert.deepEqual(local(db), ["kibbeh", "fattoush"]);
    assert.deepEqual(await names(), local(db));
    await remote.execute("UPDATE dish SET name = 'FATTOUSH' WHERE id = 2");
    db.sync();
    assert.deepEqual(local(db), ["kibbeh", "FATTOUSH"]);
    db.exec("CREATE TABLE tag (name TEXT); INSERT INTO tag VALUES ('red')");
    db.sync();
    assert.equal(db.prepare("SELECT name FROM tag").get().name, "red");
    assert.throws(() => db.prepare("INSERT INTO dish (name) VALUES (NULL)").run(), /NOT NULL constraint failed: dish\.name/);
    db.close();
});

test("a transaction is undone as a whole, or there as a whole", async () => {
    const db = open("tx.db");
    db.sync();
    const add = db.transaction((fail) => {
        db.prepare("INSERT INTO dish (name) VALUES ('one')").run();
        db.prepare("INSERT INTO dish (name) VALUES ('two')").run();
        if (fail) throw new Error("no");
    });
    assert.throws(() => add(true), /no/);
    assert.ok(!(await names()).includes("one"));
    add(false);
    assert.deepEqual((await names()).slice(-2), ["one", "two"]);
    assert.deepEqual(local(db), await names());
    db.close();
});

test("syncPeriod pulls by itself; a token that only reads is enough", async () => {
    const db = open("period.db", { syncPeriod: 0.3, authToken: readOnlyToken });
    db.sync();
    await remote.execute("INSERT INTO dish (name) VALUES ('muhammara')");
    await until(() => local(db).includes("muhammara"));
    db.close();
});

test("offline, what was written is pushed; behind somebody else's write it is a conflict, and nothing is lost there", async () => {
    const a = open("a.db", { offline: true }), b = open("b.db", { offline: true });
    a.sync();
    b.sync();
    a.exec("INSERT INTO dish (name) VALUES ('from a')");
    b.exec("INSERT INTO dish (name) VALUES ('from b')");
    assert.ok(!(await names()).some((name) => name.startsWith("from")));
    a.sync();
    assert.equal((await names()).at(-1), "from a");
    assert.throws(() => b.sync(), /InvalidPushFrameConflict/);
    assert.equal((await names()).at(-1), "from a");
    a.sync();
    assert.deepEqual(local(a), await names());
    a.close();
    b.close();
});

test("the token of another tenant is refused", () => {
    assert.throws(() => open("no.db", { authToken: otherToken }).sync());
});
