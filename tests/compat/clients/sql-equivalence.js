// SPDX-License-Identifier: Apache-2.0
// libSQL's own SQL, run twice: by the real libSQL engine in this process (npm libsql, a database in memory) and by the server over
// http. Each statement must give the same rows, or fail in both for the same reason.
// Note: where the server differs on purpose, docs/reference/libsql.md says so, and the test says what each of the two does.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import Database from "libsql";
import { token, url } from "../lib/fixture.js";
import { run, startTrib } from "../lib/own-server.js";

let engine, session;
before(() => {
    engine = new Database(":memory:");
});
after(() => engine.close());

/** What a message is about, without the words around it. */
const REASONS = [/no such table/, /no such column/, /cannot also rename column/, /(UNIQUE|PRIMARY KEY|GENERATED) constraint cannot be altered/,
    /(NOT NULL|CHECK|UNIQUE|FOREIGN KEY) constraint failed/, /AUTOINCREMENT not allowed on RANDOM ROWID tables/, /missing datatype/,
    /unknown table option/, /incomplete input/, /syntax error/, /no such savepoint/, /within a transaction/, /no transaction is active/, /cannot store/];
const reason = (message) => REASONS.map((pattern) => pattern.exec(message)?.[0]).find(Boolean) ?? message;
const plain = (value) => typeof value === "bigint" ? Number(value) : value;

function inEngine(sql) {
    try {
        const statement = engine.prepare(sql);
        return statement.reader ? statement.raw().all().map((row) => row.map(plain)) : void statement.run() ?? [];
    } catch (error) {
        return reason(error.message);
    }
}

/** Everything is one session of the server, as it is one connection of the engine. */
async function inServer(sql) {
    const answer = await fetch(new URL("v3/pipeline", url), {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify({ baton: session, requests: [{ type: "execute", stmt: { sql } }] }),
    });
    const { baton, results: [{ type, response, error }] } = await answer.json();
    session = baton;
    if (type === "error") return reason(error.message);
    return response.result.rows.map((row) => row.map((cell) => cell.type === "integer" ? Number(cell.value) : cell.value ?? null));
}

async function same(...statements) {
    for (const sql of statements) assert.deepEqual(await inServer(sql), inEngine(sql), sql);
}

const SCHEMA = "SELECT sql FROM sqlite_schema WHERE name = 't'";

test("ALTER COLUMN: types, constraints and references, and what new rows then must obey", () => same(
    "CREATE TABLE p (q INTEGER PRIMARY KEY)",
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, \"b c\" INT NOT NULL DEFAULT 5, d, CHECK (d <> 'no'))",
    "INSERT INTO t (a, d) VALUES ('x', 1), (NULL, 2)",
    "ALTER TABLE t ALTER COLUMN a TO a INTEGER NOT NULL", SCHEMA,
    "SELECT * FROM t", "INSERT INTO t (a) VALUES (NULL)",
    "ALTER TABLE t ALTER COLUMN \"b c\" TO \"b c\" REAL CHECK (\"b c\" < 100) DEFAULT 7", SCHEMA,
    "INSERT INTO t (a, \"b c\") VALUES (1, 100)", "INSERT INTO t (a) VALUES (1)", "SELECT typeof(\"b c\"), \"b c\" FROM t ORDER BY id",
    "ALTER TABLE t ALTER COLUMN d TO d", "ALTER TABLE t ALTER COLUMN d TO d INT REFERENCES p (q) ON DELETE SET NULL", SCHEMA,
    "PRAGMA foreign_keys = ON", "INSERT INTO t (a, d) VALUES (1, 99)", "PRAGMA foreign_key_list(t)",
    "alter table T alter column D to D varchar(10) collate nocase constraint k not null", SCHEMA,
    "SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info('t')",
));

test("ALTER COLUMN: what is refused, for the same reason", () => same(
    "CREATE TABLE r (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b INT, g AS (b + 1))", "CREATE VIEW v AS SELECT a FROM r",
    "ALTER TABLE none ALTER COLUMN a TO a INT", "ALTER TABLE r ALTER COLUMN none TO none INT", "ALTER TABLE r ALTER COLUMN rowid TO rowid INT",
    "ALTER TABLE r ALTER COLUMN b TO c INT", "ALTER TABLE r ALTER COLUMN b TO id INT",
    "ALTER TABLE r ALTER COLUMN a TO a TEXT", "ALTER TABLE r ALTER COLUMN b TO b INT UNIQUE", "ALTER TABLE r ALTER COLUMN id TO id INT",
    "ALTER TABLE r ALTER COLUMN b TO b INT AS (id)", "ALTER TABLE r ALTER COLUMN g TO g INT",
    "ALTER TABLE r ALTER COLUMN b TO b INT, c INT", "ALTER TABLE r ALTER COLUMN b TO", "ALTER TABLE r ALTER b TO b INT",
    "SELECT sql FROM sqlite_schema WHERE name = 'r'",
));

test("ALTER COLUMN inside transactions and savepoints is undone with them", () => same(
    "CREATE TABLE tx (a TEXT)", "BEGIN", "ALTER TABLE tx ALTER COLUMN a TO a INT NOT NULL", "INSERT INTO tx VALUES (NULL)", "ROLLBACK",
    "INSERT INTO tx VALUES (NULL)", "SAVEPOINT s", "ALTER TABLE tx ALTER COLUMN a TO a BLOB", "ROLLBACK TO s", "RELEASE s",
    "SELECT sql FROM sqlite_schema WHERE name = 'tx'", "BEGIN IMMEDIATE", "ALTER TABLE tx ALTER COLUMN a TO a BLOB", "COMMIT",
    "SELECT sql FROM sqlite_schema WHERE name = 'tx'",
));

