// SPDX-License-Identifier: MIT
/*
 * The ledger's records on their way to the disk, and the news that they are there.
 *
 * Laws:
 *   - records are written in the order in which they were asked for;
 *   - the ledger is told on the thread "loop" when all records of a command that were asked for so
 *     far are on disk, or can't be; so that nobody is told what the disk does not hold yet.
 *
 * All on the thread "loop", but command_recorder_new and _free.
 */
#ifndef ISTHMUS_GATEWAY_COMMAND_COMMAND_RECORD_H
#define ISTHMUS_GATEWAY_COMMAND_COMMAND_RECORD_H

#include <stddef.h>

#include "gateway/command/command.h"
#include "store/store.h"

#define COMMAND_KIND "command"

/* A finished command is remembered as long as the hub may deliver it again: IoT Hub's longest
 * time to live is two days. */
#define COMMAND_REMEMBER_MS (INT64_C(49) * 3600 * 1000)

struct command_ledger;
struct command_recorder;
struct device_table;

/* With the options of its ledger, which is told what is on disk: command_inside_written. */
struct command_recorder *command_recorder_new(struct command_ledger *ledger);

/* After the thread "loop" has ended and the store is closed. */
void command_recorder_free(struct command_recorder *recorder);

/* Writes the command as it is now; it must live until command->unwritten is 0. */
void command_record_write(struct command_recorder *recorder, struct command *command);

/*
 * Calls `done` when what was asked for of the command is on disk, or can't be: at once, or on the
 * store's thread. What could not be written before is written once more.
 */
void command_record_barrier(struct command_recorder *recorder, struct command *command,
                            void (*done)(void *context, int result), void *context);

/* The command of a record, for a device that is known; NULL, and logged, if it can't be taken up.
 */
struct command *command_record_read(const struct store_record *record,
                                    const struct device_table *devices);

/*
 * Sorts pointers to commands: those that are not finished in the order of their arrival, the others
 * in the order of their end.
 */
void command_record_sort(struct command **commands, size_t count);

/* Takes the record away; of a command without records under way. */
void command_record_delete(struct command_recorder *recorder, const struct command *command);

#endif
