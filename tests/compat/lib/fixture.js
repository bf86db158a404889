// SPDX-License-Identifier: Apache-2.0
// What every client's flow shares: where the server is, whom it talks as, and how an error is checked.
import assert from "node:assert/strict";

const need = (name) => process.env[name] ?? assert.fail(`${name} is not set; start this with tests/compat/run.sh`);

/** The server, with the slash at its end. */
export const serverUrl = need("COMPAT_URL");
/** This client's tenant: URL with the slash, and tokens. */
export const url = need("COMPAT_TENANT_URL");
export const tenant = need("COMPAT_TENANT");
export const token = need("COMPAT_TOKEN");
export const readOnlyToken = need("COMPAT_READ_ONLY_TOKEN");
/** Another tenant, and its token. */
export const otherUrl = need("COMPAT_OTHER_URL");
export const otherTenant = need("COMPAT_OTHER_TENANT");
export const otherToken = need("COMPAT_OTHER_TOKEN");
/** May read and write both tenants, and therefore names neither. */
export const wideToken = need("COMPAT_WIDE_TOKEN");

/** Runs `work`, which must fail with this code (null: whatever code) and a message that fits; returns the error. */
export async function fails(work, code, message) {
    let error;
    try {
        await (typeof work === "function" ? work() : work);
    } catch (caught) {
        error = caught;
    }
    assert.ok(error, `this must fail with ${code ?? message}, but it went through`);
    const told = `${error.code}: ${error.message}`;
    if (code !== null) assert.equal(error.code, code, told);
    assert.match(error.message, message, told);
    return error;
}

/** What no client knows: the edges of int64, what a double cannot hold, every byte, and text that needs escapes. */
export const INT64_MAX = 9223372036854775807n;
export const INT64_MIN = -9223372036854775808n;
export const BEYOND_DOUBLE = 9007199254740993n;
export const EVERY_BYTE = Uint8Array.from({ length: 256 }, (_, i) => i);
export const AWKWARD_TEXT = "quote \" backslash \\ newline \n tab \t nul-free \u0001 \u2028 حلب 🥙 é";
