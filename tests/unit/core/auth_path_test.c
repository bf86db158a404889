/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of a path names a tenant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/auth.h"

static void the_first_segment_is_a_tenant_unless_it_is_the_servers(void **state) {
    (void)state;
    static const struct {
        const char *path, *tenant, *rest;
    } rows[] = {
        {"/acme/v2/pipeline", "acme", "/v2/pipeline"},
        {"/acme/", "acme", "/"},
        {"/acme", "acme", "/"},
        {"/streams/v2/pipeline", "streams", "/v2/pipeline"},
        {"/v2/pipeline", "", "/v2/pipeline"},
        {"/v3-protobuf/cursor", "", "/v3-protobuf/cursor"},
        {"/health", "", "/health"},
        {"/", "", "/"},
        {"*", "*", "/"},
        {"/dev/acme/v2/pipeline", "acme", "/v2/pipeline"},
        {"/dev", "", "/dev"},
        {"/dev/", "", "/dev/"},
        {"/dev/dev/v2", "dev", "/v2"},
        {"/wal_log.ReplicationLog/Hello", "", "/wal_log.ReplicationLog/Hello"},
        {"/acme/wal_log.ReplicationLog/Hello", "acme", "/wal_log.ReplicationLog/Hello"},
        {"/acme/v2/pipeline/acme", "acme", "/v2/pipeline/acme"},
        {"/Acme/v2", "Acme", "/v2"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_str tenant, rest;
        trib_auth_split_path(trib_str_c(rows[i].path), &tenant, &rest);
        if (!trib_str_eq_c(tenant, rows[i].tenant) || !trib_str_eq_c(rest, rows[i].rest))
            fail_msg("%s: '%.*s' '%.*s'", rows[i].path, TRIB_STR_ARG(tenant), TRIB_STR_ARG(rest));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_first_segment_is_a_tenant_unless_it_is_the_servers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
