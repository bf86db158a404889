// SPDX-License-Identifier: Apache-2.0
// Runs one flow in whatever runtime this is started with, with what `import "@libsql/client"` finds there: runtime.js FLOW, the
// variables as JSON on standard input. Prints JSON.
import process from "node:process";
import { text } from "node:stream/consumers";
import * as libsql from "@libsql/client";
import { flowsOf } from "./flows.js";

const answer = await flowsOf(libsql)(process.argv[2], JSON.parse(await text(process.stdin)));
console.log(JSON.stringify({ ...answer, runtime: globalThis.Deno ? "deno" : process.versions.bun ? "bun" : "node" }));
process.exit(0);
