/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of a server as a whole: what they still owe to databases, also since the last stop (command.h is
 * one). */
#ifndef TRIB_CORE_COMMANDS_H
#define TRIB_CORE_COMMANDS_H

#include "core/app.h"

/* Reads what a stop has left; the databases that are owed something do it before their next job (store/seal.h). Blocks:
 * called before the loops run. Errors: as trib_db_start's. */
trib_code trib_commands_open(trib_app *app, trib_commands **ret, trib_error *err);
/* None begins from here on; returns when those that are under way (timers have begun them) have done all that needs a
 * worker: they end before their commit point, or behind it. Blocks; before the workers stop. Takes NULL. */
void trib_commands_drain(trib_commands *commands);
/* No command is under way any more, nor will one come. Before control is closed. Takes NULL. */
void trib_commands_stop(trib_commands *commands);
/* After control is closed and the store is freed: nobody asks us any more. Takes NULL. */
void trib_commands_free(trib_commands *commands);
/* Every 20 ms: gives up waits that are too long, does what is owed, removes what is done with. Takes NULL. */
void trib_commands_tick(trib_commands *commands);
/* Intents that are not removed yet. Thread: any. */
size_t trib_commands_count_intents(trib_commands *commands);

#endif
