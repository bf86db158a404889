// SPDX-License-Identifier: Apache-2.0
// The part of docs/reference/compatibility.md that says what was run: `node lib/page.js check|write LOGS PAGE`. Versions come from
// node_modules, descriptions and notes from the comments at the top of clients/*.js, the lists from the TAP in LOGS/NAME.log, the
// transport from the requests that the servers logged, so that the page can only say what has just passed. `check` fails when the
// page says anything else; `write` puts it right.
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";

const BEGIN = "<!-- made by tests/compat/run.sh from here on; COMPAT_WRITE_PAGE=1 tests/compat/run.sh writes it anew -->";
// clients/NAME.js: what a program imports, the packages that do the work (one inside another: a/node_modules/b), and the package of
// the runtime if it is not Node, or the name of one that is the system's
const CLIENTS = {
    "better-auth": ["better-auth", ["better-auth", "@libsql/kysely-libsql", "@libsql/kysely-libsql/node_modules/@libsql/client"]],
    "chromium": ["@libsql/client/web (Chromium)", ["@libsql/client"], "Chromium"],
    "db0": ["db0/connectors/libsql/node, db0/connectors/libsql/web", ["db0", "@libsql/client"]],
    "documents": ["README.md, first-order.md", ["@libsql/client"]],
    "drizzle-kit": ["drizzle-kit", ["drizzle-kit", "drizzle-orm", "@libsql/client"]],
    "drizzle-orm": ["drizzle-orm/libsql", ["drizzle-orm", "@libsql/client"]],
    "durable-streams": ["@durable-streams/server-conformance-tests", ["@durable-streams/server-conformance-tests", "@durable-streams/client", "vitest"]],
    "example-worker": ["examples/worker", ["@libsql/client"], "workerd"],
    "hrana-client-edges": ["@libsql/hrana-client (edges)", ["@libsql/hrana-client"]],
    "hrana-client-http": ["@libsql/hrana-client", ["@libsql/hrana-client"]],
    "hrana-client-ws": ["@libsql/hrana-client (WebSocket)", ["@libsql/hrana-client"]],
    "knex": ["knex", ["knex", "@libsql/sqlite3"]],
    "kysely": ["@libsql/kysely-libsql", ["kysely", "@libsql/kysely-libsql", "@libsql/kysely-libsql/node_modules/@libsql/client"]],
    "libsql-client-bun": ["@libsql/client (Bun)", ["@libsql/client"], "bun"],
    "libsql-client-deno": ["@libsql/client (Deno)", ["@libsql/client"], "deno"],
    "libsql-client-edges": ["@libsql/client (edges)", ["@libsql/client"]],
    "libsql-client-http": ["@libsql/client", ["@libsql/client"]],
    "libsql-client-offline": ["@libsql/client (offline)", ["@libsql/client", "libsql"]],
    "libsql-client-replica": ["@libsql/client (replica)", ["@libsql/client", "libsql"]],
    "libsql-client-replica-v1": ["@libsql/client, libsql (replica, V1)", ["@libsql/client", "libsql", "drizzle-orm"]],
    "libsql-client-web": ["@libsql/client/web", ["@libsql/client"], "workerd"],
    "libsql-client-ws": ["@libsql/client (WebSocket)", ["@libsql/client"]],
    "mikro-orm": ["@mikro-orm/libsql", ["@mikro-orm/libsql", "libsql"]],
    "npm-libsql": ["libsql, libsql/promise", ["libsql"]],
    "npm-libsql-replica": ["libsql (replica)", ["libsql"]],
    "npm-ws": ["ws", ["ws"]],
    "objectstack-driver-turso": ["@objectstack/driver-turso", ["@objectstack/driver-turso", "@objectstack/driver-turso/node_modules/@libsql/client"]],
    "payload": ["payload", ["payload", "@payloadcms/db-sqlite", "@payloadcms/db-sqlite/node_modules/@libsql/client", "@payloadcms/db-sqlite/node_modules/drizzle-orm", "drizzle-kit"]],
    "prisma": ["@prisma/adapter-libsql", ["@prisma/client", "@prisma/adapter-libsql", "@prisma/adapter-libsql/node_modules/@libsql/client"]],
    "sql-equivalence": ["libSQL's SQL", ["libsql"]],
    "tinybase": ["tinybase/persisters/persister-libsql", ["tinybase", "@libsql/client"]],
    "tursodatabase-serverless": ["@tursodatabase/serverless", ["@tursodatabase/serverless"]],
    "tursodatabase-sync": ["@tursodatabase/sync", ["@tursodatabase/sync"]],
    "typeorm": ["typeorm", ["typeorm", "libsql"]],
};
const folder = new URL("..", import.meta.url);
const isPinned = (path) => existsSync(new URL(`node_modules/${path}/package.json`, folder));
const version = (path) => `${path.split("node_modules/").at(-1)} ${JSON.parse(readFileSync(new URL(`node_modules/${path}/package.json`, folder), "utf8")).version}`;

