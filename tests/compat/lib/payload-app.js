// SPDX-License-Identifier: Apache-2.0
// The Payload CMS application of clients/payload.js: what it keeps, and how it starts. `node lib/payload-app.js URL TOKEN` starts it as
// its renamed form and ends, so that a terminal can answer what the push asks.
import { argv } from "node:process";
import { fileURLToPath } from "node:url";
import { sqliteAdapter } from "@payloadcms/db-sqlite";
import { buildConfig, getPayload } from "payload";

// FORCE: the push remembers the last schema per process, and several databases are pushed to from this one
Object.assign(process.env, { DISABLE_PAYLOAD_HMR: "true", PAYLOAD_DISABLE_DEPENDENCY_CHECKER: "true", PAYLOAD_FORCE_DRIZZLE_PUSH: "true" });

const city = { name: "city", type: "text", defaultValue: "Aleppo" };
const shop = (...more) => ({ slug: "shops", fields: [{ name: "name", type: "text", required: true, unique: true }, ...more] });
const users = { slug: "users", auth: { tokenExpiration: 3600, maxLoginAttempts: 3, lockTime: 60000 }, fields: [{ name: "name", type: "text" }] };
const ledger = (type) => ({ slug: "ledger", timestamps: false, lockDocuments: false, fields: [{ name: "what", type: "text" }, { name: "amount", type }] });
const dish = (...more) => ({
    slug: "dishes",
    versions: { drafts: true, maxPerDoc: 10 },
    fields: [
        { name: "title", type: "text", required: true, localized: true, index: true },
        { name: "price", type: "number", required: true },
        { name: "since", type: "date" },
        { name: "halal", type: "checkbox", defaultValue: true },
        { name: "kinds", type: "select", options: ["hot", "cold"], hasMany: true },
        { name: "shop", type: "relationship", relationTo: "shops" },
        { name: "seenBy", type: "relationship", relationTo: ["users", "shops"], hasMany: true },
        { name: "sizes", type: "array", fields: [{ name: "label", type: "text" }, { name: "grams", type: "number" }] },
        { name: "layout", type: "blocks", blocks: [
            { slug: "quote", fields: [{ name: "text", type: "text" }] },
            { slug: "picture", fields: [{ name: "alt", type: "text", localized: true }, { name: "width", type: "number" }] },
        ] },
        { name: "extra", type: "json" },
        { name: "place", type: "point" },
        ...more,
    ],
});
/** The collections as they are first, and after each change. */
export const forms = {
    first: [users, shop({ name: "rating", type: "text" }), dish(), ledger("text")],
    added: [users, shop({ name: "rating", type: "text" }, city),
        dish({ name: "note", type: "textarea", localized: true }, { name: "tags", type: "array", fields: [{ name: "tag", type: "text" }] }), ledger("text")],
    retyped: [users, shop({ name: "rating", type: "text" }, city), dish({ name: "note", type: "textarea", localized: true }), ledger("number")],
    renamed: [users, shop({ name: "stars", type: "text" }, city), dish({ name: "note", type: "textarea", localized: true }), ledger("number")],
    rebuilt: [users, shop({ name: "stars", type: "number" }, city), dish({ name: "note", type: "textarea", localized: true }), ledger("number")],
    rebuiltAsIs: [users, shop({ name: "rating", type: "number" }, city), dish({ name: "note", type: "textarea", localized: true }), ledger("number")],
};

let started = 0;
/** Starts it against a database: connects, pushes its schema, and answers Payload's local API. */
export async function start(url, authToken, collections) {
    let adapter; // of a start that fails, nothing else is at hand
    const hold = (made) => ((adapter = made.adapter), made.schema);
    const config = await buildConfig({
        secret: "compat", telemetry: false, typescript: { autoGenerate: false }, collections: structuredClone(collections), logger: { options: { level: "error" } },
        localization: { locales: ["en", "ar"], defaultLocale: "en", fallback: true },
        db: sqliteAdapter({ client: { url, authToken }, transactionOptions: {}, afterSchemaInit: [hold] }),
    });
    const payload = await getPayload({ config, key: `${started++}` }).catch((error) => {
        adapter?.client?.close();
        throw error;
    });
    return Object.assign(payload, {
        async end() {
            const { client } = payload.db;
            await payload.destroy();
            client.close();
        },
    });
}

if (argv[1] === fileURLToPath(import.meta.url)) await (await start(argv[2], argv[3], forms.renamed)).end();
