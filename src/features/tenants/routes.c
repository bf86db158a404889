/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of the admin API: sqld's where it has them, and those that it lacks. */
#include "features/tenants/tenants.h"
#include "features/tenants/tenants_int.h"

#define ADMIN_GET  TRIB_LISTENER_ADMIN, TRIB_AUTH_ADMIN, 0
#define ADMIN_BODY TRIB_LISTENER_ADMIN, TRIB_AUTH_ADMIN, TENANTS_BODY_MAX_BYTES

static const trib_route routes[] = {
    {"GET", "/v1/namespaces", ADMIN_GET, tenants_handle_list, "list tenants, page by page"},
    {"GET", "/v1/namespaces/:ns", ADMIN_GET, tenants_handle_show, "one tenant with its sizes and counters"},
    {"PATCH", "/v1/namespaces/:ns", ADMIN_BODY, tenants_handle_patch, "change settings of a tenant"},
    {"DELETE", "/v1/namespaces/:ns", ADMIN_BODY, tenants_handle_delete,
     "delete a tenant; its data goes when the grace is over"},
    {"POST", "/v1/namespaces/:ns/undelete", ADMIN_BODY, tenants_handle_undelete, "bring a deleted tenant back"},
    {"POST", "/v1/namespaces/:ns/create", ADMIN_BODY, tenants_handle_create, "create a tenant"},
    {"POST", "/v1/namespaces/:ns/rename", ADMIN_BODY, tenants_handle_rename, "give a tenant another name"},
    {"POST", "/v1/namespaces/:ns/fork/:to", ADMIN_BODY, tenants_handle_fork, "copy a tenant as it is now"},
    {"POST", "/v1/namespaces/:ns/import", ADMIN_BODY, tenants_handle_import, "begin a tenant from a SQLite file"},
    {"POST", "/v1/imports/:id", TRIB_LISTENER_ADMIN, TRIB_AUTH_ADMIN, TENANTS_IMPORT_CHUNK_BYTES,
     tenants_handle_import_piece, "the next piece of the file"},
    {"POST", "/v1/imports/:id/finish", ADMIN_BODY, tenants_handle_import_finish, "check it; the tenant is there"},
    {"DELETE", "/v1/imports/:id", ADMIN_BODY, tenants_handle_import_drop, "give an import up"},
    {"GET", "/v1/namespaces/:ns/export", ADMIN_GET, tenants_handle_export, "the database of now as a SQLite file"},
    {"GET", "/v1/namespaces/:ns/stats", ADMIN_GET, tenants_handle_stats, "counters under sqld's names"},
    {"GET", "/v1/namespaces/:ns/config", ADMIN_GET, tenants_handle_config, "settings under sqld's names"},
    {"POST", "/v1/namespaces/:ns/config", ADMIN_BODY, tenants_handle_set_config, "change them under sqld's names"},
    {"POST", "/v1/namespaces/:ns/tokens", ADMIN_BODY, tenants_handle_token, "make a token for one tenant"},
    {"POST", "/v1/namespaces/:ns/tokens/revoke", ADMIN_BODY, tenants_handle_revoke,
     "make every token of a tenant void"},
    {"GET", "/v1/namespaces/:ns/quarantine", ADMIN_GET, tenants_handle_quarantine, "is it out of service, and why"},
    {"POST", "/v1/namespaces/:ns/quarantine/release", ADMIN_BODY, tenants_handle_release,
     "check what lies there now and put it into service"},
    {"GET", "/v1/quarantine", ADMIN_GET, tenants_handle_quarantined, "tenants that are out of service, page by page"},
    {"GET", "/v1/scrub", ADMIN_GET, tenants_handle_scrub, "the scrub under way, or the last one"},
    {"POST", "/v1/scrub", ADMIN_BODY, tenants_handle_scrub_start, "read and check one database, or all"},
    {"DELETE", "/v1/scrub", ADMIN_GET, tenants_handle_scrub_stop, "end the scrub"},
    {"GET", "/v1/doctor", ADMIN_GET, tenants_handle_doctor, "what clients do wrong, and the last scrub"},
    {"POST", "/v1/tokens", ADMIN_BODY, tenants_handle_wide_token, "make a token for several tenants or all"},
    {"GET", "/v1/keys", ADMIN_GET, tenants_handle_keys, "the public keys that tokens are checked with"},
    {"POST", "/v1/keys/import", ADMIN_BODY, tenants_handle_import_keys,
     "take public keys of others that tokens may be signed with, or drop them"},
    {"POST", "/v1/keys/rotate", ADMIN_BODY, tenants_handle_rotate, "sign with a new key from now on"},
};

const trib_module trib_tenants_module = {.name = "tenants",
                                         .routes = routes,
                                         .route_count = sizeof routes / sizeof routes[0],
                                         .start = tenants_start,
                                         .stop = tenants_stop};
