// SPDX-License-Identifier: Apache-2.0
// Makes the tenants and tokens of one client through the admin API, then runs clients/NAME.js under node's test runner with
// them in its environment. `node lib/run-client.js NAME`; prints TAP.
//
//   NAME         the client's own tenant: COMPAT_TENANT_URL, COMPAT_TOKEN, COMPAT_READ_ONLY_TOKEN
//   NAME-other   somebody else's, who allows ATTACH: COMPAT_OTHER_URL, COMPAT_OTHER_TOKEN
//   both         one token for the two:   COMPAT_WIDE_TOKEN, which by itself names no tenant
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const { COMPAT_URL, COMPAT_ADMIN_URL, COMPAT_ADMIN_KEY } = process.env;

async function admin(path, body, method = "POST") {
    const answer = await fetch(new URL(path, COMPAT_ADMIN_URL), {
        method,
        headers: { "content-type": "application/json", authorization: `Basic ${COMPAT_ADMIN_KEY.trim()}` },
        body: JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`);
    return JSON.parse(text);
}

async function token(path, body) {
    return (await admin(path, body)).token;
}

const name = process.argv[2];
const other = `${name}-other`;
await admin(`v1/namespaces/${name}/create`, {});
await admin(`v1/namespaces/${other}/create`, { allow_attach: true });
// which of the two protocols for embedded replicas a tenant speaks is its setting
if (name.endsWith("-v1")) await admin(`v1/namespaces/${name}`, { replica_v1: true }, "PATCH");
const env = {
    ...process.env,
    COMPAT_TENANT: name,
    COMPAT_OTHER_TENANT: other,
    COMPAT_TENANT_URL: `${COMPAT_URL}${name}/`,
    COMPAT_OTHER_URL: `${COMPAT_URL}${other}/`,
    COMPAT_TOKEN: await token(`v1/namespaces/${name}/tokens`, { access: "rw" }),
    COMPAT_READ_ONLY_TOKEN: await token(`v1/namespaces/${name}/tokens`, { access: "ro" }),
    COMPAT_OTHER_TOKEN: await token(`v1/namespaces/${other}/tokens`, { access: "rw" }),
    COMPAT_WIDE_TOKEN: await token("v1/tokens", { access: "rw", namespaces: [name, other] }),
};
delete env.COMPAT_ADMIN_KEY;
const file = fileURLToPath(new URL(`../clients/${name}.js`, import.meta.url));
const args = ["--no-warnings", "--test", "--test-reporter=tap", "--test-timeout=110000", file];
const child = spawn(process.execPath, args, { env, stdio: "inherit" });
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code) => process.exit(code ?? 1));
