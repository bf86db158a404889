// SPDX-License-Identifier: Apache-2.0
// Prisma's client with @prisma/adapter-libsql, which brings an @libsql/client of its own. `prisma generate` fetches a native program
// first, which tests must not; what the client needs at run time, the schema and the compiler for SQLite, is put together here.
// Note: over HTTP, P2002 and P2003 arrive as P2039 with SQLite's text; integers beyond 2^53 cannot be read. Both upstream.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createClient } from "@libsql/client";
import { PrismaLibSql } from "@prisma/adapter-libsql";
import runtime from "@prisma/client/runtime/client";
import { EVERY_BYTE, fails, readOnlyToken, token, url, wideToken } from "../lib/fixture.js";

const inlineSchema = `
datasource db {
    provider = "sqlite"
}
model Shop {
    id     Int       @id @default(autoincrement())
    name   String    @unique
    open   Boolean   @default(true)
    since  DateTime?
    big    BigInt?
    logo   Bytes?
    dishes Dish[]
}
model Dish {
    id     Int    @id @default(autoincrement())
    name   String
    price  Float?
    shop   Shop   @relation(fields: [shopId], references: [id], onDelete: Cascade)
    shopId Int
}`;
const scalar = (name, type) => ({ name, kind: "scalar", type });
const object = (name, type) => ({ name, kind: "object", type, relationName: "DishToShop" });
const PrismaClient = runtime.getPrismaClient({
    previewFeatures: [], clientVersion: "7.10.0", engineVersion: "", activeProvider: "sqlite", inlineSchema,
    runtimeDataModel: {
        models: {
            Shop: { dbName: null, schema: null, fields: [scalar("id", "Int"), scalar("name", "String"), scalar("open", "Boolean"), scalar("since", "DateTime"), scalar("big", "BigInt"), scalar("logo", "Bytes"), object("dishes", "Dish")] },
            Dish: { dbName: null, schema: null, fields: [scalar("id", "Int"), scalar("name", "String"), scalar("price", "Float"), object("shop", "Shop"), scalar("shopId", "Int")] },
        },
        enums: {}, types: {},
    },
    parameterizationSchema: { strings: [], graph: Buffer.alloc(12).toString("base64url") },
    compilerWasm: {
        getRuntime: () => import("@prisma/client/runtime/query_compiler_fast_bg.sqlite.mjs"),
        getQueryCompilerWasmModule: async () => {
            const { wasm } = await import("@prisma/client/runtime/query_compiler_fast_bg.sqlite.wasm-base64.mjs");
            return new WebAssembly.Module(Buffer.from(wasm, "base64"));
        },
        importName: "./query_compiler_fast_bg.js",
    },
});
const open = (authToken, at = url) => new PrismaClient({ adapter: new PrismaLibSql({ url: at, authToken }) });
const prisma = open(token);

before(async () => {
    const client = createClient({ url, authToken: token });
    await client.executeMultiple(`
        CREATE TABLE "Shop" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "name" TEXT NOT NULL, "open" BOOLEAN NOT NULL DEFAULT true,
            "since" DATETIME, "big" BIGINT, "logo" BLOB);
        CREATE UNIQUE INDEX "Shop_name_key" ON "Shop" ("name");
        CREATE TABLE "Dish" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, "name" TEXT NOT NULL, "price" REAL, "shopId" INTEGER NOT NULL,
            FOREIGN KEY ("shopId") REFERENCES "Shop" ("id") ON DELETE CASCADE ON UPDATE CASCADE);`);
    client.close();
});
after(() => prisma.$disconnect());

test("create with nested rows, findMany with include, where and order; dates, 64-bit integers and bytes", async () => {
    const since = new Date("2026-03-04T05:06:07.089Z");
    const ali = await prisma.shop.create({
        data: { name: "Ali", since, big: 1099511627776n, logo: EVERY_BYTE, dishes: { create: [{ name: "kibbeh", price: 4.5 }, { name: "fattoush", price: 3 }] } },
        include: { dishes: true },
    });
    assert.deepEqual([ali.id, ali.open, ali.since, ali.big, ali.dishes.length], [1, true, since, 1099511627776n, 2]);
    assert.ok(Buffer.from(EVERY_BYTE).equals(Buffer.from(ali.logo)));
    await prisma.shop.createMany({ data: [{ name: "Bab Hara", open: false }, { name: "Rami" }] });
    const found = await prisma.shop.findMany({ where: { dishes: { some: { price: { gt: 4 } } } }, include: { dishes: { orderBy: { price: "asc" } } } });
    assert.deepEqual(found.map((shop) => [shop.name, shop.dishes.map((dish) => dish.name)]), [["Ali", ["fattoush", "kibbeh"]]]);
    assert.deepEqual((await prisma.shop.findMany({ orderBy: { name: "desc" }, skip: 1, take: 1, select: { name: true } })), [{ name: "Bab Hara" }]);
});

