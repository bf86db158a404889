// SPDX-License-Identifier: Apache-2.0
// What runs inside another runtime than Node (workerd, Bun, Deno), and tells what it saw as JSON; integers beyond a double and bytes
// are told as text. lib/flow-tests.js compares it.
const plain = (value) => value instanceof ArrayBuffer ? [...new Uint8Array(value)].join() : typeof value === "bigint" ? `${value}n` : value;
const cells = (result) => result.rows.map((row) => Array.from(row, plain));

/** The flows of one import of the client: {createClient, LibsqlError}. */
export function flowsOf({ createClient, LibsqlError }) {
    const error = async (work) => {
        try {
            await work();
            return null;
        } catch (caught) {
            return { libsql: caught instanceof LibsqlError, code: caught.code, message: caught.message };
        }
    };
    const flows = {
        async execute(db) {
            await db.execute("CREATE TABLE dish (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, price REAL, photo BLOB)");
            const put = await db.execute({
                sql: "INSERT INTO dish (name, price, photo) VALUES (?, ?, ?)",
                args: ["kibbeh حلب", 4.5, Uint8Array.of(0, 255, 1)],
            });
            await db.execute({ sql: "INSERT INTO dish (name) VALUES (:name)", args: { name: "fattoush" } });
            const got = await db.execute("SELECT * FROM dish ORDER BY id");
            return { rowsAffected: put.rowsAffected, rowid: plain(put.lastInsertRowid), columns: got.columns, types: got.columnTypes, rows: cells(got) };
        },
        async batch(db) {
            const done = await db.batch(["INSERT INTO dish (name) VALUES ('a')", { sql: "INSERT INTO dish (name) VALUES (?)", args: ["b"] }, "SELECT count(*) FROM dish"], "write");
            const failed = await error(() => db.batch(["INSERT INTO dish (name) VALUES ('c')", "INSERT INTO dish (name) VALUES ('a')"], "write"));
            const read = await db.batch(["SELECT count(*) FROM dish"], "read");
            return { done: cells(done[2]), failed, read: cells(read[0]) };
        },
        async transaction(db) {
            const seen = [];
            for (const end of ["commit", "rollback", "close"]) {
                const tx = await db.transaction("write");
                await tx.execute("UPDATE dish SET price = ifnull(price, 0) + 1");
                seen.push(cells(await tx.execute("SELECT price FROM dish WHERE id = 1"))[0][0]);
                await tx[end]();
                seen.push(cells(await db.execute("SELECT price FROM dish WHERE id = 1"))[0][0]);
            }
            return seen;
        },
        async script(db) {
            await db.executeMultiple("CREATE TABLE one (a); INSERT INTO one VALUES (1); INSERT INTO one VALUES (2);");
            await db.migrate(["ALTER TABLE one ADD COLUMN b DEFAULT 'x'"]);
            return cells(await db.execute("SELECT * FROM one ORDER BY a"));
        },
        async integers(db, env) {
            const big = createClient({ url: env.URL, authToken: env.TOKEN, intMode: "bigint" });
            const { rows } = await big.execute({ sql: "SELECT ?, ?, 9007199254740993", args: [9223372036854775807n, -9223372036854775808n] });
            big.close();
            return Array.from(rows[0], plain);
        },
        async rows(db) {
            const { rows } = await db.execute("WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000) SELECT n, 'row ' || n FROM c");
            return { n: rows.length, ordered: rows.every((row, i) => row[0] === i + 1 && row[1] === `row ${i + 1}`) };
        },
        async together(db) {
            await db.execute("CREATE TABLE hit (who INTEGER PRIMARY KEY)");
            await Promise.all(Array.from({ length: 40 }, (_, i) => db.execute({ sql: "INSERT INTO hit VALUES (?)", args: [BigInt(i)] })));
            return cells(await db.execute("SELECT count(*), sum(who) FROM hit"));
        },
        async errors(db, env) {
            const reader = createClient({ url: env.URL, authToken: env.READ_ONLY_TOKEN });
            const stranger = createClient({ url: env.URL, authToken: env.OTHER_TOKEN });
            const trap = createClient({ url: env.NO_SLASH_URL ?? env.URL.slice(0, -1), authToken: env.WIDE_TOKEN });
            return {
                missing: await error(() => db.execute("SELECT * FROM missing")),
                syntax: await error(() => db.execute("SELEC 1")),
                unique: await error(() => db.execute("INSERT INTO dish (name) VALUES ('a')")),
                readOnly: await error(() => reader.execute("DELETE FROM dish")),
                stranger: await error(() => stranger.execute("SELECT 1")),
                noSlash: await error(() => trap.execute("DELETE FROM dish")),
                left: cells(await db.execute("SELECT count(*) FROM dish")),
            };
        },
    };
    return async (name, env) => {
        const db = createClient({ url: env.URL, authToken: env.TOKEN });
        try {
            return { result: await flows[name](db, env) };
        } catch (caught) {
            return { thrown: `${caught.code ?? ""} ${caught.stack ?? caught}` };
        } finally {
            db.close();
        }
    };
}
