// SPDX-License-Identifier: Apache-2.0
// @libsql/client and npm libsql with `syncUrl` against a tenant with `replica_v1`: `/info` answers 404, so they speak gRPC-web
// (wal_log.ReplicationLog, proxy.Proxy). Reads are local, writes and whole transactions go to the tenant.
// Note: libsql/promise 0.5.29 cannot open any replica: it hands its own native part too few arguments. Errors of statements have SQLite's
// numbers in their text only (RemoteSqliteFailure), and no `code`.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createClient } from "@libsql/client";
import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/libsql";
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import Database from "libsql";
import { AWKWARD_TEXT, BEYOND_DOUBLE, EVERY_BYTE, INT64_MAX, INT64_MIN, fails, otherToken, readOnlyToken, token, url } from "../lib/fixture.js";
import { start } from "../lib/own-server.js";

const folder = mkdtempSync(join(tmpdir(), "replica-v1-"));
const remote = createClient({ url, authToken: token });
const open = (name, more = {}) => createClient({ url: `file:${join(folder, name)}`, syncUrl: url, authToken: token, ...more });
const names = async (client) => (await client.execute("SELECT name FROM dish ORDER BY id")).rows.map((row) => row.name);
const only = async (client, sql) => Object.values((await client.execute(sql)).rows[0])[0];
let db;

before(async () => {
    await remote.execute("CREATE TABLE dish (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, photo BLOB)");
    await remote.execute("INSERT INTO dish (name) VALUES ('kibbeh')");
    db = open("a.db");
});
after(() => {
    [db, remote].forEach((client) => client.close());
    rmSync(folder, { recursive: true });
});

test("the first sync brings the database, later ones what changed", async () => {
    await db.sync();
    assert.deepEqual(await names(db), ["kibbeh"]);
    await remote.execute("CREATE TABLE guest (id INTEGER PRIMARY KEY, name TEXT)");
    await remote.execute("INSERT INTO guest (name) VALUES ('Hala')");
    await db.sync();
    assert.equal(await only(db, "SELECT name FROM guest"), "Hala");
    await db.sync();
});

test("one commit of more pages than an answer holds comes whole, to old and new replicas", async () => {
    await remote.execute("CREATE TABLE big (id INTEGER PRIMARY KEY, bytes BLOB)");
    await remote.execute("INSERT INTO big WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1600) SELECT i, randomblob(5000) FROM c");
    const fresh = open("fresh.db");
    for (const client of [db, fresh]) {
        await client.sync();
        assert.equal(await only(client, "SELECT count(*) FROM big"), 1600);
    }
    await remote.execute("DELETE FROM big WHERE id > 3");
    await db.sync();
    assert.equal(await only(db, "SELECT count(*) FROM big"), 3);
    fresh.close();
});

test("a write goes to the tenant and is read here at once", async () => {
    const put = await db.execute({ sql: "INSERT INTO dish (name, photo) VALUES (?, ?)", args: ["fattoush", new Uint8Array([1, 2])] });
    assert.equal(put.rowsAffected, 1);
    assert.equal(put.lastInsertRowid, 2n);
    assert.deepEqual(await names(db), ["kibbeh", "fattoush"]);
    assert.deepEqual(await names(remote), ["kibbeh", "fattoush"]);
    const back = await db.execute({ sql: "INSERT INTO dish (name) VALUES (?) RETURNING id, name", args: ["muhammara"] });
    assert.deepEqual({ ...back.rows[0] }, { id: 3, name: "muhammara" });
});

test("named arguments arrive, whatever their prefix", async () => {
    for (const prefix of [":", "@", "$"]) {
        await db.execute({ sql: `UPDATE dish SET photo = ${prefix}photo WHERE name = ${prefix}name`, args: { photo: `of ${prefix}`, name: "kibbeh" } });
        assert.equal(await only(db, "SELECT photo FROM dish WHERE name = 'kibbeh'"), `of ${prefix}`);
    }
    const twice = await db.execute({ sql: "INSERT INTO guest (id, name) VALUES (:id, :name) RETURNING id, name, :name AS again", args: { name: "Nour", id: 9 } });
    assert.deepEqual({ ...twice.rows[0] }, { id: 9, name: "Nour", again: "Nour" });
});

test("values come back exactly as they went", async () => {
    await db.execute("CREATE TABLE thing (id INTEGER PRIMARY KEY, v)");
    for (const v of [null, 0.5, 1e300, "", AWKWARD_TEXT]) {
        const put = await db.execute({ sql: "INSERT INTO thing (v) VALUES (?) RETURNING v", args: [v] });
        assert.equal(put.rows[0].v, v);
    }
    await db.execute({ sql: "INSERT INTO thing VALUES (100, ?)", args: [EVERY_BYTE] });
    assert.deepEqual(new Uint8Array(await only(db, "SELECT v FROM thing WHERE id = 100")), EVERY_BYTE);
    for (const v of [INT64_MAX, INT64_MIN, BEYOND_DOUBLE]) {
        await db.execute({ sql: "INSERT OR REPLACE INTO thing VALUES (101, ?)", args: [v] });
        assert.equal(await only(db, "SELECT CAST(v AS TEXT) FROM thing WHERE id = 101"), String(v));
    }
});

