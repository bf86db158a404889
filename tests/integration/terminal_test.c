/* SPDX-License-Identifier: Apache-2.0 */
/* trib shell on a terminal: a pseudo-terminal is typed into, and its screen read. Editing, statements over lines, TAB,
 * Ctrl-C for a line and for what runs, Ctrl-D, the history and its file. */
#include <pty.h>

#include "integration/server.h"

static int failed;

static void check(bool fine, const char *what) {
    if (!fine) failed++;
    printf("%s %s\n", fine ? "ok    " : "FAILED", what);
}

enum { SCREEN_BYTES = 1 << 20, WAIT_S = 20 };

typedef struct terminal {
    pid_t pid;
    int fd;
    char *screen; /* all that was written */
    size_t len, seen;
} terminal;

/* trib shell `target` --data `data`, with its home in `home`. */
static terminal terminal_open(const char *target, const server *s) {
    terminal t = {.screen = calloc(1, SCREEN_BYTES)};
    struct winsize size = {.ws_row = 40, .ws_col = 132};
    const char *bin = getenv("TRIB_BIN");
    char data[160], bin_path[4096];
    if (!bin) bin = "build/dev/trib";
    if (!realpath(bin, bin_path)) die("TRIB_BIN");
    snprintf(data, sizeof data, "%s/data", s->folder);
    t.pid = forkpty(&t.fd, NULL, NULL, &size);
    if (t.pid < 0) die("no pseudo-terminal is to be had; mount devpts on /dev/pts");
    if (t.pid > 0) return t;
    setenv("TERM", "xterm", 1);
    setenv("HOME", s->folder, 1);
    unsetenv("XDG_STATE_HOME");
    unsetenv("TRIB_TOKEN");
    signal(SIGINT, SIG_DFL);
    if (chdir(s->folder)) _exit(126);
    execl(bin_path, "trib", "shell", target, "--data", data, (char *)NULL);
    _exit(127);
}

static void type(terminal *t, const char *keys) {
    t->seen = t->len;
    if (write(t->fd, keys, strlen(keys)) < 0) die("nobody reads what is typed");
}

/* Waits for `text` in what was written since the last keys. */
static bool sees(terminal *t, const char *text) {
    for (time_t until = time(NULL) + WAIT_S; time(NULL) < until;) {
        if (strstr(t->screen + t->seen, text)) return true;
        struct pollfd ready = {.fd = t->fd, .events = POLLIN};
        if (poll(&ready, 1, 200) <= 0) continue;
        ssize_t n = read(t->fd, t->screen + t->len, SCREEN_BYTES - 1 - t->len);
        if (n <= 0) break;
        /* some terminals want zeros to have time for what they do */
        for (ssize_t i = 0; i < n; i++) t->screen[t->len + (size_t)i] |= t->screen[t->len + (size_t)i] ? 0 : ' ';
        t->len += (size_t)n;
    }
    bool found = strstr(t->screen + t->seen, text) != NULL;
    if (!found) fprintf(stderr, "  wanted: %s\n  screen: %s\n", text, t->screen + t->seen);
    return found;
}

static void says(terminal *t, const char *keys, const char *text, const char *what) {
    type(t, keys);
    check(sees(t, text), what);
}

/* The prompt behind an answer, so that the next keys meet a line that is edited. */
static void answers(terminal *t, const char *keys, const char *text, const char *what) {
    says(t, keys, text, what);
    const char *found = strstr(t->screen + t->seen, text);
    if (found) t->seen = (size_t)(found - t->screen);
    if (!sees(t, "trib> ")) failed++;
}

