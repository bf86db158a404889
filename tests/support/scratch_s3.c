/* SPDX-License-Identifier: Apache-2.0 */
/* See scratch_s3.h. A thread for each connection; one lock around everything that is kept. */
#include "support/scratch_s3.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/hash.h"

enum { OBJECTS_MAX = 16384, PARTS_MAX = 64, UPLOADS_MAX = 16, HEAD_MAX = 32768, STALL_MS = 3000 };

typedef struct blob {
    char *key, *bytes;
    size_t len;
} blob;

typedef struct upload {
    char *key; /* NULL: free */
    blob parts[PARTS_MAX];
} upload;

struct scratch_s3 {
    pthread_mutex_t lock;
    pthread_t thread;
    struct connection *connections; /* of `thread`, and of who joined it */
    int listen_fd, port, stop_pipe[2];
    scratch_s3_condition condition;
    blob objects[OBJECTS_MAX]; /* sorted by key */
    int object_count;
    upload uploads[UPLOADS_MAX];
    scratch_s3_fault_kind fault;
    int fault_at, fault_times, overwritten, wrong, requests;
    void (*kill)(void *ctx);
    void *kill_ctx;
};

typedef struct request {
    char head[HEAD_MAX], method[16], target[4096], path[2048], query[2048];
    char *body;
    size_t body_len;
} request;

typedef struct answer {
    int status;
    char headers[600];
    char *body;       /* malloc'ed */
    size_t len, said; /* said: as Content-Length */
} answer;

const char *scratch_s3_fault_text(scratch_s3_fault_kind kind) {
    static const char *const texts[] = {
#define X(name, text) text,
        SCRATCH_S3_FAULTS(X)
#undef X
    };
    return texts[kind];
}

/* ---- the signature, from the bytes that came ---- */

