/* SPDX-License-Identifier: Apache-2.0 */
/* A request that is answered by a command. The feature's own struct begins with the command, was made by calloc, and is
 * the request's `feature`; refuse and answer free it, with what the command holds.
 *
 *   submit_for -> finished -> answer, or refuse
 *
 * Thread: the request's loop. */
#ifndef TRIB_CORE_COMMAND_HTTP_H
#define TRIB_CORE_COMMAND_HTTP_H

#include "core/command.h"
#include "core/http.h"

/* As trib_command_submit, with the request's home; the peer's end cancels it. */
trib_code trib_command_submit_for(trib_command *command, trib_http_request *http, trib_error *err);
/* `why` may be the command's own. */
void trib_command_refuse(trib_command *command, trib_http_request *http, const trib_error *why);
/* JSON, at most so long; it may live in the command's arena. */
void trib_command_answer(trib_command *command, trib_http_request *http, int status, trib_str json, size_t max_bytes);

#endif
