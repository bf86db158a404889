/* SPDX-License-Identifier: Apache-2.0 */
/* For integration tests: tokens with any header and any claims, signed by the server's own key (read from control.db
 * while the server is stopped), by a stranger's, or not at all. */
#ifndef TRIB_TESTS_INTEGRATION_FORGE_H
#define TRIB_TESTS_INTEGRATION_FORGE_H

#include <sqlite3.h>

#include "crypto/ed25519.h"
#include "integration/talk.h"
#include "wire/base64.h"

enum { FORGE_TOKEN_BYTES = 24 * 1024 };

#define FORGE_HEADER "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}"

/* The key that signs, and its kid. The server must not run. */
static inline trib_ed25519_key *forge_server_key(const server *s, char kid[64]) {
    char path[200];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    trib_ed25519_key *key = NULL;
    snprintf(path, sizeof path, "%s/data/control.db", s->folder);
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "SELECT kid, seed FROM signing_key ORDER BY rowid DESC", -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        die("no signing key in control.db");
    snprintf(kid, 64, "%s", (const char *)sqlite3_column_text(stmt, 0));
    trib_str seed = trib_str_make(sqlite3_column_blob(stmt, 1), (size_t)sqlite3_column_bytes(stmt, 1));
    if (trib_ed25519_key_new(seed, &key, NULL) != TRIB_OK) die("the signing key cannot be read");
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return key;
}

/* Stops the server, reads its key, starts it again. */
static inline trib_ed25519_key *forge_take_key(server *s, char kid[64], const char *const *extra) {
    kill(s->pid, SIGTERM);
    if (server_wait(s, 20) != 0) die("the server did not end");
    trib_ed25519_key *key = forge_server_key(s, kid);
    server_start_again(s, extra);
    return key;
}

static inline void forge_base64(text *to, const void *bytes, size_t n) {
    static char encoded[FORGE_TOKEN_BYTES * 2];
    if (n > FORGE_TOKEN_BYTES) die("too much to encode");
    size_t len = trib_base64_encode(TRIB_BASE64_URL, false, bytes, n, encoded);
    text_add(to, "%.*s", (int)len, encoded);
}

/* base64(header).base64(payload).base64(signature); key NULL: an empty signature. Replaces what `token` held. */
static inline void forge(text *token, const trib_ed25519_key *key, const char *header, const char *payload) {
    uint8_t sig[TRIB_ED25519_SIG_BYTES];
    text_clear(token);
    forge_base64(token, header, strlen(header));
    text_add(token, ".");
    forge_base64(token, payload, strlen(payload));
    if (key && trib_ed25519_sign(key, trib_str_make(token->ptr, token->len), sig) != TRIB_OK) die("cannot sign");
    text_add(token, ".");
    if (key) forge_base64(token, sig, sizeof sig);
}

#endif
