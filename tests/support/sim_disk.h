/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated disk as a SQLite VFS and a trib_disk: files and folders in memory, each with what programs see (volatile)
 * and what a power cut leaves (durable).
 *
 *   file    volatile bytes + durable bytes; which 512-byte sectors differ; sizes apart
 *   folder  volatile names + a list of changes (create, rename, delete) that were not synced yet
 *
 *   sync of a file    its dirty sectors and its size become durable, its name does not (POSIX)
 *   sync of a folder  its changes become durable
 *   power cut         of everything that is not durable: nothing, all, or a random part survives
 *   failed sync       EIO; a random part, or all, became durable, and all of it is called clean, as Linux does
 *
 * Every operation counts; at operation `cut_at` the machine stops: from then on everything fails until
 * sim_disk_reboot. */
#ifndef TRIB_TESTS_SUPPORT_SIM_DISK_H
#define TRIB_TESTS_SUPPORT_SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "store/files.h"

typedef struct sim_disk sim_disk;

#define SIM_DISK_ROOT "disk" /* the folder that is there from the start, durably */

typedef enum sim_survival { SIM_KEEP_NONE, SIM_KEEP_ALL, SIM_KEEP_RANDOM } sim_survival;

/* Registers the VFS `name` (borrowed, must be unique). NULL: no memory. */
sim_disk *sim_disk_new(const char *name, uint64_t seed);
void sim_disk_free(sim_disk *disk);
const trib_disk *sim_disk_folders(sim_disk *disk);

/* The machine stops at the n-th operation from now; 0: never. */
void sim_disk_cut_at(sim_disk *disk, uint64_t n);
bool sim_disk_is_off(const sim_disk *disk);
/* Operations since the disk was made. */
uint64_t sim_disk_ops(const sim_disk *disk);
/* Syncs of single files since the disk was made. */
uint64_t sim_disk_syncs(const sim_disk *disk);
/* Loses what is not durable (as `survival` says) and switches on again. All files must be closed. */
void sim_disk_power_cut(sim_disk *disk, sim_survival survival);

/* A killed process: everything fails from stop on; after resume nothing was lost but what the process had in memory. */
void sim_disk_stop(sim_disk *disk);
void sim_disk_resume(sim_disk *disk);

/* The n-th sync of a file from now fails once; 0: none. then_cut: the machine stops so many operations later; 0:
 * not. */
void sim_disk_fail_sync_at(sim_disk *disk, uint64_t n, uint64_t then_cut);
bool sim_disk_sync_failed(sim_disk *disk); /* since the last call */

/* The n-th operation from now fails with an I/O error (or, full: SQLITE_FULL if it writes), once or from then on. 0:
 * none. */
void sim_disk_fail_op_at(sim_disk *disk, uint64_t n, bool sticky, bool full);
bool sim_disk_op_failed(const sim_disk *disk);

/* For tests that let allocations fail: called with 1 before and -1 after each of the disk's own, which must not. */
void sim_disk_set_alloc_guard(void (*guard)(int step));

/* Files that are open now, for leak checks. */
int sim_disk_open_files(const sim_disk *disk);

/* splitmix64, for whoever tests with this disk. */
uint64_t sim_random(uint64_t *state);

#endif
