/* SPDX-License-Identifier: Apache-2.0 */
/* Line editing over libedit; see edit.h. libedit's own signal handlers need variables of the whole process, so it gets
 * none: while a line is read, signals are descriptors, and our function for the next character waits for them and the
 * terminal together. */
#include "cli/edit.h"

#include <errno.h>
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/history.h"
#include "cli/width.h"

enum {
    OFFERS_SHOWN_MAX = 120,           /* more would scroll away what was typed */
    COMPLETE_ARENA_BYTES = 4 << 20,   /* of the offers of one TAB */
    TYPED_MAX_BYTES = 2 * 1024 * 1024 /* of the statement that TAB looks at */
};

struct trib_edit {
    trib_edit_options options;
    EditLine *line;
    History *history;
    trib_arena arena;
    const char *prompt;
    int signal_fd; /* of window changes, Ctrl-Z and requests to end, while a line is read */
    trib_edit_result result;
    bool has_path;
    char path[4096];
};

/* ---- the next character ---- */

static sigset_t own_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    sigaddset(&set, SIGTSTP);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    return set;
}

static void set_signals(int how) {
    sigset_t set = own_signals();
    sigprocmask(how, &set, NULL);
}

static int open_signals(void) {
    sigset_t set = own_signals();
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* Ctrl-Z: the terminal is given back as it was, and taken again when the shell goes on. */
static void stop(trib_edit *edit) {
    el_set(edit->line, EL_PREP_TERM, 0);
    raise(SIGSTOP);
    el_set(edit->line, EL_PREP_TERM, 1);
    el_set(edit->line, EL_REFRESH);
}

/* False: reading ends. */
static bool take_signals(trib_edit *edit) {
    struct signalfd_siginfo info;
    while (read(edit->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGWINCH) el_resize(edit->line);
        else if (info.ssi_signo == SIGTSTP) stop(edit);
        else return false;
    }
    return true;
}

/* The rest of a character of UTF-8 whose first byte came; malformed ones are question marks. */
static wchar_t read_rest(unsigned char first) {
    size_t n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2, bytes;
    char text[4] = {(char)first};
    for (size_t i = 1; i < n; i++) {
        if (read(STDIN_FILENO, text + i, 1) != 1) return L'?';
    }
    uint32_t c = trib_width_char(trib_str_make(text, n), 0, &bytes);
    return bytes == n ? (wchar_t)c : L'?';
}

static int next_char(EditLine *line, wchar_t *ret) {
    trib_edit *edit = NULL;
    unsigned char byte;
    el_get(line, EL_CLIENTDATA, &edit);
    struct pollfd fds[] = {{.fd = edit->options.interrupt->fd, .events = POLLIN},
                           {.fd = edit->signal_fd, .events = POLLIN},
                           {.fd = STDIN_FILENO, .events = POLLIN}};
    for (;;) {
        if (poll(fds, 3, -1) < 0 && errno != EINTR) return -1;
        if (fds[0].revents && trib_interrupt_take(edit->options.interrupt)) {
            edit->result = TRIB_EDIT_CANCELLED;
            return -1;
        }
        if (fds[1].revents && !take_signals(edit)) return -1;
        if (!fds[2].revents) continue;
        if (read(STDIN_FILENO, &byte, 1) != 1) return -1;
        *ret = byte < 0x80 ? (wchar_t)byte : read_rest(byte);
        return 1;
    }
}

/* ---- TAB ---- */

static int characters(trib_str text) {
    int count = 0;
    for (size_t i = 0; i < text.len; i++) count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

static void show_offers(const trib_complete *c) {
    struct winsize size = {0};
    size_t width = 0, at = 0;
    size_t screen = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
    for (size_t i = 0; i < c->count; i++) {
        size_t cells = trib_width_text(c->items[i]) + 2;
        if (cells > width) width = cells;
    }
    putchar('\n');
    for (size_t i = 0; i < c->count && i < OFFERS_SHOWN_MAX; i++) {
        if (at + width > screen && at) {
            putchar('\n');
            at = 0;
        }
        printf("%.*s%*s", TRIB_STR_ARG(c->items[i]), (int)(width - trib_width_text(c->items[i])), "");
        at += width;
    }
    printf(c->count > OFFERS_SHOWN_MAX ? "\n... and %zu more\n" : "\n", c->count - OFFERS_SHOWN_MAX);
    fflush(stdout);
}

/* Puts `text` in place of the word before the cursor. */
static void replace(trib_edit *edit, trib_str word, trib_str text, bool blank) {
    trib_str plain = trib_arena_printf(&edit->arena, "%.*s%s", TRIB_STR_ARG(text), blank ? " " : "");
    if (!plain.ptr) return;
    if (word.len) el_deletestr(edit->line, characters(word));
    el_insertstr(edit->line, plain.ptr);
}

static unsigned char on_tab(EditLine *line, int key) {
    trib_edit *edit = NULL;
    const LineInfo *info = el_line(line);
    trib_complete c;
    trib_buf typed;
    unsigned char answer = CC_REFRESH;
    (void)key;
    el_get(line, EL_CLIENTDATA, &edit);
    trib_buf_init(&typed, TYPED_MAX_BYTES);
    trib_buf_add(&typed, edit->options.typed_before(edit->options.ctx));
    trib_buf_add_bytes(&typed, info->buffer, (size_t)(info->cursor - info->buffer));
    trib_arena_reset(&edit->arena);
    trib_complete_init(&c, &edit->arena, trib_buf_str(&typed));
    edit->options.complete(edit->options.ctx, &c);
    trib_str common = trib_complete_common(&c);
    if (c.count == 1) {
        replace(edit, c.word, common, !c.keep_open);
    } else if (c.count && common.len > c.word.len) {
        replace(edit, c.word, common, false);
    } else if (c.count) {
        trib_complete_sort(&c);
        show_offers(&c);
        answer = CC_REDISPLAY;
    } else {
        answer = CC_REFRESH_BEEP;
    }
    trib_buf_deinit(&typed);
    return answer;
}

/* ---- history ---- */

static void remember_lines(trib_edit *edit, trib_str lines) {
    HistEvent event;
    while (lines.len) {
        size_t end = trib_str_find(lines, '\n');
        if (end == SIZE_MAX) end = lines.len;
        trib_str entry = trib_arena_dup(&edit->arena, trib_str_sub(lines, 0, end));
        if (entry.len) history(edit->history, &event, H_ENTER, entry.ptr);
        lines = trib_str_sub(lines, end + 1, lines.len);
    }
    trib_arena_reset(&edit->arena);
}

static void read_history(trib_edit *edit) {
    trib_buf lines;
    trib_error err;
    edit->has_path = trib_history_path(edit->options.state_home, edit->options.home, edit->path, sizeof edit->path);
    if (!edit->has_path) return;
    trib_buf_init(&lines, 2 * TRIB_HISTORY_FILE_BYTES);
    if (trib_history_read(edit->path, &lines, &err) == TRIB_OK) remember_lines(edit, trib_buf_str(&lines));
    else edit->has_path = false;
    trib_buf_deinit(&lines);
}

void trib_edit_remember(trib_edit *edit, trib_str typed) {
    trib_buf lines;
    trib_error err;
    trib_buf_init(&lines, 2 * TRIB_HISTORY_ENTRY_BYTES);
    trib_history_add_entries(&lines, typed);
    remember_lines(edit, trib_buf_str(&lines));
    /* a full disk costs history, not the session */
    if (edit->has_path && !lines.failed && trib_history_append(edit->path, trib_buf_str(&lines), &err) != TRIB_OK)
        edit->has_path = false;
    trib_buf_deinit(&lines);
}

/* ---- the editor ---- */

static char *get_prompt(EditLine *line) {
    trib_edit *edit = NULL;
    el_get(line, EL_CLIENTDATA, &edit);
    return (char *)(uintptr_t)edit->prompt;
}

/* libedit decodes by the locale; the shell speaks UTF-8 whatever that says. Numbers keep their point. */
static void set_locale(void) {
    const char *name = setlocale(LC_CTYPE, "");
    if (!name || strcmp(nl_langinfo(CODESET), "UTF-8") != 0) setlocale(LC_CTYPE, "C.UTF-8");
}

static bool set_up(trib_edit *edit) {
    HistEvent event;
    edit->line = el_init("trib", stdin, stdout, stderr);
    edit->history = history_init();
    edit->signal_fd = open_signals();
    if (!edit->line || !edit->history || edit->signal_fd < 0) return false;
    history(edit->history, &event, H_SETSIZE, TRIB_HISTORY_ENTRIES);
    history(edit->history, &event, H_SETUNIQUE, 1);
    el_set(edit->line, EL_CLIENTDATA, edit);
    el_set(edit->line, EL_PROMPT, get_prompt);
    el_set(edit->line, EL_EDITOR, "emacs");
    el_set(edit->line, EL_SIGNAL, 0);
    el_set(edit->line, EL_HIST, history, edit->history);
    el_set(edit->line, EL_GETCFN, next_char);
    el_wset(edit->line, EL_ADDFN, L"trib-complete", L"offers names", on_tab); /* its narrow form leaks */
    el_set(edit->line, EL_BIND, "^I", "trib-complete", NULL);
    el_set(edit->line, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(edit->line, NULL); /* the user's own ~/.editrc */
    return true;
}

trib_code trib_edit_open(const trib_edit_options *options, trib_edit **ret, trib_error *err) {
    trib_edit *edit = calloc(1, sizeof *edit);
    if (!edit) return trib_error_set(err, TRIB_NOMEM, NULL);
    edit->options = *options;
    edit->signal_fd = -1;
    edit->prompt = "";
    trib_arena_init(&edit->arena, COMPLETE_ARENA_BYTES);
    set_locale();
    if (!set_up(edit)) {
        trib_edit_close(edit);
        return trib_error_set(err, TRIB_IO, "lines cannot be edited on this terminal");
    }
    read_history(edit);
    *ret = edit;
    return TRIB_OK;
}

void trib_edit_close(trib_edit *edit) {
    if (!edit) return;
    if (edit->line) el_end(edit->line);
    if (edit->history) history_end(edit->history);
    if (edit->signal_fd >= 0) close(edit->signal_fd);
    trib_arena_deinit(&edit->arena);
    free(edit);
}

trib_edit_result trib_edit_read(trib_edit *edit, const char *prompt, trib_buf *line) {
    int count = 0;
    edit->prompt = prompt;
    edit->result = TRIB_EDIT_END;
    set_signals(SIG_BLOCK);
    el_resize(edit->line); /* while statements ran, nobody looked */
    /* before the prompt is seen: a Ctrl-D that the terminal still takes for itself would be lost */
    el_set(edit->line, EL_PREP_TERM, 1);
    const char *text = el_gets(edit->line, &count);
    if (text && count > 0) {
        edit->result = TRIB_EDIT_LINE;
        trib_buf_add_bytes(line, text, (size_t)count);
        if (text[count - 1] != '\n') trib_buf_add_char(line, '\n');
    } else {
        fputs(edit->result == TRIB_EDIT_CANCELLED ? "^C\n" : "\n", stdout);
        fflush(stdout);
    }
    set_signals(SIG_UNBLOCK);
    return edit->result;
}
