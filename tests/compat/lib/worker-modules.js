// SPDX-License-Identifier: Apache-2.0
// Turns a worker and what it imports from node_modules into the list of modules that miniflare takes, without a bundler.
//
//   worker.js ── "@libsql/client/web" ──> m1.js ── "./http.js" ──> m2.js ...
//
// Packages are resolved as Cloudflare's own tools do (conditions workerd, import); import paths are rewritten to the new names.
// A CommonJS module is wrapped, which is enough for the one small package that is one.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const CONDITIONS = ["workerd", "worker", "browser", "import", "default"];
const IMPORT = /(^\s*(?:import|export)\b[^"';]*?from\s*|^\s*import\s*)(["'])([^"']+)\2/gm;

function pick(target) {
    if (typeof target === "string" || target === undefined) return target;
    for (const [condition, value] of Object.entries(target)) {
        const found = CONDITIONS.includes(condition) ? pick(value) : undefined;
        if (found) return found;
    }
    return undefined;
}

function packageFolder(name, from) {
    for (let folder = from; ; folder = dirname(folder)) {
        const candidate = join(folder, "node_modules", name);
        if (existsSync(candidate)) return candidate;
        if (folder === dirname(folder)) throw new Error(`no package ${name} above ${from}`);
    }
}

function find(specifier, from) {
    if (specifier.startsWith(".")) return resolve(from, specifier);
    const parts = specifier.split("/");
    const name = parts.splice(0, specifier.startsWith("@") ? 2 : 1).join("/");
    const folder = packageFolder(name, from);
    const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const inside = parts.length ? `./${parts.join("/")}` : ".";
    const target = manifest.exports ? pick(manifest.exports[inside]) : parts.length ? inside : (manifest.main ?? "index.js");
    if (!target) throw new Error(`${specifier} has no export for workers`);
    return join(folder, target);
}

/** The modules of the worker whose file is `entry`, that one first: [{type, path, contents}]. */
export function workerModules(entry) {
    const names = new Map([[entry, "worker.js"]]);
    const modules = [];
    for (const file of names.keys()) { // a Map's keys() also visits what is added on the way
        let source = readFileSync(file, "utf8");
        if (!/^\s*(import|export)\b/m.test(source)) {
            source = `const module = { exports: {} };\n${source}\nexport default module.exports;`;
        }
        const contents = source.replace(IMPORT, (whole, lead, quote, specifier) => {
            if (/^(cloudflare|node):/.test(specifier)) return whole;
            const target = find(specifier, dirname(file));
            if (!names.has(target)) names.set(target, `m${names.size}.js`);
            return `${lead}"./${names.get(target)}"`;
        });
        modules.push({ type: "ESModule", path: names.get(file), contents });
    }
    return modules;
}
