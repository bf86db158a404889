/* SPDX-License-Identifier: Apache-2.0 */
/* Forged tokens against the real program: each is refused with the code that its row names, the answer does not repeat
 * it, and the server lives (under sanitizers in the usual build). Many are signed by the server's own key, so that only
 * what is forged can be the reason. Revocation and rotation close the file. */
#include "crypto/hash.h"
#include "integration/forge.h"

#define INVALID  "AUTH_JWT_INVALID"
#define EXPIRED  "AUTH_JWT_EXPIRED"
#define IMMATURE "AUTH_JWT_IMMATURE"
#define GOOD     NULL

static server s;
static talk user, admin;
static char admin_key[160], gen[32];
static unsigned long tried, failed;
static trib_ed25519_key *ours, *strangers;
static char kid[64];
static text made;

static bool works(const char *authorization, const char **ret_code) {
    static char code[64];
    talk_ask(&user, "POST", "/alpha/v2/pipeline", authorization,
             "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT 'let in'\"}},{\"type\":\"close\"}]}");
    talk_text(&user, "code", code, sizeof code);
    *ret_code = code;
    return user.status == 200 && talk_says(&user, "let in");
}

static void wrong(const char *what, const char *want) {
    if (++failed > 20) return;
    fprintf(stderr, "FAILED: %s: wanted %s\n  answered %d %.400s\n", what, want ? want : "200", user.status,
            user.body ? user.body : "nothing");
}

/* Tries the token; want NULL: it must be let in. */
static void try_token(const char *token, const char *want, const char *what) {
    static char authorization[FORGE_TOKEN_BYTES * 2];
    const char *code;
    tried++;
    snprintf(authorization, sizeof authorization, "Bearer %s", token);
    bool in = works(authorization, &code);
    if (!want) {
        if (!in) wrong(what, want);
        return;
    }
    if (in || user.status != 401 || strcmp(code, want) != 0) wrong(what, want);
    /* an answer, and with it a proxy's log, must not hold a token that may be half good */
    if (strlen(token) > 16 && talk_says(&user, token)) wrong(what, "an answer without the token");
}

static void try_forged(const char *header, const char *payload, const char *want, const char *what) {
    forge(&made, ours, header, payload);
    try_token(made.ptr, want, what);
}

/* {"id":"alpha","a":"rw","gen":N} and what is behind it */
static const char *claims(const char *more) {
    static char out[8192];
    snprintf(out, sizeof out, "{\"id\":\"alpha\",\"a\":\"rw\",\"gen\":%s%s}", gen, more);
    return out;
}

static void the_server_is_well(const char *after) {
    forge(&made, ours, FORGE_HEADER, claims(""));
    try_token(made.ptr, GOOD, after);
}

/* ---- headers ---- */

static void headers_that_choose_something_are_refused(void) {
    static const char *const headers[] = {"{\"alg\":\"none\",\"typ\":\"JWT\"}",
                                          "{\"alg\":\"None\"}",
                                          "{\"alg\":\"nOnE\"}",
                                          "{\"alg\":\"\"}",
                                          "{\"alg\":null}",
                                          "{\"alg\":\"HS256\"}",
                                          "{\"alg\":\"HS512\"}",
                                          "{\"alg\":\"RS256\"}",
                                          "{\"alg\":\"ES256\"}",
                                          "{\"alg\":\"PS256\"}",
                                          "{\"alg\":\"eddsa\"}",
                                          "{\"alg\":\"Ed25519\"}",
                                          "{\"alg\":\"EdDSA\\u0000\"}",
                                          "{\"alg\":[\"EdDSA\"]}",
                                          "{}",
                                          "[]",
                                          "null",
                                          "\"EdDSA\"",
                                          "{\"alg\":\"EdDSA\",\"alg\":\"none\"}",
                                          "{\"alg\":\"none\",\"alg\":\"EdDSA\"}",
                                          "{\"alg\":\"EdDSA\",\"\\u0061lg\":\"none\"}",
                                          "{\"alg\":\"EdDSA\",\"jku\":\"http://127.0.0.1:1/keys\"}",
                                          "{\"alg\":\"EdDSA\",\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
                                          "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}}",
                                          "{\"alg\":\"EdDSA\",\"x5u\":\"http://127.0.0.1:1/c\"}",
                                          "{\"alg\":\"EdDSA\",\"x5c\":[\"AA==\"]}",
                                          "{\"alg\":\"EdDSA\",\"crit\":[\"exp\"]}",
                                          "{\"alg\":\"EdDSA\",\"b64\":false}",
                                          "{\"alg\":\"EdDSA\",\"zip\":\"DEF\"}",
                                          "{\"alg\":\"EdDSA\",\"typ\":\"JWE\"}",
                                          "{\"alg\":\"EdDSA\",\"kid\":1}",
                                          "{\"alg\":\"EdDSA\",\"kid\":[]}",
                                          "{\"alg\":\"EdDSA\",\"kid\":null}",
                                          "{\"alg\":\"EdDSA\",\"kid\":{\"a\":1}}"};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        try_forged(headers[i], claims(""), INVALID, headers[i]);
        forge(&made, NULL, headers[i], claims("")); /* and with an empty signature */
        try_token(made.ptr, INVALID, headers[i]);
        made.ptr[made.len - 1] = '\0'; /* and without the last dot */
        try_token(made.ptr, INVALID, headers[i]);
    }
    forge(&made, NULL, FORGE_HEADER, claims(""));
    try_token(made.ptr, INVALID, "no signature");
}

