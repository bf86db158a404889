/* SPDX-License-Identifier: Apache-2.0 */
/* The server's settings: one table from which flags, environment variables, file keys, help texts and `trib config
 * show` come.
 *
 *   row "admin_listen":   --admin-listen ADDRESS     TRIB_ADMIN_LISTEN=ADDRESS     admin_listen = ADDRESS
 *
 *   default < file < environment < flag          whoever is further right wins; `origin` remembers who it was
 *
 * Use: init, add_file, add_environment, add_flag ..., finish. Unknown names are errors that suggest the nearest known
 *      one. */
#ifndef TRIB_SERVER_CONFIG_H
#define TRIB_SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"

/* X(field, type, default, value name, help, example); C type by type: STR, ADDRESS, SECRET -> const char * (NULL when
 * empty), BOOL -> bool, COUNT -> uint32_t, DURATION -> uint32_t milliseconds, BYTES -> uint64_t, LEVEL, FORMAT -> log
 * enums. */
#define TRIB_CONFIG_TABLE(X)                                                                                           \
    X(listen, ADDRESS, "127.0.0.1:8080", "ADDRESS", "where clients connect; port 0 picks a free one", "0.0.0.0:8080")  \
    X(admin_listen, ADDRESS, "127.0.0.1:8081", "ADDRESS",                                                              \
      "where operators connect: loopback or a unix socket; empty for none", "unix:/run/trib/admin.sock")               \
    X(data, STR, "data", "FOLDER", "folder of the databases; made if missing, one server at a time", "/var/lib/trib")  \
    X(no_auth, BOOL, "false", "", "answer everybody without a token; only with loopback or unix listeners", "true")    \
    X(admin_key, SECRET, "", "KEY", "key of the admin listener instead of the one made on first start", "s3cret...")   \
    X(auth_jwt_key_file, STR, "", "FILE",                                                                              \
      "Ed25519 public keys, as sqld takes them, that tokens may be signed with too", "/etc/tributary/jwt_key.pem")     \
    X(tenant_domain, STR, "", "DOMAIN", "TENANT.DOMAIN in the Host header names a tenant", "db.example.com")           \
    X(public_url, STR, "", "URL", "URL that clients are told, if it is not the listener's own",                        \
      "https://db.example.com/")                                                                                       \
    X(tls_cert, STR, "", "FILE", "PEM certificate chain of the user listener, which then speaks https only",           \
      "/etc/tributary/tls/cert.pem")                                                                                   \
    X(tls_key, STR, "", "FILE", "PEM private key of tls_cert; both are read again on SIGHUP and when they change",     \
      "/etc/tributary/tls/key.pem")                                                                                    \
    X(admin_tls_cert, STR, "", "FILE", "the same for the admin listener; may be the same file",                        \
      "/etc/tributary/tls/cert.pem")                                                                                   \
    X(admin_tls_key, STR, "", "FILE", "PEM private key of admin_tls_cert", "/etc/tributary/tls/key.pem")               \
    X(loops, COUNT, "0", "N", "threads that serve connections; 0: one per core", "2")                                  \
    X(workers, COUNT, "0", "N", "threads that run SQL; 0: chosen by cores", "8")                                       \
    X(session_idle, DURATION, "60s", "TIME", "a session without requests is closed after this time", "5m")             \
    X(delete_grace, DURATION, "7d", "TIME", "a deleted tenant can come back for this time; 0: never", "30d")           \
    X(drain_timeout, DURATION, "10s", "TIME", "after SIGTERM, requests in flight get this long to end", "10s")         \
    X(max_connections, COUNT, "20000", "N", "open connections of each listener; more are closed at once", "5000")      \
    X(open_databases, COUNT, "1000", "N",                                                                              \
      "databases that stay open while nobody uses them, about 100 KiB and 3 descriptors each; 0: 1000", "5000")        \
    X(max_response, BYTES, "10MiB", "SIZE", "largest answer to one request", "32MiB")                                  \
    X(max_row, BYTES, "5MiB", "SIZE", "largest row of an answer", "5MiB")                                              \
    X(max_import, BYTES, "64GiB", "SIZE", "largest file that becomes a tenant by an import; 0: any", "10GiB")          \
    X(dump_folder, STR, "", "FOLDER", "where dump_url of the admin API may name file:///... dumps; empty: nowhere",    \
      "/var/lib/tributary-dumps")                                                                                      \
    X(max_batch_steps, COUNT, "0", "N", "statements in one batch; 0: the protocol's own limit", "1000")                \
    X(slow_statement_ms, COUNT, "0", "N", "log statements that run at least as many milliseconds; 0: none", "500")     \
    X(scrub_every, DURATION, "7d", "TIME", "all databases are read and checked as often; 0: only when asked", "30d")   \
    X(scrub_rate, BYTES, "8MiB", "SIZE", "bytes that a scrub reads in a second; 0: as fast as the disk", "32MiB")      \
    X(archive, STR, "", "FOLDER|s3://BUCKET|off",                                                                      \
      "where ended streams are archived; empty: the folder archive in data", "s3://my-streams/archive")                \
    X(archive_after, DURATION, "7d", "TIME", "streams that have ended for this time are archived; 0: only when asked", \
      "1d")                                                                                                            \
    X(archive_timeout, DURATION, "60s", "TIME", "for one call of the archive's S3 server, without its bytes", "20s")   \
    X(archive_s3_endpoint, STR, "", "URL", "of an S3 server, without the bucket; empty: Amazon's of the region",       \
      "https://s3.example.com")                                                                                        \
    X(archive_s3_region, STR, "us-east-1", "NAME", "the region that requests are signed for", "eu-central-1")          \
    X(archive_s3_style, STR, "path", "path|host", "where the bucket's name stands in URLs", "host")                    \
    X(archive_s3_credentials, STR, "", "FILE", "lines aws_access_key_id, aws_secret_access_key, aws_session_token",    \
      "/etc/tributary/s3.credentials")                                                                                 \
    X(webhook_private, BOOL, "false", "",                                                                              \
      "webhooks may go to http:// and to private and loopback addresses; for tests", "true")                           \
    X(test_hooks, BOOL, "false", "",                                                                                   \
      "the SQL texts .close_ws and .close_tcp break the connection, for tests of clients", "true")                     \
    X(log_level, LEVEL, "info", "debug|info|warn|error", "least of what is logged; debug logs each request", "debug")  \
    X(log_format, FORMAT, "text", "text|json", "of the log: one line an event, on standard error", "json")

