// SPDX-License-Identifier: Apache-2.0
// drizzle-kit, dialect turso: a schema file is pushed, changed and pushed again, and what the database then has is pulled back.
// Changes of a column go by libSQL's ALTER COLUMN; rows, indexes and foreign keys stay.
// Note: `push --force` empties a table by itself before it adds a column with NOT NULL to it, on every server.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createClient } from "@libsql/client";
import { run } from "../lib/own-server.js";
import { fails, token, url } from "../lib/fixture.js";

const home = fileURLToPath(new URL("..", import.meta.url)); // drizzle-kit finds the packages from here
const folder = mkdtempSync(join(home, "node_modules", ".drizzle-"));
const inHome = (name) => `./${relative(home, join(folder, name))}`;
const client = createClient({ url, authToken: token });
const rows = async (sql) => (await client.execute(sql)).rows.map((row) => Array.from(row));
const columns = (table) => rows(`SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info('${table}')`);

/** Writes the schema file with these columns of a shop. */
function writeSchema(shop, dish = "") {
    writeFileSync(join(folder, "schema.js"), `
        import { index, integer, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
        export const shops = sqliteTable("shops", { id: integer("id").primaryKey({ autoIncrement: true }), ${shop} },
            (table) => [uniqueIndex("shops_name").on(table.name)]);
        export const dishes = sqliteTable("dishes", {
            id: integer("id").primaryKey(),
            shopId: integer("shop_id").notNull().references(() => shops.id, { onDelete: "cascade" }),
            name: text("name").notNull(), ${dish}
        }, (table) => [index("dishes_shop").on(table.shopId)]);`);
}

async function kit(...args) {
    const { stdout, stderr } = await run(join(home, "node_modules/.bin/drizzle-kit"), [...args, "--config", inHome("drizzle.config.json")], { cwd: home });
    return stdout + stderr;
}

before(() => writeFileSync(join(folder, "drizzle.config.json"), JSON.stringify({
    dialect: "turso", schema: inHome("schema.js"), out: inHome("out"), dbCredentials: { url, authToken: token },
})));
after(() => {
    client.close();
    rmSync(folder, { recursive: true });
});

test("push makes the tables, indexes and foreign keys of the schema", async () => {
    writeSchema(`name: text("name").notNull(), rating: text("rating"), open: integer("open", { mode: "boolean" }).default(true)`);
    assert.match(await kit("push", "--force"), /Changes applied/);
    assert.deepEqual(await columns("shops"), [["id", "INTEGER", 1, null, 1], ["name", "TEXT", 1, null, 0], ["rating", "TEXT", 0, null, 0], ["open", "INTEGER", 0, "true", 0]]);
    assert.deepEqual(await rows("SELECT \"table\", \"from\", \"to\", on_delete FROM pragma_foreign_key_list('dishes')"), [["shops", "shop_id", "id", "CASCADE"]]);
    await client.batch(["INSERT INTO shops (name, rating) VALUES ('Ali', '5'), ('Hara', NULL)", "INSERT INTO dishes (shop_id, name) VALUES (1, 'kibbeh')"], "write");
    assert.match(await kit("push", "--force"), /No changes detected/);
});

test("push after changes of columns alters them and keeps the rows", async () => {
    writeSchema(`name: text("name").notNull(), rating: integer("rating").notNull().default(3), open: integer("open", { mode: "boolean" }).default(false), city: text("city")`,
        `price: real("price").default(2.5)`);
    assert.match(await kit("push", "--force"), /Changes applied/);
    assert.deepEqual(await columns("shops"), [["id", "INTEGER", 1, null, 1], ["name", "TEXT", 1, null, 0], ["rating", "INTEGER", 1, "3", 0],
        ["open", "INTEGER", 0, "false", 0], ["city", "TEXT", 0, null, 0]]);
    assert.deepEqual(await rows("SELECT name, open FROM shops ORDER BY id"), [["Ali", 1], ["Hara", 1]]);
    await fails(client.execute("INSERT INTO shops (name, rating) VALUES ('x', NULL)"), "SQLITE_CONSTRAINT", /NOT NULL constraint failed: shops.rating/);
    await fails(client.execute("INSERT INTO shops (name) VALUES ('Ali')"), "SQLITE_CONSTRAINT", /UNIQUE constraint failed: shops.name/);
    assert.deepEqual(await rows("SELECT d.name, d.price FROM dishes d JOIN shops s ON s.id = d.shop_id"), [["kibbeh", 2.5]]);
});

test("a new foreign key and its index come by push too", async () => {
    writeSchema(`name: text("name").notNull(), rating: integer("rating").notNull().default(3), open: integer("open", { mode: "boolean" }).default(false), city: text("city")`,
        `price: real("price").default(2.5), sideOf: integer("side_of").references(() => dishes.id)`);
    await kit("push", "--force");
    writeSchema(`name: text("name").notNull(), rating: integer("rating"), open: integer("open", { mode: "boolean" }), city: text("city").notNull().default("Aleppo")`,
        `price: real("price").notNull().default(9), sideOf: integer("side_of").references(() => dishes.id, { onDelete: "set null" })`);
    assert.match(await kit("push", "--force"), /Changes applied/);
    assert.deepEqual((await rows("SELECT \"table\", \"from\", on_delete FROM pragma_foreign_key_list('dishes') ORDER BY 2")),
        [["shops", "shop_id", "CASCADE"], ["dishes", "side_of", "SET NULL"]]);
    assert.deepEqual(await rows("PRAGMA foreign_key_check"), []);
    // rows are older than the column that ADD made: a new default is not theirs
    assert.deepEqual(await rows("SELECT name, price FROM dishes"), [["kibbeh", 2.5]]);
    assert.match(await kit("push", "--force"), /No changes detected/);
});

test("pull writes a schema that says the same", async () => {
    await kit("pull");
    const pulled = readFileSync(join(folder, "out", "schema.ts"), "utf8");
    assert.match(pulled, /city: text\(\)\.default\("Aleppo"\)\.notNull\(\)/);
    assert.match(pulled, /rating: integer\(\)/);
    assert.match(pulled, /onDelete\("set null"\)/);
    assert.match(pulled, /uniqueIndex\("shops_name"\)/);
});