static void a_kid_is_a_name_and_nothing_else(void) {
    static const char *const names[] = {
        "",          "../../../dev/null",      "/etc/passwd", "' OR '1'='1", "key; DROP TABLE tenant",
        "a\\u0000b", "http://127.0.0.1:1/key", "%s%n%s%n"};
    char header[300];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(header, sizeof header, "{\"alg\":\"EdDSA\",\"kid\":\"%s\"}", names[i]);
        try_forged(header, claims(""), GOOD, header); /* an unknown name narrows nothing */
        forge(&made, strangers, header, claims(""));
        try_token(made.ptr, INVALID, header);
    }
    snprintf(header, sizeof header, "{\"alg\":\"EdDSA\",\"kid\":\"%s\"}", kid);
    try_forged(header, claims(""), GOOD, "the key's own name");
    forge(&made, strangers, header, claims(""));
    try_token(made.ptr, INVALID, "a stranger's key under our name");
    forge(&made, strangers, FORGE_HEADER, claims(""));
    try_token(made.ptr, INVALID, "a stranger's key");
}

/* The public key is public: as the secret of an HMAC it must open nothing. */
static void the_public_key_is_no_secret(void) {
    uint8_t raw[TRIB_ED25519_KEY_BYTES], mac[TRIB_SHA256_BYTES], doubled[64];
    char encoded[64];
    static const char *const headers[] = {"{\"alg\":\"HS256\",\"typ\":\"JWT\"}", FORGE_HEADER};
    trib_ed25519_pub_get_raw(trib_ed25519_key_get_pub(ours), raw);
    trib_buf buf;
    trib_buf_init(&buf, TRIB_ED25519_PEM_MAX_BYTES);
    if (trib_ed25519_pub_to_pem(trib_ed25519_key_get_pub(ours), &buf, NULL) != TRIB_OK) die("no PEM");
    size_t n = trib_base64_encode(TRIB_BASE64_URL, false, raw, sizeof raw, encoded);
    const trib_str secrets[] = {trib_str_make((const char *)raw, sizeof raw),
                                trib_buf_str(&buf),
                                trib_str_make(encoded, n),
                                trib_str_sub(trib_buf_str(&buf), 0, buf.len - 1),
                                {0}};
    for (size_t i = 0; i < 2 * sizeof secrets / sizeof *secrets; i++) {
        forge(&made, NULL, headers[i % 2], claims(""));
        if (trib_crypto_hmac_sha256(secrets[i / 2], trib_str_make(made.ptr, made.len - 1), mac) != TRIB_OK)
            die("no HMAC");
        size_t unsigned_len = made.len;
        forge_base64(&made, mac, sizeof mac);
        try_token(made.ptr, INVALID, "HMAC with the public key");
        made.len = unsigned_len;
        memcpy(doubled, mac, sizeof mac);
        memcpy(doubled + sizeof mac, mac, sizeof mac);
        forge_base64(&made, doubled, sizeof doubled);
        try_token(made.ptr, INVALID, "HMAC with the public key, as long as a signature");
    }
    trib_buf_deinit(&buf);
}

