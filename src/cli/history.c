/* SPDX-License-Identifier: Apache-2.0 */
/* History without secrets; see history.h. The filter is meant to be too strict rather than too lax: a line that is
 * missing costs typing, a token on the disk costs a tenant. */
#include "cli/history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Words that name a secret. A line that has one and also a value (a quoted text, or something behind = or :) goes. */
static const char *const secret_words[] = {"password",  "passwd",        "passphrase",    "pwd",        "secret",
                                           "token",     "apikey",        "api_key",       "api-key",    "bearer",
                                           "basic ",    "authorization", "private_key",   "access_key", "credential",
                                           "admin.key", "admin_key",     "encryption_key"};
/* Texts that are secrets or settings of one by themselves. */
static const char *const secret_texts[] = {"-----begin", "sk_live_", "sk-", "ghp_", "github_pat_", "xoxb-", "akia"};
static const char *const secret_pragmas[] = {"key", "rekey", "hexkey", "hexrekey", "textkey", "textrekey"};

enum { OPAQUE_BYTES = 40 /* a run of letters and digits this long is a key rather than a word; a UUID has 36 */ };

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool is_opaque(char c) {
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=' ||
           c == '_' || c == '-';
}

/* Index of `word` (lower case) in any case, from `from` on; SIZE_MAX: it is not there. */
static size_t find_word(trib_str text, const char *word, size_t from) {
    size_t n = strlen(word);
    for (size_t at = from; at + n <= text.len; at++) {
        size_t i = 0;
        while (i < n && lower(text.ptr[at + i]) == word[i]) i++;
        if (i == n) return at;
    }
    return SIZE_MAX;
}

static bool has_value(trib_str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (memchr("'\"=:", text.ptr[i], 4)) return true;
    }
    return find_word(text, "bearer ", 0) != SIZE_MAX || find_word(text, "basic ", 0) != SIZE_MAX;
}

static bool names_secret(trib_str text) {
    for (size_t i = 0; i < sizeof secret_words / sizeof *secret_words; i++) {
        if (find_word(text, secret_words[i], 0) != SIZE_MAX) return has_value(text);
    }
    return false;
}

static bool is_secret_text(trib_str text) {
    for (size_t i = 0; i < sizeof secret_texts / sizeof *secret_texts; i++) {
        size_t at = find_word(text, secret_texts[i], 0);
        /* at the beginning of a word: "task-1" is no key */
        if (at != SIZE_MAX && (at == 0 || !is_opaque(text.ptr[at - 1]))) return true;
    }
    return false;
}

/* PRAGMA key = ..., PRAGMA main.rekey(...) */
static bool is_key_pragma(trib_str text) {
    for (size_t at = 0; (at = find_word(text, "pragma", at)) != SIZE_MAX;) {
        at += strlen("pragma");
        trib_str rest = trib_str_sub(text, at, text.len);
        size_t i = 0, from = 0;
        for (; i < rest.len && !memchr("=(;", rest.ptr[i], 3); i++) {
            if (memchr(" \t\r\n.\"[`'", rest.ptr[i], 9) && from == i) from++;
            else if (rest.ptr[i] == '.') from = i + 1;
        }
        trib_str name = trib_str_trim(trib_str_sub(rest, from, i));
        while (name.len && memchr(" \t\r\n\"]`'", name.ptr[name.len - 1], 8)) name.len--;
        for (size_t k = 0; k < sizeof secret_pragmas / sizeof *secret_pragmas; k++)
            if (trib_str_ieq_c(name, secret_pragmas[k])) return true;
    }
    return false;
}

/* scheme://user:password@host, or a query behind which tokens travel */
static bool is_url_with_secret(trib_str text) {
    for (size_t at = 0; (at = find_word(text, "://", at)) != SIZE_MAX;) {
        at += 3;
        for (size_t i = at; i < text.len && !memchr(" \t\r\n'\"", text.ptr[i], 6); i++)
            if (text.ptr[i] == '@' || text.ptr[i] == '?') return true;
    }
    return false;
}

/* A long run of letters and digits with both, or the three parts of a token. */
static bool has_opaque(trib_str text) {
    size_t run = 0;
    bool digit = false, letter = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '.' && run >= 10 && find_word(trib_str_sub(text, i - run, i), "eyj", 0) == 0) return true;
        run = is_opaque(c) ? run + 1 : 0;
        if (run == 0) digit = letter = false;
        digit = digit || (c >= '0' && c <= '9');
        letter = letter || (run && lower(c) >= 'a' && lower(c) <= 'z');
        if (run >= OPAQUE_BYTES && digit && letter) return true;
    }
    return false;
}

bool trib_history_is_secret(trib_str text) {
    if (text.len == 0 || text.len > TRIB_HISTORY_ENTRY_BYTES) return true;
    if (text.ptr[0] == ' ' || text.ptr[0] == '\t') return true;
    return names_secret(text) || is_secret_text(text) || is_key_pragma(text) || is_url_with_secret(text) ||
           has_opaque(text);
}

/* ---- entries ---- */

