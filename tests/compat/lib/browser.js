// SPDX-License-Identifier: Apache-2.0
// What the page of clients/chromium.js runs: flow(name, env) is lib/flows.js with @libsql/client/web, talk(steps) a plain WebSocket.
import * as libsql from "@libsql/client/web";
import { flowsOf } from "./flows.js";

const run = flowsOf(libsql);

/** Opens a WebSocket and says one message after another, waiting for an answer to each ({say}, {bytes}), or does something else:
 * {close: [code, reason]}, {closed: true} waits for the server's close, {many: [message...]} waits for as many answers. */
async function talk({ url, protocols, steps }) {
    const socket = new WebSocket(url, protocols);
    socket.binaryType = "arraybuffer";
    const heard = [], waiting = [];
    let ended;
    const closed = new Promise((resolve) => {
        socket.onclose = ({ code, reason, wasClean }) => {
            ended = { code, reason, wasClean };
            resolve(ended);
            for (const answer of waiting.splice(0)) answer(ended);
        };
    });
    socket.onmessage = ({ data }) => {
        const told = typeof data === "string" ? data : [...new Uint8Array(data)];
        waiting.length ? waiting.shift()(told) : heard.push(told);
    };
    const hear = () => (heard.length ? heard.shift() : ended ?? new Promise((resolve) => waiting.push(resolve)));
    await new Promise((resolve) => {
        socket.onopen = resolve;
        socket.onerror = resolve;
    });
    const told = [];
    for (const step of steps) {
        if (step.close) socket.close(...step.close);
        if (step.close || step.closed) told.push(await closed);
        if (step.say !== undefined) socket.send(step.say);
        if (step.bytes) socket.send(Uint8Array.from(step.bytes));
        if (step.say !== undefined || step.bytes) told.push(await hear());
        for (const message of step.many ?? []) socket.send(message);
        for (const _ of step.many ?? []) told.push(await hear());
    }
    const { protocol, extensions } = socket;
    socket.close();
    await closed;
    return { protocol, extensions, told };
}

/** Text and bytes of so many characters there and back, in one statement. */
async function large({ url, token, size }) {
    const db = libsql.createClient({ url, authToken: token });
    const text = "حلب🥙x".repeat(size / 6), bytes = Uint8Array.from({ length: size }, (_, i) => i * 7);
    const { rows } = await db.execute({ sql: "SELECT ?, ?, length(?1)", args: [text, bytes] });
    const back = new Uint8Array(rows[0][1]);
    db.close();
    return { text: rows[0][0] === text, bytes: back.length === size && back.every((byte, i) => byte === bytes[i]), characters: rows[0][2] };
}

/** Requests that are not waited for, in streams of one socket. */
async function overlapping({ url, token }) {
    const db = libsql.createClient({ url, authToken: token });
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => db.execute({ sql: "SELECT ?", args: [i] })));
    db.close();
    return answers.every(({ rows }, i) => rows[0][0] === i);
}

globalThis.page = { flow: run, talk, large, overlapping };
