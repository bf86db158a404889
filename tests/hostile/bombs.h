/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the catalogue of bombs (tests/hostile/bombs.txt) and throws them, for the tests and for the benchmark.
 *
 *   [name]              begins a bomb; lines with # are comments; a line that begins with blanks goes on with the last
 *   setup SQL           once, before the attack; several statements may stand in one line
 *   step SQL            a request with one statement; all requests of a round share a session
 *   batch N SQL         a request with N steps
 *   sequence SQL        a request that runs the text as a sequence
 *   store N SQL         a request that stores the text N times
 *   cursor SQL          a cursor, read at 4 KiB in 10 ms, dropped after a second
 *   pause MS            waits, with whatever the session holds
 *   hangup              closes the connection without an end of the session
 *
 * In SQL, {N|text} stands for N times `text`, with # for 1 to N. Every connection is a thread that throws round after
 * round until it is told to stop, and counts what it was answered. */
#ifndef TRIB_TESTS_HOSTILE_BOMBS_H
#define TRIB_TESTS_HOSTILE_BOMBS_H

#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>

#include "integration/talk.h"

enum { BOMBS_MAX = 100, BOMB_STEPS_MAX = 8, BOMB_THREADS_MAX = 256, BOMB_SLOW_READ_BYTES = 4096 };

typedef enum bomb_kind {
    BOMB_SETUP,
    BOMB_STEP,
    BOMB_BATCH,
    BOMB_SEQUENCE,
    BOMB_STORE,
    BOMB_CURSOR,
    BOMB_PAUSE,
    BOMB_HANGUP,
    BOMB_KINDS
} bomb_kind;

typedef struct bomb_step {
    bomb_kind kind;
    unsigned count; /* of batch and store; milliseconds of pause */
    text request;   /* what stands between the brackets of "requests", or a cursor's body */
    bool last;      /* no request of the session follows */
} bomb_step;

typedef struct bomb {
    char name[48];
    text setup; /* SQL in the form of a JSON string, without its quotes */
    bomb_step steps[BOMB_STEPS_MAX];
    unsigned step_count;
} bomb;

typedef struct bombs {
    bomb all[BOMBS_MAX];
    unsigned count;
} bombs;

/* ---- reading the catalogue ---- */

static inline void bomb_add_escaped(text *to, const char *from, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (from[i] == '"' || from[i] == '\\') text_add(to, "\\%c", from[i]);
        else if ((unsigned char)from[i] < ' ') text_add(to, "\\u%04x", (unsigned)from[i]);
        else text_add(to, "%c", from[i]);
    }
}

/* `sql` with its repetitions written out. */
static inline void bomb_expand(text *to, const char *sql) {
    for (const char *at = sql; *at;) {
        char *bar;
        unsigned long times = *at == '{' ? strtoul(at + 1, &bar, 10) : 0;
        const char *end = times && *bar == '|' ? strchr(bar, '}') : NULL;
        if (!end) {
            text_add(to, "%c", *at++);
            continue;
        }
        for (unsigned long i = 1; i <= times; i++) {
            for (const char *c = bar + 1; c < end; c++) {
                if (*c == '#') text_add(to, "%lu", i);
                else text_add(to, "%c", *c);
            }
        }
        at = end + 1;
    }
}

static inline void bomb_write_request(bomb_step *step, const char *sql) {
    text *to = &step->request;
    switch (step->kind) {
    case BOMB_STEP: text_add(to, "{\"type\":\"execute\",\"stmt\":{\"sql\":\"%s\"}}", sql); break;
    case BOMB_SEQUENCE: text_add(to, "{\"type\":\"sequence\",\"sql\":\"%s\"}", sql); break;
    case BOMB_CURSOR: text_add(to, "{\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"%s\"}}]}}", sql); break;
    case BOMB_BATCH:
        text_add(to, "{\"type\":\"batch\",\"batch\":{\"steps\":[");
        for (unsigned i = 0; i < step->count; i++) text_add(to, "%s{\"stmt\":{\"sql\":\"%s\"}}", i ? "," : "", sql);
        text_add(to, "]}}");
        break;
    case BOMB_STORE:
        for (unsigned i = 0; i < step->count; i++)
            text_add(to, "%s{\"type\":\"store_sql\",\"sql_id\":%u,\"sql\":\"%s\"}", i ? "," : "", i + 1, sql);
        break;
    case BOMB_SETUP:
    case BOMB_PAUSE:
    case BOMB_HANGUP:
    case BOMB_KINDS: break;
    }
}

