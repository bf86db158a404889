// SPDX-License-Identifier: Apache-2.0
// MikroORM's libSQL driver, which uses the package `libsql` for a remote database too: schema, identity map, unit of work.
// Note: through the package `libsql`; calls block the event loop.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { EntitySchema } from "@mikro-orm/core";
import { MikroORM } from "@mikro-orm/libsql";
import { EVERY_BYTE, fails, readOnlyToken, token, url } from "../lib/fixture.js";

const Shop = new EntitySchema({
    name: "Shop",
    properties: {
        id: { type: "number", primary: true, autoincrement: true }, name: { type: "string", unique: true }, open: { type: "boolean", default: true },
        since: { type: "datetime", nullable: true }, tags: { type: "json", nullable: true }, logo: { type: "blob", nullable: true },
        dishes: { kind: "1:m", entity: () => Dish, mappedBy: "shop" },
    },
});
const Dish = new EntitySchema({
    name: "Dish",
    properties: {
        id: { type: "number", primary: true, autoincrement: true }, name: { type: "string", index: true }, price: { type: "float", nullable: true },
        shop: { kind: "m:1", entity: () => Shop, inversedBy: "dishes", deleteRule: "cascade" },
    },
});
const open = (password) => MikroORM.init({ entities: [Shop, Dish], dbName: url, password, allowGlobalContext: false });
let orm;

before(async () => {
    orm = await open(token);
});
after(() => orm?.close());

test("schema generator: makes the tables, and has nothing to do the second time", async () => {
    await orm.schema.update();
    assert.equal((await orm.schema.getUpdateSchemaSQL()).trim(), "");
});

test("persist with relations and flush, find with populate, query builder, update and delete", async () => {
    const since = new Date("2026-03-04T05:06:07.089Z"), em = orm.em.fork();
    const ali = em.create("Shop", { name: "Ali", since, tags: { halal: true }, logo: Buffer.from(EVERY_BYTE) });
    em.create("Dish", { name: "kibbeh", price: 4.5, shop: ali });
    em.create("Dish", { name: "fattoush", price: 3, shop: ali });
    em.create("Shop", { name: "Bab Hara", open: false });
    await em.flush();
    assert.equal(ali.id, 1);
    const found = await orm.em.fork().find("Shop", {}, { populate: ["dishes"], orderBy: { id: "asc" } });
    assert.deepEqual(found.map((shop) => [shop.name, shop.open, shop.dishes.getItems().map((dish) => dish.name)]), [["Ali", true, ["kibbeh", "fattoush"]], ["Bab Hara", false, []]]);
    assert.deepEqual([found[0].since, found[0].tags], [since, { halal: true }]);
    assert.ok(Buffer.from(EVERY_BYTE).equals(Buffer.from(found[0].logo)));
    const other = orm.em.fork();
    const dish = await other.findOneOrFail("Dish", { name: "kibbeh" });
    dish.price = 5;
    other.remove(await other.findOneOrFail("Dish", { name: "fattoush" }));
    await other.flush();
    assert.deepEqual((await orm.em.fork().createQueryBuilder("Dish").select(["name", "price"]).execute("all")).map((row) => [row.name, row.price]), [["kibbeh", 5]]);
    assert.equal(await orm.em.fork().count("Dish", { price: { $gt: 3 } }), 1);
});

test("transactions: committed, rolled back by a throw, nested as savepoints", async () => {
    const names = async () => (await orm.em.fork().find("Dish", {}, { orderBy: { id: "asc" } })).map((dish) => dish.name);
    await orm.em.fork().transactional(async (em) => em.create("Dish", { name: "shakriyeh", shop: 2 }));
    await fails(orm.em.fork().transactional(async (em) => {
        await em.nativeDelete("Dish", {});
        assert.equal(await em.count("Dish"), 0);
        throw new Error("changed my mind");
    }), undefined, /changed my mind/);
    await orm.em.fork().transactional(async (em) => {
        em.create("Dish", { name: "outer", shop: 2 });
        await em.flush();
        await fails(em.transactional(async (inner) => {
            inner.create("Dish", { name: "inner", shop: 2 });
            await inner.flush();
            throw new Error("only inside");
        }), undefined, /only inside/);
    });
    assert.deepEqual(await names(), ["kibbeh", "shakriyeh", "outer"]);
});

test("errors have its own classes; a read-only token changes nothing; a delete cascades", async () => {
    const em = orm.em.fork();
    await assert.rejects(em.insert("Shop", { name: "Ali", open: true }), { name: "UniqueConstraintViolationException" });
    await assert.rejects(em.insert("Dish", { name: "x", shop: 99 }), { name: "ForeignKeyConstraintViolationException" });
    await assert.rejects(em.execute("SELECT * FROM missing"), { name: "TableNotFoundException" });
    const reader = await open(readOnlyToken);
    await fails(reader.em.fork().nativeDelete("Dish", {}), null, /readonly|read-only/i);
    await reader.close();
    await em.nativeDelete("Shop", { id: 2 });
    assert.equal(await em.count("Dish"), 1);
});
