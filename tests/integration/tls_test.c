/* SPDX-License-Identifier: Apache-2.0 */
/* The real program with certificates: 100 of them loaded one after the other while clients are at work, and bad ones
 * refused. TRIB_TEST_RELOADS says how many. */
#include "integration/load.h"
#include "integration/talk.h"
#include "support/tls_pair.h"

enum { RELOADS = 100, DAY_S = 24 * 60 * 60 };

static int failed;

static void check(bool fine, const char *what) {
    if (!fine) failed++;
    printf("%s %s\n", fine ? "ok    " : "FAILED", what);
}

typedef struct place {
    server s;
    char cert[160], key[160], admin_key[160];
    SSL_CTX *client;
} place;

static void write_pair(const place *p, const char *name, long ends_s) {
    if (!tls_pair_write(p->cert, p->key, name, -60, ends_s, NULL)) die("a certificate could not be written");
}

static void start(place *p) {
    *p = (place){.client = SSL_CTX_new(TLS_client_method())};
    if (!p->client) die("no TLS client");
    server_make_folder(&p->s);
    snprintf(p->cert, sizeof p->cert, "%s/cert.pem", p->s.folder);
    snprintf(p->key, sizeof p->key, "%s/key.pem", p->s.folder);
    write_pair(p, "r0", DAY_S);
    server_start_again(&p->s, (const char *const[]){"--tls-cert", p->cert, "--tls-key", p->key, NULL});
    talk_admin_key(&p->s, p->admin_key, sizeof p->admin_key);
}

/* The name in the certificate that a new connection is shown. */
static void shown_name(const place *p, char name[64]) {
    wire w;
    name[0] = '\0';
    if (!wire_open(&w, p->s.port, p->client)) return;
    X509 *cert = SSL_get1_peer_certificate(w.ssl);
    if (cert) X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, 64);
    X509_free(cert);
    wire_close(&w);
}

static bool await_name(const place *p, const char *wanted, int limit_ms) {
    char name[64];
    for (int ms = 0; ms <= limit_ms; ms += 5) {
        shown_name(p, name);
        if (strcmp(name, wanted) == 0) return true;
        usleep(5000);
    }
    printf("       the certificate is %s, not %s\n", name, wanted);
    return false;
}

static int metric(const place *p, const char *series) {
    talk admin;
    talk_init(&admin, p->s.admin_port);
    talk_ask(&admin, "GET", "/metrics", p->admin_key, NULL);
    const char *at = admin.body ? strstr(admin.body, series) : NULL;
    int value = at ? (int)strtod(at + strlen(series), NULL) : -1;
    talk_deinit(&admin);
    return value;
}

#define SERIES(result) "trib_tls_reloads_total{listener=\"user\",result=\"" result "\"} "

/* A bad pair leaves the one before; waits until the server has looked at it. */
static bool refuses_a_bad_pair(const place *p, const char *name) {
    int before = metric(p, SERIES("failed"));
    FILE *key = fopen(p->key, "w");
    if (!key) die("no key file");
    fputs("junk\n", key);
    fclose(key);
    kill(p->s.pid, SIGHUP);
    for (int i = 0; i < 1000 && metric(p, SERIES("failed")) == before; i++) usleep(5000);
    return metric(p, SERIES("failed")) > before && await_name(p, name, 0);
}

