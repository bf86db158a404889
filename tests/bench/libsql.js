// SPDX-License-Identifier: Apache-2.0
// The yardstick inside a program: npm's libsql with a local file, in one process and thread. libsql.js FILE SECONDS FOLDER
// leaves FOLDER/libsql_NAME.json for each of the benchmark's statements.
import { createRequire } from 'node:module';
import { writeFileSync } from 'node:fs';

const require = createRequire(new URL('../compat/package.json', import.meta.url));
const Database = require('libsql');
const [file, seconds, folder] = process.argv.slice(2);
const db = new Database(file);
db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL');

const works = {
    select: ['SELECT id, name, price FROM item WHERE id = ?', (stmt) => stmt.get(7)],
    select100: ['SELECT id, name, price FROM item WHERE id > ? ORDER BY id LIMIT 100', (stmt) => stmt.all(7)],
    insert: ['INSERT INTO entry (text) VALUES (?)', (stmt) => stmt.run('twenty bytes of text')],
};

for (const [name, [sql, once]] of Object.entries(works)) {
    const stmt = db.prepare(sql);
    const taken = [];
    const cpu = process.cpuUsage();
    const begin = process.hrtime.bigint();
    const end = begin + BigInt(Math.round(Number(seconds) * 1e9));
    let at = begin;
    while (at < end) {
        once(stmt);
        const now = process.hrtime.bigint();
        taken.push(Number(now - at) / 1000);
        at = now;
    }
    const used = process.cpuUsage(cpu);
    taken.sort((a, b) => a - b);
    const part = (share) => taken[Math.min(taken.length - 1, Math.floor(taken.length * share))].toFixed(1);
    const report = {
        requests: taken.length,
        requests_per_s: Math.round(taken.length / (Number(at - begin) / 1e9)),
        latency_us: { p50: Number(part(0.5)), p99: Number(part(0.99)) },
        cpu_us_per_request: Number(((used.user + used.system) / taken.length).toFixed(2)),
    };
    writeFileSync(`${folder}/libsql_${name}.json`, JSON.stringify(report).replaceAll('":', '": ').replaceAll(',"', ', "') + '\n');
}
