// SPDX-License-Identifier: MIT
#include "gateway/command/command_record.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "gateway/command/command_inside.h"
#include "gateway/device/device.h"

struct command_recorder {
        struct command_ledger *ledger;
        pthread_mutex_t lock; /* guards the rest, which the store's thread touches too */
        struct list answered; /* struct command_recording */
        bool posted;
};

/* One record on its way to the disk, and the answer on its way back. */
struct command_recording {
        struct list_node node;
        struct store_write write;
        struct command_recorder *recorder;
        struct command *command;
        struct buf value;
        /* Under the recorder's lock: */
        struct list barriers;
        bool is_answered;
        int result;
};

/* Somebody waits for a recording. */
struct barrier {
        struct list_node node;
        void (*done)(void *context, int result);
        void *context;
};

struct command_recorder *command_recorder_new(struct command_ledger *ledger)
{
        struct command_recorder *recorder = mem_new(1, sizeof(*recorder));

        recorder->ledger = ledger;
        pthread_mutex_init(&recorder->lock, NULL);
        list_init(&recorder->answered);
        return recorder;
}

static void recording_free(struct command_recording *recording)
{
        buf_deinit(&recording->value);
        free(recording);
}

void command_recorder_free(struct command_recorder *recorder)
{
        struct list_node *node;

        if (!recorder)
                return;
        while ((node = list_pop_front(&recorder->answered)))
                recording_free(list_entry(node, struct command_recording, node));
        pthread_mutex_destroy(&recorder->lock);
        free(recorder);
}

/* --- the answers --------------------------------------------------------------------------- */

static void tell(struct command_recorder *recorder, struct command_recording *recording)
{
        struct command *command = recording->command;

        command->record_failed = recording->result != 0;
        if (recording->result == STORE_E_FENCED)
                command->is_fenced = true;
        if (command->recording == recording)
                command->recording = NULL;
        if (--command->unwritten > 0)
                return;
        if (command->is_forgotten)
                command_inside_free_unused(recorder->ledger, command);
        else
                command_inside_written(recorder->ledger, command, recording->result);
}

/* On the thread "loop". */
static void take_answers(void *context)
{
        struct command_recorder *recorder = context;
        struct list answered;
        struct list_node *node;

        list_init(&answered);
        pthread_mutex_lock(&recorder->lock);
        list_splice_back(&answered, &recorder->answered);
        recorder->posted = false;
        pthread_mutex_unlock(&recorder->lock);
        while ((node = list_pop_front(&answered))) {
                struct command_recording *recording =
                        list_entry(node, struct command_recording, node);

                tell(recorder, recording);
                recording_free(recording);
        }
}

static void answer_barriers(struct list *barriers, int result)
{
        struct list_node *node;

        while ((node = list_pop_front(barriers))) {
                struct barrier *barrier = list_entry(node, struct barrier, node);

                barrier->done(barrier->context, result);
                free(barrier);
        }
}

/* On the store's thread. */
static void recording_done(struct store_write *write, int result)
{
        struct command_recording *recording = list_entry(write, struct command_recording, write);
        struct command_recorder *recorder = recording->recorder;
        struct list barriers;

        if (result == STORE_E_FENCED)
                log_info("COMMAND_FENCED",
                         "A command is another gateway's by now; it is left alone",
                         LOG_TEXT("command", write->record.key), LOG_END);
        else if (result != 0)
                log_error("COMMAND_NOT_RECORDED", "The state of a command can't be written",
                          LOG_TEXT("command", write->record.key), LOG_END);
        list_init(&barriers);
        pthread_mutex_lock(&recorder->lock);
        recording->result = result;
        recording->is_answered = true;
        list_splice_back(&barriers, &recording->barriers);
        list_push_back(&recorder->answered, &recording->node);
        if (!recorder->posted)
                loop_post(recorder->ledger->options.loop, take_answers, recorder);
        recorder->posted = true;
        pthread_mutex_unlock(&recorder->lock);
        answer_barriers(&barriers, result);
}

/* --- writing ------------------------------------------------------------------------------- */

void command_record_write(struct command_recorder *recorder, struct command *command)
{
        struct command_recording *recording = mem_new(1, sizeof(*recording));
        bool finished = command->state == COMMAND_FINISHED;

        recording->recorder = recorder;
        recording->command = command;
        list_init(&recording->barriers);
        command_encode(command, &recording->value);
        recording->write = (struct store_write){
                .record = {.kind = COMMAND_KIND,
                           .key = command->key,
                           .device = command->device->lane_key,
                           .value = recording->value.data,
                           .value_size = recording->value.size,
                           .keep_ms = finished ? COMMAND_REMEMBER_MS : 0},
                .done = recording_done,
        };
        command->recording = recording;
        command->unwritten++;
        store_write(recorder->ledger->options.store, &recording->write);
}

void command_record_barrier(struct command_recorder *recorder, struct command *command,
                            void (*done)(void *context, int result), void *context)
{
        struct command_recording *recording;
        struct barrier *barrier;
        bool is_answered;

        if (!command->recording && command->record_failed)
                command_record_write(recorder, command);
        recording = command->recording;
        if (!recording) {
                done(context, 0);
                return;
        }
        barrier = mem_new(1, sizeof(*barrier));
        *barrier = (struct barrier){.done = done, .context = context};
        pthread_mutex_lock(&recorder->lock);
        is_answered = recording->is_answered;
        if (!is_answered)
                list_push_back(&recording->barriers, &barrier->node);
        pthread_mutex_unlock(&recorder->lock);
        if (is_answered) {
                done(context, recording->result);
                free(barrier);
        }
}

void command_record_delete(struct command_recorder *recorder, const struct command *command)
{
        store_write_copy(recorder->ledger->options.store,
                         &(struct store_record){.kind = COMMAND_KIND,
                                                .key = command->key,
                                                .device = command->device->lane_key});
}

/* --- reading ------------------------------------------------------------------------------- */

struct command *command_record_read(const struct store_record *record,
                                    const struct device_table *devices)
{
        struct reason reason = REASON_INIT;
        struct command *command = command_decode(record->value, record->value_size, &reason);

        if (command)
                command->device = device_table_find(devices, command->device_key);
        if (command && command->device) {
                command->key = mem_text(record->key);
                return command;
        }
        log_warn("COMMAND_FORGOTTEN", "A recorded command can't be taken up again",
                 LOG_TEXT("key", record->key),
                 LOG_TEXT("reason", command ? "its device is not known" : reason.text), LOG_END);
        command_free(command);
        return NULL;
}

static int compare_numbers(int64_t a, int64_t b)
{
        return (a > b) - (a < b);
}

static int compare(const void *a, const void *b)
{
        const struct command *one = *(const struct command *const *)a;
        const struct command *other = *(const struct command *const *)b;
        int order = compare_numbers(one->finished.wall_ms, other->finished.wall_ms);

        if (order == 0)
                order = compare_numbers(one->arrival, other->arrival);
        return order;
}

void command_record_sort(struct command **commands, size_t count)
{
        if (count > 1)
                qsort(commands, count, sizeof(struct command *), compare);
}
