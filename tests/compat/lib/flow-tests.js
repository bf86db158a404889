// SPDX-License-Identifier: Apache-2.0
// The tests of lib/flows.js, declared for the runtime that `run` reaches.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { otherToken, readOnlyToken, token, url, wideToken } from "./fixture.js";

/** What a flow must know. */
export const variables = { URL: url, TOKEN: token, READ_ONLY_TOKEN: readOnlyToken, OTHER_TOKEN: otherToken, WIDE_TOKEN: wideToken };

/** Runs a flow by lib/runtime.js in the runtime that this command starts. */
export const inRuntime = (runtime, args) => async (flow) => {
    const bin = fileURLToPath(new URL(`../node_modules/.bin/${runtime}`, import.meta.url));
    const child = spawn(bin, [...args, fileURLToPath(new URL("runtime.js", import.meta.url)), flow], { stdio: ["pipe", "pipe", "inherit"] });
    child.stdin.end(JSON.stringify(variables));
    const answer = JSON.parse(await text(child.stdout));
    assert.equal(answer.runtime, runtime);
    return answer;
};

/** Declares the tests; `ask` runs the flow of a name and answers {result} or {thrown}. */
export function flowTests(ask) {
    const run = async (flow) => {
        const { result, thrown } = await ask(flow);
        assert.equal(thrown, undefined);
        return result;
    };

    test("execute: arguments, columns, blobs", async () => {
        assert.deepEqual(await run("execute"), {
            rowsAffected: 1,
            rowid: "1n",
            columns: ["id", "name", "price", "photo"],
            types: ["INTEGER", "TEXT", "REAL", "BLOB"],
            rows: [[1, "kibbeh حلب", 4.5, "0,255,1"], [2, "fattoush", null, null]],
        });
    });

    test("batch: all or nothing", async () => {
        const { done, failed, read } = await run("batch");
        assert.deepEqual(done, [[4]]);
        assert.equal(failed.code, "SQLITE_CONSTRAINT");
        assert.deepEqual(read, [[4]]);
    });

    test("transaction: commit, rollback, close", async () => {
        assert.deepEqual(await run("transaction"), [5.5, 5.5, 6.5, 5.5, 6.5, 5.5]);
    });

    test("executeMultiple and migrate", async () => {
        assert.deepEqual(await run("script"), [[1, "x"], [2, "x"]]);
    });

    test("integers keep all 64 bits", async () => {
        assert.deepEqual(await run("integers"), ["9223372036854775807n", "-9223372036854775808n", "9007199254740993n"]);
    });

    test("10,000 rows in order", async () => {
        assert.deepEqual(await run("rows"), { n: 10000, ordered: true });
    });

    test("40 calls at once", async () => {
        assert.deepEqual(await run("together"), [[40, 780]]);
    });

    test("errors keep their codes; other tokens and the URL without slash change nothing", async () => {
        const seen = await run("errors");
        for (const name of ["missing", "syntax", "unique", "readOnly", "stranger", "noSlash"]) assert.ok(seen[name]?.libsql, name);
        assert.equal(seen.missing.code, "SQLITE_ERROR");
        assert.match(seen.missing.message, /no such table: missing/);
        assert.equal(seen.syntax.code, "SQL_INPUT_ERROR");
        assert.equal(seen.unique.code, "SQLITE_CONSTRAINT");
        assert.match(seen.readOnly.message, /readonly|read-only|read only|not allow/i);
        assert.match(seen.stranger.message, /doesn't exist/);
        assert.equal(seen.noSlash.code, "TENANT_MISSING");
        assert.match(seen.noSlash.message, /slash/);
        assert.deepEqual(seen.left, [[4]]);
    });
}