/* ---- signatures and spellings ---- */

static void every_bit_of_a_signature_counts(void) {
    uint8_t sig[128] = {0};
    char what[64];
    forge(&made, NULL, FORGE_HEADER, claims(""));
    size_t head = made.len;
    if (trib_ed25519_sign(ours, trib_str_make(made.ptr, head - 1), sig) != TRIB_OK) die("cannot sign");
    for (int bit = 0; bit < TRIB_ED25519_SIG_BYTES * 8; bit++) {
        sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
        made.len = head;
        forge_base64(&made, sig, TRIB_ED25519_SIG_BYTES);
        sig[bit / 8] ^= (uint8_t)(1 << bit % 8);
        snprintf(what, sizeof what, "bit %d of the signature", bit);
        try_token(made.ptr, INVALID, what);
    }
    for (size_t n = 0; n <= sizeof sig; n++) {
        made.len = head;
        if (n) forge_base64(&made, sig, n);
        snprintf(what, sizeof what, "a signature of %zu bytes", n);
        try_token(made.ptr, n == TRIB_ED25519_SIG_BYTES ? GOOD : INVALID, what);
    }
    memset(sig, 0, sizeof sig);
    made.len = head;
    forge_base64(&made, sig, TRIB_ED25519_SIG_BYTES);
    try_token(made.ptr, INVALID, "a signature of zeros");
}

static void other_spellings_of_a_token_are_refused(void) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    static const char *const tails[] = {"=", "==", ".", ".e30", "%3D", "A", "AA", "AAAA", ",", ";", " x", "\t.", "~"};
    static char good[2048], other[2100];
    forge(&made, ours, FORGE_HEADER, claims(""));
    snprintf(good, sizeof good, "%s", made.ptr);
    size_t n = strlen(good);
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        snprintf(other, sizeof other, "%s%s", good, tails[i]);
        try_token(other, INVALID, tails[i]);
    }
    for (size_t i = 0; i < n; i++) { /* another character at every place */
        memcpy(other, good, n + 1);
        const char *at = strchr(alphabet, good[i]);
        other[i] = at ? alphabet[(at - alphabet + 1) % 64] : 'A';
        try_token(other, INVALID, "one character changed");
        other[i] = good[i] == '-' ? '+' : good[i] == '_' ? '/' : '=';
        try_token(other, INVALID, "one character of another alphabet");
        memmove(other + i, good + i + 1, n - i);
        try_token(other, INVALID, "one character missing");
    }
    for (int spare = 1; spare < 16; spare++) { /* 64 bytes leave four bits unused: the same signature, another text */
        memcpy(other, good, n + 1);
        other[n - 1] = alphabet[(strchr(alphabet, good[n - 1]) - alphabet) | spare];
        if (other[n - 1] == good[n - 1]) wrong("spare bits", "a canonical token to begin with");
        try_token(other, INVALID, "spare bits in the last character");
    }
    snprintf(other, sizeof other, "%.*s=%s", (int)strcspn(good, "."), good, strchr(good, '.'));
    try_token(other, INVALID, "padding behind the header");
    try_token("", "AUTH_HTTP_HEADER_INVALID", "nothing");
    try_token("..", INVALID, "two dots");
    try_token("a.b.c", INVALID, "letters");
}

/* ---- claims ---- */

typedef struct row {
    const char *more; /* behind the good claims, or a whole payload if it begins with '{' */
    const char *want;
} row;

