/* SPDX-License-Identifier: Apache-2.0 */
/* Progress lines; see progress.h. */
#include "cli/progress.h"

#include <unistd.h>

#include "io/env_native.h"

enum { TERMINAL_EVERY_MS = 100, PLAIN_EVERY_MS = 10000 };

void trib_progress_init(trib_progress *progress, const trib_cli *cli) {
    *progress = (trib_progress){.out = cli->json || trib_cli_has(cli, "quiet") ? NULL : cli->err};
    progress->terminal = progress->out && isatty(fileno(progress->out)) != 0;
}

void trib_progress_begin(trib_progress *progress, const char *what, const char *name) {
    trib_progress_end(progress);
    progress->what = what;
    progress->name = name;
    progress->told_ns = trib_env_mono_ns(trib_env_native());
}

void trib_progress_size(int64_t bytes, char ret[32]) {
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    double size = (double)bytes;
    size_t unit = 0;
    if (bytes < 1000) {
        snprintf(ret, 32, "%lld B", (long long)bytes);
        return;
    }
    for (size /= 1000; size >= 999.95 && unit + 1 < sizeof units / sizeof *units; unit++) size /= 1000;
    snprintf(ret, 32, "%.1f %s", size, units[unit]);
}

void trib_progress_tell(void *ctx, int64_t done, int64_t total) {
    trib_progress *p = ctx;
    char have[32], all[32];
    if (!p->out) return;
    int64_t now_ns = trib_env_mono_ns(trib_env_native());
    int64_t every_ms = p->terminal ? TERMINAL_EVERY_MS : PLAIN_EVERY_MS;
    if (now_ns - p->told_ns < every_ms * 1000000) return;
    p->told_ns = now_ns;
    trib_progress_size(done, have);
    trib_progress_size(total, all);
    fprintf(p->out, "%s%s %s: %s%s%s%s", p->terminal ? "\r\033[K" : "", p->what, p->name, have, total > 0 ? " of " : "",
            total > 0 ? all : "", p->terminal ? "" : "\n");
    fflush(p->out);
    p->shown = p->terminal;
}

void trib_progress_end(trib_progress *p) {
    if (p->shown) fputs("\r\033[K", p->out);
    if (p->shown) fflush(p->out);
    p->shown = false;
}
