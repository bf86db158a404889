// SPDX-License-Identifier: Apache-2.0
// Gives the databases their tables, and the rows that are there before the first order: a restaurant with two products, and a
// driver. It may be run again; stock and driver are then as at the beginning.
//
//   LIBSQL_URL (http://127.0.0.1:8080/), LIBSQL_TOKEN (none)
import { createClient } from "@libsql/client";

const base = (process.env.LIBSQL_URL ?? "http://127.0.0.1:8080/").replace(/\/+$/, "");

const NODES = "parentId TEXT, nodeType TEXT NOT NULL, title TEXT, createdAt TEXT, payload TEXT";
const POINTS = `nodeId TEXT NOT NULL, qty REAL, price REAL, currency TEXT, availability TEXT, locationText TEXT, lat REAL, lng REAL,
    openNow BOOLEAN`;
const EVENTS = `id TEXT PRIMARY KEY, streamId TEXT NOT NULL, opcode INTEGER NOT NULL, nodeId TEXT, pointId TEXT, delta REAL,
    payload TEXT, ts TEXT NOT NULL`;
const tenant = [
    `CREATE TABLE IF NOT EXISTS nodes (id TEXT PRIMARY KEY, ${NODES})`,
    `CREATE TABLE IF NOT EXISTS points (id TEXT PRIMARY KEY, ${POINTS})`,
];

const databases = {
    streams: [
        `CREATE TABLE IF NOT EXISTS events (${EVENTS})`,
        "CREATE INDEX IF NOT EXISTS events_by_stream ON events (streamId, ts)",
    ],
    discovery: [
        `CREATE TABLE IF NOT EXISTS nodes (workspaceId TEXT NOT NULL, id TEXT NOT NULL, ${NODES}, PRIMARY KEY (workspaceId, id))`,
        `CREATE TABLE IF NOT EXISTS points (workspaceId TEXT NOT NULL, id TEXT NOT NULL, ${POINTS}, PRIMARY KEY (workspaceId, id))`,
        "INSERT OR REPLACE INTO nodes (workspaceId, id, nodeType, title) VALUES ('rami', 'rami', 'driver', 'Rami')",
        `INSERT OR REPLACE INTO points (workspaceId, id, nodeId, availability, lat, lng, openNow)
         VALUES ('rami', 'pt-rami-loc', 'rami', 'idle', 25.2640, 55.3310, true)`,
    ],
    "ali": tenant,
    "bab-hara": [
        ...tenant,
        `INSERT OR REPLACE INTO nodes (id, parentId, nodeType, title, payload) VALUES
         ('rest-01', NULL, 'restaurant', 'Bab Al Hara', '{"address":"Al Rigga, Dubai"}'),
         ('prod-shw', 'menu-01', 'product', 'Chicken Shawarma', '{"desc":"Grilled chicken wrap"}'),
         ('prod-lbn', 'menu-01', 'product', 'Laban', '{"desc":"Traditional buttermilk"}')`,
        `INSERT OR REPLACE INTO points (id, nodeId, qty, price, currency, availability, lat, lng, openNow) VALUES
         ('pt-shw', 'prod-shw', 200, 18.00, 'AED', 'in-stock', NULL, NULL, true),
         ('pt-lbn', 'prod-lbn', 150, 5.00, 'AED', 'in-stock', NULL, NULL, true),
         ('pt-rest-loc', 'rest-01', NULL, NULL, NULL, 'open', 25.2650, 55.3320, true)`,
    ],
    "rami": [
        ...tenant,
        `INSERT OR REPLACE INTO nodes (id, parentId, nodeType, title, payload) VALUES
         ('rami', NULL, 'driver', 'Rami', '{"vehicle":"Motorcycle"}')`,
        `INSERT OR REPLACE INTO points (id, nodeId, qty, price, currency, availability, lat, lng, openNow) VALUES
         ('pt-rami-loc', 'rami', NULL, NULL, NULL, 'idle', 25.2640, 55.3310, true)`,
    ],
};

for (const [name, statements] of Object.entries(databases)) {
    const db = createClient({ url: `${base}/${name}/`, authToken: process.env.LIBSQL_TOKEN });
    await db.batch(statements, "write");
    db.close();
    console.log(`${name}: ready`);
}
