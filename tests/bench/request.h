/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of a load: made once, before the start; then only digits and batons in them change. */
#ifndef TRIB_BENCH_REQUEST_H
#define TRIB_BENCH_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REQUEST_NUMBER_DIGITS = 7, /* what %n becomes */
    REQUEST_BATON_BYTES = 27,  /* what %b becomes */
    REQUEST_PLACES_MAX = 4
};

typedef struct request {
    char *bytes;
    size_t len;
    size_t numbers[REQUEST_PLACES_MAX], batons[REQUEST_PLACES_MAX];
    unsigned number_count, baton_count;
} request;

/* path and body may hold %c (the connection's number), %n and %b. body NULL: a request without one. */
void request_init(request *r, const char *method, const char *path, const char *host, const char *headers,
                  const char *body, unsigned connection);
void request_deinit(request *r);
void request_set_number(request *r, uint32_t number);
/* From an answer's bytes; false: there is no baton in them. */
bool request_set_baton(request *r, const char *answer, size_t len);

/* ---- which number comes next ---- */

typedef struct numbers {
    enum { NUMBERS_NEXT, NUMBERS_UNIFORM, NUMBERS_ZIPF } kind;
    uint32_t count;
    uint32_t next;
    unsigned short dice[3];
    double *sums; /* ZIPF */
} numbers;

/* "next:N", "uniform:N", "zipf:N"; false: none of these. Zipf: the k-th of N comes 1/k as often as the first, and which
 * is the k-th is mixed, so that neighbours are not alike. */
bool numbers_init(numbers *n, const char *text);
void numbers_deinit(numbers *n);
uint32_t numbers_draw(numbers *n);

#endif
