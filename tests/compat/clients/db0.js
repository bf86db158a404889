// SPDX-License-Identifier: Apache-2.0
// db0's libSQL connectors for Node (libsql/node) and for workers and browsers (libsql/web), both over @libsql/client.
// Note: db0 names @libsql/client up to 0.17; it runs with 0.18 too.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createDatabase } from "db0";
import nodeConnector from "db0/connectors/libsql/node";
import webConnector from "db0/connectors/libsql/web";
import { AWKWARD_TEXT, fails, otherToken, readOnlyToken, token, url, wideToken } from "../lib/fixture.js";

const open = (connector, authToken = token, at = url) => createDatabase(connector({ url: at, authToken }));
const db = open(nodeConnector), web = open(webConnector);
after(() => Promise.all([db.dispose(), web.dispose()]));

test("exec and tagged SQL, in both connectors", async () => {
    await db.exec("CREATE TABLE dish (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, price REAL)");
    for (const [each, name] of [[db, "kibbeh"], [web, AWKWARD_TEXT]]) {
        await each.sql`INSERT INTO dish (name, price) VALUES (${name}, ${4.5})`;
        const { rows } = await each.sql`SELECT name, price FROM dish WHERE name = ${name}`;
        assert.deepEqual(rows.map((row) => [row.name, row.price]), [[name, 4.5]]);
    }
});

test("prepared statements: all, get, run with bindings", async () => {
    const put = await db.prepare("INSERT INTO dish (name) VALUES (?)").run("fattoush");
    assert.equal(put.rowsAffected, 1);
    const find = web.prepare("SELECT id, name FROM dish WHERE id > ? ORDER BY id");
    assert.deepEqual((await find.all(1)).map((row) => row.id), [2, 3]);
    assert.equal((await find.bind(2).get()).name, "fattoush");
    assert.equal(await find.get(99), undefined);
});

test("errors of SQL, of a read-only and of another tenant's token, and of the missing slash", async () => {
    await fails(() => db.exec("SELECT * FROM missing"), "SQLITE_ERROR", /no such table/);
    await fails(() => db.sql`INSERT INTO dish (name) VALUES (${"kibbeh"})`, "SQLITE_CONSTRAINT", /UNIQUE/);
    await fails(() => open(webConnector, readOnlyToken).exec("DELETE FROM dish"), null, /readonly|read-only/i);
    await fails(() => open(webConnector, otherToken).exec("DELETE FROM dish"), null, /doesn't exist/);
    await fails(() => open(webConnector, wideToken, url.slice(0, -1)).exec("DELETE FROM dish"), "TENANT_MISSING", /slash/);
    assert.equal((await db.prepare("SELECT count(*) AS n FROM dish").get()).n, 3);
});