static void reloads_under_load_fail_no_request(void) {
    const char *setting = getenv("TRIB_TEST_RELOADS");
    int reloads = setting ? (int)strtol(setting, NULL, 10) : RELOADS, seen = 0, refused = 0;
    char name[32] = "r0", answer[LOAD_ANSWER_BYTES];
    place p;
    wire old;
    start(&p);
    load l = {.port = p.s.port, .tls = p.client, .request = "GET /version HTTP/1.1\r\nHost: a\r\n\r\n"};
    check(wire_open(&old, p.s.port, p.client) && wire_ask(&old, l.request, answer) == 200, "https is served");
    load_start(&l);
    for (int i = 1; i <= reloads; i++) {
        if (i % 10 == 0) refused += refuses_a_bad_pair(&p, name);
        snprintf(name, sizeof name, "r%d", i);
        write_pair(&p, name, DAY_S);
        kill(p.s.pid, SIGHUP);
        seen += await_name(&p, name, 10000);
    }
    bool busy = load_await(&l, 50);
    load_stop(&l);
    check(seen == reloads, "new connections see each new certificate");
    check(refused == reloads / 10, "bad pairs are refused and counted, the one before stays");
    check(metric(&p, SERIES("ok")) >= reloads, "/metrics counts the reloads");
    check(wire_ask(&old, l.request, answer) == 200, "a connection from before the first reload still works");
    check(busy && l.failed == 0, "no request failed");
    printf("       %d reloads, %d refused, %d requests on %d connections, %d failed\n", seen, refused, l.answered,
           l.connected, l.failed);
    wire_close(&old);
    SSL_CTX_free(p.client);
    check(server_stop(&p.s), "the server ends cleanly");
}

static void changed_files_are_noticed_without_a_signal(void) {
    place p;
    start(&p);
    write_pair(&p, "renewed", 30 * DAY_S);
    check(await_name(&p, "renewed", 10000), "a new certificate is found without a signal");
    int days = metric(&p, "trib_tls_certificate_expires_seconds{listener=\"user\"} ");
    check(days > time(NULL) + 29 * DAY_S && days < time(NULL) + 31 * DAY_S, "/metrics says when it ends");
    SSL_CTX_free(p.client);
    check(server_stop(&p.s), "the server ends cleanly");
}

static void plain_http_is_told_where_it_is(void) {
    place p;
    talk t;
    start(&p);
    talk_init(&t, p.s.port);
    check(talk_ask(&t, "GET", "/health", NULL, NULL) == 400 && talk_says(&t, "this port speaks TLS"),
          "plain HTTP on the port gets a 400 that says so");
    check(t.fd < 0, "and the connection ends");
    talk_deinit(&t);
    SSL_CTX_free(p.client);
    check(server_stop(&p.s), "the server ends cleanly");
}

/* The admin listener has a certificate of no known issuer and name, and the command still trusts it, but no other. */
static void commands_know_the_key_of_the_local_server(void) {
    char command[600];
    const char *bin = getenv("TRIB_BIN") ? getenv("TRIB_BIN") : "build/dev/trib";
    place p;
    start(&p);
    kill(p.s.pid, SIGTERM);
    check(server_wait(&p.s, 10) == 0, "it ends, to be started with https on both listeners");
    server_start_again(&p.s, (const char *const[]){"--tls-cert", p.cert, "--tls-key", p.key, "--admin-tls-cert", p.cert,
                                                   "--admin-tls-key", p.key, NULL});
    snprintf(command, sizeof command, "'%s' tenant create acme --data '%s/data' >/dev/null", bin, p.s.folder);
    check(system(command) == 0, "a command reaches the admin listener over https");
    write_pair(&p, "renewed", DAY_S);
    kill(p.s.pid, SIGHUP);
    check(await_name(&p, "renewed", 10000), "after a reload");
    usleep(100000);
    snprintf(command, sizeof command, "'%s' shell acme --data '%s/data' --sql 'SELECT 1' >/dev/null", bin, p.s.folder);
    check(system(command) == 0, "it knows the new key");
    snprintf(command, sizeof command,
             "'%s' tenant list --admin-url https://127.0.0.1:%d/ --admin-key x 2>&1 | grep -q 'certificate is trusted'",
             bin, p.s.admin_port);
    check(system(command) == 0, "with a URL alone, an unknown certificate is refused");
    SSL_CTX_free(p.client);
    check(server_stop(&p.s), "the server ends cleanly");
}

int main(void) {
    reloads_under_load_fail_no_request();
    changed_files_are_noticed_without_a_signal();
    plain_http_is_told_where_it_is();
    commands_know_the_key_of_the_local_server();
    return failed ? 1 : 0;
}
