/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses belong to the public internet: where a server may be sent by somebody who is not its operator. */
#ifndef TRIB_IO_PUBLIC_ADDRESS_H
#define TRIB_IO_PUBLIC_ADDRESS_H

#include <stdbool.h>

struct sockaddr;

/* False for loopback, private, link-local (where clouds keep their machine's secrets), shared, multicast, reserved and
 * documentation addresses, for IPv4 ones of these inside of IPv6, and for any family but the two. Pure. */
bool trib_public_address(const struct sockaddr *address);

#endif