typedef const char *trib_config_STR;
typedef const char *trib_config_ADDRESS;
typedef const char *trib_config_SECRET;
typedef bool trib_config_BOOL;
typedef uint32_t trib_config_COUNT;
typedef uint32_t trib_config_DURATION;
typedef uint64_t trib_config_BYTES;
typedef trib_log_level trib_config_LEVEL;
typedef trib_log_format trib_config_FORMAT;

typedef enum trib_config_type {
    TRIB_CONFIG_STR,
    TRIB_CONFIG_ADDRESS,
    TRIB_CONFIG_SECRET,
    TRIB_CONFIG_BOOL,
    TRIB_CONFIG_COUNT,
    TRIB_CONFIG_DURATION,
    TRIB_CONFIG_BYTES,
    TRIB_CONFIG_LEVEL,
    TRIB_CONFIG_FORMAT
} trib_config_type;

typedef enum trib_config_id {
#define X(field, type, def, value, help, example) TRIB_CONFIG_ID_##field,
    TRIB_CONFIG_TABLE(X)
#undef X
        TRIB_CONFIG_COUNT_OF_ROWS
} trib_config_id;

typedef enum trib_config_origin {
    TRIB_CONFIG_FROM_DEFAULT,
    TRIB_CONFIG_FROM_FILE,
    TRIB_CONFIG_FROM_ENVIRONMENT,
    TRIB_CONFIG_FROM_FLAG
} trib_config_origin;

enum {
    TRIB_CONFIG_FILE_MAX_BYTES = 64 * 1024, /* a settings file is small; a path to something else is a mistake */
    TRIB_CONFIG_VALUE_MAX_BYTES = 1024,
    TRIB_CONFIG_NAME_BYTES = 48 /* of flag and variable names made from a row's */
};

typedef struct trib_config_row {
    const char *key; /* "admin_listen" */
    trib_config_type type;
    const char *default_text, *value_name, *help, *example;
} trib_config_row;
/* The row; id below TRIB_CONFIG_COUNT_OF_ROWS. */
const trib_config_row *trib_config_row_at(size_t id);
/* "admin-listen" and "TRIB_ADMIN_LISTEN". */
void trib_config_flag_name(size_t id, char out[TRIB_CONFIG_NAME_BYTES]);
void trib_config_variable_name(size_t id, char out[TRIB_CONFIG_NAME_BYTES]);

typedef struct trib_config {
    /* valid after finish; strings are owned by the config */
#define X(field, type, def, value, help, example) trib_config_##type field;
    TRIB_CONFIG_TABLE(X)
#undef X
    /* private */
    struct {
        char *text;
        trib_config_origin origin;
        int line; /* in the file */
    } values[TRIB_CONFIG_COUNT_OF_ROWS];
} trib_config;

/* Defaults. Errors: NOMEM. Owns: trib_config_deinit, also after an error. */
trib_code trib_config_init(trib_config *config, trib_error *err);
void trib_config_deinit(trib_config *config);

/* Lines `key = value`; '#' starts a comment line; a value may stand in double quotes (no escapes). `name` is for
 * messages.
 * Errors: CONFIG for an unknown or repeated key, a line without '=', a value that is too long. */
trib_code trib_config_add_file(trib_config *config, const char *name, trib_str text, trib_error *err);
/* Entries NAME=VALUE, ending with NULL, as environ. Only TRIB_* is looked at; unknown ones are errors, except those
 * that belong to the client commands and to tests. Errors: CONFIG. */
trib_code trib_config_add_environment(trib_config *config, char *const *entries, trib_error *err);
/* name without dashes ("admin-listen"); value NULL: a switch that is on. Errors: USAGE. */
trib_code trib_config_add_flag(trib_config *config, trib_str name, const char *value, trib_error *err);
/* True if there is such a flag; *ret_switch: it takes no value. */
bool trib_config_knows_flag(trib_str name, bool *ret_switch);
/* Parses every value and checks what must fit together (no_auth and listeners). Errors: CONFIG, with where it came
 * from. */
trib_code trib_config_finish(trib_config *config, trib_error *err);

/* The value as text; secrets are masked. "default", "file FILE:LINE" and so on. Thread: any. */
const char *trib_config_text(const trib_config *config, size_t id);
trib_config_origin trib_config_get_origin(const trib_config *config, size_t id);
const char *trib_config_origin_text(trib_config_origin origin);

/* "127.0.0.1:0", "[::1]:80", "localhost:1", "unix:/x": only this machine can reach it. */
bool trib_config_is_local_address(trib_str address);

#endif
