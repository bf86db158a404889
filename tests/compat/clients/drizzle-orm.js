// SPDX-License-Identifier: Apache-2.0
// drizzle-orm over @libsql/client by HTTP, by WebSocket and as an embedded replica: what an application's ORM does, batches and nested
// transactions as savepoints included.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createClient } from "@libsql/client";
import { and, asc, count, desc, eq, gt, relations, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/libsql";
import { blob, index, integer, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { EVERY_BYTE, token, url } from "../lib/fixture.js";

const shops = sqliteTable("shops", {
    id: integer("id").primaryKey({ autoIncrement: true }),
    name: text("name").notNull(),
    open: integer("open", { mode: "boolean" }).notNull().default(true),
    since: integer("since", { mode: "timestamp_ms" }),
    tags: text("tags", { mode: "json" }),
    logo: blob("logo", { mode: "buffer" }),
}, (table) => [uniqueIndex("shops_name").on(table.name)]);
const dishes = sqliteTable("dishes", {
    id: integer("id").primaryKey(),
    shopId: integer("shop_id").notNull().references(() => shops.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    price: real("price").notNull(),
}, (table) => [index("dishes_shop").on(table.shopId)]);
const schema = {
    shops, dishes,
    shopRelations: relations(shops, ({ many }) => ({ dishes: many(dishes) })),
    dishRelations: relations(dishes, ({ one }) => ({ shop: one(shops, { fields: [dishes.shopId], references: [shops.id] }) })),
};

const cause = (error) => `${error.message} ${error.cause?.message ?? ""}`;
const folder = mkdtempSync(join(tmpdir(), "drizzle-"));
const setUp = createClient({ url, authToken: token });
after(() => {
    setUp.close();
    rmSync(folder, { recursive: true });
});

for (const [way, config] of [
    ["HTTP", { url, authToken: token }], ["WebSocket", { url: url.replace(/^http/, "ws"), authToken: token }],
    ["replica", { url: `file:${join(folder, "replica.db")}`, syncUrl: url, authToken: token }],
]) {
    const client = createClient(config);
    const db = drizzle(client, { schema });
    const names = async () => (await db.select().from(dishes).orderBy(asc(dishes.id))).map((dish) => dish.name);

    test(`${way}: tables, anew`, () => setUp.executeMultiple(`
        DROP TABLE IF EXISTS dishes; DROP TABLE IF EXISTS shops;
        CREATE TABLE shops (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, open INTEGER NOT NULL DEFAULT 1, since INTEGER,
            tags TEXT, logo BLOB);
        CREATE UNIQUE INDEX shops_name ON shops (name);
        CREATE TABLE dishes (id INTEGER PRIMARY KEY, shop_id INTEGER NOT NULL REFERENCES shops (id) ON DELETE CASCADE,
            name TEXT NOT NULL, price REAL NOT NULL);
        CREATE INDEX dishes_shop ON dishes (shop_id);`).then(() => config.syncUrl && client.sync()));
    after(() => client.close());

    test(`${way}: insert ... returning, with booleans, dates, JSON and blobs`, async () => {
        const since = new Date("2026-03-04T05:06:07.089Z");
        const made = await db.insert(shops).values([
            { name: "Ali", since, tags: { halal: true, list: [1, 2] }, logo: Buffer.from(EVERY_BYTE) },
            { name: "Bab Hara", open: false },
        ]).returning();
        assert.deepEqual(made[0], { id: 1, name: "Ali", open: true, since, tags: { halal: true, list: [1, 2] }, logo: Buffer.from(EVERY_BYTE) });
        assert.deepEqual(made[1], { id: 2, name: "Bab Hara", open: false, since: null, tags: null, logo: null });
        const dish = await db.insert(dishes).values([
            { shopId: 1, name: "kibbeh", price: 4.5 }, { shopId: 1, name: "fattoush", price: 3 }, { shopId: 2, name: "shakriyeh", price: 6 },
        ]).returning({ id: dishes.id });
        assert.deepEqual(dish, [{ id: 1 }, { id: 2 }, { id: 3 }]);
    });

    test(`${way}: joins, aggregates, conditions, relational queries`, async () => {
        const joined = await db.select({ shop: shops.name, dish: dishes.name }).from(shops)
            .innerJoin(dishes, eq(dishes.shopId, shops.id)).where(and(gt(dishes.price, 3), eq(shops.open, true))).orderBy(dishes.id);
        assert.deepEqual(joined, [{ shop: "Ali", dish: "kibbeh" }]);
        const totals = await db.select({ name: shops.name, dishes: count(dishes.id), most: sql`max(${dishes.price})` }).from(shops)
            .leftJoin(dishes, eq(dishes.shopId, shops.id)).groupBy(shops.id).orderBy(desc(count(dishes.id)));
        assert.deepEqual(totals, [{ name: "Ali", dishes: 2, most: 4.5 }, { name: "Bab Hara", dishes: 1, most: 6 }]);
        const whole = await db.query.shops.findMany({ with: { dishes: { orderBy: asc(dishes.price) } }, orderBy: asc(shops.id) });
        assert.deepEqual(whole.map((shop) => [shop.name, shop.dishes.map((dish) => dish.name)]), [["Ali", ["fattoush", "kibbeh"]], ["Bab Hara", ["shakriyeh"]]]);
        const one = await db.query.dishes.findFirst({ where: eq(dishes.id, 3), with: { shop: true } });
        assert.equal(one.shop.name, "Bab Hara");
    });

    test(`${way}: update, upsert and delete with returning; a prepared query with placeholders`, async () => {
        const dearer = await db.update(dishes).set({ price: sql`${dishes.price} * 2` }).where(eq(dishes.shopId, 1)).returning({ price: dishes.price });
        assert.deepEqual(dearer.map((row) => row.price), [9, 6]);
        const upsert = () => db.insert(shops).values({ name: "Ali", open: false }).onConflictDoUpdate({ target: shops.name, set: { open: false } }).returning({ id: shops.id, open: shops.open });
        assert.deepEqual(await upsert(), [{ id: 1, open: false }]);
        const byId = db.select().from(dishes).where(eq(dishes.id, sql.placeholder("id"))).prepare();
        assert.equal((await byId.get({ id: 2 })).name, "fattoush");
        assert.equal(await byId.get({ id: 99 }), undefined);
        assert.deepEqual(await db.delete(dishes).where(eq(dishes.id, 2)).returning({ name: dishes.name }), [{ name: "fattoush" }]);
        assert.equal((await db.run(sql`UPDATE shops SET open = 1`)).rowsAffected, 2);
    });

    test(`${way}: batch: one transaction, results in order`, async () => {
        const [made, all, changed] = await db.batch([
            db.insert(dishes).values({ shopId: 2, name: "muhammara", price: 2 }).returning({ name: dishes.name }),
            db.select({ n: count() }).from(dishes),
            db.update(dishes).set({ price: 5 }).where(eq(dishes.name, "muhammara")),
        ]);
        assert.deepEqual(made, [{ name: "muhammara" }]);
        assert.deepEqual(all, [{ n: 3 }]);
        assert.equal(changed.rowsAffected, 1);
        await assert.rejects(db.batch([
            db.insert(dishes).values({ shopId: 2, name: "lost", price: 1 }), db.insert(shops).values({ name: "Ali" }),
        ]), (error) => /UNIQUE constraint failed: shops\.name/.test(cause(error)));
        assert.ok(!(await names()).includes("lost"));
    });

    test(`${way}: transaction: committed, rolled back by a throw and by rollback()`, async () => {
        await db.transaction(async (tx) => {
            await tx.insert(dishes).values({ shopId: 1, name: "kept", price: 1 });
            const inside = await tx.select().from(dishes).where(eq(dishes.name, "kept"));
            assert.equal(inside.length, 1);
        });
        await assert.rejects(db.transaction(async (tx) => {
            await tx.insert(dishes).values({ shopId: 1, name: "thrown", price: 1 });
            throw new Error("no");
        }), /no/);
        await assert.rejects(db.transaction(async (tx) => {
            await tx.insert(dishes).values({ shopId: 1, name: "undone", price: 1 });
            tx.rollback();
        }), /[Rr]ollback/);
        const now = await names();
        assert.ok(now.includes("kept") && !now.includes("thrown") && !now.includes("undone"), now.join());
    });

    test(`${way}: nested transactions: an inner one that fails takes only its own rows, at three levels`, async () => {
        await db.transaction(async (outer) => {
            await outer.insert(dishes).values({ shopId: 1, name: "outer", price: 1 });
            await outer.transaction((inner) => inner.insert(dishes).values({ shopId: 1, name: "inner", price: 1 }));
            await assert.rejects(outer.transaction(async (inner) => {
                await inner.insert(dishes).values({ shopId: 1, name: "inner lost", price: 1 });
                await inner.transaction((deep) => deep.insert(dishes).values({ shopId: 1, name: "deep lost", price: 1 }));
                await inner.insert(shops).values({ name: "Ali" }); // a name that is taken
            }), (error) => /UNIQUE constraint failed/.test(cause(error)));
            await outer.transaction(async (inner) => {
                await inner.insert(dishes).values({ shopId: 1, name: "inner again", price: 1 });
                await assert.rejects(inner.transaction(async (deep) => {
                    await deep.insert(dishes).values({ shopId: 1, name: "deep lost too", price: 1 });
                    throw new Error("deep");
                }), /deep/);
            });
            assert.deepEqual((await outer.select().from(dishes).where(gt(dishes.id, 5))).map((dish) => dish.name), ["outer", "inner", "inner again"]);
        });
        assert.deepEqual((await names()).slice(-3), ["outer", "inner", "inner again"]);
    });

    test(`${way}: foreign keys are enforced, and a delete cascades`, async () => {
        await assert.rejects(db.insert(dishes).values({ shopId: 99, name: "orphan", price: 1 }),
            (error) => /FOREIGN KEY constraint failed/.test(cause(error)));
        await db.delete(shops).where(eq(shops.name, "Ali"));
        assert.deepEqual((await db.select().from(dishes).where(eq(dishes.shopId, 1))).length, 0);
        assert.deepEqual(await names(), ["shakriyeh", "muhammara"]);
    });
}