test("a batch is all or nothing", async () => {
    const results = await db.batch([{ sql: "INSERT INTO dish (name) VALUES (?)", args: ["b1"] }, "UPDATE dish SET photo = NULL", "SELECT count(*) AS n FROM dish"], "write");
    assert.deepEqual([results[0].rowsAffected, results[1].rowsAffected, results[2].rows[0].n], [1, 4, 4]);
    await assert.rejects(db.batch(["INSERT INTO dish (name) VALUES ('b2')", "INSERT INTO dish (name) VALUES ('b1')"], "write"), /UNIQUE constraint failed: dish.name/);
    assert.equal(await only(db, "SELECT count(*) FROM dish"), 4);
    await db.executeMultiple("CREATE TABLE two (a); INSERT INTO two VALUES (1); INSERT INTO two VALUES (2)");
    assert.equal(await only(db, "SELECT count(*) FROM two"), 2);
    await db.migrate(["CREATE TABLE three (a)", "CREATE INDEX three_a ON three (a)"]);
    assert.equal(await only(remote, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'three%'"), 2);
});

test("interactive transactions commit and roll back, and read what they wrote", async () => {
    const tx = await db.transaction("write");
    await tx.execute({ sql: "INSERT INTO dish (name) VALUES (:name)", args: { name: "inside" } });
    assert.equal((await tx.execute("SELECT count(*) AS n FROM dish")).rows[0].n, 5);
    assert.equal(await only(remote, "SELECT count(*) FROM dish"), 4);
    await tx.commit();
    assert.equal(await only(db, "SELECT count(*) FROM dish"), 5);
    const undone = await db.transaction("write");
    await undone.execute("DELETE FROM dish");
    await assert.rejects(undone.execute("INSERT INTO dish (id, name) VALUES (1, NULL)"), /NOT NULL constraint failed/);
    await undone.rollback();
    assert.equal(await only(db, "SELECT count(*) FROM dish"), 5);
    const dropped = await db.transaction("write");
    await dropped.execute("DELETE FROM dish");
    dropped.close();
    assert.equal(await only(remote, "SELECT count(*) FROM dish"), 5);
    const reading = await db.transaction("read");
    assert.equal((await reading.execute("SELECT count(*) AS n FROM dish")).rows[0].n, 5);
    await reading.commit();
});

test("errors say what SQLite says", async () => {
    await fails(db.execute("INSERT INTO dish (name) VALUES ('kibbeh')"), null, /RemoteSqliteFailure\(0, 2067, "SQLite error: UNIQUE constraint failed: dish.name"\)/);
    await fails(db.execute("INSERT INTO nowhere VALUES (1)"), "SQLITE_ERROR", /no such table: nowhere/);
    await fails(db.execute({ sql: "INSERT INTO dish (name) VALUES (?)", args: [] }), null, /parameter|argument/i);
    assert.equal(await only(db, "SELECT count(*) FROM dish"), 5);
});

test("without readYourWrites a write is read after a sync", async () => {
    const lazy = open("lazy.db", { readYourWrites: false });
    await lazy.sync();
    await lazy.execute("INSERT INTO dish (name) VALUES ('later')");
    assert.ok(!(await names(lazy)).includes("later"));
    await lazy.sync();
    assert.ok((await names(lazy)).includes("later"));
    lazy.close();
});

test("syncInterval pulls by itself", async () => {
    const third = open("c.db", { syncInterval: 1 });
    await third.sync();
    await remote.execute("INSERT INTO dish (name) VALUES ('by itself')");
    for (let i = 0; i < 80 && !(await names(third)).includes("by itself"); i++) await new Promise((done) => setTimeout(done, 100));
    assert.ok((await names(third)).includes("by itself"));
    third.close();
});

test("a token that only reads follows and cannot write; one of another tenant does neither", async () => {
    const reader = open("reader.db", { authToken: readOnlyToken });
    await reader.sync();
    assert.deepEqual(await names(reader), await names(remote));
    await assert.rejects(reader.execute("INSERT INTO dish (name) VALUES ('no')"), /readonly|read-only|not authori/i);
    reader.close();
    await fails(() => {
        const stranger = open("stranger.db", { authToken: otherToken });
        return stranger.sync();
    }, null, /./);
});

test("libsql (sync): run, get, all, exec, named arguments, transactions, errors", () => {
    const own = new Database(join(folder, "sync.db"), { syncUrl: url, authToken: token });
    own.sync();
    own.exec("CREATE TABLE account (id INTEGER PRIMARY KEY, money INTEGER CHECK (money >= 0)); INSERT INTO account VALUES (1, 100), (2, 0)");
    const money = () => own.prepare("SELECT money FROM account ORDER BY id").all().map((row) => row.money);
    const move = own.transaction((amount) => {
        own.prepare("UPDATE account SET money = money + :amount WHERE id = 2").run({ amount });
        own.prepare("UPDATE account SET money = money - ? WHERE id = 1").run(amount);
    });
    assert.deepEqual(money(), [100, 0]);
    move(30);
    assert.deepEqual(money(), [70, 30]);
    assert.throws(() => move(1000), /CHECK constraint failed/);
    assert.deepEqual(money(), [70, 30]);
    const put = own.prepare("INSERT INTO account VALUES (?, ?)").run([7, 1]);
    assert.deepEqual([put.changes, put.lastInsertRowid], [1, 7]);
    assert.equal(own.prepare("INSERT INTO account VALUES (8, 2) RETURNING id").get().id, 8);
    assert.throws(() => own.prepare("INSERT INTO account VALUES (7, 0)").run(), /UNIQUE constraint failed: account.id/);
    assert.deepEqual(money(), [70, 30, 1, 2]);
    own.close();
});

test("drizzle-orm over a replica: insert, read, update in a transaction", async () => {
    const guest = sqliteTable("guest", { id: integer("id").primaryKey(), name: text("name") });
    const orm = drizzle(db);
    const [made] = await orm.insert(guest).values({ name: "Rima" }).returning();
    assert.equal(made.name, "Rima");
    await orm.transaction(async (tx) => {
        await tx.update(guest).set({ name: "Rima A." }).where(eq(guest.id, made.id));
        assert.equal((await tx.select().from(guest).where(eq(guest.id, made.id)))[0].name, "Rima A.");
    });
    assert.equal((await orm.select().from(guest).where(eq(guest.id, made.id)))[0].name, "Rima A.");
    assert.equal(await only(remote, `SELECT name FROM guest WHERE id = ${made.id}`), "Rima A.");
});

/* A server of its own, to be ended and started anew on the same port. */
async function ownServer(data, listen) {
    const server = await start(process.env.COMPAT_BIN, ["serve", "--no-auth", "--log-level", "debug", "--data", data, "--listen", listen, "--admin-listen", "127.0.0.1:0"], /^admin http:.*\n/m);
    const [, home] = /^listening (http:.*)$/m.exec(server.printed), [, admin] = /^admin (http:.*)$/m.exec(server.printed);
    const ask = async (method, path, body) => {
        const answer = await fetch(new URL(path, admin), { method, body: JSON.stringify(body) });
        assert.ok(answer.ok, await answer.text());
    };
    return { ...server, ask, home, listen: new URL(home).host };
}

test("a server that is started anew, and one that lost its page map, are followed on", async () => {
    const data = join(folder, "data");
    let server = await ownServer(data, "127.0.0.1:0");
    await server.ask("POST", "v1/namespaces/acme/create", {});
    await server.ask("PATCH", "v1/namespaces/acme", { replica_v1: true });
    const direct = createClient({ url: `${server.home}acme/` });
    const replica = createClient({ url: `file:${join(folder, "own.db")}`, syncUrl: `${server.home}acme/` });
    const restart = async (meanwhile = () => {}) => {
        await server.end();
        meanwhile();
        server = await ownServer(data, server.listen);
    };
    try {
        await direct.execute("CREATE TABLE dish (id INTEGER PRIMARY KEY, name)");
        await replica.execute("INSERT INTO dish (name) VALUES ('before')");
        assert.deepEqual(await names(replica), ["before"]);
        await restart();
        await direct.execute("INSERT INTO dish (name) VALUES ('between')");
        await replica.sync();
        assert.deepEqual(await names(replica), ["before", "between"]);
        await replica.execute("INSERT INTO dish (name) VALUES ('after')");
        assert.deepEqual(await names(replica), ["before", "between", "after"]);
        await restart(() => {
            const maps = readdirSync(data, { recursive: true }).filter((file) => file.startsWith("db/") && file.endsWith(".map"));
            assert.equal(maps.length, 1);
            maps.forEach((file) => rmSync(join(data, file)));
        });
        await direct.execute("UPDATE dish SET name = 'BEFORE' WHERE id = 1");
        await replica.sync();
        assert.deepEqual(await names(replica), ["BEFORE", "between", "after"]);
        await replica.execute("INSERT INTO dish (name) VALUES ('anew')");
        assert.deepEqual(await names(replica), await names(direct));
        assert.equal(await only(replica, "PRAGMA integrity_check"), "ok");
    } finally {
        replica.close();
        direct.close();
        await server.end();
    }
});

test("a transaction does not live through a new start of the server", async () => {
    const data = join(folder, "data");
    let server = await ownServer(data, "127.0.0.1:0");
    const replica = createClient({ url: `file:${join(folder, "own2.db")}`, syncUrl: `${server.home}acme/` });
    try {
        await replica.sync();
        const tx = await replica.transaction("write");
        await tx.execute("DELETE FROM dish");
        await server.end();
        server = await ownServer(data, server.listen);
        await assert.rejects(tx.commit(), /no transaction is active/);
        tx.close();
        assert.equal(await only(replica, "SELECT count(*) FROM dish"), 4);
    } finally {
        replica.close();
        await server.end();
    }
});
