/* SPDX-License-Identifier: Apache-2.0 */
/* Reads CSV (RFC 4180) as it comes: bytes in, records out, wherever the bytes were cut. A line may end in \n or \r\n, a
 * byte order mark is skipped, empty lines are no records. Pure.
 *
 *   feed "a,b\n1,\"x" -> record (a, b), 4 bytes used    feed the rest, and more -> record (1, x...) ... */
#ifndef TRIB_CLI_CSV_H
#define TRIB_CLI_CSV_H

#include "base/buf.h"
#include "base/error.h"

enum {
    TRIB_CSV_RECORD_BYTES = 8 << 20, /* a file without line breaks, or with a quote that nobody closes */
    TRIB_CSV_FIELDS_MAX = 2000       /* SQLite's columns */
};

typedef struct trib_csv_field {
    size_t from, to; /* in the record's text */
    bool quoted;     /* tells an empty text from nothing */
} trib_csv_field;

typedef struct trib_csv {
    trib_buf text; /* of the record, without quotes */
    trib_csv_field fields[TRIB_CSV_FIELDS_MAX];
    size_t field_count;
    uint64_t line;    /* where the record begins, from 1 */
    uint64_t at_line; /* where the reader is */
    int state;
    bool is_ready; /* the last feed completed a record; the next one begins anew */
} trib_csv;

void trib_csv_init(trib_csv *csv);
void trib_csv_deinit(trib_csv *csv);
/* Takes bytes up to the end of the next record; *ret_ready: there is one. bytes empty: the file ended.
 * Returns the bytes used in *ret_used. Errors: BAD_REQUEST with the line. */
trib_code trib_csv_feed(trib_csv *csv, trib_str bytes, size_t *ret_used, bool *ret_ready, trib_error *err);
/* Field `i` of the record that is ready. Borrowed until the next feed. */
trib_str trib_csv_field_text(const trib_csv *csv, size_t i);

#endif