/** The comment at the top of a file, without its SPDX line. */
function comment(file) {
    const lines = readFileSync(new URL(file, folder), "utf8").split("\n").slice(1);
    return lines.slice(0, lines.findIndex((line) => !line.startsWith("//"))).map((line) => line.slice(3)).join("\n");
}

function passed(log) {
    const lines = readFileSync(log, "utf8").split("\n");
    if (lines.some((line) => line.startsWith("not ok ") || /# (SKIP|TODO)\b/.test(line))) throw new Error(`${log}: not every test passed`);
    return lines.flatMap((line) => /^ok \d+ - (.*)$/.exec(line)?.slice(1) ?? []);
}

/** The requests for databases that went well, as the servers logged them: "POST v2/pipeline", "WebSocket" and the like. */
function transport(logs, name) {
    const seen = new Set();
    // of a server of its own, every tenant is its own
    for (const [log, tenant] of [["server.log", `${name}(?:-other)?`], [`${name}.own`, "[^/ ]+"]]) {
        const text = existsSync(`${logs}/${log}`) ? readFileSync(`${logs}/${log}`, "utf8") : "";
        for (const [, method, path] of text.matchAll(new RegExp(` method=([A-Z]+) path=/${tenant}/((?:v[0-9]|info|export|sync|pull-updates|wal_log|proxy)[^ ]*) status=2`, "g"))) seen.add(`${method} ${path.replace(/^v1\/stream\/.*$/, "v1/stream/{path}").replace(/\/\d.*$/, "")}`);
        if (new RegExp(` method=GET path=/${tenant}/? status=101`).test(text)) seen.add("WebSocket");
    }
    if (seen.size === 0) throw new Error(`${name}: no request of it was logged`);
    return [...seen].sort().map((request) => `\`${request}\``).join(", ");
}

function page(logs) {
    const rows = [], chapters = [];
    for (const name of readdirSync(new URL("clients", folder)).filter((file) => file.endsWith(".js")).map((file) => file.slice(0, -3)).sort()) {
        if (!CLIENTS[name]) throw new Error(`lib/page.js does not know clients/${name}.js; add a row to CLIENTS`);
        const [imports, packages, runtime = "node"] = CLIENTS[name];
        const tests = passed(`${logs}/${name}.log`);
        const [text, note = ""] = comment(`clients/${name}.js`).split(/^Note: /m);
        rows.push(`| [${imports}](#${imports.toLowerCase().replace(/[^a-z0-9 _-]/g, "").replaceAll(" ", "-")}) | ${packages.map(version).join(", ")} | ${isPinned(runtime) ? version(runtime) : runtime} | ${transport(logs, name)} | ${tests.length} | ${note.replaceAll("\n", " ")} |`);
        chapters.push(`## ${imports}\n\n${text.trim()}\n\n${tests.map((test) => `- ${test.replaceAll("\\#", "#")}`).join("\n")}\n`);
    }
    return `| import | packages | runs in | requests | tests | notes |\n|---|---|---|---|---|---|\n${rows.join("\n")}\n\n${chapters.join("\n")}`;
}

const [, , mode, logs, file] = process.argv;
const old = readFileSync(file, "utf8");
const at = old.indexOf(BEGIN);
if (at < 0) throw new Error(`${file} has no line "${BEGIN}"`);
const made = `${old.slice(0, at)}${BEGIN}\n\n${page(logs)}`;
if (mode === "write") {
    writeFileSync(file, made);
} else if (made !== old) {
    const [now, then] = [made.split("\n"), old.split("\n")];
    const line = now.findIndex((text, i) => text !== then[i]);
    console.error(`${file} does not say what was run; COMPAT_WRITE_PAGE=1 tests/compat/run.sh writes it anew. First difference, line ${line + 1}:`);
    console.error(`- ${then[line] ?? "(ends)"}\n+ ${now[line] ?? "(ends)"}`);
    process.exit(1);
}
