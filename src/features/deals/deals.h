/* SPDX-License-Identifier: Apache-2.0 */
/* Deals as commands: orders, rides, groceries, parcels, bookings, rentals. README.md of this folder. */
#ifndef TRIB_FEATURES_DEALS_DEALS_H
#define TRIB_FEATURES_DEALS_DEALS_H

#include "core/http.h"

extern const trib_module trib_deals_module;

#endif
