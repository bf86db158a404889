// SPDX-License-Identifier: Apache-2.0
// Payload CMS, headless (its local API), with @payloadcms/db-sqlite: its dev push makes the schema of a configuration, and changes it when
// that changes; documents with locales, arrays, blocks, relations, drafts and versions; logins; transactions.
// Note: a field that changes its type makes the push build its table anew, which is drizzle's way for SQLite. Its rows, and those that point
// there, stay, but the push then stops at an index that is there already (with `file:` too): the next start goes on. A value that is taken
// is told as a failed query and not with its field: Payload looks for extended codes, which its client has for files only.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createClient } from "@libsql/client";
import { forms, start } from "../lib/payload-app.js";
import { run } from "../lib/own-server.js";
import { fails, otherToken, otherUrl, token, url } from "../lib/fixture.js";

const home = fileURLToPath(new URL("..", import.meta.url));
const prompts = createRequire(import.meta.resolve("@payloadcms/db-sqlite"))("prompts"); // to answer what the push asks

const kibbeh = (shop, user) => ({
    title: "kibbeh", price: 4.5, since: "2026-01-02T03:04:05.678Z", kinds: ["hot", "cold"], shop, seenBy: [{ relationTo: "users", value: user }, { relationTo: "shops", value: shop }],
    sizes: [{ label: "s", grams: 100 }, { label: "l", grams: 300.5 }], layout: [{ blockType: "quote", text: "جيد" }, { blockType: "picture", alt: "a dish", width: 10 }],
    extra: { a: [1, { b: null }] }, place: [37.16, 36.2],
});

/** Runs a program in a terminal and picks what fits `choice` wherever it asks with a list; answers what it printed. */
async function pick(choice, ...command) {
    const child = spawn("script", ["-qefc", command.map((word) => `'${word}'`).join(" "), "/dev/null"], { stdio: ["pipe", "pipe", "inherit"], timeout: 40000 });
    let printed = "", done = false;
    child.stdout.setEncoding("utf8").on("data", (part) => (printed += part));
    child.once("exit", () => (done = true));
    // a key that is typed before the list listens is lost, so it is looked at again and again what stands behind its pointer
    for (let at; !done; await new Promise((next) => setTimeout(next, 200))) {
        const line = /.*/.exec(printed.slice(at = printed.lastIndexOf("\u276f")))[0];
        if (at >= 0) child.stdin.write(choice.test(line) ? "\r" : "\x1b[B");
    }
    assert.equal(child.exitCode, 0, printed);
    return printed;
}

