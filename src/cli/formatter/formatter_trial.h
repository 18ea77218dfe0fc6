// SPDX-License-Identifier: MIT
/* For `isthmus formatter test`: one formatter, called once or for each of its examples. */
#ifndef ISTHMUS_CLI_FORMATTER_FORMATTER_TRIAL_H
#define ISTHMUS_CLI_FORMATTER_FORMATTER_TRIAL_H

#include <pthread.h>
#include <stdbool.h>

#include "base/json/json.h"
#include "formatter/formatter.h"

struct formatter_trial {
        struct formatter_pool *pool;
        char *name;
        pthread_mutex_t lock; /* for the rest, which the formatter's thread fills */
        pthread_cond_t filled;
        bool done;
        struct formatter_result result; /* a copy, until the next call */
};

/* `file` is a path, with or without ".js". A negative errno with the reason. */
int formatter_trial_init(struct formatter_trial *trial, const char *file,
                         const struct formatter_options *options, struct reason *reason) MUST_CHECK;
void formatter_trial_deinit(struct formatter_trial *trial);

/* Makes one call and waits for it; the result is the trial's. */
const struct formatter_result *formatter_trial_call(struct formatter_trial *trial,
                                                    enum formatter_function function,
                                                    const struct formatter_input *input);

/* `decodeUplink` and its like. False if there is no such function. */
bool formatter_function_parse(const char *name, enum formatter_function *function) MUST_CHECK;
const char *formatter_function_name(enum formatter_function function);

/* `good`, `failed`, `not-compiled` ... */
const char *formatter_status_name(enum formatter_status status);

/* Adds what a good result holds, as one JSON object. */
void formatter_result_write(struct buf *out, enum formatter_function function,
                            const struct formatter_result *result);

/*
 * The first member in which two values differ: `path` (which begins as the caller left it) is
 * where, the reason what is expected there and what is. True if they are equal; numbers are equal
 * by value, and the order of members does not matter.
 */
bool formatter_json_equal(struct json_object *expected, struct json_object *got, struct buf *path,
                          struct reason *difference) MUST_CHECK;

/* Runs each entry of a file of examples and prints how it went. True if all were as expected. */
bool formatter_examples_run(struct formatter_trial *trial, const char *file,
                            struct reason *reason) MUST_CHECK;

#endif