static inline void bomb_add_line(bombs *list, const char *line) {
    static const char *const words[BOMB_KINDS] = {"setup", "step",   "batch", "sequence",
                                                  "store", "cursor", "pause", "hangup"};
    if (*line == '[') {
        if (list->count == BOMBS_MAX) die("too many bombs");
        bomb *b = &list->all[list->count++];
        *b = (bomb){0};
        snprintf(b->name, sizeof b->name, "%.*s", (int)strcspn(line + 1, "]"), line + 1);
        return;
    }
    size_t word = strcspn(line, " "), kind = 0;
    while (kind < BOMB_KINDS && (strlen(words[kind]) != word || strncmp(words[kind], line, word) != 0)) kind++;
    if (kind == BOMB_KINDS || !list->count) die(line);
    bomb *b = &list->all[list->count - 1];
    const char *rest = line + word + (line[word] == ' ');
    bomb_step step = {.kind = (bomb_kind)kind};
    if (kind == BOMB_BATCH || kind == BOMB_STORE || kind == BOMB_PAUSE) {
        char *end;
        step.count = (unsigned)strtoul(rest, &end, 10);
        rest = *end == ' ' ? end + 1 : end;
    }
    text sql = {0}, escaped = {0};
    bomb_expand(&sql, rest);
    bomb_add_escaped(&escaped, sql.ptr ? sql.ptr : "", sql.len);
    if (kind == BOMB_SETUP) {
        text_add(&b->setup, "%s;", escaped.ptr ? escaped.ptr : "");
    } else {
        if (b->step_count == BOMB_STEPS_MAX) die("a bomb with too many steps");
        bomb_write_request(&step, escaped.ptr ? escaped.ptr : "");
        b->steps[b->step_count++] = step;
    }
    free(sql.ptr);
    free(escaped.ptr);
}

/* Which request of a round is its last, so that it also closes the session. A bomb that hangs up closes nothing. */
static inline void bomb_mark_last(bomb *b) {
    for (unsigned i = b->step_count; i > 0; i--) {
        bomb_step *step = &b->steps[i - 1];
        if (step->kind == BOMB_HANGUP) return;
        if (step->kind == BOMB_PAUSE) continue;
        step->last = true;
        return;
    }
}

/* Dies on what it does not understand. */
static inline bombs *bombs_read(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) die(path);
    bombs *list = calloc(1, sizeof *list);
    if (!list) die("no memory");
    char line[1024];
    text whole = {0};
    text_add(&whole, "%s", "");
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (*line == '#' || !*line) continue;
        bool goes_on = isspace((unsigned char)*line);
        if (!goes_on && whole.len) {
            bomb_add_line(list, whole.ptr);
            text_clear(&whole);
        }
        text_add(&whole, goes_on ? " %s" : "%s", line + strspn(line, " \t"));
    }
    if (whole.len) bomb_add_line(list, whole.ptr);
    fclose(file);
    free(whole.ptr);
    for (unsigned i = 0; i < list->count; i++) bomb_mark_last(&list->all[i]);
    return list;
}

static inline void bombs_free(bombs *list) {
    for (unsigned i = 0; i < list->count; i++) {
        free(list->all[i].setup.ptr);
        for (unsigned s = 0; s < list->all[i].step_count; s++) free(list->all[i].steps[s].request.ptr);
    }
    free(list);
}

static inline const bomb *bombs_find(const bombs *list, const char *name) {
    for (unsigned i = 0; i < list->count; i++) {
        if (strcmp(list->all[i].name, name) == 0) return &list->all[i];
    }
    return NULL;
}

/* ---- throwing them ---- */

typedef struct attack attack;

typedef struct attacker {
    attack *of;
    talk talk;
    char baton[64];
    _Atomic int socket; /* the talk's, for attack_stop; -1: none */
    pthread_t thread;
    bool started;
} attacker;

struct attack {
    const bomb *bomb;
    int port;
    const char *tenant, *authorization; /* authorization may be NULL */
    unsigned rounds;                    /* of each connection; 0: until attack_stop */
    atomic_bool stop;
    atomic_ullong rounds_done, answered, sql_errors, refused, shed, broken;
    attacker threads[BOMB_THREADS_MAX];
    unsigned connections;
};

static inline bool attack_is_over(const attack *a) {
    return atomic_load(&a->stop);
}

static inline void attacker_count(attacker *who, int status) {
    attack *a = who->of;
    if (status == 0) {
        if (!attack_is_over(a)) atomic_fetch_add(&a->broken, 1);
    } else if (status == 429 || status == 503) {
        atomic_fetch_add(&a->shed, 1);
    } else if (status < 200 || status > 299) {
        atomic_fetch_add(&a->refused, 1);
    } else {
        atomic_fetch_add(talk_says(&who->talk, "\"type\":\"error\"") ? &a->sql_errors : &a->answered, 1);
    }
}

static inline void attacker_hang_up(attacker *who) {
    atomic_store(&who->socket, -1);
    talk_hang_up(&who->talk);
    who->baton[0] = '\0';
}

/* A socket whose answers may take minutes: a heavy tenant waits for the others. */
static inline int connect_patiently(int port) {
    int fd = server_connect(port);
    struct timeval long_time = {.tv_sec = 600};
    if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &long_time, sizeof long_time);
    return fd;
}

