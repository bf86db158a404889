// SPDX-License-Identifier: Apache-2.0
// The conformance suite of the Durable Streams protocol as its authors publish it, with a token on every request; and what it does
// not ask: tokens that may only read, other tenants, and the protocol's own client.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { DurableStream } from "@durable-streams/client";
import { otherToken, otherUrl, readOnlyToken, token, url } from "../lib/fixture.js";

const root = fileURLToPath(new URL("../durable-streams", import.meta.url));
const vitest = fileURLToPath(new URL("../node_modules/vitest/vitest.mjs", import.meta.url));

/** Runs the tests whose names fit; answers what became of each: [group, name, status, why]. */
async function suite(names) {
    const folder = mkdtempSync(join(tmpdir(), "trib-compat-"));
    const out = join(folder, "out.json");
    const child = spawn(process.execPath, [vitest, "run", "--root", root, "--reporter=json", `--outputFile=${out}`, "-t", names], { stdio: ["ignore", "inherit", "inherit"] });
    await new Promise((done) => child.once("exit", done));
    const files = JSON.parse(readFileSync(out, "utf8")).testResults;
    rmSync(folder, { recursive: true });
    return files.flatMap((file) => file.assertionResults.map((result) => [result.ancestorTitles.join(", "), result.title, result.status, result.failureMessages.join("\n")]));
}

// what waits for the end of long polls beside the rest
const SLOW = "Offset Validation and Resumability";
const results = (await Promise.all([suite(`^${SLOW}`), suite(`^(?!${SLOW})`)])).flat();
// of 0.3.6, with the optional part
const TESTS = 338;
const groups = new Map();
for (const [group, name, status, why] of results) {
    if (!groups.has(group)) groups.set(group, new Map());
    const known = groups.get(group).get(name);
    if (!known || known[0] !== "passed") groups.get(group).set(name, status === "passed" || status === "failed" || !known ? [status, why] : known);
}
test("every test of the suite is run", () => {
    assert.equal([...groups.values()].reduce((n, tests) => n + tests.size, 0), TESTS);
});
for (const [group, tests] of groups) {
    test(`suite: ${group}: ${tests.size} tests`, () => {
        for (const [name, [status, why]] of tests) assert.equal(status, "passed", `${name}: ${status} ${why}`);
    });
}

test("a token that may only read reads, and writes nothing", async () => {
    const stream = `${url}v1/stream/read-only`;
    const as = (bearer, init = {}) => fetch(stream, { ...init, headers: { "content-type": "text/plain", authorization: `Bearer ${bearer}` } });
    assert.equal((await as(token, { method: "PUT", body: "hello" })).status, 201);
    assert.equal(await (await as(readOnlyToken)).text(), "hello");
    for (const init of [{ method: "PUT" }, { method: "POST", body: "x" }, { method: "DELETE" }]) assert.equal((await as(readOnlyToken, init)).status, 403);
    assert.equal((await fetch(stream)).status, 401);
});

test("another tenant's streams are like none", async () => {
    const ask = async (where, bearer) => {
        const answer = await fetch(`${where}v1/stream/mine`, { headers: { authorization: `Bearer ${bearer}` } });
        return [answer.status, (await answer.json()).code];
    };
    await fetch(`${url}v1/stream/mine`, { method: "PUT", headers: { authorization: `Bearer ${token}` } });
    assert.deepEqual(await ask(otherUrl, otherToken), [404, "STREAM_NOT_FOUND"]);
    assert.deepEqual(await ask(url, otherToken), [404, "TENANT_NOT_FOUND"]);
});

test("@durable-streams/client follows a JSON stream while it is written", async () => {
    const headers = { authorization: `Bearer ${token}` };
    const stream = await DurableStream.create({ url: `${url}v1/stream/followed`, contentType: "application/json", headers });
    const reading = await stream.stream({ live: "sse", offset: "-1" });
    const seen = [];
    const done = new Promise((resolve) => {
        reading.subscribeJson(async (batch) => {
            seen.push(...batch.items);
            if (seen.length >= 20) resolve();
        });
    });
    for (let n = 0; n < 20; n++) await stream.append(JSON.stringify({ n }));
    await done;
    reading.cancel();
    assert.deepEqual(seen, Array.from({ length: 20 }, (_, n) => ({ n })));
});
