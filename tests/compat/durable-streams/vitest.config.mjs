// SPDX-License-Identifier: Apache-2.0
// How the suite is run: a long poll of this server lasts 20 s, and two of the suite's tests wait for its end.
export default {
    test: { include: ["*.test.mjs"], setupFiles: ["./token.mjs"], testTimeout: 30000, watch: false, coverage: { enabled: false } },
};
