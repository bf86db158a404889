// SPDX-License-Identifier: Apache-2.0
// What a caller did wrong: it is told, with this HTTP status, and nothing was changed.
export class Refused extends Error {
    constructor(readonly status: number, message: string) {
        super(message);
    }
}

/** A number of the request's body. */
export function numberOf(body: Body, name: string, least = -Infinity): number {
    const value = body[name];
    if (typeof value !== "number" || !Number.isFinite(value) || value < least) throw new Refused(400, `"${name}" must be a number`);
    return value;
}

/** A text of the request's body. */
export function textOf(body: Body, name: string, absent?: string): string {
    const value = body[name] ?? absent;
    if (typeof value !== "string" || value.length > 1000) throw new Refused(400, `"${name}" must be a text`);
    return value;
}

export type Body = Record<string, unknown>;
