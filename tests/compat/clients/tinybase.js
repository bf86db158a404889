// SPDX-License-Identifier: Apache-2.0
// TinyBase's libSQL persister: a store in memory that is kept in a tenant, as one JSON text and as tables of its own.
// Note: auto-load polls `data_version`, which here tells the commits of the database and not what one connection noticed.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@libsql/client";
import { createStore } from "tinybase";
import { createLibSqlPersister } from "tinybase/persisters/persister-libsql";
import { readOnlyToken, token, url } from "../lib/fixture.js";

const client = createClient({ url, authToken: token });
const rows = async (sql) => (await client.execute(sql)).rows.map((row) => Array.from(row));
const errors = [];
const persist = (store, config, on = client) => createLibSqlPersister(store, on, config, undefined, (error) => errors.push(error));
const tabular = { mode: "tabular", tables: { load: { dish: "dish" }, save: { dish: "dish" } }, values: { load: true, save: true } };

after(() => client.close());

test("JSON: saved, loaded by another store, changed and saved again", async () => {
    const store = createStore().setTables({ pet: { fido: { species: "dog", age: 3 } } }).setValue("open", true);
    const persister = persist(store, "kept");
    await persister.save();
    const other = createStore();
    await persist(other, "kept").load();
    assert.deepEqual(other.getContent(), store.getContent());
    store.setCell("pet", "fido", "age", 4);
    await persister.save();
    assert.equal(JSON.parse((await rows("SELECT store FROM kept"))[0][0])[0].pet.fido.age, 4);
    assert.deepEqual(errors, []);
});

test("tables: rows become rows; added columns, changes and deletions follow", async () => {
    const store = createStore().setTables({ dish: { 1: { name: "kibbeh", price: 4.5 }, 2: { name: "fattoush", price: 3 } } }).setValue("shop", "Ali");
    const persister = persist(store, tabular);
    await persister.save();
    assert.deepEqual(await rows("SELECT _id, name, price FROM dish ORDER BY _id"), [["1", "kibbeh", 4.5], ["2", "fattoush", 3]]);
    store.setCell("dish", "1", "hot", true).delRow("dish", "2").setRow("dish", "3", { name: "shish", price: 6 });
    await persister.save();
    assert.deepEqual(await rows("SELECT _id, name, hot FROM dish ORDER BY _id"), [["1", "kibbeh", 1], ["3", "shish", null]]);
    const other = createStore();
    await persist(other, tabular).load();
    assert.deepEqual({ ...other.getRow("dish", "3") }, { hot: null, name: "shish", price: 6 });
    assert.equal(other.getValue("shop"), "Ali");
    assert.deepEqual(errors, []);
});

test("auto-save: what is set here is written by itself", async () => {
    const store = createStore(), persister = persist(store, tabular);
    await persister.load();
    await persister.startAutoSave();
    store.setCell("dish", "1", "name", "kibbeh hamda");
    for (let i = 0; i < 100 && (await rows("SELECT name FROM dish WHERE _id = '1'"))[0][0] !== "kibbeh hamda"; i++) await sleep(50);
    assert.deepEqual(await rows("SELECT name FROM dish WHERE _id = '1'"), [["kibbeh hamda"]]);
    await persister.destroy();
    assert.deepEqual(errors, []);
});

test("auto-load: what others write arrives by itself, and what was saved here is not undone by it", async () => {
    const store = createStore(), persister = persist(store, { ...tabular, autoLoadIntervalSeconds: 0.05 });
    await persister.startAutoLoad();
    await persister.startAutoSave();
    for (const [id, name] of [["4", "from elsewhere"], ["5", "again"]]) {
        await client.execute({ sql: "INSERT INTO dish (_id, name) VALUES (?, ?)", args: [id, name] });
        for (let i = 0; i < 100 && !store.hasRow("dish", id); i++) await sleep(50);
        assert.equal(store.getCell("dish", id, "name"), name);
    }
    store.setCell("dish", "4", "name", "from here");
    await sleep(300);
    assert.equal(store.getCell("dish", "4", "name"), "from here");
    assert.deepEqual(await rows("SELECT name FROM dish WHERE _id = '4'"), [["from here"]]);
    await persister.destroy();
    assert.deepEqual(errors, []);
});

test("a save that is refused (read-only token) is told to the program and leaves nothing half-written", async () => {
    const reader = createClient({ url, authToken: readOnlyToken });
    await persist(createStore().setTables({ dish: { 9: { name: "x" } } }), tabular, reader).save();
    reader.close();
    assert.match(String(errors.pop()), /readonly|read-only|not allow/i);
    assert.deepEqual(await rows("SELECT count(*) FROM dish"), [[4]]);
});
