// SPDX-License-Identifier: MIT
/* A call, from formatter_call to its `done`. All but formatter_request_new on the thread
 * "formatter". */
#ifndef ISTHMUS_FORMATTER_FORMATTER_REQUEST_H
#define ISTHMUS_FORMATTER_FORMATTER_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "formatter/formatter.h"

struct formatter_file;

struct formatter_request {
        struct list_node node;
        uint64_t id;
        char *name; /* of the formatter, without ".js" */
        enum formatter_function function;
        struct buf input; /* formatter_wire_add_input */
        bool refused;     /* a text of it is none */
        formatter_done *done;
        void *context;
        struct formatter_file *file; /* NULL until the pool's thread has it */
        int losses; /* of workers, where only its place in line speaks against it */
};

static inline struct formatter_request *formatter_request_of(struct list_node *node)
{
        return list_entry(node, struct formatter_request, node);
}

/* Copies everything. Any thread. */
struct formatter_request *formatter_request_new(const char *name, enum formatter_function function,
                                                const struct formatter_input *input,
                                                formatter_done *done, void *context);

/* Calls `done` and frees the request, which is on no list. */
void formatter_request_answer(struct formatter_request *request,
                              const struct formatter_result *result);
void formatter_request_fail(struct formatter_request *request, enum formatter_status status,
                            const struct reason *reason);

/* Fails all of a list. */
void formatter_request_fail_all(struct list *requests, enum formatter_status status,
                                const struct reason *reason);

#endif
