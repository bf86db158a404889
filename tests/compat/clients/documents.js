// SPDX-License-Identifier: Apache-2.0
// What README.md and the tutorial tell a newcomer to type, taken from the documents as they are, against a `trib dev` of its own:
// only the port differs. A document that is changed and does not work any more fails here.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { run, startTrib } from "../lib/own-server.js";

const USUAL = "http://127.0.0.1:8080/";
const document = (path) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
const readme = document("README.md"), tutorial = document("docs/tutorial/first-order.md");
// modules find their packages from the folder that they lie in
const programs = fileURLToPath(new URL("../node_modules/.documents/", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "trib-documents-"));
let server, url;

/** The code blocks of this language, with the port of our server. */
function blocks(text, language) {
    return [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms"))].map(([, code]) => code.replaceAll(USUAL, url));
}

async function program(name, code) {
    writeFileSync(join(programs, name), code);
    return (await run(process.execPath, [join(programs, name)], { timeout: 30000 })).stdout;
}

async function dev() {
    server = await startTrib(["dev", "--log-level", "debug"], /Ctrl-C/, { cwd: folder });
    url = server.url;
}

before(async () => {
    mkdirSync(programs, { recursive: true });
    await dev();
});
after(async () => {
    await server.end();
    rmSync(folder, { recursive: true });
    rmSync(programs, { recursive: true });
});

test("README: the first query, in ten lines", async () => {
    const [code, ...more] = blocks(readme, "js");
    assert.equal(more.length, 0);
    assert.ok(code.trim().split("\n").length <= 10, code);
    assert.equal(await program("first.mjs", code), "1 hello\n");
});

test("tutorial: every line for the shell, each with an answer", async () => {
    const lines = blocks(tutorial, "sh");
    assert.ok(lines.length >= 4);
    const { stdout, stderr } = await run("sh", ["-euc", lines.join("\n")], { timeout: 30000 });
    assert.equal(stderr, "");
    const answers = stdout.trim().split("\n").map((line) => JSON.parse(line));
    const failed = answers.map((answer) => answer.code ?? answer.results.find(({ type }) => type === "error")?.error.code);
    assert.deepEqual(answers[0].results[0].response.result.rows, [[{ type: "text", value: "hello" }]]);
    assert.deepEqual(failed.filter((code) => code), ["TENANT_MISSING", "SQLITE_ERROR", "SQL_MANY_STATEMENTS"], "the three mistakes");
    assert.deepEqual(failed.slice(-3), ["TENANT_MISSING", "SQLITE_ERROR", "SQL_MANY_STATEMENTS"], "at the end");
    for (const code of failed.slice(-3)) assert.ok(tutorial.includes(`\`${code}\``), code);
});

test("tutorial: the order prints four events and the stock, 198 and then 196; kill -9 loses nothing", async () => {
    const [code, ...more] = blocks(tutorial, "js");
    assert.equal(more.length, 0);
    for (const stock of [198, 196]) {
        const out = await program("order.mjs", code);
        assert.deepEqual([...out.matchAll(/│ ([0-9]+) +│ ([0-9]{3}) /g)].map(([, , opcode]) => opcode), ["501", "301", "102", "503"]);
        assert.match(out, new RegExp(`^stock: ${stock}$`, "m"));
    }
    await server.end("SIGKILL");
    await dev();
    assert.match(await program("order.mjs", blocks(tutorial, "js")[0]), /^stock: 194$/m);
});

test("dev: a tenant is there for many requests at once that are its first; the server's own database never", async () => {
    const body = JSON.stringify({ requests: [{ type: "execute", stmt: { sql: "SELECT 1" } }, { type: "close" }] });
    const ask = (tenant) => fetch(`${url}${tenant}/v2/pipeline`, { method: "POST", body });
    for (let i = 0; i < 10; i++) {
        const answers = await Promise.all(Array.from({ length: 20 }, () => ask(`new-${i}`)));
        assert.deepEqual(answers.map((answer) => answer.status), Array(20).fill(200));
    }
    assert.equal((await ask("control")).status, 404);
});

test("dev prints the .env block that the documents speak of", () => {
    assert.match(server.printed, new RegExp(`^LIBSQL_URL=${url}app/$`, "m"));
    assert.match(server.printed, /^LIBSQL_AUTH_TOKEN=$/m);
});
