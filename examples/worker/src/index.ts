// SPDX-License-Identifier: Apache-2.0
// The worker: finds out who asks, finds the step that is asked for, and answers JSON.
import { LibsqlError } from "@libsql/client/web";
import type { Env } from "./databases";
import {
    accept, archiveOrder, assign, deliver, kitchenDone, motion, pay, pickup, place, stream, type Call,
} from "./orders";
import { Refused, type Body } from "./refused";

const routes: [method: string, path: RegExp, step: (call: Call) => Promise<object | void>][] = [
    ["POST", /^\/api\/orders$/, place],
    ["POST", /^\/api\/orders\/([\w-]+)\/pay$/, pay],
    ["POST", /^\/api\/orders\/([\w-]+)\/accept$/, accept],
    ["POST", /^\/api\/orders\/([\w-]+)\/kitchen$/, kitchenDone],
    ["POST", /^\/api\/orders\/([\w-]+)\/assign$/, assign],
    ["POST", /^\/api\/orders\/([\w-]+)\/pickup$/, pickup],
    ["POST", /^\/api\/orders\/([\w-]+)\/deliver$/, deliver],
    ["POST", /^\/api\/orders\/([\w-]+)\/archive$/, archiveOrder],
    ["POST", /^\/api\/motion$/, motion],
    ["GET", /^\/api\/streams\/([\w-]+)$/, stream],
];

/** Put your own login here: all that the steps need is the tenant. */
function whoAsks(request: Request, env: Env): string {
    const key = /^Bearer (.+)$/.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
    const tenant = new Map<string, string>(Object.entries(JSON.parse(env.API_KEYS))).get(key);
    if (!tenant) throw new Refused(401, "no key, or one that is not known");
    return tenant;
}

async function bodyOf(request: Request): Promise<Body> {
    if (request.method === "GET") return {};
    const body: unknown = await request.json().catch(() => undefined);
    if (typeof body !== "object" || body === null) throw new Refused(400, "the body must be a JSON object");
    return body as Body;
}

async function answer(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url);
    for (const [method, path, step] of routes) {
        const match = path.exec(pathname);
        if (!match || method !== request.method) continue;
        const me = whoAsks(request, env);
        const result = await step({ env, me, id: match[1] ?? "", body: await bodyOf(request) });
        return result instanceof Response ? result : Response.json({ ok: true, ...result });
    }
    throw new Refused(404, `there is no ${request.method} ${pathname}`);
}

export default {
    async fetch(request, env) {
        try {
            return await answer(request, env);
        } catch (error) {
            if (error instanceof Refused) return Response.json({ error: error.message }, { status: error.status });
            if (error instanceof LibsqlError && error.code === "TENANT_NOT_FOUND") {
                return Response.json({ error: "no such tenant" }, { status: 404 });
            }
            console.error(error); // the message belongs into the log: callers need not know our tables
            const code = error instanceof LibsqlError ? error.code : "INTERNAL";
            return Response.json({ error: "the database did not do it", code }, { status: 502 });
        }
    },
} satisfies ExportedHandler<Env>;
