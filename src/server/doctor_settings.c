/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that are each allowed and do not fit together, and what they leave open; see doctor.h. What can never work
 * is refused by trib_config_finish already. */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "io/env_native.h"
#include "server/doctor.h"
#include "server/objects.h"
#include "server/stream_types.h"
#include "store/store.h"

enum { PROBLEMS_MAX_BYTES = 64 * 1024 };

static void contradict(trib_doctor *doctor, const char *what) {
    trib_doctor_add(doctor, TRIB_DOCTOR_SETTINGS, "%s", what);
}

static void look_times(trib_doctor *doctor) {
    const trib_config *c = doctor->config;
    if (c->session_idle && c->session_idle < TRIB_TXN_STEAL_MS_DEFAULT)
        contradict(doctor,
                   "session_idle is shorter than the 5 s that a transaction may be old while others wait: pauses "
                   "of a client end its transactions first");
    if (c->session_idle > TRIB_HANDLE_WAIT_MS * 60)
        contradict(doctor,
                   "session_idle is over 10 minutes: forgotten transactions hold connections for that long, while "
                   "others wait at most 10 s for one");
    if (c->slow_statement_ms > TRIB_READ_TXN_MAX_MS)
        contradict(doctor, "slow_statement_ms is above the 30 s that a statement may run: nothing will be logged");
    if (c->drain_timeout > 50000)
        contradict(doctor, "drain_timeout is above 50s: the service is killed after 60 s, see TimeoutStopSec");
}

static void look_sizes(trib_doctor *doctor) {
    const trib_config *c = doctor->config;
    if (c->max_row && c->max_response && c->max_row > c->max_response)
        contradict(doctor, "max_row is above max_response: rows of that size never fit an answer");
    if (c->workers && c->loops && c->workers < c->loops)
        contradict(doctor, "workers is below loops: requests queue for SQL while threads for connections are idle");
    if (c->max_connections && c->max_connections < 16)
        contradict(doctor, "max_connections is below 16: health checks and operators compete with clients");
}

static bool is_open(const char *address) {
    return address && address[0] && !trib_config_is_local_address(trib_str_c(address));
}

static void look_listeners(trib_doctor *doctor) {
    const trib_config *c = doctor->config;
    if (is_open(c->listen) && !c->tls_cert)
        trib_doctor_add(doctor, TRIB_DOCTOR_EXPOSED, "listen = %s has no certificate", c->listen);
    if (is_open(c->admin_listen) && !c->admin_tls_cert)
        trib_doctor_add(doctor, TRIB_DOCTOR_EXPOSED, "admin_listen = %s has no certificate", c->admin_listen);
    if (c->public_url && strncmp(c->public_url, "http://", 7) == 0 && c->tls_cert)
        contradict(doctor, "public_url begins with http://, and the user listener has a certificate: clients that "
                           "are told this URL are refused");
    if (!c->admin_listen)
        contradict(doctor, "admin_listen is empty: tenants and tokens cannot be managed while the server runs");
}

static void look_key(trib_doctor *doctor, const char *key, const char *path) {
    struct stat st;
    if (path && stat(path, &st) == 0 && (st.st_mode & 07))
        trib_doctor_add(doctor, TRIB_DOCTOR_MODE_KEY, "%s = %s has mode %04o", key, path, st.st_mode & 07777);
}

static void look_archive(trib_doctor *doctor) {
    const trib_config *c = doctor->config;
    trib_error err;
    if (trib_archive_store_check(c, trib_env_native(), &err) != TRIB_OK)
        trib_doctor_add(doctor, TRIB_DOCTOR_ARCHIVE, "%s", err.message);
    if (c->archive_s3_endpoint && strncmp(c->archive_s3_endpoint, "http://", 7) == 0)
        trib_doctor_add(doctor, TRIB_DOCTOR_ARCHIVE,
                        "archive_s3_endpoint = %s: streams cross the network in the clear; their keys do not",
                        c->archive_s3_endpoint);
    look_key(doctor, "archive_s3_credentials", c->archive_s3_credentials);
}

/* A finding a line of `problems`. */
static void look_stream_types(trib_doctor *doctor) {
    trib_deal_registry registry;
    trib_buf problems;
    trib_error err;
    trib_buf_init(&problems, PROBLEMS_MAX_BYTES);
    trib_code code = trib_stream_types_load(doctor->data, &registry, &problems, &err);
    trib_str rest = trib_buf_str(&problems);
    while (rest.len) {
        size_t end = trib_str_find(rest, '\n');
        trib_str line = trib_str_sub(rest, 0, end == SIZE_MAX ? rest.len : end);
        if (line.len) trib_doctor_add(doctor, TRIB_DOCTOR_STREAM_TYPES, "%.*s", TRIB_STR_ARG(line));
        rest = trib_str_sub(rest, line.len + 1, rest.len);
    }
    if (code != TRIB_OK && problems.len == 0) trib_doctor_add(doctor, TRIB_DOCTOR_STREAM_TYPES, "%s", err.message);
    trib_deal_registry_deinit(&registry);
    trib_buf_deinit(&problems);
}

void trib_doctor_look_settings(trib_doctor *doctor) {
    look_times(doctor);
    look_sizes(doctor);
    look_listeners(doctor);
    look_stream_types(doctor);
    look_key(doctor, "tls_key", doctor->config->tls_key);
    look_key(doctor, "admin_tls_key", doctor->config->admin_tls_key);
    look_archive(doctor);
}