static const row rows[] = {
    {"", GOOD},
    {",\"unknown\":[1,{\"a\":null}]", GOOD},
    {",\"exp\":4000000000", GOOD},
    {",\"exp\":4000000000.5", GOOD},
    {",\"exp\":4e9", GOOD},
    {",\"exp\":9007199254740992", GOOD},
    {",\"exp\":1000000000", EXPIRED},
    {",\"exp\":0", EXPIRED},
    {",\"exp\":0.1e1", EXPIRED},
    {",\"exp\":-1", INVALID},
    {",\"exp\":-1e300", INVALID},
    {",\"exp\":1e300", INVALID},
    {",\"exp\":1e400", INVALID},
    {",\"exp\":9007199254740994", INVALID},
    {",\"exp\":9223372036854775807", INVALID},
    {",\"exp\":18446744073709551616", INVALID},
    {",\"exp\":\"4000000000\"", INVALID},
    {",\"exp\":null", INVALID},
    {",\"exp\":true", INVALID},
    {",\"exp\":[4000000000]", INVALID},
    {",\"exp\":{}", INVALID},
    {",\"exp\":NaN", INVALID},
    {",\"exp\":4000000000,\"exp\":4000000000", INVALID},
    {",\"exp\":4000000000,\"\\u0065xp\":1", INVALID},
    {",\"nbf\":4000000000", IMMATURE},
    {",\"nbf\":\"1\"", INVALID},
    {",\"nbf\":null", INVALID},
    {",\"nbf\":1", GOOD},
    {",\"iat\":\"now\"", INVALID},
    {",\"aud\":\"alpha\"", INVALID},
    {",\"id\":\"alpha\"", INVALID},
    {",\"id\":\"bravo\"", INVALID},
    {",\"a\":\"rw\"", INVALID},
    {",\"gen\":0", INVALID},
    {",\"p\":null", INVALID},
    {",\"p\":[]", INVALID},
    {",\"p\":\"rw\"", INVALID},
    {",\"p\":{\"rw\":{\"ns\":\"alpha\"}}", INVALID},
    {",\"p\":{\"rw\":{\"ns\":[\"alpha\",1]}}", INVALID},
    {",\"p\":{\"rw\":{\"ns\":[\"alpha\"],\"ns\":[\"alpha\"]}}", INVALID},
    {",\"p\":{\"rw\":{\"ns\":[\"alpha\"],\"tables\":[\"t\"]}}", INVALID},
    {"{\"id\":\"alpha\",\"a\":\"rw\"}", INVALID}, /* gen 0 */
    {"{\"id\":\"alpha\",\"a\":\"rw\",\"gen\":-1}", INVALID},
    {"{\"id\":\"alpha\",\"a\":\"rw\",\"gen\":1.5}", INVALID},
    {"{\"id\":\"alpha\",\"a\":\"rw\",\"gen\":\"1\"}", INVALID},
    {"{\"id\":\"alpha\",\"a\":\"rw\",\"gen\":9223372036854775807}", INVALID},
    {"{\"id\":\"alpha\",\"a\":\"rw\",\"gen\":18446744073709551615}", INVALID},
    {"{\"id\":[\"alpha\"],\"a\":\"rw\"}", INVALID},
    {"{\"id\":{\"alpha\":1},\"a\":\"rw\"}", INVALID},
    {"{\"id\":1,\"a\":\"rw\"}", INVALID},
    {"{\"id\":\"\",\"a\":\"rw\"}", INVALID},
    {"{\"id\":\"alpha\",\"a\":\"RW\"}", INVALID},
    {"{\"id\":\"alpha\",\"a\":2}", INVALID},
    {"{\"id\":\"alpha\",\"a\":null}", INVALID},
    {"{\"a\":\"rw\"}", INVALID},
    {"{}", INVALID},
    {"{\"id\":\"alpha\",\"a\":\"rw\"} {}", INVALID},
    {"{\"id\":\"alpha\",\"a\":\"rw\"", INVALID},
    {"{\"id\":\"al\xff\",\"a\":\"rw\"}", INVALID},
    {"{\"p\":{\"rw\":{\"ns\":[\"*\"]}}}", GOOD},
    {"{\"p\":{\"rw\":{\"ns\":[\"alpha\"]}},\"gen\":9000000000000}", GOOD},
};

static void claims_are_taken_as_they_should_be_or_not_at_all(void) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *payload = rows[i].more[0] == '{' ? rows[i].more : claims(rows[i].more);
        try_forged(FORGE_HEADER, payload, rows[i].want, rows[i].more);
    }
    static const char *const roots[] = {"[]", "null", "1", "\"alpha\"",
                                        "",   " ",    "{", "[{\"id\":\"alpha\",\"a\":\"rw\"}]"};
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) try_forged(FORGE_HEADER, roots[i], INVALID, roots[i]);
}

