// SPDX-License-Identifier: Apache-2.0
// The stream of an order: what happened, in order, written once and read by all who take part.
//
//   append()  adds events, all or none         readStream()  all events, from the database or, later, from the archive
//   orderOf() what the events say together     archive()     moves a finished stream from the database to R2
import { LibsqlError, type Row } from "@libsql/client/web";
import { streamsDb, type Env } from "./databases";
import { Refused } from "./refused";

export const OPCODE = {
    SALE_OUT: 102, INVOICE_PAYMENT: 203, TASK_CREATE: 301, TASK_ASSIGN: 302, TASK_START: 303, TASK_DONE: 305,
    ACCOUNT_PAYIN: 401, ACCOUNT_PAYOUT: 402, ORDER_CREATE: 501, ORDER_SHIP: 502, ORDER_DELIVER: 503,
} as const;

export interface NewEvent {
    opcode: number;
    node: string;
    point?: string;
    delta?: number;
    payload: object;
}

export interface Item {
    id: string;
    qty: number;
    price: number;
}

/** An order as its stream tells it. */
export interface Order {
    customer: string;
    restaurant: string;
    driver?: string;
    items: Item[];
    total: number;
    deliveryAddress: string;
    /** The opcodes so far. */
    seen: Set<number>;
}

/**
 * Adds events to a stream. An event's id is made from what it is, and ids are unique, so that the second of two equal requests
 * is refused here: do this first, and what follows it is done once.
 */
export async function append(env: Env, stream: string, events: NewEvent[]): Promise<void> {
    const ts = new Date().toISOString();
    try {
        await streamsDb(env).batch(events.map(({ opcode, node, point = null, delta = 0, payload }) => ({
            sql: "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            args: [[stream, opcode, point].filter(Boolean).join(":"), stream, opcode, node, point, delta, JSON.stringify(payload), ts],
        })), "write");
    } catch (error) {
        if (error instanceof LibsqlError && error.code === "SQLITE_CONSTRAINT") throw new Refused(409, "this was done already");
        throw error;
    }
}

/** The events of a stream as JSON: the same text for all, before and after it was archived. "[]" if there is none. */
export async function readStream(env: Env, stream: string): Promise<string> {
    const rows = await readRows(env, stream);
    const archived = rows.length ? null : await env.ARCHIVE.get(`${stream}.json`);
    return archived ? archived.text() : JSON.stringify(rows);
}

async function readRows(env: Env, stream: string): Promise<Row[]> {
    const sql = "SELECT * FROM events WHERE streamId = ? ORDER BY ts, rowid";
    return (await streamsDb(env).execute({ sql, args: [stream] })).rows;
}

/** The order that a stream is about; undefined if the stream has no events. */
export function orderOf(stream: string): Order | undefined {
    const events: { opcode: number; delta: number; payload: string }[] = JSON.parse(stream);
    let order: Order | undefined;
    for (const { opcode, delta, payload } of events) {
        if (opcode === OPCODE.ORDER_CREATE) order = { ...JSON.parse(payload), total: delta, seen: new Set() };
        if (opcode === OPCODE.TASK_ASSIGN) order!.driver = JSON.parse(payload).driver;
        order?.seen.add(opcode);
    }
    return order;
}

/** First the archive, then the deletion of just what was archived: a stop in between leaves both, and it can be repeated. */
export async function archive(env: Env, stream: string): Promise<number> {
    const rows = await readRows(env, stream);
    if (rows.length === 0) throw new Refused(409, "this was done already");
    await env.ARCHIVE.put(`${stream}.json`, JSON.stringify(rows));
    const sql = "DELETE FROM events WHERE streamId = ? AND id IN (SELECT value FROM json_each(?))";
    return (await streamsDb(env).execute({ sql, args: [stream, JSON.stringify(rows.map((row) => row.id))] })).rowsAffected;
}
