// SPDX-License-Identifier: Apache-2.0
// @libsql/client with `offline: true`: writes go to the local file and are pushed as frames of its log with the next sync.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createClient } from "@libsql/client";
import { readOnlyToken, token, url } from "../lib/fixture.js";

const folder = mkdtempSync(join(tmpdir(), "offline-"));
const remote = createClient({ url, authToken: token });
const open = (name, authToken = token) => createClient({ url: `file:${join(folder, name)}`, syncUrl: url, authToken, offline: true });
const notes = async (client) => (await client.execute("SELECT text FROM note ORDER BY id")).rows.map((row) => row.text);
const whole = async (client) => assert.equal((await client.execute("PRAGMA integrity_check")).rows[0].integrity_check, "ok");
let a, b;

before(async () => {
    await remote.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)");
    await remote.execute("INSERT INTO note (text) VALUES ('first')");
    [a, b] = [open("a.db"), open("b.db")];
    await a.sync();
    await b.sync();
});
after(() => {
    [a, b, remote].forEach((client) => client.close());
    rmSync(folder, { recursive: true });
});

test("what was written offline is there after a sync, and can be built on", async () => {
    await a.execute("INSERT INTO note (text) VALUES ('on the road')");
    await a.batch(["INSERT INTO note (text) VALUES ('at sea')", "UPDATE note SET text = 'FIRST' WHERE id = 1"], "write");
    assert.deepEqual(await notes(remote), ["first"]);
    await a.sync();
    assert.deepEqual(await notes(remote), ["FIRST", "on the road", "at sea"]);
    await whole(remote);
    await remote.execute("INSERT INTO note (text) VALUES ('from the office')");
    await a.sync();
    assert.deepEqual(await notes(a), ["FIRST", "on the road", "at sea", "from the office"]);
});

test("a push behind somebody else's writes is a conflict and changes nothing", async () => {
    await b.execute("INSERT INTO note (text) VALUES ('too late')");
    await assert.rejects(b.sync(), /InvalidPushFrameConflict/);
    assert.ok(!(await notes(remote)).includes("too late"));
});

test("after a conflict the replica begins anew from files that are deleted", async () => {
    b.close();
    for (const end of ["", "-wal", "-shm", "-info"]) rmSync(join(folder, `b.db${end}`), { force: true });
    b = open("b.db");
    await b.sync();
    assert.deepEqual(await notes(b), await notes(remote));
    await b.execute("INSERT INTO note (text) VALUES ('in time')");
    await b.sync();
    assert.ok((await notes(remote)).includes("in time"));
});

test("a transaction of more frames than one request takes arrives whole, with a new table", async () => {
    await a.sync();
    await a.execute("CREATE TABLE photo (data BLOB)");
    await a.execute("INSERT INTO photo WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT randomblob(3000) FROM n");
    await a.sync();
    assert.equal((await remote.execute("SELECT count(*) AS n FROM photo")).rows[0].n, 300);
    await whole(remote);
});

test("pushing needs a token that may write", async () => {
    const reader = open("c.db", readOnlyToken);
    await reader.sync();
    await reader.execute("INSERT INTO note (text) VALUES ('not allowed')");
    await assert.rejects(reader.sync());
    assert.ok(!(await notes(remote)).includes("not allowed"));
    reader.close();
});
