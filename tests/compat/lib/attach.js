// SPDX-License-Identifier: Apache-2.0
// ATTACH as @libsql/client's programs use it, the same over HTTP and over a WebSocket.
import assert from "node:assert/strict";
import { createClient } from "@libsql/client";
import { fails, otherTenant, otherToken, tenant, token, wideToken } from "./fixture.js";

export const attachFlow = "attach: another tenant's tables in a read transaction and in a batch, never a write, and only for who may read both";

/** `url` is the client's own tenant, `otherUrl` the one that allows ATTACH. */
export async function attach(url, otherUrl) {
    const db = createClient({ url, authToken: token });
    const other = createClient({ url: otherUrl, authToken: otherToken });
    await other.executeMultiple("CREATE TABLE course (dish TEXT, place INTEGER); INSERT INTO course VALUES ('fattoush', 1), ('kibbeh', 2)");
    const wide = createClient({ url: url, authToken: wideToken });
    await wide.executeMultiple("CREATE TABLE carte (name TEXT); INSERT INTO carte VALUES ('kibbeh')");
    const tx = await wide.transaction("read");
    await tx.execute(`ATTACH DATABASE "${otherTenant}" AS attached`);
    const { rows, columns } = await tx.execute("SELECT place, name FROM carte JOIN attached.course ON dish = name");
    assert.deepEqual([columns, Array.from(rows[0])], [["place", "name"], [2, "kibbeh"]]);
    await other.execute("DELETE FROM course WHERE place = 1");
    assert.equal((await tx.execute("SELECT count(*) AS n FROM attached.course")).rows[0].n, 2, "one snapshot");
    await tx.commit();
    const [, read] = await wide.batch([`ATTACH '${otherTenant}' AS o`, "SELECT count(*) AS n FROM o.course"], "read");
    assert.equal(read.rows[0].n, 1);
    await fails(wide.execute("SELECT * FROM o.course"), "SQLITE_ERROR", /no such table/); // another session
    const writer = await wide.transaction("write");
    await writer.execute(`ATTACH '${otherTenant}' AS o`);
    await writer.execute("INSERT INTO carte SELECT dish FROM o.course");
    await fails(writer.execute("DELETE FROM o.course"), "SQLITE_READONLY", /readonly/);
    await writer.commit();
    assert.equal((await wide.execute("SELECT count(*) AS n FROM carte")).rows[0].n, 2);
    const narrow = await fails(db.execute(`ATTACH '${otherTenant}' AS o`), "TENANT_NOT_FOUND", /doesn't exist/);
    const unknown = await fails(db.execute("ATTACH 'no-such-tenant' AS o"), "TENANT_NOT_FOUND", /doesn't exist/);
    assert.equal(narrow.message.replace(otherTenant, "NAME"), unknown.message.replace("no-such-tenant", "NAME"));
    const swapped = createClient({ url: otherUrl, authToken: wideToken });
    await fails(swapped.execute(`ATTACH '${tenant}' AS o`), "FORBIDDEN", /doesn't allow attach/);
    [db, other, wide, swapped].forEach((client) => client.close());
}
