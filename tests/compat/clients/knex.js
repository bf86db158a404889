// SPDX-License-Identifier: Apache-2.0
// Knex with @libsql/sqlite3 in place of sqlite3, as that package's README tells: callbacks over Hrana 2. (@libsql/knex-libsql is these
// five lines in a package, which wants a native build of sqlite3 besides.)
import assert from "node:assert/strict";
import { after, test } from "node:test";
import sqlite3 from "@libsql/sqlite3";
import knex from "knex";
import Sqlite from "knex/lib/dialects/sqlite3/index.js";
import { EVERY_BYTE, fails, readOnlyToken, token, url } from "../lib/fixture.js";

class Libsql extends Sqlite {
    _driver() {
        return sqlite3;
    }
}
const open = (authToken) => knex({ client: Libsql, connection: { filename: `${url}?authToken=${authToken}` }, useNullAsDefault: true });
const db = open(token);
after(() => db.destroy());

test("schema builder: create, alter, has, column info", async () => {
    await db.schema.createTable("shop", (table) => {
        table.increments("id");
        table.string("name").notNullable().unique();
        table.binary("logo");
    });
    await db.schema.createTable("dish", (table) => {
        table.increments("id");
        table.integer("shop_id").notNullable().references("shop.id").onDelete("CASCADE");
        table.string("name");
    });
    await db.schema.alterTable("dish", (table) => table.float("price").defaultTo(1.5));
    assert.equal(await db.schema.hasTable("dish"), true);
    assert.equal(await db.schema.hasColumn("dish", "price"), true);
    assert.equal(await db.schema.hasTable("missing"), false);
    assert.equal((await db("shop").columnInfo()).name.nullable, false);
});

test("insert, select with join and aggregate, update, upsert, delete", async () => {
    assert.deepEqual(await db("shop").insert({ name: "Ali", logo: Buffer.from(EVERY_BYTE) }), [1]);
    assert.deepEqual((await db("shop").insert({ name: "Bab Hara" }).returning("id")).map((row) => row.id), [2]);
    await db("dish").insert([{ shop_id: 1, name: "kibbeh", price: 4.5 }, { shop_id: 1, name: "fattoush", price: 3 }]);
    const sums = await db("shop").leftJoin("dish", "dish.shop_id", "shop.id").groupBy("shop.id").orderBy("shop.id").select("shop.name").sum("price as sum");
    assert.deepEqual(sums.map((row) => [row.name, row.sum]), [["Ali", 7.5], ["Bab Hara", null]]);
    assert.equal(await db("dish").where("price", ">", 1).update({ price: 2 }), 2);
    await db("shop").insert({ name: "Ali" }).onConflict("name").merge();
    assert.equal(await db("dish").where({ name: "fattoush" }).del(), 1);
    assert.ok(Buffer.from(EVERY_BYTE).equals(Buffer.from((await db("shop").first("logo").where({ id: 1 })).logo)));
});

test("transactions: committed, rolled back by a throw, nested as savepoints", async () => {
    await db.transaction((trx) => trx("dish").insert({ shop_id: 2, name: "shakriyeh" }));
    await fails(db.transaction(async (trx) => {
        await trx("dish").del();
        throw new Error("changed my mind");
    }), undefined, /changed my mind/);
    await db.transaction(async (trx) => {
        await trx("dish").insert({ shop_id: 2, name: "outer" });
        await fails(trx.transaction(async (inner) => {
            await inner("dish").insert({ shop_id: 2, name: "inner" });
            throw new Error("only inside");
        }), undefined, /only inside/);
    });
    assert.deepEqual(await db("dish").pluck("name").orderBy("id"), ["kibbeh", "shakriyeh", "outer"]);
});

test("migrations: latest, list, rollback", async () => {
    const source = {
        getMigrations: async () => ["1-tag"],
        getMigrationName: (name) => name,
        getMigration: () => ({ up: (on) => on.schema.createTable("tag", (table) => table.string("name")), down: (on) => on.schema.dropTable("tag") }),
    };
    assert.deepEqual(await db.migrate.latest({ migrationSource: source }).then(([, names]) => names), ["1-tag"]);
    assert.equal(await db.schema.hasTable("tag"), true);
    await db.migrate.rollback({ migrationSource: source });
    assert.equal(await db.schema.hasTable("tag"), false);
});

test("errors: constraint, foreign key, read-only token", async () => {
    await fails(db("shop").insert({ name: "Ali" }), null, /UNIQUE constraint failed/);
    await fails(db("dish").insert({ shop_id: 99 }), null, /FOREIGN KEY/);
    const reader = open(readOnlyToken);
    await fails(reader("dish").del(), null, /readonly|read-only/i);
    await reader.destroy();
    assert.equal((await db("dish").count("* as n").first()).n, 3);
});
