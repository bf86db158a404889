// SPDX-License-Identifier: Apache-2.0
// A program that a client's flow starts for itself, such as a server with a data folder of its own, ended by its process id.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { openSync } from "node:fs";
import { promisify } from "node:util";

/** Runs a program to its end; throws if it fails. */
export const run = promisify(execFile);

/** Starts a program and waits until it has printed what fits `ready`: {printed, end(signal)}. */
export async function start(file, args, ready, { cwd, env } = {}) {
    const child = spawn(file, args, { cwd, env, stdio: ["ignore", "pipe", openSync(process.env.COMPAT_OWN_LOG, "a")] });
    const gone = new Promise((done) => child.once("exit", done));
    let printed = "";
    await new Promise((done) => {
        child.stdout.setEncoding("utf8").on("data", (part) => {
            printed += part;
            if (ready.test(printed)) done();
        });
        gone.then(done);
    });
    assert.match(printed, ready, `${file} ${args.join(" ")} ended before it was ready`);
    return {
        printed,
        async end(signal = "SIGTERM") {
            child.kill(signal);
            return gone;
        },
    };
}

const anyPort = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

/** `trib COMMAND` on ports of its own, e.g. dev, serve or demo: as start(), with the URL in `url`. Its log is kept beside the test's. */
export async function startTrib(args, ready, options) {
    const server = await start(process.env.COMPAT_BIN, [...args, ...anyPort], ready, options);
    return { ...server, url: /^(?:listening| +clients) +(http:.*)$/m.exec(server.printed)[1] };
}
