// SPDX-License-Identifier: Apache-2.0
// The part of docs/reference/compatibility.md that says what was run: `node lib/page.js check|write LOGS PAGE`. Versions come from
// node_modules, descriptions from the comments at the top of clients/*.js, the lists from the TAP in LOGS/NAME.log, so that the
// page can only say what has just passed. `check` fails when the page says anything else; `write` puts it right.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";

const BEGIN = "<!-- made by tests/compat/run.sh from here on; COMPAT_WRITE_PAGE=1 tests/compat/run.sh writes it anew -->";
// clients/NAME.js: the package, what a program imports, and the package of the runtime if it is not Node
const CLIENTS = {
    "documents": ["@libsql/client", "README.md, first-order.md"],
    "drizzle-orm": ["drizzle-orm", "drizzle-orm/libsql"],
    "libsql-client-http": ["@libsql/client", "@libsql/client"],
    "libsql-client-web": ["@libsql/client", "@libsql/client/web", "workerd"],
    "npm-libsql": ["libsql", "libsql, libsql/promise"],
    "tursodatabase-serverless": ["@tursodatabase/serverless", "@tursodatabase/serverless"],
};
const folder = new URL("..", import.meta.url);
const version = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, folder), "utf8")).version;

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

function page(logs) {
    const rows = [], chapters = [];
    for (const name of readdirSync(new URL("clients", folder)).filter((file) => file.endsWith(".js")).map((file) => file.slice(0, -3)).sort()) {
        if (!CLIENTS[name]) throw new Error(`lib/page.js does not know clients/${name}.js; add a row to CLIENTS`);
        const [packet, imports, runtime = "node"] = CLIENTS[name];
        const tests = passed(`${logs}/${name}.log`);
        const where = runtime === "node" ? `Node ${version("node")}` : `${runtime} ${version(runtime)}`;
        rows.push(`| \`${imports.split(", ").join("`, `")}\` | ${packet} ${version(packet)} | ${where} | ${tests.length} |`);
        chapters.push(`## ${imports}\n\n${comment(`clients/${name}.js`)}\n\n${tests.map((test) => `- ${test.replaceAll("\\#", "#")}`).join("\n")}\n`);
    }
    return `| import | package | runs in | tests |\n|---|---|---|---|\n${rows.join("\n")}\n\n${chapters.join("\n")}`;
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
