// SPDX-License-Identifier: Apache-2.0
// A page in Chromium without a window: starts it, opens one URL, runs expressions in the page, ends it by its process id. Driven
// over the DevTools protocol with ws, which speaks JSON: {id, method, params} and {id, result}.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import WebSocket from "ws";

const START_MS = 30000;
const CALL_MS = 50000;
// It asks nobody but loopback: names resolve to nothing, and what it does by itself in the background is off. --no-sandbox: its
// sandbox refuses to run as root, as tests in containers do; it shows our own page only.
const OPTIONS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-default-browser-check",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions",
    "--disable-domain-reliability", "--metrics-recording-only", "--no-pings", "--mute-audio", "--remote-debugging-port=0",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
];

const found = () => [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/google-chrome"].find((path) => path && existsSync(path));

function within(ms, what, promise) {
    let timer;
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`Chromium: ${what} took over ${ms} ms`)), ms)));
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The URL of its DevTools, which it prints when it is ready. */
async function devTools(child) {
    let said = "";
    for await (const text of child.stderr) {
        said += text;
        const url = /DevTools listening on (ws:\S+)/.exec(said)?.[1];
        if (url) return url;
    }
    throw new Error(`Chromium ended before it was ready: ${said.slice(-2000)}`);
}

/** Opens `url`; {run, close}: run(expression) awaits it in the page and returns its value as JSON does. */
export async function openPage(url) {
    const bin = found();
    if (!bin) throw new Error("Chromium is missing: apt-get install chromium, or name one by CHROMIUM=/path");
    const profile = mkdtempSync(join(tmpdir(), "chromium-"));
    const child = spawn(bin, [...OPTIONS, `--user-data-dir=${profile}`, "about:blank"], { stdio: ["ignore", "ignore", "pipe"], detached: true });
    const waiting = new Map();
    let socket, id = 0;
    const close = async () => {
        socket?.terminate();
        try {
            process.kill(-child.pid, "SIGKILL"); // its own process group, so that its helpers end too
        } catch {}
        if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
        rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    };
    const end = () => {
        try {
            process.kill(-child.pid, "SIGKILL");
        } catch {}
    };
    process.once("exit", end);
    for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => process.exit(1));
    const call = (method, params, sessionId) => within(CALL_MS, method, new Promise((resolve, reject) => {
        waiting.set(++id, ({ result, error }) => (error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result)));
        socket.send(JSON.stringify({ id, method, params, sessionId }));
    }));
    try {
        socket = new WebSocket(await within(START_MS, "starting", devTools(child)));
        child.stderr.on("error", () => {}).resume();
        socket.on("message", (data) => {
            const message = JSON.parse(data);
            waiting.get(message.id)?.(message);
            waiting.delete(message.id);
        });
        await within(START_MS, "connecting", once(socket, "open"));
        const { targetId } = await call("Target.createTarget", { url });
        const { sessionId } = await call("Target.attachToTarget", { targetId, flatten: true });
        const run = async (expression) => {
            const { result, exceptionDetails } = await call("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true }, sessionId);
            if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
            return result.value;
        };
        const loaded = async () => {
            const ready = `document.readyState === "complete" && location.href === ${JSON.stringify(url)}`; // not of about:blank
            while (!(await run(ready))) await new Promise((resolve) => setTimeout(resolve, 20));
        };
        await within(START_MS, "loading the page", loaded());
        const { product } = await call("Browser.getVersion", {});
        return { run, close, product };
    } catch (error) {
        await close();
        throw error;
    }
}
