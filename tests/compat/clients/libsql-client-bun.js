// SPDX-License-Identifier: Apache-2.0
// @libsql/client in Bun: what `import "@libsql/client"` finds there.
import { flowTests, inRuntime } from "../lib/flow-tests.js";

flowTests(inRuntime("bun", ["run"]));