static bool header_of(const request *r, const char *name, size_t name_len, char *out, size_t cap) {
    out[0] = '\0';
    for (const char *line = strstr(r->head, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n")) {
        const char *at = line + 2, *colon = strchr(at, ':'), *end = strstr(at, "\r\n");
        if (!colon || (size_t)(colon - at) != name_len || strncasecmp(at, name, name_len) != 0) continue;
        colon++;
        while (*colon == ' ') colon++;
        snprintf(out, cap, "%.*s", (int)(end - colon), colon);
        return true;
    }
    return false;
}
#define HEADER(r, name, out) header_of(r, name, strlen(name), out, sizeof(out))

static void hex_of(const uint8_t digest[32], char out[65]) {
    for (int i = 0; i < 32; i++) snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static int compare_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add(char *out, size_t cap, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void add(char *out, size_t cap, const char *format, ...) {
    size_t n = strlen(out);
    va_list args;
    va_start(args, format);
    vsnprintf(out + n, cap - n, format, args);
    va_end(args);
}

static void add_sorted_query(const request *r, char *out, size_t cap) {
    char copy[2048], *pairs[16], *save = NULL;
    size_t n = 0;
    snprintf(copy, sizeof copy, "%s", r->query);
    for (char *p = strtok_r(copy, "&", &save); p && n < 16; p = strtok_r(NULL, "&", &save)) pairs[n++] = p;
    qsort(pairs, n, sizeof *pairs, compare_text);
    for (size_t i = 0; i < n; i++) add(out, cap, "%s%s%s", i ? "&" : "", pairs[i], strchr(pairs[i], '=') ? "" : "=");
}

static void hmac(const void *key, size_t key_len, const char *text, uint8_t out[32]) {
    trib_crypto_hmac_sha256(trib_str_make(key, key_len), trib_str_c(text), out);
}

static bool is_signed(const request *r) {
    char auth[2048], names[512], signature[80], date[40], payload[80], token[200], value[2048], hash[65], scope[128];
    static __thread char canonical[HEAD_MAX], text[1024];
    uint8_t digest[32], key[32], next[32];
    if (!HEADER(r, "authorization", auth) || !HEADER(r, "x-amz-date", date) || strlen(date) != 16 ||
        !HEADER(r, "x-amz-content-sha256", payload))
        return false;
    snprintf(scope, sizeof scope, "%.8s/%s/s3/aws4_request", date, SCRATCH_S3_REGION);
    snprintf(text, sizeof text, "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=", SCRATCH_S3_KEY, scope);
    if (strncmp(auth, text, strlen(text)) != 0) return false;
    size_t names_len = strcspn(auth + strlen(text), ",");
    snprintf(names, sizeof names, "%.*s", (int)names_len, auth + strlen(text));
    const char *rest = auth + strlen(text) + names_len;
    if (strncmp(rest, ", Signature=", 12) != 0) return false;
    snprintf(signature, sizeof signature, "%s", rest + 12);
    if (!HEADER(r, "x-amz-security-token", token) || strcmp(token, SCRATCH_S3_TOKEN) != 0) return false;
    trib_crypto_sha256(trib_str_make(r->body, r->body_len), digest);
    hex_of(digest, hash);
    if (strcmp(hash, payload) != 0) return false;
    canonical[0] = '\0';
    add(canonical, sizeof canonical, "%s\n%s\n", r->method, r->path);
    add_sorted_query(r, canonical, sizeof canonical);
    add(canonical, sizeof canonical, "\n");
    for (const char *name = names; *name;) {
        size_t n = strcspn(name, ";");
        if (!header_of(r, name, n, value, sizeof value)) return false;
        add(canonical, sizeof canonical, "%.*s:%s\n", (int)n, name, value);
        name += n + (name[n] == ';');
    }
    add(canonical, sizeof canonical, "\n%s\n%s", names, payload);
    if (!strstr(names, "host") || !strstr(names, "x-amz-date") || !strstr(names, "x-amz-content-sha256")) return false;
    trib_crypto_sha256(trib_str_c(canonical), digest);
    hex_of(digest, hash);
    snprintf(text, sizeof text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", date, scope, hash);
    date[8] = '\0';
    hmac("AWS4" SCRATCH_S3_SECRET, strlen("AWS4" SCRATCH_S3_SECRET), date, key);
    static const char *const parts[] = {SCRATCH_S3_REGION, "s3", "aws4_request"};
    for (int i = 0; i < 3; i++) {
        hmac(key, 32, parts[i], next);
        memcpy(key, next, 32);
    }
    hmac(key, 32, text, digest);
    hex_of(digest, hash);
    return strcmp(hash, signature) == 0;
}

/* ---- what is kept; under the lock ---- */

static int find(const scratch_s3 *s3, const char *key) {
    for (int i = 0; i < s3->object_count; i++)
        if (strcmp(s3->objects[i].key, key) == 0) return i;
    return -1;
}

static char *copy_of(const char *bytes, size_t n) {
    char *copy = malloc(n + 1);
    if (!copy) abort();
    if (n) memcpy(copy, bytes, n);
    copy[n] = '\0';
    return copy;
}

static void keep(scratch_s3 *s3, const char *key, const char *bytes, size_t n) {
    int i = find(s3, key);
    if (i >= 0) {
        blob *old = &s3->objects[i];
        if (old->len != n || memcmp(old->bytes, bytes, n) != 0) s3->overwritten++;
        free(old->bytes);
        old->bytes = copy_of(bytes, n);
        old->len = n;
        return;
    }
    if (s3->object_count == OBJECTS_MAX) abort();
    for (i = s3->object_count++; i > 0 && strcmp(s3->objects[i - 1].key, key) > 0; i--)
        s3->objects[i] = s3->objects[i - 1];
    s3->objects[i] = (blob){copy_of(key, strlen(key)), copy_of(bytes, n), n};
}

static bool query_value(const request *r, const char *name, char *out, size_t cap) {
    size_t n = strlen(name);
    for (const char *p = r->query; *p;) {
        size_t len = strcspn(p, "&");
        if (strncmp(p, name, n) == 0 && (p[n] == '=' || n == len)) {
            snprintf(out, cap, "%.*s", p[n] == '=' ? (int)(len - n - 1) : 0, p + n + 1);
            return true;
        }
        p += len + (p[len] == '&');
    }
    return false;
}

static void say(answer *a, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void say(answer *a, int status, const char *format, ...) {
    char text[4096];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    a->status = status;
    a->body = copy_of(text, (size_t)n);
    a->len = a->said = (size_t)n;
}

static void refuse(answer *a, int status, const char *code) {
    say(a, status, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>no</Message></Error>", code);
}

/* True: may be written. */
static bool may_put(scratch_s3 *s3, const request *r, const char *key, answer *a) {
    char condition[16];
    if (!HEADER(r, "if-none-match", condition) || s3->condition == SCRATCH_S3_IGNORES) return true;
    if (s3->condition == SCRATCH_S3_REFUSES) refuse(a, 501, "NotImplemented");
    else if (find(s3, key) >= 0) refuse(a, 412, "PreconditionFailed");
    else return true;
    return false;
}

static void put(scratch_s3 *s3, const request *r, const char *key, scratch_s3_fault_kind fault, answer *a) {
    if (!may_put(s3, r, key, a)) return;
    if (fault != SCRATCH_S3_FORGET)
        keep(s3, key, r->body, fault == SCRATCH_S3_TRUNCATE ? r->body_len / 2 : r->body_len);
    snprintf(a->headers, sizeof a->headers, "ETag: \"%s\"\r\n", fault == SCRATCH_S3_LIE_ETAG ? "lie" : "etag");
    say(a, 200, "%s", "");
}

static void get(scratch_s3 *s3, const request *r, const char *key, scratch_s3_fault_kind fault, answer *a) {
    int i = find(s3, key);
    if (fault == SCRATCH_S3_LIE_MISSING) i = -1;
    if (i < 0 && fault == SCRATCH_S3_LIE_THERE && strcmp(r->method, "HEAD") == 0) say(a, 200, "%s", "12345");
    else if (i < 0) refuse(a, 404, "NoSuchKey");
    else {
        a->status = 200;
        a->body = copy_of(s3->objects[i].bytes, s3->objects[i].len);
        a->len = a->said = fault == SCRATCH_S3_TRUNCATE ? s3->objects[i].len / 2 : s3->objects[i].len;
        if (fault == SCRATCH_S3_LIE_SIZE) a->said += 7;
    }
}

static void decode_slashes(char *text) {
    for (char *p = text; (p = strstr(p, "%2F"));) {
        *p = '/';
        memmove(p + 1, p + 3, strlen(p + 3) + 1);
    }
}

static void list(scratch_s3 *s3, const request *r, answer *a) {
    char prefix[300] = "", from[300] = "", *out = calloc(1, 1 << 16);
    int shown = 0;
    bool more = false;
    if (!out) abort();
    query_value(r, "prefix", prefix, sizeof prefix);
    if (!query_value(r, "continuation-token", from, sizeof from)) query_value(r, "start-after", from, sizeof from);
    decode_slashes(prefix);
    decode_slashes(from);
    add(out, 1 << 16, "<?xml version=\"1.0\"?><ListBucketResult>");
    char last[300] = "";
    for (int i = 0; i < s3->object_count; i++) {
        const blob *o = &s3->objects[i];
        if (strncmp(o->key, prefix, strlen(prefix)) != 0 || strcmp(o->key, from) <= 0) continue;
        if (shown == 3) { /* small pages: clients must go on */
            more = true;
            break;
        }
        shown++;
        snprintf(last, sizeof last, "%s", o->key);
        add(out, 1 << 16, "<Contents><Key>%s</Key><Size>%zu</Size></Contents>", o->key, o->len);
    }
    add(out, 1 << 16, "<IsTruncated>%s</IsTruncated>", more ? "true" : "false");
    if (more) add(out, 1 << 16, "<NextContinuationToken>%s</NextContinuationToken>", last);
    add(out, 1 << 16, "</ListBucketResult>");
    a->status = 200;
    a->body = out;
    a->len = a->said = strlen(out);
}

/* ---- uploads in parts ---- */

static void upload_free(upload *u) {
    free(u->key);
    for (int i = 0; i < PARTS_MAX; i++) free(u->parts[i].bytes);
    memset(u, 0, sizeof *u);
}

static void complete(scratch_s3 *s3, const request *r, upload *u, scratch_s3_fault_kind fault, answer *a) {
    char *whole = NULL;
    size_t len = 0;
    if (!may_put(s3, r, u->key, a)) return;
    for (int i = 0; i < PARTS_MAX && u->parts[i].bytes; i++) {
        whole = realloc(whole, len + u->parts[i].len + 1);
        if (!whole) abort();
        memcpy(whole + len, u->parts[i].bytes, u->parts[i].len);
        len += u->parts[i].len;
    }
    if (fault != SCRATCH_S3_FORGET) keep(s3, u->key, whole ? whole : "", len);
    free(whole);
    upload_free(u);
    say(a, 200, "<?xml version=\"1.0\"?><CompleteMultipartUploadResult></CompleteMultipartUploadResult>");
}

static void in_parts(scratch_s3 *s3, const request *r, const char *key, scratch_s3_fault_kind fault, answer *a) {
    char text[100], number[20];
    if (strcmp(r->method, "POST") == 0 && query_value(r, "uploads", text, sizeof text)) {
        int i = 0;
        while (i < UPLOADS_MAX && s3->uploads[i].key) i++;
        if (i == UPLOADS_MAX) abort();
        s3->uploads[i].key = copy_of(key, strlen(key));
        say(a, 200, "<?xml version=\"1.0\"?><R><UploadId>up-%d+/=</UploadId></R>", i);
        return;
    }
    query_value(r, "uploadId", text, sizeof text);
    long i = strtol(text + 3, NULL, 10);
    upload *u = strncmp(text, "up-", 3) == 0 && i >= 0 && i < UPLOADS_MAX ? &s3->uploads[i] : NULL;
    if (!u || !u->key || strcmp(u->key, key) != 0 || !strstr(text, "%2B%2F%3D")) {
        refuse(a, 404, "NoSuchUpload");
    } else if (strcmp(r->method, "PUT") == 0) {
        query_value(r, "partNumber", number, sizeof number);
        long n = strtol(number, NULL, 10) - 1;
        if (n < 0 || n >= PARTS_MAX) abort();
        free(u->parts[n].bytes);
        u->parts[n] = (blob){NULL, copy_of(r->body, r->body_len), r->body_len};
        snprintf(a->headers, sizeof a->headers, "ETag: \"part%ld\"\r\n", n);
        say(a, 200, "%s", "");
    } else if (strcmp(r->method, "POST") == 0) complete(s3, r, u, fault, a);
    else {
        upload_free(u);
        say(a, 204, "%s", "");
    }
}

/* What stands behind the bucket, which is in the path or in front of the host; NULL: another bucket. */
static const char *behind_bucket(const request *r) {
    static const char in_path[] = "/" SCRATCH_S3_BUCKET, in_host[] = SCRATCH_S3_BUCKET ".";
    char host[300];
    HEADER(r, "host", host);
    if (strncmp(host, in_host, strlen(in_host)) == 0) return strcmp(r->path, "/") == 0 ? "" : r->path;
    return strncmp(r->path, in_path, strlen(in_path)) == 0 ? r->path + strlen(in_path) : NULL;
}

static void act(scratch_s3 *s3, const request *r, scratch_s3_fault_kind fault, answer *a) {
    const char *key = behind_bucket(r);
    if (!is_signed(r)) {
        s3->wrong++;
        refuse(a, 403, "SignatureDoesNotMatch");
    } else if (!key) refuse(a, 404, "NoSuchBucket");
    else if (*key == '\0') list(s3, r, a);
    else if (strstr(r->query, "upload")) in_parts(s3, r, key + 1, fault, a);
    else if (strcmp(r->method, "PUT") == 0) put(s3, r, key + 1, fault, a);
    else get(s3, r, key + 1, fault, a);
}

/* ---- connections ---- */

static bool read_request(int fd, request *r) {
    size_t have = 0, head = 0;
    char length[32] = "0";
    memset(r, 0, sizeof *r);
    while (!head) {
        ssize_t n = recv(fd, r->head + have, HEAD_MAX - 1 - have, 0);
        if (n <= 0) return false;
        have += (size_t)n;
        r->head[have] = '\0';
        const char *end = strstr(r->head, "\r\n\r\n");
        if (end) head = (size_t)(end - r->head) + 4;
        else if (have >= HEAD_MAX - 1) return false;
    }
    HEADER(r, "content-length", length);
    r->body_len = strtoul(length, NULL, 10);
    r->body = copy_of("", 0);
    r->body = realloc(r->body, r->body_len + 1);
    if (!r->body) abort();
    size_t got = have - head;
    if (got > r->body_len) return false; /* nothing is sent ahead here */
    memcpy(r->body, r->head + head, got);
    r->head[head] = '\0';
    while (got < r->body_len) {
        ssize_t n = recv(fd, r->body + got, r->body_len - got, 0);
        if (n <= 0) return false;
        got += (size_t)n;
    }
    size_t method = strcspn(r->head, " "), target = strcspn(r->head + method + 1, " ");
    snprintf(r->method, sizeof r->method, "%.*s", (int)method, r->head);
    snprintf(r->target, sizeof r->target, "%.*s", (int)target, r->head + method + 1);
    char *question = strchr(r->target, '?');
    snprintf(r->path, sizeof r->path, "%.*s", question ? (int)(question - r->target) : 2047, r->target);
    snprintf(r->query, sizeof r->query, "%s", question ? question + 1 : "");
    return true;
}

static bool send_all(int fd, const char *bytes, size_t n) {
    while (n) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes += sent;
        n -= (size_t)sent;
    }
    return true;
}

static bool send_answer(int fd, const request *r, const answer *a, bool cut) {
    char head[1200];
    int n =
        snprintf(head, sizeof head, "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\n\r\n", a->status, a->headers, a->said);
    if (!send_all(fd, head, (size_t)n)) return false;
    if (strcmp(r->method, "HEAD") == 0) return true;
    return send_all(fd, a->body, cut ? a->len / 2 : a->len) && !cut && a->len == a->said;
}

/* Waits as long as a stalled server does, or until the end of the test. */
static void stall(scratch_s3 *s3) {
    struct pollfd stop = {.fd = s3->stop_pipe[0], .events = POLLIN};
    poll(&stop, 1, STALL_MS);
}

/* False: the connection ends. */
static bool serve_one(scratch_s3 *s3, int fd, request *r) {
    answer a = {0};
    pthread_mutex_lock(&s3->lock);
    s3->requests++;
    scratch_s3_fault_kind fault = SCRATCH_S3_NONE;
    if (s3->fault != SCRATCH_S3_NONE && --s3->fault_at <= 0) {
        fault = s3->fault;
        if (--s3->fault_times <= 0) s3->fault = SCRATCH_S3_NONE;
    }
    bool before =
        fault == SCRATCH_S3_DROP_BEFORE || fault == SCRATCH_S3_STALL_BEFORE || fault == SCRATCH_S3_KILL_BEFORE;
    if (fault == SCRATCH_S3_ERROR_BEFORE) refuse(&a, 500, "InternalError");
    else if (fault == SCRATCH_S3_SLOW_DOWN) refuse(&a, 503, "SlowDown");
    else if (fault == SCRATCH_S3_DENIED) refuse(&a, 403, "AccessDenied");
    else if (!before) act(s3, r, fault, &a);
    if (fault == SCRATCH_S3_ERROR_AFTER) {
        free(a.body);
        refuse(&a, 500, "InternalError");
    }
    void (*kill_it)(void *) = s3->kill;
    void *ctx = s3->kill_ctx;
    pthread_mutex_unlock(&s3->lock);
    bool silent =
        before || fault == SCRATCH_S3_DROP_AFTER || fault == SCRATCH_S3_STALL_AFTER || fault == SCRATCH_S3_KILL_AFTER;
    if (fault == SCRATCH_S3_STALL_BEFORE || fault == SCRATCH_S3_STALL_AFTER) stall(s3);
    if ((fault == SCRATCH_S3_KILL_BEFORE || fault == SCRATCH_S3_KILL_AFTER) && kill_it) kill_it(ctx);
    bool go_on = !silent && send_answer(fd, r, &a, fault == SCRATCH_S3_CUT);
    free(a.body);
    return go_on;
}

typedef struct connection {
    scratch_s3 *s3;
    int fd;
    bool ended; /* under the lock */
    pthread_t thread;
    struct connection *next;
} connection;

static void *serve_connection(void *arg) {
    connection *c = arg;
    request *r = malloc(sizeof *r);
    if (!r) abort();
    for (bool go_on = true; go_on;) {
        struct pollfd fds[2] = {{.fd = c->fd, .events = POLLIN}, {.fd = c->s3->stop_pipe[0], .events = POLLIN}};
        poll(fds, 2, -1);
        if (fds[1].revents) break;
        go_on = read_request(c->fd, r) && serve_one(c->s3, c->fd, r);
        free(r->body);
    }
    free(r);
    close(c->fd);
    pthread_mutex_lock(&c->s3->lock);
    c->ended = true;
    pthread_mutex_unlock(&c->s3->lock);
    return NULL;
}

/* Those that have ended, or all. A thread is joined, not detached: a leak check at exit could meet one that is half
 * gone, whose error state in libcrypto nothing points to any more. */
static void join_connections(scratch_s3 *s3, bool all) {
    for (connection **at = &s3->connections; *at;) {
        connection *c = *at;
        pthread_mutex_lock(&s3->lock);
        bool joins = all || c->ended;
        pthread_mutex_unlock(&s3->lock);
        if (joins) {
            pthread_join(c->thread, NULL);
            *at = c->next;
            free(c);
        } else at = &c->next;
    }
}

static void *serve(void *arg) {
    scratch_s3 *s3 = arg;
    for (;;) {
        struct pollfd fds[2] = {{.fd = s3->listen_fd, .events = POLLIN}, {.fd = s3->stop_pipe[0], .events = POLLIN}};
        poll(fds, 2, -1);
        if (fds[1].revents) return NULL;
        join_connections(s3, false);
        int fd = accept(s3->listen_fd, NULL, NULL);
        connection *c = malloc(sizeof *c);
        if (fd < 0 || !c) abort();
        *c = (connection){.s3 = s3, .fd = fd, .next = s3->connections};
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (pthread_create(&c->thread, NULL, serve_connection, c)) abort();
        s3->connections = c;
    }
}

/* ---- for tests ---- */

scratch_s3 *scratch_s3_start(scratch_s3_condition condition) {
    scratch_s3 *s3 = calloc(1, sizeof *s3);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    if (!s3 || pipe(s3->stop_pipe)) abort();
    pthread_mutex_init(&s3->lock, NULL);
    s3->condition = condition;
    s3->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s3->listen_fd < 0 || bind(s3->listen_fd, (struct sockaddr *)&address, n) || listen(s3->listen_fd, 64) ||
        getsockname(s3->listen_fd, (struct sockaddr *)&address, &n))
        abort();
    s3->port = ntohs(address.sin_port);
    if (pthread_create(&s3->thread, NULL, serve, s3)) abort();
    return s3;
}

void scratch_s3_stop(scratch_s3 *s3) {
    if (!s3) return;
    if (write(s3->stop_pipe[1], "x", 1) != 1) abort();
    pthread_join(s3->thread, NULL);
    join_connections(s3, true);
    close(s3->listen_fd);
    close(s3->stop_pipe[0]);
    close(s3->stop_pipe[1]);
    for (int i = 0; i < s3->object_count; i++) {
        free(s3->objects[i].key);
        free(s3->objects[i].bytes);
    }
    for (int i = 0; i < UPLOADS_MAX; i++) upload_free(&s3->uploads[i]);
    pthread_mutex_destroy(&s3->lock);
    free(s3);
}

int scratch_s3_port(const scratch_s3 *s3) {
    return s3->port;
}

void scratch_s3_fault(scratch_s3 *s3, scratch_s3_fault_kind kind, int at, int times, void (*kill)(void *ctx),
                      void *ctx) {
    pthread_mutex_lock(&s3->lock);
    s3->fault = kind;
    s3->fault_at = at;
    s3->fault_times = times;
    s3->kill = kill;
    s3->kill_ctx = ctx;
    pthread_mutex_unlock(&s3->lock);
}

char *scratch_s3_get(scratch_s3 *s3, const char *key, size_t *ret_len) {
    pthread_mutex_lock(&s3->lock);
    int i = find(s3, key);
    char *bytes = i < 0 ? NULL : copy_of(s3->objects[i].bytes, s3->objects[i].len);
    if (i >= 0 && ret_len) *ret_len = s3->objects[i].len;
    pthread_mutex_unlock(&s3->lock);
    return bytes;
}

void scratch_s3_remove(scratch_s3 *s3, const char *key) {
    pthread_mutex_lock(&s3->lock);
    int i = find(s3, key);
    if (i >= 0) {
        free(s3->objects[i].key);
        free(s3->objects[i].bytes);
        memmove(&s3->objects[i], &s3->objects[i + 1], (size_t)(--s3->object_count - i) * sizeof *s3->objects);
    }
    pthread_mutex_unlock(&s3->lock);
}

static int read_count(scratch_s3 *s3, const int *count) {
    pthread_mutex_lock(&s3->lock);
    int value = *count;
    pthread_mutex_unlock(&s3->lock);
    return value;
}

int scratch_s3_overwritten(scratch_s3 *s3) {
    return read_count(s3, &s3->overwritten);
}
int scratch_s3_wrong(scratch_s3 *s3) {
    return read_count(s3, &s3->wrong);
}
int scratch_s3_requests(scratch_s3 *s3) {
    return read_count(s3, &s3->requests);
}
int scratch_s3_open_uploads(scratch_s3 *s3) {
    int open = 0;
    pthread_mutex_lock(&s3->lock);
    for (int i = 0; i < UPLOADS_MAX; i++) open += s3->uploads[i].key != NULL;
    pthread_mutex_unlock(&s3->lock);
    return open;
}
