/* SPDX-License-Identifier: Apache-2.0 */
/* For integration tests: starts the real program ($TRIB_BIN serve) on free ports with a folder of its own, talks to it
 * over sockets, ends it. Only processes that were started here are ended, by their id. */
#ifndef TRIB_TESTS_INTEGRATION_SERVER_H
#define TRIB_TESTS_INTEGRATION_SERVER_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct server {
    pid_t pid;
    int port, admin_port;
    char folder[128];
    int listen_fd;           /* > 0: given to it as systemd gives the socket `user` */
    const char *environ_[4]; /* more variables, "NAME=VALUE" */
} server;

static inline void die(const char *what) {
    fprintf(stderr, "FAILED: %s (%s)\n", what, strerror(errno));
    exit(1);
}

/* "<word> http://127.0.0.1:<port>/" or https; -1 if that is not what comes. */
static inline int read_port(FILE *from, const char *word) {
    static const char *const schemes[] = {" http://127.0.0.1:", " https://127.0.0.1:"};
    char line[256], want[64];
    long port = -1;
    if (!fgets(line, sizeof line, from)) return -1;
    for (size_t i = 0; i < 2; i++) {
        snprintf(want, sizeof want, "%s%s", word, schemes[i]);
        if (strncmp(line, want, strlen(want)) == 0) port = strtol(line + strlen(want), NULL, 10);
    }
    return port <= 0 || port > 65535 ? -1 : (int)port;
}

/* In the child, before the program takes over. */
static inline void server_set_environ(const server *s) {
    for (size_t i = 0; i < sizeof s->environ_ / sizeof *s->environ_ && s->environ_[i]; i++) {
        char name[64];
        const char *equals = strchr(s->environ_[i], '=');
        snprintf(name, sizeof name, "%.*s", (int)(equals - s->environ_[i]), s->environ_[i]);
        setenv(name, equals + 1, 1);
    }
    if (s->listen_fd <= 0) return;
    char pid[32];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_FDNAMES", "user", 1);
    if (s->listen_fd == 3) fcntl(3, F_SETFD, 0);
    else dup2(s->listen_fd, 3);
}

/* Starts the program on s->folder and returns at once; *ret_out gets what it prints. Logs go to <folder>/log. extra:
 * more arguments, NULL at the end; may be NULL. */
static inline void server_spawn(server *s, const char *const *extra, int *ret_out) {
    int out[2];
    const char *bin = getenv("TRIB_BIN");
    if (!bin) bin = "build/dev/trib";
    if (pipe2(out, O_CLOEXEC)) die("no pipe");
    char data[160], log[160];
    snprintf(data, sizeof data, "%s/data", s->folder);
    snprintf(log, sizeof log, "%s/log", s->folder);
    const char *argv[32] = {bin, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data", data};
    for (int n = 8; extra && *extra && n < 31; n++) argv[n] = *extra++;
    s->pid = fork();
    if (s->pid < 0) die("fork");
    if (s->pid == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, 2);
        dup2(out[1], 1);
        server_set_environ(s);
        execv(bin, (char *const *)(const void *)argv);
        _exit(127);
    }
    close(out[1]);
    *ret_out = out[0];
}

static inline void server_make_folder(server *s) {
    const char *tmp = getenv("TMPDIR");
    snprintf(s->folder, sizeof s->folder, "%s/trib-it-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(s->folder)) die("no folder");
}

static inline void server_show_log(const server *s) {
    char path[160], line[512];
    snprintf(path, sizeof path, "%s/log", s->folder);
    FILE *log = fopen(path, "r");
    while (log && fgets(line, sizeof line, log)) fprintf(stderr, "  log: %s", line);
    if (log) fclose(log);
}

/* On the folder that s has already: a restart. */
static inline void server_start_again(server *s, const char *const *extra) {
    int out;
    server_spawn(s, extra, &out);
    FILE *lines = fdopen(out, "r");
    s->port = read_port(lines, "listening");
    s->admin_port = s->port < 0 ? -1 : read_port(lines, "admin");
    fclose(lines);
    if (s->admin_port > 0) return;
    server_show_log(s);
    die("the server did not get ready");
}

/* On a folder of its own. */
static inline server server_start(const char *const *extra) {
    server s = {0};
    server_make_folder(&s);
    server_start_again(&s, extra);
    return s;
}

static inline int server_connect(int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    struct timeval limit = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return fd;
}

/* recv that goes on after a signal: system() on another thread sends SIGCHLD here, and a socket with a time limit does
 * not go on by itself. */
static inline ssize_t server_recv(int fd, char *out, size_t n) {
    ssize_t got;
    do got = recv(fd, out, n, 0);
    while (got < 0 && errno == EINTR);
    return got;
}

/* False if the server closed meanwhile, which is its right. */
static inline bool server_send(int fd, const char *bytes, size_t n) {
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes += sent;
        n -= (size_t)sent;
    }
    return true;
}

static inline bool server_say(int fd, const char *text) {
    return server_send(fd, text, strlen(text));
}

/* Reads to the end, or until `until` was seen. Returns false if the connection was reset or nothing came for 20 s. */
static inline bool server_read(int fd, char *out, size_t cap, const char *until) {
    size_t n = 0;
    out[0] = '\0';
    while (n + 1 < cap && !(until && strstr(out, until))) {
        ssize_t got = server_recv(fd, out + n, cap - 1 - n);
        if (got < 0) return false;
        if (got == 0) return !until;
        n += (size_t)got;
        out[n] = '\0';
    }
    return true;
}

static inline bool server_is_healthy(int port) {
    char answer[1024];
    int fd = server_connect(port);
    if (fd < 0) return false;
    server_say(fd, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    bool fine = server_read(fd, answer, sizeof answer, "\r\n\r\n") && strncmp(answer, "HTTP/1.1 200 ", 13) == 0;
    close(fd);
    return fine;
}

/* Needs --no-auth. */
static inline void server_create_tenant(const server *s, const char *name) {
    char request[256], answer[4096];
    int fd = server_connect(s->admin_port);
    snprintf(request, sizeof request,
             "POST /v1/namespaces/%s/create HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
             "Content-Length: 2\r\nConnection: close\r\n\r\n{}",
             name);
    server_say(fd, request);
    if (!server_read(fd, answer, sizeof answer, NULL) || strncmp(answer, "HTTP/1.1 20", 11) != 0) {
        fprintf(stderr, "%s\n", answer);
        die("the tenant could not be made");
    }
    close(fd);
}

/* The exit status; -1 if a signal ended it or it did not end within seconds. */
static inline int server_wait(const server *s, int seconds) {
    int status;
    for (int i = 0; i < seconds * 100; i++) {
        if (waitpid(s->pid, &status, WNOHANG) == s->pid) return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        usleep(10000);
    }
    return -1;
}

/* Waits for its end, which somebody asked for, and removes its folder; false if it did not end cleanly (sanitizers
 * report by the status, too). */
static inline bool server_ended(const server *s) {
    int status = server_wait(s, 20);
    if (status != 0) {
        fprintf(stderr, "the server ended with status %d\n", status);
        server_show_log(s);
        kill(s->pid, SIGKILL);
    }
    char command[200];
    snprintf(command, sizeof command, "rm -rf '%s'", s->folder);
    return system(command) == 0 && status == 0;
}

/* Ends it with SIGTERM. */
static inline bool server_stop(const server *s) {
    kill(s->pid, SIGTERM);
    return server_ended(s);
}

#endif