static void large_and_deep_claims_are_refused(void) {
    text payload = {0};
    for (int depth = 16; depth <= 2048; depth *= 2) { /* {"id":..,"x":[[[[...]]]]} */
        text_clear(&payload);
        text_add(&payload, "{\"id\":\"alpha\",\"a\":\"rw\",\"gen\":%s,\"x\":", gen);
        for (int i = 0; i < depth; i++) text_add(&payload, "[");
        for (int i = 0; i < depth; i++) text_add(&payload, "]");
        text_add(&payload, "}");
        try_forged(FORGE_HEADER, payload.ptr, depth < 64 ? GOOD : INVALID, "deep claims");
    }
    for (int names = 255; names <= 258; names++) {
        text_clear(&payload);
        text_add(&payload, "{\"gen\":9000000000000,\"p\":{\"rw\":{\"ns\":[\"alpha\"");
        for (int i = 1; i < names; i++) text_add(&payload, ",\"n%d\"", i);
        text_add(&payload, "]}}}");
        try_forged(FORGE_HEADER, payload.ptr, names <= 256 ? GOOD : INVALID, "many names");
    }
    for (int size = 4000; size <= 11000; size += size / 50 == 120 ? 1 : 50) { /* 8192 bytes of token, to the byte */
        text_clear(&payload);
        text_add(&payload, "{\"id\":\"alpha\",\"a\":\"rw\",\"gen\":%s,\"x\":\"%*s\"}", gen, size, "");
        forge(&made, ours, FORGE_HEADER, payload.ptr);
        try_token(made.ptr, made.len <= 8192 ? GOOD : INVALID, "large claims");
    }
    text_clear(&payload);
    text_add(&payload, "{\"alg\":\"EdDSA\",\"x\":\"%*s\"}", 900, "");
    try_forged(payload.ptr, claims(""), INVALID, "a large header");
    free(payload.ptr);
}

/* ---- how it is sent ---- */

static void odd_authorization_headers_let_nobody_in(void) {
    static char header[4096];
    const char *code;
    static const char *const forms[] = {"Bearer%s",         "Basic %s",     "Token %s",    "%s",           "Bearer, %s",
                                        "Bearer Bearer %s", "Bearer %s, x", "Bearer x %s", "Bearer \"%s\""};
    forge(&made, ours, FORGE_HEADER, claims(""));
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const char *hole = strstr(forms[i], "%s");
        snprintf(header, sizeof header, "%.*s%s%s", (int)(hole - forms[i]), forms[i], made.ptr, hole + 2);
        tried++;
        if (works(header, &code) || user.status != 401) wrong(forms[i], "401");
    }
    /* two headers: which one counts would be the sender's choice, behind a proxy that checks the other */
    static char extra[4096];
    snprintf(extra, sizeof extra, "Authorization: Bearer %s\r\n", made.ptr);
    user.extra = extra;
    tried++;
    if (works("Bearer x", &code) || user.status < 400) wrong("two Authorization headers, the first good", "a refusal");
    user.extra = "Authorization: Bearer x\r\n";
    snprintf(header, sizeof header, "Bearer %s", made.ptr);
    tried++;
    if (works(header, &code) || user.status < 400) wrong("two Authorization headers, the second good", "a refusal");
    user.extra = NULL;
}

/* ---- revocation and rotation ---- */

static void must(const char *path, const char *body) {
    if (talk_ask(&admin, "POST", path, admin_key, body) == 200) return;
    fprintf(stderr, "%s: %d %s\n", path, admin.status, admin.body ? admin.body : "");
    die("the admin API refused");
}

static void make_token(char *out, size_t cap) {
    char token[1500];
    must("/v1/namespaces/alpha/tokens", "{}");
    talk_text(&admin, "token", token, sizeof token);
    snprintf(out, cap, "Bearer %s", token);
}

/* Asks until the token is void; the promise is 2 s, the fact is at once. */
static void is_void_soon(const char *authorization, const char *what) {
    const char *code;
    tried++;
    for (int i = 0; i < 20; i++) {
        if (!works(authorization, &code) && user.status == 401) {
            if (i) printf("  %s: void after %d tries\n", what, i + 1);
            return;
        }
        usleep(100000);
    }
    wrong(what, "401 within 2 s");
}

