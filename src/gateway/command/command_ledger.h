// SPDX-License-Identifier: MIT
/*
 * The ledger: which commands still wait for their outcome, on disk, and how each is settled.
 *
 * Laws:
 *   - a command is on disk before it is handed to the network, and what became of it is on disk
 *     before the cloud is told, so that no crash between the two makes it go out twice;
 *   - commands of a device are handed over in the order of their arrival, one at a time, also
 *     over a restart; one whose time is over is not handed over;
 *   - once finished a command never changes, whatever comes later, doubled or out of order (rule
 *     E2); only a redelivery after COMMAND_FAILED is a new attempt, after a pause that grows with
 *     each;
 *   - a command that the hub delivers again is recognised, not handed over again, and its outcome
 *     settles the newest delivery (rule E5);
 *   - a device that has too many commands takes no more: what the hub delivers meanwhile is held,
 *     unsettled, until there is room. A lock that ends meanwhile does no harm and costs no
 *     delivery count, as abandoning would: the hub delivers again, and the new lock is held;
 *   - memory is bounded: the oldest finished commands are forgotten first;
 *   - of a device that another gateway has by now nothing goes on: what the store refuses to write
 *     is neither told nor handed over, and what was under way when the device left changes nothing.
 *
 * All on the thread "loop".
 */
#ifndef ISTHMUS_GATEWAY_COMMAND_COMMAND_LEDGER_H
#define ISTHMUS_GATEWAY_COMMAND_COMMAND_LEDGER_H

#include "azure/hub/hub_client.h"
#include "base/error.h"
#include "base/loop.h"
#include "base/reason.h"
#include "conf/settings.h"
#include "gateway/command/command.h"
#include "gateway/device/device.h"
#include "gateway/uplink/uplink_queue.h"
#include "store/store.h"

struct command_ledger;
struct command_format;

struct command_ledger_options {
        const struct settings *settings;
        struct store *store;
        struct loop *loop;
        const struct device_table *devices;
        struct uplink_queue *queue; /* takes the outcomes of what was completed early */
        size_t maximum_remembered;  /* finished commands; 0 = 100,000 */
};

struct command_ledger *command_ledger_new(const struct command_ledger_options *options);

/* Supplies the next stage, which needs the ledger to be made. */
void command_ledger_join(struct command_ledger *ledger, struct command_format *format);

/* After the thread "loop" has ended and the store is closed. */
void command_ledger_free(struct command_ledger *ledger);

/*
 * With a struct command_ledger: takes a record of the kind COMMAND_KIND from the store, of a known
 * device; and when all of them are taken, gives those their turns that wait (struct
 * ownership_part).
 */
void command_ledger_take(void *context, const struct store_record *record);
void command_ledger_taken(void *context);

/* From now on, and all the time, commands are ended whose time is over. */
void command_ledger_start(struct command_ledger *ledger);

/*
 * The devices of these shards are another gateway's (struct ownership_part): their commands leave
 * memory and stay in the store. Their links must be closed, so that nothing is settled.
 */
void command_ledger_forget(void *context, const struct store_shards *shards);

/* Is the device ours for long enough to ask its network for something? Every thread. */
bool command_ledger_may_begin(const struct command_ledger *ledger, const struct device *device);

/* Steady clock; since then all uplinks of this device are heard here. */
int64_t command_ledger_since(const struct command_ledger *ledger, const struct device *device);

/* Settles nothing and hands nothing over any more. */
void command_ledger_stop(struct command_ledger *ledger);

/* The command with the hub's identity, or with our reference; NULL if there is none. */
struct command *command_ledger_find(const struct command_ledger *ledger, const char *device_key,
                                    const char *identity);
struct command *command_ledger_find_reference(const struct command_ledger *ledger,
                                              const char *reference);

/* The one that is not finished and that its network calls so. */
struct command *command_ledger_find_own_id(const struct command_ledger *ledger,
                                           const char *device_key, const char *own_id);

