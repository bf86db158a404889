// SPDX-License-Identifier: Apache-2.0
// @libsql/client in Deno: what `import "@libsql/client"` finds there (from node_modules, without the network).
import { flowTests, inRuntime } from "../lib/flow-tests.js";

flowTests(inRuntime("deno", ["run", "--allow-all", "--cached-only", "--node-modules-dir=manual"]));
