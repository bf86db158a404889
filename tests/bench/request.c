/* SPDX-License-Identifier: Apache-2.0 */
/* See request.h. */
#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIXER = 7919 }; /* a prime, so that different ranks stay different */

static void out_of_memory(void) {
    fprintf(stderr, "no memory\n");
    exit(2);
}

/* Appends text with its places filled in; counts beyond REQUEST_PLACES_MAX are an error of the caller's. */
static void append(request *r, size_t cap, const char *text, unsigned connection) {
    for (const char *p = text; *p && r->len + 32 < cap; p++) {
        if (p[0] != '%' || !p[1] || !strchr("cnb", p[1])) {
            r->bytes[r->len++] = *p;
            continue;
        }
        p++;
        if (*p == 'c') {
            r->len += (size_t)snprintf(r->bytes + r->len, cap - r->len, "%u", connection);
            continue;
        }
        bool number = *p == 'n';
        unsigned *count = number ? &r->number_count : &r->baton_count;
        if (*count == REQUEST_PLACES_MAX) {
            fprintf(stderr, "more than %d places in a request\n", REQUEST_PLACES_MAX);
            exit(2);
        }
        (number ? r->numbers : r->batons)[(*count)++] = r->len;
        size_t n = number ? REQUEST_NUMBER_DIGITS : REQUEST_BATON_BYTES;
        memset(r->bytes + r->len, '0', n);
        r->len += n;
    }
}

void request_init(request *r, const char *method, const char *path, const char *host, const char *headers,
                  const char *body, unsigned connection) {
    *r = (request){0};
    size_t cap = 4096 + strlen(path) + strlen(headers) + 2 * (body ? strlen(body) : 0);
    request content = {.bytes = malloc(cap)};
    r->bytes = malloc(2 * cap);
    if (!r->bytes || !content.bytes) out_of_memory();
    if (body) append(&content, cap, body, connection);
    r->len = (size_t)snprintf(r->bytes, 2 * cap, "%s ", method);
    append(r, 2 * cap, path, connection);
    r->len += (size_t)snprintf(r->bytes + r->len, 2 * cap - r->len, " HTTP/1.1\r\nHost: %s\r\n%s", host, headers);
    if (body) r->len += (size_t)snprintf(r->bytes + r->len, 2 * cap - r->len, "Content-Length: %zu\r\n", content.len);
    r->len += (size_t)snprintf(r->bytes + r->len, 2 * cap - r->len, "\r\n");
    for (unsigned i = 0; i < content.number_count && r->number_count < REQUEST_PLACES_MAX; i++)
        r->numbers[r->number_count++] = r->len + content.numbers[i];
    for (unsigned i = 0; i < content.baton_count; i++) r->batons[r->baton_count++] = r->len + content.batons[i];
    memcpy(r->bytes + r->len, content.bytes, content.len);
    r->len += content.len;
    free(content.bytes);
}

void request_deinit(request *r) {
    free(r->bytes);
}

void request_set_number(request *r, uint32_t number) {
    for (unsigned i = 0; i < r->number_count; i++) {
        uint32_t left = number;
        for (int digit = REQUEST_NUMBER_DIGITS - 1; digit >= 0; digit--, left /= 10)
            r->bytes[r->numbers[i] + (size_t)digit] = (char)('0' + left % 10);
    }
}

bool request_set_baton(request *r, const char *answer, size_t len) {
    static const char key[] = "\"baton\":\"";
    if (r->baton_count == 0) return true;
    const char *at = memmem(answer, len, key, sizeof key - 1);
    if (!at || (size_t)(answer + len - at) < sizeof key - 1 + REQUEST_BATON_BYTES) return false;
    for (unsigned i = 0; i < r->baton_count; i++)
        memcpy(r->bytes + r->batons[i], at + sizeof key - 1, REQUEST_BATON_BYTES);
    return true;
}

/* ---- numbers ---- */

bool numbers_init(numbers *n, const char *text) {
    static const char *const names[] = {"next", "uniform", "zipf"};
    const char *colon = strchr(text, ':');
    *n = (numbers){0};
    if (!colon) return false;
    for (unsigned i = 0; i < 3; i++) {
        if (strncmp(text, names[i], (size_t)(colon - text)) != 0 || strlen(names[i]) != (size_t)(colon - text))
            continue;
        n->kind = i;
        n->count = (uint32_t)strtoul(colon + 1, NULL, 10);
    }
    if (n->count == 0 || n->count > 9999999) return false;
    if (n->kind != NUMBERS_ZIPF) return true;
    n->sums = malloc(n->count * sizeof *n->sums);
    if (!n->sums) out_of_memory();
    double sum = 0;
    for (uint32_t k = 0; k < n->count; k++) n->sums[k] = sum += 1.0 / (k + 1);
    return true;
}

void numbers_deinit(numbers *n) {
    free(n->sums);
}

uint32_t numbers_draw(numbers *n) {
    if (n->kind == NUMBERS_NEXT) return n->next++ % n->count;
    if (n->kind == NUMBERS_UNIFORM) return (uint32_t)(erand48(n->dice) * n->count);
    double want = erand48(n->dice) * n->sums[n->count - 1];
    uint32_t low = 0, high = n->count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (n->sums[middle] < want) low = middle + 1;
        else high = middle;
    }
    return (uint32_t)((uint64_t)low * MIXER % n->count);
}
