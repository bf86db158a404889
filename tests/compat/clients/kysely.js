// SPDX-License-Identifier: Apache-2.0
// kysely with its libSQL dialect, @libsql/kysely-libsql, which brings an @libsql/client of its own, much older than that of the other
// flows: schema builder, queries, transactions, introspection and migrations.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { LibsqlDialect } from "@libsql/kysely-libsql";
import { Kysely, sql } from "kysely";
import { Migrator } from "kysely/migration";
import { EVERY_BYTE, fails, readOnlyToken, token, url, wideToken } from "../lib/fixture.js";

const db = new Kysely({ dialect: new LibsqlDialect({ url, authToken: token }) });
after(() => db.destroy());

test("schema builder: tables, foreign keys, an index, a view", async () => {
    await db.schema.createTable("shop").addColumn("id", "integer", (col) => col.primaryKey().autoIncrement())
        .addColumn("name", "text", (col) => col.notNull().unique()).addColumn("logo", "blob").execute();
    await db.schema.createTable("dish").addColumn("id", "integer", (col) => col.primaryKey())
        .addColumn("shop_id", "integer", (col) => col.notNull().references("shop.id").onDelete("cascade"))
        .addColumn("name", "varchar(80)", (col) => col.notNull()).addColumn("price", "real", (col) => col.defaultTo(1.5)).execute();
    await db.schema.createIndex("dish_shop").on("dish").column("shop_id").execute();
    await db.schema.createView("cheap").as(db.selectFrom("dish").selectAll().where("price", "<", 4)).execute();
});

test("insert, returning, upsert, joins, aggregates, update, delete", async () => {
    const made = await db.insertInto("shop").values([{ name: "Ali", logo: EVERY_BYTE }, { name: "Bab Hara", logo: null }]).returning(["id", "name"]).execute();
    assert.deepEqual(made.map(({ id, name }) => [id, name]), [[1, "Ali"], [2, "Bab Hara"]]);
    const put = await db.insertInto("dish").values([{ shop_id: 1, name: "kibbeh", price: 4.5 }, { shop_id: 1, name: "fattoush", price: 1.5 }]).executeTakeFirst();
    assert.equal(put.insertId, 2n);
    assert.equal(put.numInsertedOrUpdatedRows, 2n);
    await db.insertInto("shop").values({ name: "Ali" }).onConflict((oc) => oc.column("name").doUpdateSet({ name: "Ali Baba" })).execute();
    const rows = await db.selectFrom("shop").leftJoin("dish", "dish.shop_id", "shop.id")
        .select((eb) => ["shop.name", eb.fn.count("dish.id").as("n"), eb.fn.sum("price").as("sum")])
        .groupBy("shop.id").orderBy("shop.id").execute();
    assert.deepEqual(rows.map(({ name, n, sum }) => [name, n, sum]), [["Ali Baba", 2, 6], ["Bab Hara", 0, null]]);
    assert.deepEqual((await db.selectFrom("cheap").select("name").execute()).map((row) => row.name), ["fattoush"]);
    assert.equal((await db.updateTable("dish").set({ price: 2 }).executeTakeFirst()).numUpdatedRows, 2n);
    assert.equal((await db.deleteFrom("dish").where("name", "=", "fattoush").executeTakeFirst()).numDeletedRows, 1n);
    const { logo } = await db.selectFrom("shop").select("logo").where("id", "=", 1).executeTakeFirst();
    assert.ok(Buffer.from(EVERY_BYTE).equals(Buffer.from(logo)));
});

test("transactions: committed, and rolled back by a throw; foreign keys count", async () => {
    await db.transaction().execute((tx) => tx.insertInto("dish").values({ shop_id: 2, name: "shakriyeh" }).execute());
    await fails(db.transaction().execute(async (tx) => {
        await tx.deleteFrom("dish").execute();
        assert.equal((await tx.selectFrom("dish").selectAll().execute()).length, 0);
        throw new Error("changed my mind");
    }), undefined, /changed my mind/);
    assert.equal((await db.selectFrom("dish").selectAll().execute()).length, 2);
    await fails(db.insertInto("dish").values({ shop_id: 99, name: "x" }).execute(), "SQLITE_CONSTRAINT", /FOREIGN KEY/);
});

test("introspection: tables, views, columns with types, nullability, defaults and autoincrement", async () => {
    const tables = await db.introspection.getTables();
    assert.deepEqual(tables.map(({ name, isView }) => [name, isView]).sort(), [["cheap", true], ["dish", false], ["shop", false]]);
    const columns = (name) => tables.find((table) => table.name === name).columns
        .map((col) => [col.name, col.dataType, col.isNullable, col.hasDefaultValue, col.isAutoIncrementing]);
    assert.deepEqual(columns("shop"), [
        ["id", "INTEGER", true, false, true], ["name", "TEXT", false, false, false], ["logo", "BLOB", true, false, false],
    ]);
    assert.deepEqual(columns("dish"), [
        ["id", "INTEGER", true, false, true], ["shop_id", "INTEGER", false, false, false], ["name", "varchar(80)", false, false, false],
        ["price", "REAL", true, true, false],
    ]);
    assert.deepEqual(await db.introspection.getSchemas(), []);
});

test("migrations: up, again without effect, down", async () => {
    const migrations = {
        "1-tag": { up: (on) => on.schema.createTable("tag").addColumn("name", "text").execute(), down: (on) => on.schema.dropTable("tag").execute() },
        "2-tag-n": { up: (on) => on.schema.alterTable("tag").addColumn("n", "integer").execute(), down: (on) => on.schema.alterTable("tag").dropColumn("n").execute() },
    };
    const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
    const names = ({ error, results }) => error ?? results.map(({ migrationName, status }) => `${migrationName} ${status}`);
    assert.deepEqual(names(await migrator.migrateToLatest()), ["1-tag Success", "2-tag-n Success"]);
    assert.deepEqual(names(await migrator.migrateToLatest()), []);
    await sql`INSERT INTO tag (name, n) VALUES ('a', 1)`.execute(db);
    assert.deepEqual(names(await migrator.migrateDown()), ["2-tag-n Success"]);
    assert.deepEqual((await db.introspection.getTables()).find(({ name }) => name === "tag").columns.map(({ name }) => name), ["name"]);
});

test("a read-only token and a URL without the slash change nothing", async () => {
    for (const [config, message] of [[{ url, authToken: readOnlyToken }, /readonly|read-only/i], [{ url: url.slice(0, -1), authToken: wideToken }, /slash/]]) {
        const other = new Kysely({ dialect: new LibsqlDialect(config) });
        await fails(other.deleteFrom("dish").execute(), null, message);
        await other.destroy();
    }
    assert.equal((await db.selectFrom("dish").selectAll().execute()).length, 2);
});
