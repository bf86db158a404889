// SPDX-License-Identifier: Apache-2.0
// TypeORM's better-sqlite3 driver with the package `libsql` in place of better-sqlite3, which has the same interface. TypeORM has no
// libSQL driver of its own, and takes the database's name for a file; the URL is therefore put in when `libsql` is opened.
// Note: through the package `libsql`; calls block the event loop, as better-sqlite3's do.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import Database from "libsql";
import { DataSource, EntitySchema, MoreThan } from "typeorm";
import { EVERY_BYTE, fails, readOnlyToken, token, url } from "../lib/fixture.js";

const Shop = new EntitySchema({
    name: "Shop",
    columns: {
        id: { type: Number, primary: true, generated: true }, name: { type: String, unique: true },
        open: { type: Boolean, default: true }, tags: { type: "simple-json", nullable: true }, logo: { type: "blob", nullable: true },
    },
    relations: { dishes: { type: "one-to-many", target: "Dish", inverseSide: "shop", cascade: true } },
});
const Dish = new EntitySchema({
    name: "Dish",
    columns: { id: { type: Number, primary: true, generated: true }, name: { type: String }, price: { type: "real", nullable: true } },
    relations: { shop: { type: "many-to-one", target: "Shop", inverseSide: "dishes", nullable: false, onDelete: "CASCADE" } },
    indices: [{ columns: ["name"] }],
});
const open = (authToken, more) => new DataSource({
    type: "better-sqlite3",
    database: ":memory:", // not used
    driver: class extends Database {
        constructor() {
            super(url, { authToken });
        }
    },
    entities: [Shop, Dish],
    ...more,
}).initialize();
let db;

after(() => db?.destroy());

test("synchronize makes the tables, and finds nothing to do the second time", async () => {
    db = await open(token);
    await db.synchronize();
    const log = await db.driver.createSchemaBuilder().log();
    assert.deepEqual(log.upQueries.map(({ query }) => query), []);
    const table = await db.createQueryRunner().getTable("dish");
    assert.deepEqual(table.columns.map(({ name }) => name), ["id", "name", "price", "shopId"]);
    assert.equal(table.foreignKeys[0].onDelete, "CASCADE");
});

test("save with relations, find, count, update, remove", async () => {
    const shops = db.getRepository("Shop"), dishes = db.getRepository("Dish");
    const ali = await shops.save({ name: "Ali", tags: { halal: true }, logo: Buffer.from(EVERY_BYTE), dishes: [{ name: "kibbeh", price: 4.5 }, { name: "fattoush", price: 3 }] });
    assert.equal(ali.id, 1);
    assert.deepEqual(ali.dishes.map(({ id }) => id), [1, 2]);
    await shops.save({ name: "Bab Hara", open: false });
    const found = await shops.find({ relations: { dishes: true }, order: { id: "ASC", dishes: { id: "ASC" } } });
    assert.deepEqual(found.map((shop) => [shop.name, shop.open, shop.dishes.map((dish) => dish.name)]), [["Ali", true, ["kibbeh", "fattoush"]], ["Bab Hara", false, []]]);
    assert.deepEqual(found[0].tags, { halal: true });
    assert.ok(Buffer.from(EVERY_BYTE).equals(Buffer.from(found[0].logo)));
    assert.equal(await dishes.countBy({ price: MoreThan(3) }), 1);
    await dishes.update({ name: "kibbeh" }, { price: 5 });
    assert.equal((await dishes.findOneBy({ name: "kibbeh" })).price, 5);
    await dishes.delete({ name: "fattoush" });
    const sums = await dishes.createQueryBuilder("dish").innerJoin("dish.shop", "shop").select("shop.name", "shop").addSelect("SUM(dish.price)", "sum").groupBy("shop.id").getRawMany();
    assert.deepEqual(sums.map((row) => [row.shop, row.sum]), [["Ali", 5]]);
});

test("a change of the entity rebuilds the table and keeps its rows", async () => {
    const Wider = new EntitySchema({ ...Dish.options, columns: { ...Dish.options.columns, price: { type: "real", default: 2 }, hot: { type: Boolean, default: false } } });
    const wider = await open(token, { entities: [Shop, Wider] });
    await wider.synchronize();
    assert.deepEqual((await wider.getRepository("Dish").find()).map((dish) => [dish.name, dish.price, dish.hot]), [["kibbeh", 5, false]]);
    await wider.destroy();
    await db.synchronize();
});

test("transactions: committed, rolled back by a throw, nested as savepoints", async () => {
    const names = async () => (await db.getRepository("Dish").find({ order: { id: "ASC" } })).map((dish) => dish.name);
    await db.transaction((manager) => manager.save("Dish", { name: "shakriyeh", shop: { id: 2 } }));
    await fails(db.transaction(async (manager) => {
        await manager.createQueryBuilder().delete().from("Dish").execute();
        assert.equal(await manager.count("Dish"), 0);
        throw new Error("changed my mind");
    }), undefined, /changed my mind/);
    await db.transaction(async (manager) => {
        await manager.save("Dish", { name: "outer", shop: { id: 2 } });
        await fails(manager.transaction(async (inner) => {
            await inner.save("Dish", { name: "inner", shop: { id: 2 } });
            throw new Error("only inside");
        }), undefined, /only inside/);
    });
    assert.deepEqual(await names(), ["kibbeh", "shakriyeh", "outer"]);
});

test("errors: constraint, foreign key, read-only token; a delete cascades", async () => {
    await fails(db.getRepository("Shop").save({ name: "Ali" }), null, /UNIQUE constraint failed/);
    await fails(db.getRepository("Dish").insert({ name: "x", shop: { id: 99 } }), null, /FOREIGN KEY/);
    const reader = await open(readOnlyToken);
    await fails(reader.getRepository("Dish").delete({ name: "kibbeh" }), null, /readonly|read-only/i);
    await reader.destroy();
    await db.getRepository("Shop").delete({ id: 2 });
    assert.deepEqual(await db.getRepository("Dish").count(), 1);
});
