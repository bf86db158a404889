// SPDX-License-Identifier: Apache-2.0
// The worker of clients/libsql-client-web.js: POST /NAME runs that flow inside workerd with @libsql/client/web.
import * as libsql from "@libsql/client/web";
import { flowsOf } from "./flows.js";

const run = flowsOf(libsql);

export default {
    async fetch(request, env) {
        return Response.json(await run(new URL(request.url).pathname.slice(1), env));
    },
};