static void is_good(const char *authorization, const char *what) {
    const char *code;
    tried++;
    if (!works(authorization, &code)) wrong(what, GOOD);
}

/* A session that is open, with a transaction, when its token is revoked. */
static void open_sessions_end_with_their_token(const char *authorization, bool revoke_now) {
    static char baton[64];
    char body[200];
    if (!revoke_now) {
        talk_ask(&user, "POST", "/alpha/v2/pipeline", authorization,
                 "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"BEGIN\"}}]}");
        talk_text(&user, "baton", baton, sizeof baton);
        return;
    }
    tried++;
    snprintf(body, sizeof body, "{\"baton\":\"%s\",\"requests\":[{\"type\":\"get_autocommit\"}]}", baton);
    talk_ask(&user, "POST", "/alpha/v2/pipeline", authorization, body);
    if (!baton[0] || user.status != 401) wrong("a session of a revoked token", "401");
}

/* The payload with a time just after now for NOW: later than a revocation in this second. */
static const char *with_time(const char *payload) {
    static char out[256];
    const char *at = strstr(payload, "NOW");
    if (!at) return payload;
    snprintf(out, sizeof out, "%.*s%lld%s", (int)(at - payload), payload, (long long)time(NULL) + 2, at + 3);
    return out;
}

static void patch_key(const char *body) {
    if (talk_ask(&admin, "PATCH", "/v1/namespaces/alpha", admin_key, body) != 200) die("the jwt_key was refused");
}

/* The strangers' key becomes alpha's: what was forged stays so, and only the missing gen is forgiven. */
static void a_key_of_others_forgives_nothing_else(void) {
    static const struct {
        const char *header, *payload, *want;
    } tries[] = {
        {FORGE_HEADER, "{\"id\":\"alpha\",\"a\":\"rw\",\"iat\":NOW}", GOOD},
        {FORGE_HEADER, "{\"id\":\"alpha\",\"a\":\"rw\",\"iat\":NOW,\"gen\":1}", GOOD}, /* no word of theirs */
        {FORGE_HEADER, "{\"p\":{\"ro\":{\"ns\":[\"alpha\"]}},\"iat\":NOW}", GOOD},
        {FORGE_HEADER, "{\"id\":\"alpha\",\"a\":\"rw\"}", INVALID}, /* tokens of alpha were revoked before */
        {FORGE_HEADER, "{\"id\":\"alpha\",\"a\":\"rw\",\"iat\":1700000000}", INVALID},
        {FORGE_HEADER, "{\"id\":\"alpha\"}", INVALID},
        {FORGE_HEADER, "{\"a\":\"rw\"}", INVALID},
        {FORGE_HEADER, "{}", INVALID},
        {FORGE_HEADER, "{\"id\":\"alpha\",\"a\":\"rw\",\"aud\":\"x\"}", INVALID},
        {FORGE_HEADER, "{\"id\":\"alpha\",\"a\":\"rw\",\"iat\":\"now\"}", INVALID},
        {FORGE_HEADER, "{\"id\":\"alpha\",\"a\":\"rw\",\"iat\":9000000000}", IMMATURE},
        {FORGE_HEADER, "{\"id\":\"alpha\",\"a\":\"rw\",\"exp\":1000000000}", EXPIRED},
        {FORGE_HEADER, "{\"id\":\"alpha\",\"a\":\"rw\",\"nbf\":9000000000}", IMMATURE},
        {"{\"alg\":\"none\"}", "{\"id\":\"alpha\",\"a\":\"rw\"}", INVALID},
        {"{\"alg\":\"HS256\"}", "{\"id\":\"alpha\",\"a\":\"rw\"}", INVALID},
    };
    char encoded[64], body[200], pinned[256];
    uint8_t raw[TRIB_ED25519_KEY_BYTES];
    trib_ed25519_pub_get_raw(trib_ed25519_key_get_pub(strangers), raw);
    size_t n = trib_base64_encode(TRIB_BASE64_URL, false, raw, sizeof raw, encoded);
    snprintf(body, sizeof body, "{\"jwt_key\":\"%.*s\"}", (int)n, encoded);
    for (size_t i = 0; i < 2; i++) { /* before anybody took it */
        forge(&made, strangers, FORGE_HEADER, with_time(tries[i].payload));
        try_token(made.ptr, INVALID, "a key that nobody took");
    }
    patch_key(body);
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        forge(&made, strangers, tries[i].header, with_time(tries[i].payload));
        try_token(made.ptr, tries[i].want, tries[i].payload);
    }
    /* a kid of ours asks for our key */
    snprintf(pinned, sizeof pinned, "{\"alg\":\"EdDSA\",\"kid\":\"%s\"}", kid);
    forge(&made, strangers, pinned, with_time(tries[0].payload));
    try_token(made.ptr, GOOD, "a kid that is ours, under a key that has none");
    the_server_is_well("with the key of others");
    static const char *const bad[] = {"{\"jwt_key\":\"x\"}", "{\"jwt_key\":7}",
                                      "{\"jwt_key\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tried++;
        if (talk_ask(&admin, "PATCH", "/v1/namespaces/alpha", admin_key, bad[i]) != 400) wrong(bad[i], "400");
    }
    forge(&made, strangers, FORGE_HEADER, with_time(tries[0].payload));
    patch_key("{\"jwt_key\":null}");
    try_token(made.ptr, INVALID, "a key that was dropped");
}

