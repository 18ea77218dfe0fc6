// SPDX-License-Identifier: MIT
#include "gateway/command/command_record.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

struct command_recorder {
        struct command_recorder_options options;
        /* Guards the rest, and what a recording says of it: the store's thread touches it, too. */
        pthread_mutex_t lock;
        struct list answered; /* struct recording */
        bool posted;
        bool stopped;
};

/* Somebody who wants to know when a record is on disk. */
struct waiter {
        struct list_node node;
        void (*done)(void *context, int result);
        void *context;
};

/* One record on its way to the disk, and the answer on its way back. */
struct recording {
        struct list_node node;
        struct store_write write;
        struct command_recorder *recorder;
        struct command *command; /* NULL: only those who wait are told */
        char *key;
        struct buf value;
        struct list waiters; /* by the recorder's lock, as the following two */
        bool is_answered;
        int result;
};

struct command_recorder *command_recorder_new(const struct command_recorder_options *options)
{
        struct command_recorder *recorder = mem_new(1, sizeof(*recorder));

        recorder->options = *options;
        pthread_mutex_init(&recorder->lock, NULL);
        list_init(&recorder->answered);
        return recorder;
}

static void recording_free(struct recording *recording)
{
        free(recording->key);
        buf_deinit(&recording->value);
        free(recording);
}

void command_recorder_free(struct command_recorder *recorder)
{
        struct list_node *node;

        if (!recorder)
                return;
        while ((node = list_pop_front(&recorder->answered)))
                recording_free(list_entry(node, struct recording, node));
        pthread_mutex_destroy(&recorder->lock);
        free(recorder);
}

void command_recorder_stop(struct command_recorder *recorder)
{
        THREAD_ASSERT(LOOP_THREAD);
        pthread_mutex_lock(&recorder->lock);
        recorder->stopped = true;
        pthread_mutex_unlock(&recorder->lock);
}

char *command_record_key(const char *device_key, const char *identity)
{
        return mem_format("%s\n%s", device_key, identity);
}

/* --- the answers --------------------------------------------------------------------------- */

static void tell(struct command_recorder *recorder, struct recording *recording)
{
        struct command *command = recording->command;

        command->record_failed = recording->result != 0;
        if (command->recording == recording)
                command->recording = NULL;
        if (--command->unwritten == 0)
                recorder->options.written(recorder->options.context, command, recording->result);
}

/* On the thread "loop". */
static void take_answers(void *context)
{
        struct command_recorder *recorder = context;
        struct list answered;
        struct list_node *node;
        bool stopped;

        list_init(&answered);
        pthread_mutex_lock(&recorder->lock);
        list_splice_back(&answered, &recorder->answered);
        recorder->posted = false;
        stopped = recorder->stopped;
        pthread_mutex_unlock(&recorder->lock);
        while ((node = list_pop_front(&answered))) {
                struct recording *recording = list_entry(node, struct recording, node);

                if (!stopped)
                        tell(recorder, recording);
                recording_free(recording);
        }
}

static void answer_waiters(struct list *waiters, int result)
{
        struct list_node *node;

        while ((node = list_pop_front(waiters))) {
                struct waiter *waiter = list_entry(node, struct waiter, node);

                waiter->done(waiter->context, result);
                free(waiter);
        }
}

/* On the store's thread. */
static void recording_done(struct store_write *write, int result)
{
        struct recording *recording = list_entry(write, struct recording, write);
        struct command_recorder *recorder = recording->recorder;
        struct list waiters;

        if (result != 0)
                log_error("COMMAND_NOT_RECORDED", "The state of a command can't be written",
                          LOG_TEXT("command", recording->key), LOG_END);
        list_init(&waiters);
        pthread_mutex_lock(&recorder->lock);
        recording->is_answered = true;
        recording->result = result;
        list_splice_back(&waiters, &recording->waiters);
        pthread_mutex_unlock(&recorder->lock);
        answer_waiters(&waiters, result);
        if (!recording->command) {
                recording_free(recording);
                return;
        }
        pthread_mutex_lock(&recorder->lock);
        list_push_back(&recorder->answered, &recording->node);
        if (!recorder->posted && !recorder->stopped) {
                loop_post(recorder->options.loop, take_answers, recorder);
                recorder->posted = true;
        }
        pthread_mutex_unlock(&recorder->lock);
}

/* --- writing ------------------------------------------------------------------------------- */

static struct recording *recording_new(struct command_recorder *recorder)
{
        struct recording *recording = mem_new(1, sizeof(*recording));

        recording->recorder = recorder;
        list_init(&recording->waiters);
        return recording;
}

static void write(struct command_recorder *recorder, const struct command *command,
                  struct recording *recording)
{
        bool finished = command->state == COMMAND_FINISHED;

        recording->key = command_record_key(command->device_key, command->identity);
        command_encode(command, &recording->value);
        recording->write = (struct store_write){
                .record = {.kind = COMMAND_KIND,
                           .key = recording->key,
                           .value = recording->value.data,
                           .value_size = recording->value.size,
                           .expires_ms =
                                   finished ? command->finished.wall_ms + COMMAND_REMEMBER_MS : 0},
                .done = recording_done,
        };
        store_write(recorder->options.store, &recording->write);
}

void command_record_write(struct command_recorder *recorder, struct command *command)
{
        struct recording *recording = recording_new(recorder);

        recording->command = command;
        command->recording = recording;
        command->unwritten++;
        write(recorder, command, recording);
}

/* False if the last record is not on its way any more; then it has failed, or nobody is told. */
static bool wait_for_last(struct command_recorder *recorder, const struct command *command,
                          struct waiter *waiter)
{
        struct recording *last = command->recording;
        struct list answered;
        bool waits;

        list_init(&answered);
        pthread_mutex_lock(&recorder->lock);
        waits = last && !recorder->stopped;
        if (waits)
                list_push_back(last->is_answered ? &answered : &last->waiters, &waiter->node);
        pthread_mutex_unlock(&recorder->lock);
        if (waits)
                answer_waiters(&answered, last->result);
        return waits;
}

void command_record_barrier(struct command_recorder *recorder, const struct command *command,
                            void (*done)(void *context, int result), void *context)
{
        struct recording *recording;
        struct waiter *waiter;

        if (command->unwritten == 0 && !command->record_failed) {
                done(context, 0);
                return;
        }
        waiter = mem_new(1, sizeof(*waiter));
        waiter->done = done;
        waiter->context = context;
        if (wait_for_last(recorder, command, waiter))
                return;
        recording = recording_new(recorder);
        list_push_back(&recording->waiters, &waiter->node);
        write(recorder, command, recording);
}

void command_record_delete(struct command_recorder *recorder, const struct command *command)
{
        CLEANUP(mem_cleanup)
        char *key = command_record_key(command->device_key, command->identity);

        store_write_copy(recorder->options.store,
                         &(struct store_record){.kind = COMMAND_KIND, .key = key});
}
