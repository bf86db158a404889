// SPDX-License-Identifier: Apache-2.0
// ws, the WebSocket library of most Node programs, as a plain client: handshake, fragments, pings, closing, limits.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import WebSocket from "ws";
import { token, url } from "../lib/fixture.js";

const wsUrl = url.replace(/^http/, "ws");
const hello = JSON.stringify({ type: "hello", jwt: token });

async function open(protocols = ["hrana3"], options) {
    const socket = new WebSocket(wsUrl, protocols, options);
    await once(socket, "open");
    return socket;
}

async function closed(socket) {
    const [code, reason] = await once(socket, "close");
    return [code, String(reason)];
}

test("the subprotocol is the server's choice among those offered, and compression is not taken", async () => {
    for (const [offered, chosen] of [[["hrana1", "hrana2"], "hrana2"], [["hrana3", "hrana3-protobuf"], "hrana3-protobuf"], [[], ""]]) {
        const socket = await open(offered, { perMessageDeflate: true });
        assert.equal(socket.protocol, chosen);
        assert.equal(socket.extensions, "");
        socket.close();
        await closed(socket);
    }
    const refused = new WebSocket(wsUrl, ["chat"]);
    const [error] = await once(refused, "error");
    assert.match(error.message, /400/);
});

test("a message in fragments, and pings between them", async () => {
    const socket = await open();
    for (let i = 0; i < hello.length; i++) socket.send(hello[i], { fin: i === hello.length - 1 });
    const [answer] = await once(socket, "message");
    assert.deepEqual(JSON.parse(answer), { type: "hello_ok" });
    socket.ping("are you there");
    assert.equal(String((await once(socket, "pong"))[0]), "are you there");
    socket.close(1000, "done");
    assert.deepEqual((await closed(socket))[0], 1000);
});

test("closing codes come back, and what breaks the protocol is told", async () => {
    const polite = await open();
    polite.close(4321, "as agreed");
    assert.equal((await closed(polite))[0], 4321);
    const hasty = await open();
    hasty.send(JSON.stringify({ type: "request", request_id: 1, request: { type: "open_stream", stream_id: 1 } }));
    assert.deepEqual(await closed(hasty), [1008, "Received a request before hello message"]);
    const binary = await open();
    binary.send(Buffer.from([1, 2, 3]));
    assert.equal((await closed(binary))[0], 1003);
    const text = await open(["hrana3-protobuf"]);
    text.send("{}");
    assert.equal((await closed(text))[0], 1003);
    const junk = await open(["hrana3-protobuf"]);
    junk.send(Buffer.from([255, 255, 255]));
    assert.equal((await closed(junk))[0], 1007);
    const bare = await open();
    bare.send(hello, { mask: false });
    assert.equal((await closed(bare))[0], 1002);
    const early = await open();
    early.send(" ".repeat(100000));
    assert.equal((await closed(early))[0], 1009);
});