static void revocation_and_rotation_work_at_once(void) {
    static char first[1600], second[1600], third[1600], fourth[1600];
    make_token(first, sizeof first);
    is_good(first, "a token");
    open_sessions_end_with_their_token(first, false);
    must("/v1/namespaces/alpha/tokens/revoke", "{}");
    is_void_soon(first, "a revoked token");
    open_sessions_end_with_their_token(first, true);
    make_token(second, sizeof second);
    is_good(second, "one that was made after the revocation");
    must("/v1/keys/rotate", "{}");
    make_token(third, sizeof third);
    is_good(second, "one of the old key");
    is_good(third, "one of the new key");
    must("/v1/keys/rotate", "{\"drop_old\":true}");
    is_void_soon(second, "one of a dropped key");
    is_good(third, "one of the key that signs");
    must("/v1/keys/rotate", "{\"drop_all\":true}");
    is_void_soon(third, "one of any key, when all are dropped");
    make_token(fourth, sizeof fourth);
    is_good(fourth, "one of the newest key");
    try_forged(FORGE_HEADER, claims(""), INVALID, "signed by a key that was dropped");
}

int main(void) {
    static const char *const extra[] = {"--log-level", "warn", NULL};
    s = server_start(extra);
    talk_admin_key(&s, admin_key, sizeof admin_key);
    talk_init(&admin, s.admin_port);
    must("/v1/namespaces/alpha/create", "{}");
    must("/v1/namespaces/alpha/tokens/revoke", "{}");
    const char *epoch = strstr(admin.body, "\"token_epoch\":");
    if (!epoch) die("no epoch");
    snprintf(gen, sizeof gen, "%lld", strtoll(epoch + strlen("\"token_epoch\":"), NULL, 10));
    talk_deinit(&admin);
    ours = forge_take_key(&s, kid, extra);
    if (trib_ed25519_key_new_random(&strangers, NULL) != TRIB_OK) die("no key");
    talk_init(&admin, s.admin_port);
    talk_init(&user, s.port);
    the_server_is_well("at first");
    headers_that_choose_something_are_refused();
    a_kid_is_a_name_and_nothing_else();
    the_public_key_is_no_secret();
    every_bit_of_a_signature_counts();
    other_spellings_of_a_token_are_refused();
    claims_are_taken_as_they_should_be_or_not_at_all();
    large_and_deep_claims_are_refused();
    odd_authorization_headers_let_nobody_in();
    a_key_of_others_forgives_nothing_else();
    the_server_is_well("after all of them");
    revocation_and_rotation_work_at_once();
    talk_deinit(&admin);
    talk_deinit(&user);
    free(made.ptr);
    trib_ed25519_key_free(ours);
    trib_ed25519_key_free(strangers);
    if (!server_stop(&s)) failed++;
    printf("%lu tokens tried, %lu wrong answers\n", tried, failed);
    return failed ? 1 : 0;
}
