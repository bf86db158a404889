// SPDX-License-Identifier: Apache-2.0
// A receiver of webhooks that checks signatures and fails as the file FAULT says: none, 500, 422, drop, stall, redirect.
// node webhook_receiver.js FOLDER SECRET: writes FOLDER/port, and a line "POS STREAM SEQ" to FOLDER/got for each event that
// it took; FOLDER/bad gets what is wrong.
'use strict';
const fs = require('node:fs');
const http = require('node:http');
const {createHmac} = require('node:crypto');
const [folder, secret] = process.argv.slice(2);
const key = Buffer.from(secret.slice('whsec_'.length), 'base64');

function fault() {
    try {
        return fs.readFileSync(`${folder}/FAULT`, 'utf8').trim();
    } catch {
        return 'none';
    }
}

function check(headers, body) {
    const id = headers['webhook-id'], at = headers['webhook-timestamp'];
    const want = 'v1,' + createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64');
    if (headers['webhook-signature'] !== want) return 'signature';
    if (Math.abs(Date.now() / 1000 - Number(at)) > 60) return 'timestamp';
    if (headers['content-type'] !== 'application/json') return 'content-type';
    return null;
}

const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (bytes) => (body += bytes));
    request.on('end', () => {
        const wrong = check(request.headers, body), data = JSON.parse(body).data, now = fault();
        if (wrong) fs.appendFileSync(`${folder}/bad`, `${wrong}\n`);
        fs.appendFileSync(`${folder}/tries`, `${now} ${data.pos}\n`);
        if (now === 'stall') return;
        if (now === 'drop') return request.socket.destroy();
        if (now === 'redirect') return response.writeHead(302, {location: '/elsewhere'}).end();
        if (now === '500') return response.writeHead(500).end('no');
        if (now === '422' && data.event.opcode === 4) return response.writeHead(422).end('never');
        fs.appendFileSync(`${folder}/got`, `${data.pos} ${data.event.streamId} ${data.seq}\n`);
        response.writeHead(200).end('{}');
    });
});
server.listen(0, '127.0.0.1', () => fs.writeFileSync(`${folder}/port`, String(server.address().port)));
