/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of `trib doctor` that ask a running server: does it answer, which databases does it know, what has it seen
 * its clients do wrong, what did the last scrub find. */
#ifndef TRIB_CLI_DOCTOR_LIVE_H
#define TRIB_CLI_DOCTOR_LIVE_H

#include "cli/cli.h"
#include "server/doctor.h"

/* Fills doctor->ids, too. What fails is a finding. Thread: main. */
void trib_doctor_look_live(trib_doctor *doctor, trib_cli *cli);

#endif