static inline bool attacker_connect(attacker *who) {
    if (who->talk.fd >= 0) return true;
    who->talk.fd = connect_patiently(who->talk.port);
    atomic_store(&who->socket, who->talk.fd);
    return who->talk.fd >= 0;
}

/* One request of the session. */
static inline void attacker_ask(attacker *who, const char *requests, bool last) {
    text body = {0};
    char path[128];
    snprintf(path, sizeof path, "/%s/v2/pipeline", who->of->tenant);
    text_add(&body, "{");
    if (who->baton[0]) text_add(&body, "\"baton\":\"%s\",", who->baton);
    text_add(&body, "\"requests\":[%s%s]}", requests, last ? ",{\"type\":\"close\"}" : "");
    int status = attacker_connect(who) ? talk_ask(&who->talk, "POST", path, who->of->authorization, body.ptr) : 0;
    if (who->talk.fd < 0) atomic_store(&who->socket, -1);
    attacker_count(who, status);
    talk_text(&who->talk, "baton", who->baton, sizeof who->baton);
    free(body.ptr);
    if (status == 429 || status == 503) usleep(5000); /* no bomb of its own: a client that spins costs us the machine */
}

/* A reader that is slower than what it asked for. */
static inline void attacker_read_slowly(attacker *who, const char *body) {
    char bytes[BOMB_SLOW_READ_BYTES];
    text request = {0};
    const char *authorization = who->of->authorization;
    if (!attacker_connect(who)) return;
    text_add(&request,
             "POST /%s/v3/cursor HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %zu\r\n%s%s%s\r\n%s",
             who->of->tenant, strlen(body), authorization ? "Authorization: " : "", authorization ? authorization : "",
             authorization ? "\r\n" : "", body);
    bool fine = server_send(who->talk.fd, request.ptr, request.len);
    for (int i = 0; fine && i < 100 && !attack_is_over(who->of); i++) {
        fine = recv(who->talk.fd, bytes, sizeof bytes, 0) > 0;
        usleep(10000);
    }
    atomic_fetch_add(&who->of->answered, 1);
    free(request.ptr);
    attacker_hang_up(who);
}

static inline void attacker_pause(const attacker *who, unsigned ms) {
    for (unsigned i = 0; i < ms && !attack_is_over(who->of); i += 10) usleep(10000);
}

static inline void *attacker_main(void *arg) {
    attacker *who = arg;
    attack *a = who->of;
    for (unsigned round = 0; !attack_is_over(a) && (!a->rounds || round < a->rounds); round++) {
        for (unsigned i = 0; i < a->bomb->step_count && !attack_is_over(a); i++) {
            const bomb_step *step = &a->bomb->steps[i];
            if (step->kind == BOMB_PAUSE) attacker_pause(who, step->count);
            else if (step->kind == BOMB_HANGUP) attacker_hang_up(who);
            else if (step->kind == BOMB_CURSOR) attacker_read_slowly(who, step->request.ptr);
            else attacker_ask(who, step->request.ptr, step->last);
        }
        atomic_fetch_add(&a->rounds_done, 1);
    }
    return NULL;
}

/* The bomb's set-up, on a connection of its own. False: it was refused; `ret_why` has the answer. */
static inline bool attack_set_up(attack *a, char *ret_why, size_t cap) {
    talk t;
    text body = {0};
    char path[128];
    if (!a->bomb->setup.len) return true;
    talk_init(&t, a->port);
    t.fd = connect_patiently(a->port);
    snprintf(path, sizeof path, "/%s/v2/pipeline", a->tenant);
    text_add(&body, "{\"requests\":[{\"type\":\"sequence\",\"sql\":\"%s\"},{\"type\":\"close\"}]}", a->bomb->setup.ptr);
    int status = talk_ask(&t, "POST", path, a->authorization, body.ptr);
    bool fine = status == 200 && !talk_says(&t, "\"type\":\"error\"");
    if (!fine) snprintf(ret_why, cap, "%d %.300s", status, t.body ? t.body : "no answer");
    free(body.ptr);
    talk_deinit(&t);
    return fine;
}

/* bomb, port, tenant, authorization, rounds are set before. */
static inline void attack_start(attack *a, unsigned connections) {
    a->connections = connections;
    for (unsigned i = 0; i < connections; i++) {
        attacker *who = &a->threads[i];
        who->of = a;
        talk_init(&who->talk, a->port);
        atomic_store(&who->socket, -1);
        if (pthread_create(&who->thread, NULL, attacker_main, who) != 0) die("no thread");
    }
}

/* hang_up: without waiting for what is under way. */
static inline void attack_end(attack *a, bool hang_up) {
    if (hang_up) {
        atomic_store(&a->stop, true);
        for (unsigned i = 0; i < a->connections; i++) {
            int fd = atomic_load(&a->threads[i].socket);
            if (fd >= 0) shutdown(fd, SHUT_RDWR);
        }
    }
    for (unsigned i = 0; i < a->connections; i++) {
        pthread_join(a->threads[i].thread, NULL);
        talk_deinit(&a->threads[i].talk);
    }
}

#endif
