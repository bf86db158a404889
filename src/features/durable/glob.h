/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns over paths of streams: a star is any text within a segment, two stars as a whole segment are any number of
 * segments, also none. So "events/" and one star matches events/a, neither events nor events/a/b; with two stars it
 * matches all three. Pure. */
#ifndef TRIB_FEATURES_DURABLE_GLOB_H
#define TRIB_FEATURES_DURABLE_GLOB_H

#include <stdbool.h>

#include "base/str.h"

/* Time: the product of both lengths at most, whatever the pattern is. */
bool durable_glob_match(trib_str pattern, trib_str path);
/* What all paths that match begin with; borrowed from the pattern. */
trib_str durable_glob_prefix(trib_str pattern);

#endif
