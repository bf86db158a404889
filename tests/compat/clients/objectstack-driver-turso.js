// SPDX-License-Identifier: Apache-2.0
// ObjectStack's driver for Turso in its remote mode, which uses an @libsql/client of its own: schema, records, filters, aggregates.
// In remote mode it opens transactions, but sends the operations that belong to them beside them, whatever the server; the last test
// shows it. (Its start needs a package `better-sqlite3` that it never uses there; here `libsql` has that name.)
// Note: no transactions in remote mode, upstream.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { TursoDriver } from "@objectstack/driver-turso";
import { createClient } from "@libsql/client";
import { fails, readOnlyToken, token, url, wideToken } from "../lib/fixture.js";

const open = async (authToken, at = url) => {
    const driver = new TursoDriver({ url: at, authToken });
    await driver.connect();
    return driver;
};
const dish = {
    name: "dish",
    fields: {
        name: { type: "text", required: true, unique: true }, price: { type: "number" }, hot: { type: "boolean" },
        tags: { type: "json" }, since: { type: "datetime" },
    },
};
const client = createClient({ url, authToken: token });
const names = (found) => found.map((row) => row.name);
let driver;

before(async () => {
    driver = await open(token);
});
after(async () => {
    await driver.disconnect();
    client.close();
});

test("connects in remote mode, is healthy, and makes its tables, twice with the same end", async () => {
    assert.equal(driver.transportMode, "remote");
    assert.equal(await driver.checkHealth(), true);
    for (let i = 0; i < 2; i++) await driver.syncSchema("dish", dish);
    await driver.syncSchema("dish", { ...dish, fields: { ...dish.fields, note: { type: "text" } } });
    const { rows } = await client.execute("SELECT name FROM pragma_table_info('dish')");
    for (const column of ["id", "name", "price", "hot", "tags", "since", "note"]) assert.ok(rows.some((row) => row.name === column), column);
    await driver.syncSchemasBatch([{ object: "dish", schema: dish }, { object: "drink", schema: { name: "drink", fields: { name: { type: "text" } } } }]);
});

test("create, find, findOne, count with filters, order and page", async () => {
    const made = await driver.create("dish", { name: "kibbeh", price: 4.5, hot: true, tags: { halal: true } });
    assert.equal(typeof made.id, "string");
    assert.deepEqual([made.name, made.hot, made.tags], ["kibbeh", true, { halal: true }]);
    await driver.bulkCreate("dish", [{ name: "fattoush", price: 3, hot: false }, { name: "shish", price: 6, hot: true }]);
    assert.deepEqual(names(await driver.find("dish", { where: { price: { $gt: 3 } }, orderBy: [{ field: "price", order: "desc" }] })), ["shish", "kibbeh"]);
    assert.deepEqual(names(await driver.find("dish", { orderBy: [{ field: "name", order: "asc" }], limit: 1, offset: 1 })), ["kibbeh"]);
    assert.deepEqual(names(await driver.find("dish", { where: { $or: [{ name: "shish" }, { hot: false }] }, orderBy: [{ field: "name", order: "asc" }] })), ["fattoush", "shish"]);
    assert.equal((await driver.findOne("dish", { where: { id: made.id } })).name, "kibbeh");
    assert.equal(await driver.count("dish", { where: { hot: true } }), 2);
    const sums = await driver.aggregate("dish", { groupBy: ["hot"], aggregations: [{ function: "sum", field: "price", alias: "sum" }], orderBy: [{ field: "hot", order: "asc" }] });
    assert.deepEqual(sums.map((row) => row.sum).sort((a, b) => a - b), [3, 10.5]);
});

test("update, upsert, delete, and what is not there", async () => {
    const { id } = await driver.findOne("dish", { where: { name: "kibbeh" } });
    assert.equal((await driver.update("dish", id, { price: 5 })).price, 5);
    assert.equal(await driver.update("dish", "nobody", { price: 5 }), null);
    assert.equal((await driver.upsert("dish", { id, price: 5.5, name: "kibbeh" })).price, 5.5);
    assert.equal((await driver.upsert("drink", { id: "a", name: "laban" })).name, "laban");
    assert.equal(await driver.updateMany("dish", { where: { hot: true } }, { price: 7 }), 2);
    assert.equal(await driver.delete("dish", id), true);
    assert.equal(await driver.delete("dish", id), false);
    assert.equal(await driver.count("dish", {}), 2);
});

test("errors: unique, read-only token, the missing slash", async () => {
    await fails(driver.create("dish", { name: "shish" }), null, /unique/i);
    const reader = await open(readOnlyToken), trap = await open(wideToken, url.slice(0, -1));
    await fails(reader.create("dish", { name: "x" }), null, /./);
    await fails(trap.create("dish", { name: "x" }), null, /./);
    await Promise.all([reader.disconnect(), trap.disconnect()]);
    assert.equal(await driver.count("dish", {}), 2);
});

test("upstream has no transactions in remote mode: what is written in one is not undone by its rollback", async () => {
    const tx = await driver.beginTransaction();
    await driver.create("dish", { name: "in a transaction" }, { transaction: tx });
    await driver.rollback(tx);
    assert.equal(await driver.count("dish", { where: { name: "in a transaction" } }), 1);
    // nor can one see that it failed: the engine's way of asking, presence of the method, says yes
    assert.equal(typeof driver.beginTransaction, "function");
});
