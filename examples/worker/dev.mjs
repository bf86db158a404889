// SPDX-License-Identifier: Apache-2.0
// Runs the worker on this machine: esbuild makes one file of it, miniflare runs that in workerd, the runtime of Cloudflare Workers,
// with a folder for the R2 bucket. What wrangler.json says holds here too; these variables come first:
//
//   PORT (8787), LIBSQL_URL (http://127.0.0.1:8080/), LIBSQL_TOKEN (none), API_KEYS (the three below)
import { readFileSync } from "node:fs";
import { build } from "esbuild";
import { Miniflare } from "miniflare";

const { PORT = "8787", LIBSQL_URL = "http://127.0.0.1:8080/", LIBSQL_TOKEN = "" } = process.env;
const { API_KEYS = JSON.stringify({ "ali-key": "ali", "bab-hara-key": "bab-hara", "rami-key": "rami" }) } = process.env;
const settings = JSON.parse(readFileSync(new URL("wrangler.json", import.meta.url), "utf8"));
const { outputFiles: [worker] } = await build({
    absWorkingDir: import.meta.dirname,
    entryPoints: [settings.main],
    bundle: true,
    format: "esm",
    target: "es2022",
    conditions: ["workerd", "worker", "browser"],
    write: false,
});
const runtime = new Miniflare({
    cf: false, // asks nobody where we are
    host: "127.0.0.1",
    port: Number(PORT),
    compatibilityDate: settings.compatibility_date,
    modules: [{ type: "ESModule", path: "worker.js", contents: worker.text }],
    bindings: { ...settings.vars, LIBSQL_URL, LIBSQL_TOKEN, API_KEYS },
    r2Buckets: Object.fromEntries(settings.r2_buckets.map(({ binding, bucket_name }) => [binding, bucket_name])),
    r2Persist: new URL(".local/r2", import.meta.url).pathname,
});
console.log(`worker ${await runtime.ready} (databases at ${LIBSQL_URL}); Ctrl-C ends it`);
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => runtime.dispose());