/* True when line breaks of `text` mean more than a blank. */
static bool breaks_matter(trib_str text) {
    char quote = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!quote && c == '-' && i + 1 < text.len && text.ptr[i + 1] == '-') return true;
        if (quote && c == '\n') return true;
        if (!quote && memchr("'\"`", c, 3)) quote = c;
        else if (quote == c) quote = 0;
    }
    return false;
}

void trib_history_add_entries(trib_buf *out, trib_str typed) {
    while (typed.len && memchr(" \t\r\n", typed.ptr[typed.len - 1], 4)) typed.len--;
    if (trib_history_is_secret(typed)) return;
    bool keep_lines = breaks_matter(typed);
    for (size_t i = 0; i < typed.len; i++) {
        char c = typed.ptr[i];
        bool control = (unsigned char)c < 0x20 && c != '\n';
        trib_buf_add_char(out, control || (c == '\n' && !keep_lines) ? ' ' : c);
    }
    trib_buf_add_char(out, '\n');
}

/* ---- the file ---- */

bool trib_history_path(const char *state_home, const char *home, char *ret_path, size_t path_bytes) {
    int n = -1;
    /* the XDG rule: a path that is not absolute is ignored */
    if (state_home && state_home[0] == '/')
        n = snprintf(ret_path, path_bytes, "%s/tributary/shell_history", state_home);
    else if (home && home[0] == '/')
        n = snprintf(ret_path, path_bytes, "%s/.local/state/tributary/shell_history", home);
    return n > 0 && (size_t)n < path_bytes;
}

static trib_code failed(const char *path, trib_error *err) {
    return trib_error_set(err, TRIB_IO, "the history is not kept, %s cannot be used: %s", path, strerror(errno));
}

/* The last lines of `text`, at most TRIB_HISTORY_ENTRIES. */
static trib_str last_lines(trib_str text) {
    size_t lines = 0, at = text.len;
    while (at > 0) {
        if (text.ptr[at - 1] == '\n' && at != text.len && ++lines == TRIB_HISTORY_ENTRIES) break;
        at--;
    }
    return trib_str_sub(text, at, text.len);
}

static bool write_all(int fd, trib_str text) {
    while (text.len) {
        ssize_t n = write(fd, text.ptr, text.len);
        if (n <= 0) return false;
        text = trib_str_sub(text, (size_t)n, text.len);
    }
    return true;
}

/* The file anew with these lines: a temporary one and a rename, so that two shells never see half of it. */
static trib_code rewrite(const char *path, trib_str lines, trib_error *err) {
    char other[4200];
    snprintf(other, sizeof other, "%s.%ld", path, (long)getpid());
    int fd = open(other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool ok = fd >= 0 && write_all(fd, lines);
    if (fd >= 0) close(fd);
    ok = ok && rename(other, path) == 0;
    if (ok) return TRIB_OK;
    trib_code code = failed(path, err);
    unlink(other);
    return code;
}

trib_code trib_history_read(const char *path, trib_buf *ret_lines, trib_error *err) {
    struct stat info;
    trib_buf text;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return errno == ENOENT || errno == ENOTDIR ? TRIB_OK : failed(path, err);
    bool ok = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    if (ok && (info.st_mode & 077)) ok = fchmod(fd, 0600) == 0;
    /* the end of it, if somebody let it grow */
    off_t from = ok && info.st_size > TRIB_HISTORY_FILE_BYTES ? info.st_size - TRIB_HISTORY_FILE_BYTES : 0;
    trib_buf_init(&text, TRIB_HISTORY_FILE_BYTES + 4096);
    char block[4096];
    ssize_t n = 0;
    while (ok && (n = pread(fd, block, sizeof block, from)) > 0) {
        trib_buf_add_bytes(&text, block, (size_t)n);
        from += n;
        if (text.failed) break;
    }
    trib_code code = ok && n >= 0 ? TRIB_OK : failed(path, err);
    close(fd);
    trib_str all = trib_buf_str(&text), lines = last_lines(all);
    if (code == TRIB_OK) trib_buf_add(ret_lines, lines);
    if (code == TRIB_OK && (lines.len < all.len || info.st_size > TRIB_HISTORY_FILE_BYTES))
        code = rewrite(path, lines, err);
    trib_buf_deinit(&text);
    return code;
}

/* The folders above the file, only the user's. */
static void make_folders(const char *path) {
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", path);
    for (char *c = folder + 1; *c; c++) {
        if (*c != '/') continue;
        *c = '\0';
        mkdir(folder, 0700);
        *c = '/';
    }
}

trib_code trib_history_append(const char *path, trib_str lines, trib_error *err) {
    if (lines.len == 0) return TRIB_OK;
    const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
    int fd = open(path, flags, 0600);
    if (fd < 0 && errno == ENOENT) {
        make_folders(path);
        fd = open(path, flags, 0600);
    }
    if (fd < 0) return failed(path, err);
    trib_code code = write_all(fd, lines) ? TRIB_OK : failed(path, err);
    close(fd);
    return code;
}
