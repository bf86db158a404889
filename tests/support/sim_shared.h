/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated disk (sim_disk.h) for programs with threads: a VFS and a trib_disk that go through one lock. */
#ifndef TRIB_TESTS_SUPPORT_SIM_SHARED_H
#define TRIB_TESTS_SUPPORT_SIM_SHARED_H

#include "support/sim_disk.h"

typedef struct sim_shared sim_shared;

/* Registers the VFS `name` (borrowed, unique) over a disk of its own. NULL: no memory. */
sim_shared *sim_shared_new(const char *name, uint64_t seed);
void sim_shared_free(sim_shared *shared);
const trib_disk *sim_shared_folders(sim_shared *shared);
/* The disk below, for what one thread does while no other uses it. */
sim_disk *sim_shared_disk(sim_shared *shared);
/* Everything fails from here on. Thread: any. */
void sim_shared_stop(sim_shared *shared);
bool sim_shared_is_off(sim_shared *shared);
void sim_shared_cut_at(sim_shared *shared, uint64_t n);

#endif
