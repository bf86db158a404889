// SPDX-License-Identifier: Apache-2.0
// The suite knows no tokens: every request to the server gets this client's.
const plain = globalThis.fetch;
globalThis.fetch = (input, init = {}) => {
    const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
    if (!headers.has("authorization")) headers.set("authorization", `Bearer ${process.env.COMPAT_TOKEN}`);
    return plain(input, { ...init, headers });
};
