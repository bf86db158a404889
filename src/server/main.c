/* SPDX-License-Identifier: Apache-2.0 */
/* The program `trib`: hands its command line to the table of commands. */
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"

int main(int argc, char **argv) {
    return trib_cli_main(argc, argv, environ, stdout, stderr);
}
