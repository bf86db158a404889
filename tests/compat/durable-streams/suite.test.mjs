// SPDX-License-Identifier: Apache-2.0
// The suite as it is, with its optional part.
import { runConformanceTests } from "@durable-streams/server-conformance-tests";

runConformanceTests({ baseUrl: process.env.COMPAT_TENANT_URL.replace(/\/$/, ""), subscriptions: true });