test("update, upsert, delete, count, aggregate, group", async () => {
    assert.equal((await prisma.dish.update({ where: { id: 1 }, data: { price: { increment: 1 } } })).price, 5.5);
    assert.equal((await prisma.dish.updateMany({ where: { price: { lt: 4 } }, data: { price: 2 } })).count, 1);
    assert.equal((await prisma.shop.upsert({ where: { name: "Rami" }, create: { name: "Rami" }, update: { open: false } })).open, false);
    assert.equal((await prisma.shop.delete({ where: { name: "Rami" } })).name, "Rami");
    assert.equal(await prisma.shop.count(), 2);
    assert.deepEqual((await prisma.dish.aggregate({ _sum: { price: true }, _count: true })), { _sum: { price: 7.5 }, _count: 2 });
    assert.deepEqual(await prisma.dish.groupBy({ by: ["shopId"], _max: { price: true } }), [{ shopId: 1, _max: { price: 5.5 } }]);
});

test("transactions: a list, a function committed, a function rolled back by a throw", async () => {
    await prisma.$transaction([prisma.dish.create({ data: { name: "shakriyeh", shopId: 2 } }), prisma.shop.update({ where: { id: 2 }, data: { open: true } })]);
    await fails(prisma.$transaction([prisma.dish.deleteMany(), prisma.dish.create({ data: { name: "x", shopId: 99 } })]), null, /FOREIGN KEY constraint failed/);
    await prisma.$transaction(async (tx) => {
        await tx.dish.update({ where: { id: 3 }, data: { price: 6 } });
        assert.equal((await tx.dish.findUnique({ where: { id: 3 } })).price, 6);
    });
    await fails(prisma.$transaction(async (tx) => {
        await tx.dish.deleteMany();
        throw new Error("changed my mind");
    }), undefined, /changed my mind/);
    assert.equal(await prisma.dish.count(), 3);
});

test("raw SQL, with arguments", async () => {
    assert.deepEqual(await prisma.$queryRaw`SELECT name, price FROM Dish WHERE price > ${5} ORDER BY id`, [{ name: "kibbeh", price: 5.5 }, { name: "shakriyeh", price: 6 }]);
    assert.equal(await prisma.$executeRaw`UPDATE Dish SET price = ${1} WHERE name = ${"fattoush"}`, 1);
});

test("errors say what SQLite says; Prisma's own code comes where Prisma finds the mistake itself", async () => {
    // over HTTP no libSQL server tells the client the number (rawCode) from which the adapter would make P2002 and P2003
    for (const work of [() => prisma.shop.create({ data: { name: "Ali" } }), () => prisma.$transaction((tx) => tx.shop.create({ data: { name: "Ali" } }))]) {
        assert.equal((await fails(work, null, /UNIQUE constraint failed: Shop\.name/)).code, "P2039");
    }
    await fails(prisma.shop.update({ where: { id: 99 }, data: { name: "x" } }), "P2025", /not found/i);
    await fails(prisma.$queryRaw`SELECT * FROM missing`, "P2010", /no such table/);
});

test("a read-only token and a URL without the slash change nothing; a delete cascades", async () => {
    for (const [other, message] of [[open(readOnlyToken), /readonly|read-only/i], [open(wideToken, url.slice(0, -1)), /slash/]]) {
        await fails(other.dish.deleteMany(), null, message);
        await other.$disconnect();
    }
    assert.equal(await prisma.dish.count(), 3);
    await prisma.shop.delete({ where: { id: 1 } });
    assert.equal(await prisma.dish.count(), 1);
});

test("upstream reads integers as doubles: one beyond 2^53 is written exactly, and cannot be read", async () => {
    await prisma.$executeRaw`INSERT INTO Shop (name, big) VALUES ('big', 9007199254740993)`;
    await fails(prisma.shop.findUnique({ where: { name: "big" } }), null, /too large/);
    assert.deepEqual(await prisma.$queryRaw`SELECT CAST(big AS TEXT) AS big FROM Shop WHERE name = 'big'`, [{ big: "9007199254740993" }]);
});
