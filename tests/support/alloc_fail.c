/* SPDX-License-Identifier: Apache-2.0 */
/* See alloc_fail.h. */
#include "support/alloc_fail.h"

#include <errno.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
char *__wrap_strdup(const char *text);

static struct {
    uint64_t count, at;
    bool sticky, struck;
    int paused;
} state;

static _Thread_local bool here;

void alloc_fail_at(uint64_t n, bool sticky) {
    state.count = 0;
    state.at = n;
    state.sticky = sticky;
    state.struck = false;
    here = true;
}

uint64_t alloc_fail_count(void) {
    return state.count;
}
bool alloc_fail_struck(void) {
    return state.struck;
}
void alloc_fail_pause(int step) {
    state.paused += step;
}

bool alloc_fail_next(void) {
    if (!here || state.paused > 0) return false;
    state.count++;
    if (!state.at || (state.sticky ? state.count < state.at : state.count != state.at)) return false;
    state.struck = true;
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size) {
    return alloc_fail_next() ? NULL : __real_malloc(size);
}
void *__wrap_calloc(size_t count, size_t size) {
    return alloc_fail_next() ? NULL : __real_calloc(count, size);
}
void *__wrap_realloc(void *ptr, size_t size) {
    return alloc_fail_next() ? NULL : __real_realloc(ptr, size);
}
char *__wrap_strdup(const char *text) {
    return alloc_fail_next() ? NULL : __real_strdup(text);
}