test("RANDOM ROWID: the same statements are taken, the same refused, and rowids are drawn", () => same(
    "CREATE TABLE w (a) RANDOM ROWID", "INSERT INTO w VALUES (1), (2)", "INSERT INTO w SELECT 3", "SELECT min(rowid) > 1000, count(*) FROM w",
    "SELECT last_insert_rowid() > 1000", "INSERT INTO w (rowid, a) VALUES (5, 5)", "SELECT min(rowid) FROM w",
    "ALTER TABLE w RENAME TO w2", "DELETE FROM w2", "INSERT INTO w2 VALUES (1), (2), (3)", "SELECT min(rowid) > 1000 FROM w2",
    "CREATE TABLE k (id INTEGER PRIMARY KEY, a) RANDOM ROWID", "INSERT INTO k (a) VALUES (1), (2)", "SELECT min(id) > 1000 FROM k",
    "CREATE TABLE no (id INTEGER PRIMARY KEY AUTOINCREMENT) RANDOM ROWID", "CREATE TABLE st (a INT) STRICT, RANDOM ROWID",
    "CREATE TABLE bad (a) STRICT, RANDOM ROWID", "CREATE TABLE wr (a PRIMARY KEY) WITHOUT ROWID, RANDOM ROWID",
    "CREATE TABLE s AS SELECT 1 RANDOM ROWID", "INSERT INTO st VALUES ('x')",
));

test("READONLY transactions and savepoints", () => same(
    "BEGIN READONLY", "SELECT count(*) FROM w2", "COMMIT", "BEGIN TRANSACTION READONLY", "ROLLBACK", "BEGIN READONLY TRANSACTION", "BEGIN", "END",
    "ROLLBACK", "SAVEPOINT a", "INSERT INTO w2 VALUES (9)", "SAVEPOINT b", "DELETE FROM w2", "ROLLBACK TRANSACTION TO SAVEPOINT b",
    "RELEASE SAVEPOINT a", "SELECT count(*) FROM w2", "RELEASE a", "ROLLBACK TO a",
));

test("on purpose different: old rows keep their default, and an unknown collation is refused", async () => {
    await same("CREATE TABLE o (a)", "INSERT INTO o VALUES (1)", "ALTER TABLE o ADD COLUMN k DEFAULT 7", "ALTER TABLE o ALTER COLUMN k TO k DEFAULT 8");
    assert.deepEqual(await inServer("SELECT k FROM o"), [[7]]);
    assert.deepEqual(inEngine("SELECT k FROM o"), [[8]]);
    assert.match(await inServer("ALTER TABLE o ALTER COLUMN k TO k COLLATE none"), /no such collation sequence: none/);
    assert.deepEqual(inEngine("ALTER TABLE o ALTER COLUMN k TO k COLLATE none"), []);
});

test("libsql_server_database_name() is the tenant's name", async () => {
    assert.deepEqual(await inServer("SELECT libsql_server_database_name()"), [["sql-equivalence"]]);
});

test("a file that libSQL wrote becomes a tenant: rowids are still drawn, what an index of vectors kept is left out", async () => {
    const folder = mkdtempSync(join(tmpdir(), "trib-libsql-file-"));
    const trib = async (...args) => (await run(process.env.COMPAT_BIN, [...args, "--data", join(folder, "data")], { timeout: 30000 })).stdout;
    const file = new Database(join(folder, "app.db"));
    file.exec("CREATE TABLE r (a) RANDOM ROWID; CREATE TABLE s (id INTEGER PRIMARY KEY, v ANY) STRICT, RANDOM ROWID");
    file.exec("CREATE TABLE w (id PRIMARY KEY) WITHOUT ROWID, RANDOM ROWID; CREATE TABLE plain (a); INSERT INTO plain VALUES (1)");
    file.exec("INSERT INTO r VALUES (1), (2); ALTER TABLE r ADD COLUMN z; ALTER TABLE r RENAME TO r2");
    file.exec("CREATE TABLE m (a, e F32_BLOB(3)); CREATE INDEX v ON m (libsql_vector_idx(e)); INSERT INTO m VALUES (1, vector('[1,2,3]'))");
    const before = file.prepare("SELECT rowid, a FROM r2 ORDER BY a").safeIntegers().raw().all().map((row) => row.join());
    file.close();
    const server = await startTrib(["serve", "--data", join(folder, "data")], /^admin /m);
    try {
        assert.match(await trib("import", "db", join(folder, "app.db"), "moved"), /^imported moved /);
        const said = async (sql) => (await trib("shell", "moved", "--mode", "csv", "--sql", sql)).trim().split("\n").slice(1);
        assert.deepEqual(await said("SELECT rowid, a FROM r2 ORDER BY a"), before);
        await said("INSERT INTO r2 (a) VALUES (3), (4)");
        await said("INSERT INTO s (v) VALUES (1), (2)");
        await said("INSERT INTO plain VALUES (2)");
        assert.deepEqual(await said("SELECT count(*), min(rowid) > 1000 FROM r2"), ["4,1"]);
        assert.deepEqual(await said("SELECT count(*), min(id) > 1000 FROM s"), ["2,1"]);
        assert.deepEqual(await said("SELECT max(rowid) FROM plain"), ["2"]);
        assert.deepEqual(await said("SELECT a, length(e) FROM m"), ["1,12"]);
        assert.deepEqual(await said("PRAGMA integrity_check"), ["ok"]);
    } finally {
        await server.end();
        rmSync(folder, { recursive: true });
    }
});
