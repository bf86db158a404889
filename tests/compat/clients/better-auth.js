// SPDX-License-Identifier: Apache-2.0
// better-auth over kysely's libSQL dialect: makes its own tables by introspection, then accounts and sessions live in the tenant.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { LibsqlDialect } from "@libsql/kysely-libsql";
import { createClient } from "@libsql/client";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { token, url } from "../lib/fixture.js";

const client = createClient({ url, authToken: token });
const auth = betterAuth({
    baseURL: "http://127.0.0.1/",
    secret: "only for this test, thirty-two bytes or more",
    database: { dialect: new LibsqlDialect({ url, authToken: token }), type: "sqlite", transaction: true },
    emailAndPassword: { enabled: true, requireEmailVerification: false },
    telemetry: { enabled: false },
    rateLimit: { enabled: false },
    advanced: { disableOriginCheck: true },
    logger: { disabled: true },
});
const ali = { name: "Ali", email: "ali@example.com", password: "a long enough password" };
const rows = async (sql) => (await client.execute(sql)).rows.map((row) => Array.from(row));
const cookieOf = (headers) => headers.getSetCookie().map((cookie) => cookie.split(";")[0]).join("; ");
let cookie;

after(() => client.close());

test("migration: finds an empty database, makes its tables, and finds nothing to do afterwards", async () => {
    const first = await getMigrations(auth.options);
    assert.deepEqual(first.toBeCreated.map(({ table }) => table).sort(), ["account", "session", "user", "verification"]);
    await first.runMigrations();
    const second = await getMigrations(auth.options);
    assert.deepEqual([...second.toBeCreated, ...second.toBeAdded], []);
});

test("sign-up stores the user and a hashed password, and opens a session", async () => {
    const { headers, response } = await auth.api.signUpEmail({ body: ali, returnHeaders: true });
    assert.equal(response.user.email, ali.email);
    cookie = cookieOf(headers);
    assert.deepEqual(await rows("SELECT name, email FROM user"), [["Ali", ali.email]]);
    const [[provider, password]] = await rows("SELECT providerId, password FROM account");
    assert.equal(provider, "credential");
    assert.ok(!password.includes(ali.password) && password.length > 40);
    assert.deepEqual(await rows("SELECT count(*) FROM session"), [[1]]);
});

test("the same address twice is refused", async () => {
    await assert.rejects(auth.api.signUpEmail({ body: ali }), /exist/i);
    assert.deepEqual(await rows("SELECT count(*) FROM user"), [[1]]);
});

test("sign-in: with the password a second session, with another one none", async () => {
    await assert.rejects(auth.api.signInEmail({ body: { ...ali, password: "not that password" } }), /password/i);
    const { user } = await auth.api.signInEmail({ body: { email: ali.email, password: ali.password } });
    assert.equal(user.name, "Ali");
    assert.deepEqual(await rows("SELECT count(*) FROM session"), [[2]]);
});

test("the cookie's session is found, the profile changed, and signed out", async () => {
    const headers = new Headers({ cookie });
    assert.equal((await auth.api.getSession({ headers })).user.email, ali.email);
    await auth.api.updateUser({ headers, body: { name: "Ali Baba" } });
    assert.deepEqual(await rows("SELECT name FROM user"), [["Ali Baba"]]);
    await auth.api.signOut({ headers });
    assert.equal(await auth.api.getSession({ headers }), null);
    assert.deepEqual(await rows("SELECT count(*) FROM session"), [[1]]);
});

test("over HTTP: its handler answers sign-in with a cookie that opens the session", async () => {
    const ask = (path, init) => auth.handler(new Request(`http://127.0.0.1/api/auth${path}`, init));
    const answer = await ask("/sign-in/email", {
        method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ email: ali.email, password: ali.password }),
    });
    assert.equal(answer.status, 200);
    const session = await (await ask("/get-session", { headers: { cookie: cookieOf(answer.headers) } })).json();
    assert.equal(session.user.name, "Ali Baba");
});