static int terminal_end(terminal *t) {
    int status = -1;
    for (int i = 0; i < WAIT_S * 50; i++) {
        char rest[4096];
        struct pollfd ready = {.fd = t->fd, .events = POLLIN};
        usleep(20000); /* a terminal whose other side is gone is always ready */
        if (poll(&ready, 1, 0) > 0) {
            ssize_t n = read(t->fd, rest, sizeof rest - 1);
            if (n > 4) fprintf(stderr, "%.*s", (int)n, rest); /* what a sanitizer says at the end */
        }
        if (waitpid(t->pid, &status, WNOHANG) == t->pid) break;
    }
    close(t->fd);
    free(t->screen);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define ENDLESS "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT max(i) FROM r;\r"

static void lines_are_edited_and_statements_go_over_them(terminal *t) {
    check(sees(t, "trib> "), "the shell asks");
    says(t, "SELECT 40 +\r", "  ... ", "a statement that is not whole asks for more");
    answers(t, "2 AS answer;\r", "42", "and runs when it is");
    answers(t, "SELECT 1x\x7f + 10;\r", "11", "backspace takes a letter away");
    answers(t, "ECT 50 + 5;\x01SEL\r", "55", "Ctrl-A goes to the beginning");
    answers(t, "SELECT 'gr\xc3\xbc\xc3\x9f' || 'e!';\r",
            "gr\xc3\xbc\xc3\x9f"
            "e!",
            "letters beyond ASCII arrive whole");
    answers(t, "CREATE TRIGGER tr AFTER INSERT ON orders BEGIN SELECT 1; END; SELECT 60 + 6;\r", "66",
            "a trigger's semicolon ends nothing");
    answers(t, ".tabels\r", "did you mean .tables?", "a mistyped command is guessed");
}

static void tab_completes(terminal *t) {
    answers(t, "sel\t70 + 7;\r", "77", "TAB completes a keyword");
    answers(t, "SELECT count(*) + 75 + 5 FROM ord\t;\r", "80", "a table");
    answers(t, "SELECT count(o.cus\t) + 80 + 8 FROM orders o;\r", "88", "a column");
    says(t, "SELECT * FROM orders WHERE c\t", "customer", "or shows what there is");
    answers(t, "\x03", "^C", "and lets the line go on");
    answers(t, ".tim\ton\r", "trib> ", "a command with a dot");
    answers(t, "SELECT 90 + 9;\r", "time: ", "which works");
    answers(t, ".timer off\r", "trib> ", "and can be undone");
    answers(t, ".read some-fi\t\r", "101", "a file");
    answers(t, ".connect oth\t\r", "/other/", "a tenant");
    answers(t, ".connect acme\r", "/acme/", "and back");
}

static void ctrl_c_cancels(terminal *t) {
    says(t, "SELECT 'half a line", "half a line", "what is typed shows");
    answers(t, "\x03", "^C", "Ctrl-C cancels a line");
    says(t, "SELECT\r", "  ... ", "and a statement");
    answers(t, "\x03", "^C", "that was begun");
    answers(t, "SELECT 110 + 1;\r", "111", "what comes behind is clean");
    type(t, ENDLESS);
    sees(t, "max(i) FROM r;\r\n");
    usleep(300000); /* it runs now, or is about to: both must end */
    answers(t, "\x03", "code: CANCELLED", "Ctrl-C cancels what runs");
    answers(t, "SELECT 120 + 2;\r", "122", "and the shell goes on");
}

static bool file_has(const char *path, const char *text) {
    static char all[65536];
    FILE *file = fopen(path, "r");
    size_t n = file ? fread(all, 1, sizeof all - 1, file) : 0;
    if (file) fclose(file);
    all[n] = '\0';
    return strstr(all, text) != NULL;
}

static void history_keeps_no_secrets(terminal *t, const server *s) {
    char path[256];
    struct stat info;
    snprintf(path, sizeof path, "%s/.local/state/tributary/shell_history", s->folder);
    answers(t, "SELECT 130 +\r3 AS kept;\r", "133", "a statement over lines");
    answers(t, "UPDATE orders SET state = 'my-password-is-hunter2';\r", "trib> ", "a line with a password");
    answers(t, "PRAGMA key\r= 'topsecret';\r", "trib> ", "a key over two lines");
    answers(t, "\x1b[A\r", "133", "the arrow brings back the last line that was kept, as one");
    check(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600, "the history is the user's own");
    check(file_has(path, "SELECT 130 + 3 AS kept;\n"), "and has what was typed");
    check(!file_has(path, "hunter2") && !file_has(path, "topsecret") && !file_has(path, "PRAGMA"), "but no secrets");
}

static void the_next_shell_knows_the_last_one(const server *s) {
    terminal t = terminal_open("./plain.db", s);
    check(sees(&t, "trib> "), "a file on a terminal");
    answers(&t, "\x1b[A\r", "133", "remembers the last shell's lines");
    type(&t, ENDLESS);
    sees(&t, "max(i) FROM r;\r\n");
    usleep(300000);
    answers(&t, "\x03", "code: CANCELLED", "Ctrl-C cancels a statement on a file");
    answers(&t, "SELECT 140 + 4;\r", "144", "and it goes on");
    kill(t.pid, SIGWINCH);
    answers(&t, "SELECT 150 + 5;\r", "155", "a window of another size does not end it");
    type(&t, "\x04");
    check(terminal_end(&t) == 0, "Ctrl-D ends it");
}

static void ctrl_z_gives_the_terminal_back(const server *s) {
    terminal t = terminal_open("acme", s);
    int status = 0;
    check(sees(&t, "trib> "), "a shell");
    type(&t, "SELECT 160 + ");
    sees(&t, "160 + ");
    kill(t.pid, SIGTSTP); /* what the terminal sends where a shell with jobs is in charge */
    for (int i = 0; i < WAIT_S * 100 && waitpid(t.pid, &status, WNOHANG | WUNTRACED) != t.pid; i++) usleep(10000);
    check(WIFSTOPPED(status), "Ctrl-Z stops it");
    kill(t.pid, SIGCONT);
    answers(&t, "6;\r", "166", "and the line goes on where it was");
    kill(t.pid, SIGTERM);
    check(terminal_end(&t) == 0, "SIGTERM ends it with the terminal as it was");
}

static void write_file(const server *s, const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", s->folder, name);
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file)) die(path);
}

int main(void) {
    server s = server_start((const char *const[]){"--no-auth", NULL});
    server_create_tenant(&s, "acme");
    server_create_tenant(&s, "other");
    write_file(&s, "some-file.sql", "SELECT 100 + 1;\n");
    write_file(&s, "plain.db", "");
    terminal t = terminal_open("acme", &s);
    check(sees(&t, "trib> "), "a shell on a terminal");
    answers(&t, "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer, created_at, state);\r", "trib> ",
            "makes a table");
    type(&t, "\r");
    lines_are_edited_and_statements_go_over_them(&t);
    tab_completes(&t);
    ctrl_c_cancels(&t);
    history_keeps_no_secrets(&t, &s);
    type(&t, "\x04");
    check(terminal_end(&t) == 0, "Ctrl-D ends the shell");
    the_next_shell_knows_the_last_one(&s);
    ctrl_z_gives_the_terminal_back(&s);
    check(server_stop(&s), "the server ends cleanly");
    return failed ? 1 : 0;
}
