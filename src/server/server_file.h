/* SPDX-License-Identifier: Apache-2.0 */
/* How the commands of `trib` find the server that runs on a data folder: two files that the server writes when it is
 * ready.
 *
 *   <data>/server.json   {"pid":4711,"url":"http://127.0.0.1:8080/","admin_url":"http://127.0.0.1:8081/",
 *                         "admin_key":true,"tls_pin":"","admin_tls_pin":"","version":"0.1.0"}
 *   <data>/admin.key     the admin key, mode 0600; admin_key is false where the admin listener needs none
 *
 * server.json goes when the server ends; one that is left after a crash names a process that is gone. */
#ifndef TRIB_SERVER_SERVER_FILE_H
#define TRIB_SERVER_SERVER_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "io/tls.h"

enum {
    TRIB_SERVER_FILE_URL_BYTES = 512,
    TRIB_SERVER_FILE_KEY_BYTES = 1100, /* a configured key may have 1024 */
    TRIB_SERVER_FILE_MAX_BYTES = 4096  /* of a file that is read: it is small, or it is none of ours */
};

typedef struct trib_server_file {
    int64_t pid;
    char url[TRIB_SERVER_FILE_URL_BYTES];       /* with the slash at its end */
    char admin_url[TRIB_SERVER_FILE_URL_BYTES]; /* http://... or unix:PATH; empty: no admin listener */
    char admin_key[TRIB_SERVER_FILE_KEY_BYTES]; /* empty: none */
    char tls_pin[TRIB_TLS_PIN_BYTES];       /* keys of the https listeners, since their names and issuers need not be */
    char admin_tls_pin[TRIB_TLS_PIN_BYTES]; /* known on this machine; empty: plain */
    char version[40];
} trib_server_file;

/* Writes both files, the key first, each whole or not at all (a temporary file and a rename).
 * Errors: IO with the path and the reason. Thread: main. */
trib_code trib_server_file_write(const char *data_dir, const trib_server_file *file, trib_error *err);
/* Reads them. Errors: CONNECT when there is no server.json or its process is gone (the message says how to start a
 * server), IO, CONFIG when a file is malformed. */
trib_code trib_server_file_read(const char *data_dir, trib_server_file *ret, trib_error *err);
/* Removes server.json; the key stays for the next start. */
void trib_server_file_remove(const char *data_dir);

#endif