/* Every command that is remembered, finished or not; ends when `visit` returns false. */
void command_ledger_each(const struct command_ledger *ledger,
                         bool (*visit)(void *context, struct command *command), void *context);

/* How many commands of the device are not finished. */
size_t command_ledger_count(const struct device *device);

/* May the device have one more command? */
bool command_ledger_has_room(const struct command_ledger *ledger, const struct device *device);

/*
 * `done` is called when all that is known of the command is on disk, or with another result than 0
 * when it can't be; at once, or on the store's thread.
 */
void command_ledger_when_recorded(struct command_ledger *ledger, struct command *command,
                                  void (*done)(void *context, int result), void *context);

/* --- deliveries of the hub ----------------------------------------------------------------- */

/*
 * Takes a new command; it is recorded, and handed over when its turn comes. One too many is held
 * until there is room.
 */
void command_ledger_add(struct command_ledger *ledger, struct command *command);

/* The hub delivers it again. */
void command_ledger_redelivered(struct command_ledger *ledger, struct command *command,
                                struct hub_command *delivery);

/* The lock of this delivery is gone. */
void command_ledger_lost(struct command_ledger *ledger, struct hub_command *delivery);

/* --- what becomes of a command ------------------------------------------------------------- */

/*
 * The network has it (COMMAND_QUEUED), has transmitted it (COMMAND_SENT), or will send it again by
 * itself, because the device has not acknowledged it (COMMAND_REQUEUED). Changes nothing if that is
 * no news.
 */
void command_ledger_advance(struct command_ledger *ledger, struct command *command,
                            enum command_state state);

/* Its outcome is known; `reason` may be NULL. */
void command_ledger_finish(struct command_ledger *ledger, struct command *command,
                           enum command_outcome outcome, const char *reason);

/* COMMAND_FAILED; if it is in doubt, its next attempt starts there. */
void command_ledger_give_up(struct command_ledger *ledger, struct command *command,
                            const char *reason);

/* The network has told its own id of it; it is recorded with what becomes of it next. */
void command_ledger_name(struct command_ledger *ledger, struct command *command,
                         const char *own_id);

/* --- for the stage that has the command's turn --------------------------------------------- */

/* Where a command's turn stands when a stage returns. */
enum command_turn {
        COMMAND_TURN_OVER,    /* the next one's, or this one's again */
        COMMAND_TURN_GOES_ON, /* until command_ledger_release: an answer or a timer is waited for */
};

/* It is about to be handed over: on disk first; then its turn comes again. */
enum command_turn command_ledger_begin(struct command_ledger *ledger, struct command *command,
                                       enum command_state state);

/* It was handed over, and whether it arrived is not known: how it is in doubt. */
void command_ledger_doubt(struct command_ledger *ledger, struct command *command,
                          enum command_state state);

/* The network has not taken what was begun, for certain: it waits as if it had not been. */
void command_ledger_not_taken(struct command_ledger *ledger, struct command *command);

/*
 * The network has another downlink of the device and takes no second one: what waits for it here
 * may wait for days, and is settled as such, and so is what comes behind it as long as
 * device->network_busy is set.
 */
void command_ledger_busy(struct command_ledger *ledger, struct device *device);

/* Its turn goes on, and it is handed over once more after this time. */
enum command_turn command_ledger_wait(struct command_ledger *ledger, struct command *command,
                                      int64_t delay_ms);

/* An answer about the command will come: it stays in memory until command_ledger_let_go. */
void command_ledger_hold(struct command *command);

/* The answer is there. False if the command was forgotten meanwhile: then it is gone. */
bool command_ledger_let_go(struct command_ledger *ledger, struct command *command) MUST_CHECK;

/* A turn that went on is over. */
void command_ledger_release(struct command_ledger *ledger, struct command *command);

/*
 * Writes a command whose turn it is, as begun already if nothing keeps it from the network
 * (command_beginning). Until that is on disk its turn does not come.
 */
void command_ledger_record(struct command_ledger *ledger, struct command *command);

#endif