for (const [name, where, authToken] of [["HTTP", url, token], ["WebSocket", otherUrl.replace(/^http/, "ws"), otherToken]]) {
    const client = createClient({ url: where, authToken });
    const rows = async (sql) => (await client.execute(sql)).rows.map((row) => Array.from(row));
    const schema = () => rows("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name");
    const columns = async (table) => (await rows(`SELECT name FROM pragma_table_info('${table}')`)).flat();
    const titles = async (query) => (await payload.find({ collection: "dishes", sort: "id", ...query })).docs.map((dish) => dish.title);
    let payload, shop, user;
    after(async () => {
        await payload?.end();
        client.close();
    });
    const restart = async (form) => {
        await payload?.end();
        payload = undefined;
        payload = await start(where, authToken, forms[form]);
    };

    test(`${name}: the first push makes tables, indexes and foreign keys; a second start changes nothing`, async () => {
        await restart("first");
        const made = await schema();
        const tables = made.map(([table]) => table);
        for (const table of ["users", "users_sessions", "shops", "dishes", "dishes_locales", "dishes_sizes", "dishes_kinds", "dishes_rels", "dishes_blocks_quote", "_dishes_v", "_dishes_v_locales", "payload_migrations"]) assert.ok(tables.includes(table), table);
        assert.ok(tables.includes("dishes_title_idx") && tables.includes("shops_name_idx"));
        assert.deepEqual(await rows("SELECT \"table\", on_delete FROM pragma_foreign_key_list('dishes_sizes')"), [["dishes", "CASCADE"]]);
        await restart("first");
        assert.deepEqual(await schema(), made);
        assert.deepEqual(await rows("SELECT name, batch FROM payload_migrations"), [["dev", -1]]);
    });

    test(`${name}: a document with relations, arrays, blocks and two languages comes back as it went`, async () => {
        shop = await payload.create({ collection: "shops", data: { name: "Ali", rating: "5" } });
        user = await payload.create({ collection: "users", data: { email: "hala@example.com", password: "bread and salt", name: "Hala" } });
        const { id } = await payload.create({ collection: "dishes", data: { ...kibbeh(shop.id, user.id), _status: "published" } });
        await payload.update({ collection: "dishes", id, locale: "ar", data: { title: "كبة" } });
        const flat = await payload.findByID({ collection: "dishes", id, depth: 0 });
        for (const row of [...flat.sizes, ...flat.layout]) delete row.id;
        for (const block of flat.layout) delete block.blockName;
        for (const [key, value] of Object.entries(kibbeh(shop.id, user.id))) assert.deepEqual(flat[key], value, key);
        assert.equal(flat.halal, true);
        const deep = await payload.findByID({ collection: "dishes", id, depth: 2, locale: "ar" });
        assert.deepEqual([deep.title, deep.shop.name, deep.seenBy.map(({ value }) => value.name)], ["كبة", "Ali", ["Hala", "Ali"]]);
        assert.deepEqual((await payload.findByID({ collection: "dishes", id, locale: "all" })).title, { en: "kibbeh", ar: "كبة" });
    });

    test(`${name}: find by what and in which order, update, delete, a name that is taken`, async () => {
        for (let i = 1; i <= 12; i++) await payload.create({ collection: "dishes", data: { title: `soup ${i}`, price: i, shop: i % 2 ? shop.id : undefined, sizes: [{ label: `b${i}`, grams: i * 10 }], _status: "published" } });
        const page = await payload.find({ collection: "dishes", where: { title: { like: "soup" } }, sort: "-price", limit: 5, page: 2 });
        assert.deepEqual([page.docs.map((dish) => dish.price), page.totalDocs, page.totalPages, page.hasNextPage], [[7, 6, 5, 4, 3], 12, 3, true]);
        assert.deepEqual(await titles({ where: { and: [{ price: { greater_than: 9 } }, { "shop.name": { equals: "Ali" } }] } }), ["soup 11"]);
        assert.deepEqual(await titles({ where: { "sizes.grams": { in: [20, 30] } } }), ["soup 2", "soup 3"]);
        assert.deepEqual(await titles({ where: { kinds: { in: ["cold"] } } }), ["kibbeh"]);
        assert.deepEqual(await titles({ where: { since: { less_than: "2026-02-01T00:00:00.000Z" } } }), ["kibbeh"]);
        assert.deepEqual(await titles({ where: { "layout.text": { equals: "جيد" } } }), ["kibbeh"]);
        const changed = await payload.update({ collection: "dishes", where: { price: { less_than: 4 } }, data: { halal: false, sizes: [{ label: "only", grams: 1 }] } });
        assert.deepEqual([changed.docs.length, changed.errors], [3, []]);
        assert.deepEqual(await rows("SELECT count(*), sum(halal) FROM dishes"), [[13, 10]]);
        const gone = await payload.delete({ collection: "dishes", where: { price: { greater_than: 10 } } });
        assert.equal(gone.docs.length, 2);
        assert.deepEqual(await rows("SELECT count(*) FROM dishes_sizes"), [[12]]);
        assert.equal((await payload.count({ collection: "dishes" })).totalDocs, 11);
        const taken = await fails(payload.create({ collection: "shops", data: { name: "Ali" } }), undefined, /insert into "shops"/);
        assert.match(taken.cause.message, /UNIQUE constraint failed: shops\.name/);
        assert.deepEqual(await rows("SELECT count(*) FROM shops"), [[1]]);
    });

    test(`${name}: drafts do not touch what is published, and a version is restored`, async () => {
        const { docs: [{ id }] } = await payload.find({ collection: "dishes", where: { title: { equals: "kibbeh" } } });
        for (const title of ["kibbeh nayyeh", "kibbeh labaniyeh"]) await payload.update({ collection: "dishes", id, draft: true, data: { title, _status: "draft" } });
        assert.equal((await payload.findByID({ collection: "dishes", id })).title, "kibbeh");
        assert.equal((await payload.findByID({ collection: "dishes", id, draft: true })).title, "kibbeh labaniyeh");
        const { docs } = await payload.findVersions({ collection: "dishes", where: { parent: { equals: id } }, sort: "-updatedAt" });
        assert.deepEqual(docs.slice(0, 2).map(({ version }) => [version.title, version.sizes.length]), [["kibbeh labaniyeh", 2], ["kibbeh nayyeh", 2]]);
        assert.deepEqual([docs.filter(({ latest }) => latest).length, (await payload.countVersions({ collection: "dishes", where: { parent: { equals: id } } })).totalDocs], [1, docs.length]);
        await payload.restoreVersion({ collection: "dishes", id: docs[1].id });
        assert.equal((await payload.findByID({ collection: "dishes", id, draft: true })).title, "kibbeh nayyeh");
    });

    test(`${name}: login, what the token is good for, and a lock after too many wrong passwords`, async () => {
        const login = (password) => payload.login({ collection: "users", data: { email: "hala@example.com", password } });
        const { token: jwt, user: me } = await login("bread and salt");
        assert.equal(me.email, "hala@example.com");
        const headers = new Headers({ authorization: `JWT ${jwt}` });
        assert.equal((await payload.auth({ headers })).user.id, user.id);
        assert.deepEqual(await rows(`SELECT count(*) FROM users_sessions WHERE _parent_id = ${user.id}`), [[1]]);
        for (let i = 0; i < 3; i++) await fails(login("wrong"), undefined, /incorrect|locked/i);
        await fails(login("bread and salt"), undefined, /locked/i);
        await payload.unlock({ collection: "users", data: { email: "hala@example.com" }, overrideAccess: true });
        assert.ok((await login("bread and salt")).token);
    });

    test(`${name}: transactions: rolled back, committed, unseen until then, and many at once`, async () => {
        const add = (req, what) => payload.create({ collection: "ledger", data: { what, amount: "1" }, req });
        const kept = () => rows("SELECT what FROM ledger ORDER BY id");
        const back = { transactionID: await payload.db.beginTransaction() };
        await add(back, "no");
        assert.equal((await payload.count({ collection: "ledger", req: back })).totalDocs, 1);
        assert.deepEqual(await kept(), []);
        await payload.db.rollbackTransaction(back.transactionID);
        const commit = { transactionID: await payload.db.beginTransaction() };
        await add(commit, "yes");
        await add(commit, "and this");
        await payload.db.commitTransaction(commit.transactionID);
        assert.deepEqual(await kept(), [["yes"], ["and this"]]);
        await Promise.all(Array.from({ length: 20 }, (_, i) => payload.create({ collection: "ledger", data: { what: `at once ${i}`, amount: `${i}` } })));
        assert.deepEqual(await rows("SELECT count(*), sum(amount) FROM ledger"), [[22, 192]]);
    });

    test(`${name}: a push with new fields adds columns and tables and keeps every row`, async () => {
        const before = await rows("SELECT id, name, rating FROM shops"), sizes = await rows("SELECT * FROM dishes_sizes ORDER BY id");
        await restart("added");
        assert.ok((await columns("shops")).includes("city"));
        assert.ok((await columns("dishes_locales")).includes("note"));
        assert.deepEqual(await columns("dishes_tags"), ["_order", "_parent_id", "id", "tag"]);
        assert.deepEqual(await rows("SELECT id, name, rating FROM shops"), before);
        assert.deepEqual(await rows("SELECT * FROM dishes_sizes ORDER BY id"), sizes);
        assert.equal((await payload.create({ collection: "shops", data: { name: "Hara" } })).city, "Aleppo");
        const { docs: [{ id }] } = await payload.find({ collection: "dishes", where: { price: { equals: 5 } } });
        const noted = await payload.update({ collection: "dishes", id, data: { note: "hot", tags: [{ tag: "red" }] } });
        assert.deepEqual([noted.note, noted.tags[0].tag, noted.sizes[0].label, noted.shop.name], ["hot", "red", "b5", "Ali"]);
    });

    test(`${name}: a push that drops a table and changes the type of a column asks first; rows stay, as what they now are`, async () => {
        prompts.inject([true]);
        await restart("retyped");
        assert.deepEqual(await columns("dishes_tags"), []);
        assert.deepEqual(await rows("SELECT type FROM pragma_table_info('ledger') WHERE name = 'amount'"), [["numeric"]]);
        assert.deepEqual(await rows("SELECT typeof(amount), count(*), sum(amount) FROM ledger"), [["integer", 22, 192]]);
        assert.equal((await payload.create({ collection: "ledger", data: { what: "half", amount: 0.5 } })).amount, 0.5);
        assert.equal((await payload.count({ collection: "dishes" })).totalDocs, 11);
    });

    if (name === "HTTP") test(`${name}: a push that renames a column, as answered in a terminal, keeps what is in it`, async () => {
        const before = await rows("SELECT id, name, rating FROM shops");
        await payload.end();
        const said = await pick(/rating.*rename column/, process.execPath, join(home, "lib/payload-app.js"), where, authToken);
        assert.deepEqual(await columns("shops"), ["id", "name", "stars", "updated_at", "created_at", "city"], said);
        assert.deepEqual(await rows("SELECT id, name, stars FROM shops"), before);
        payload = await start(where, authToken, forms.renamed);
        assert.equal((await payload.find({ collection: "shops", where: { stars: { equals: "5" } } })).docs[0].name, "Ali");
    });

    test(`${name}: a push that makes a table anew, for a type, keeps the rows of other tables that point there`, async () => {
        const seen = async () => [await rows("SELECT id, name FROM shops ORDER BY id"), await rows("SELECT title, shop_id FROM dishes d JOIN dishes_locales l ON l._parent_id = d.id ORDER BY 1"), await rows("SELECT * FROM dishes_rels ORDER BY id")];
        const before = await seen();
        assert.ok(before[1].some(([, shop_id]) => shop_id === shop.id) && before[2].length > 0);
        const [form, column] = name === "HTTP" ? ["rebuilt", "stars"] : ["rebuiltAsIs", "rating"];
        prompts.inject([true]);
        await assert.rejects(restart(form), (error) => /index shops_name_idx already exists/.test(error.cause?.message)); // drizzle-kit's, with file: too
        await restart(form);
        assert.deepEqual(await rows(`SELECT type FROM pragma_table_info('shops') WHERE name = '${column}'`), [["numeric"]]);
        assert.deepEqual(await seen(), before);
        assert.deepEqual(await rows("PRAGMA foreign_key_check"), []);
        assert.equal((await payload.find({ collection: "shops", where: { [column]: { greater_than: 4 } } })).docs[0][column], 5);
    });

    test(`${name}: without the push, migrations change the schema, down too`, async () => {
        const migrations = [{ name: "halls", up: ({ db }) => db.run("CREATE TABLE halls (id integer PRIMARY KEY, seats integer)"), down: ({ db }) => db.run("DROP TABLE halls") }];
        await rows("DELETE FROM payload_migrations");
        await payload.db.migrate({ migrations });
        assert.deepEqual(await columns("halls"), ["id", "seats"]);
        assert.deepEqual(await rows("SELECT name, batch FROM payload_migrations"), [["halls", 1]]);
        await payload.db.migrate({ migrations });
        assert.deepEqual(await rows("SELECT count(*) FROM payload_migrations"), [[1]]);
    });
}

test("drizzle-kit pulls a schema that has what Payload made", async () => {
    const folder = mkdtempSync(join(home, "node_modules", ".payload-"));
    after(() => rmSync(folder, { recursive: true }));
    const inHome = (name) => `./${relative(home, join(folder, name))}`;
    writeFileSync(join(folder, "drizzle.config.json"), JSON.stringify({ dialect: "turso", out: inHome("out"), dbCredentials: { url, authToken: token } }));
    await run(join(home, "node_modules/.bin/drizzle-kit"), ["pull", "--config", inHome("drizzle.config.json")], { cwd: home });
    const pulled = readFileSync(join(folder, "out", "schema.ts"), "utf8");
    assert.match(pulled, /export const dishesSizes = sqliteTable\("dishes_sizes"/);
    assert.match(pulled, /parentId: integer\("_parent_id"\)\.notNull\(\)\.references\(\(\) => dishes\.id, \{ onDelete: "cascade" \} \)/);
    assert.match(pulled, /uniqueIndex\("shops_name_idx"\)/);
});
