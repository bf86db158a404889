// SPDX-License-Identifier: Apache-2.0
// Chromium: a page of another origin talks to the server over the browser's own WebSocket, by itself and through @libsql/client/web
// (bundled by esbuild, as an application's page would be).
// Note: The browser is the system's package; its version is not pinned.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { openPage } from "../lib/chromium.js";
import { AWKWARD_TEXT, otherToken, otherUrl, token, url } from "../lib/fixture.js";
import { flowTests, variables } from "../lib/flow-tests.js";

const wsUrl = url.replace(/^http/, "ws");
let page, server;

before(async () => {
    const entry = fileURLToPath(new URL("../lib/browser.js", import.meta.url));
    const [{ text }] = buildSync({ entryPoints: [entry], bundle: true, write: false, format: "iife", platform: "browser", charset: "utf8" }).outputFiles;
    server = createServer(({ url: path }, answer) => {
        const script = path === "/page.js";
        answer.setHeader("content-type", `${script ? "text/javascript" : "text/html"}; charset=utf-8`);
        answer.end(script ? text : "<!doctype html><title>test</title><script src=page.js></script>");
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    page = await openPage(`http://127.0.0.1:${server.address().port}/`);
});
after(async () => {
    await page?.close();
    server?.closeAllConnections();
    server?.close();
});

const inPage = (name, ...args) => page.run(`page.${name}(${args.map((arg) => JSON.stringify(arg)).join()})`);
const talk = (protocols, steps, to = wsUrl) => inPage("talk", { url: to, protocols, steps });
const hello = JSON.stringify({ type: "hello", jwt: token });
const request = (request_id, request) => JSON.stringify({ type: "request", request_id, request });
const execute = (id, sql) => request(id, { type: "execute", stream_id: 1, stmt: { sql } });
const open = request(1, { type: "open_stream", stream_id: 1 });

// only what is fetched has the trap of the slash
flowTests((flow) => inPage("flow", flow, { ...variables, URL: wsUrl, NO_SLASH_URL: url.slice(0, -1) }));

test("fetch from a page of another origin: preflight and answer", async () => {
    const { result, thrown } = await inPage("flow", "execute", { URL: otherUrl, TOKEN: otherToken });
    assert.equal(thrown, undefined);
    assert.deepEqual(result.rows[0], [1, "kibbeh حلب", 4.5, "0,255,1"]);
});

test("the subprotocol is the server's choice; compression is offered and not taken", async () => {
    for (const [offered, chosen] of [[["hrana1", "hrana2"], "hrana2"], [["hrana3", "hrana3-protobuf"], "hrana3-protobuf"], [[], ""]]) {
        const { protocol, extensions } = await talk(offered, []);
        assert.deepEqual([protocol, extensions], [chosen, ""]);
    }
    const { told } = await talk(["chat"], [{ closed: true }]);
    assert.deepEqual([told[0].code, told[0].wasClean], [1006, false]);
});

test("text is UTF-8 both ways, and answers come in the order of the requests", async () => {
    const many = Array.from({ length: 50 }, (_, i) => execute(10 + i, `SELECT ${i}`));
    const { told } = await talk(["hrana3"], [{ say: hello }, { say: open }, { say: execute(2, `SELECT '${AWKWARD_TEXT}'`) }, { many }]);
    assert.deepEqual(JSON.parse(told[0]), { type: "hello_ok" });
    assert.equal(JSON.parse(told[2]).response.result.rows[0][0].value, AWKWARD_TEXT);
    assert.deepEqual(told.slice(3).map((answer) => JSON.parse(answer).request_id), many.map((_, i) => 10 + i));
});

test("messages of megabytes both ways", async () => {
    for (const size of [60, 60000, 1500000]) assert.deepEqual(await inPage("large", { url: wsUrl, token, size }), { text: true, bytes: true, characters: (size / 6) * 5 });
});

test("200 calls at once over one client", async () => {
    assert.equal(await inPage("overlapping", { url: wsUrl, token }), true);
});

test("protobuf: hello and open_stream in binary frames", async () => {
    const jwt = [...new TextEncoder().encode(token)];
    const field = (number, bytes) => [number * 8 + 2, ...(bytes.length < 128 ? [bytes.length] : [bytes.length % 128 + 128, Math.floor(bytes.length / 128)]), ...bytes];
    const { told } = await talk(["hrana3-protobuf"], [{ bytes: field(1, field(1, jwt)) }, { bytes: field(2, [8, 1, ...field(2, [8, 1])]) }]);
    assert.deepEqual(told, [[10, 0], [26, 4, 8, 1, 18, 0]]);
});

test("closing codes come back, and what breaks the protocol is told", async () => {
    const polite = await talk(["hrana3"], [{ close: [4321, "as agreed"] }]);
    assert.deepEqual(polite.told, [{ code: 4321, reason: "", wasClean: true }]);
    const cases = [
        [["hrana3"], { say: open }, 1008, "Received a request before hello message"],
        [["hrana3"], { say: JSON.stringify({ type: "hello", jwt: "a.b.c" }) }, 1008, /^Authentication failed: /],
        [["hrana3"], { bytes: [1] }, 1003, /binary/],
        [["hrana3-protobuf"], { say: "{}" }, 1003, /text/],
        [["hrana3-protobuf"], { bytes: [255, 255, 255] }, 1007, /./],
        [["hrana3"], { say: " ".repeat(100000) }, 1009, /limit/],
    ];
    for (const [protocols, step, code, reason] of cases) {
        const { told } = await talk(protocols, [step, { closed: true }]);
        const end = told.at(-1);
        assert.deepEqual([end.code, end.wasClean], [code, true]);
        assert.match(end.reason, reason instanceof RegExp ? reason : new RegExp(`^${reason}$`));
    }
});
