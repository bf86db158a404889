// SPDX-License-Identifier: Apache-2.0
// Which databases there are: one for every tenant (customers, restaurants, drivers), and two that the server owns.
import { createClient, type Client } from "@libsql/client/web";
import { Refused } from "./refused";

export interface Env {
    /** Where Tributary answers, e.g. https://db.example.com/ */
    LIBSQL_URL: string;
    /** `trib token create --all`; none is needed with `trib dev`. */
    LIBSQL_TOKEN?: string;
    /** Who may call this worker, as JSON: {"key": "tenant"}. */
    API_KEYS: string;
    /** Where finished streams go. */
    ARCHIVE: R2Bucket;
}

/** A tenant's own database: nodes (its things) and points (their state: stock, price, position). */
export function tenantDb(env: Env, tenant: string): Client {
    if (!/^[a-z0-9][a-z0-9-]*$/.test(tenant) || SYSTEM.includes(tenant)) throw new Refused(400, `"${tenant}" is not a tenant`);
    return open(env, tenant);
}

/** The log of every order: one table, `events`. */
export const streamsDb = (env: Env): Client => open(env, "streams");

/** What everybody may find: nodes and points with the workspace (tenant) that they belong to. */
export const discoveryDb = (env: Env): Client => open(env, "discovery");

const SYSTEM = ["streams", "discovery"];

function open(env: Env, name: string): Client {
    // The slash at the end matters: the client resolves "v2/pipeline" against this URL, and without it the name is lost.
    return createClient({ url: `${env.LIBSQL_URL.replace(/\/+$/, "")}/${name}/`, authToken: env.LIBSQL_TOKEN });
}
