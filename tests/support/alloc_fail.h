/* SPDX-License-Identifier: Apache-2.0 */
/* Lets the n-th allocation of the program fail. Link with -Wl,--wrap= for malloc, calloc, realloc and strdup: every
 * call of our code and of SQLite goes through here. Only the thread that says alloc_fail_at meets failures. */
#ifndef TRIB_TESTS_SUPPORT_ALLOC_FAIL_H
#define TRIB_TESTS_SUPPORT_ALLOC_FAIL_H

#include <stdbool.h>
#include <stdint.h>

/* The n-th allocation from now fails, once or (sticky) with all that follow; 0: none. */
void alloc_fail_at(uint64_t n, bool sticky);
/* Allocations since alloc_fail_at. */
uint64_t alloc_fail_count(void);
/* Whether one has failed since alloc_fail_at. */
bool alloc_fail_struck(void);
/* For what a test wraps itself: counts one more allocation; true: it must fail. */
bool alloc_fail_next(void);
/* 1: those of the harness begin, which neither count nor fail; -1: they end. */
void alloc_fail_pause(int step);

#endif
