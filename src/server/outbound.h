/* SPDX-License-Identifier: Apache-2.0 */
/* What the server reads from elsewhere for its features (core/app.h, trib_outbound): dumps that `dump_url` names.
 *
 *   file:///ABSOLUTE     only below the setting dump_folder, links followed before that is looked at; unset: none
 *   http:// https://     redirects are not followed, certificates are checked
 *
 * and what it sends there: webhooks, over sessions that keep their connections. */
#ifndef TRIB_SERVER_OUTBOUND_H
#define TRIB_SERVER_OUTBOUND_H

#include "core/app.h"
#include "server/config.h"

enum {
    TRIB_OUTBOUND_IDLE_MS = 30 * 1000 /* without a byte: a peer that says nothing holds a thread */
};

/* config: borrowed for the outbound's life. */
trib_outbound trib_outbound_of(const trib_config *config);

#endif
