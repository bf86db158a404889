// SPDX-License-Identifier: Apache-2.0
// @libsql/client/web inside workerd, the runtime of Cloudflare Workers: its own fetch talks to the server. Miniflare only starts
// it; with cf: false it asks nobody on the network.
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";
import { flowTests, variables } from "../lib/flow-tests.js";
import { workerModules } from "../lib/worker-modules.js";

let runtime;

before(async () => {
    runtime = new Miniflare({
        cf: false,
        compatibilityDate: "2026-01-01",
        modules: workerModules(fileURLToPath(new URL("../lib/worker.js", import.meta.url))),
        bindings: variables,
    });
    await runtime.ready;
});
after(() => runtime?.dispose());

flowTests(async (flow) => (await runtime.dispatchFetch(`http://worker/${flow}`, { method: "POST" })).json());
