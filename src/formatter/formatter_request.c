// SPDX-License-Identifier: MIT
#include "formatter/formatter_request.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"
#include "base/utf8.h"
#include "formatter/formatter_wire.h"

static bool is_text(const char *text)
{
        return !text || utf8_is_valid(text, strlen(text));
}

struct formatter_request *formatter_request_new(const char *name, enum formatter_function function,
                                                const struct formatter_input *input,
                                                formatter_done *done, void *context)
{
        struct formatter_request *request = mem_new(1, sizeof(*request));

        request->name = mem_text_n(name, text_size_without(name, FORMATTER_SUFFIX));
        request->name[text_size_without(request->name, FORMATTER_CSHARP)] = '\0';
        request->function = function;
        request->done = done;
        request->context = context;
        request->refused = !is_text(input->data) || !is_text(input->device) ||
                           !is_text(input->application) || !is_text(input->method);
        formatter_wire_add_input(&request->input, function, input);
        return request;
}

void formatter_request_answer(struct formatter_request *request,
                              const struct formatter_result *result)
{
        metrics_add(METRIC_FORMATTER_CALLS, 1);
        if (result->status != FORMATTER_GOOD)
                metrics_add(METRIC_FORMATTER_FAILURES, 1);
        if (result->elapsed_ns > 0)
                metrics_observe(METRIC_FORMATTER_CALL, result->elapsed_ns);
        request->done(request->context, result);
        buf_deinit(&request->input);
        free(request->name);
        free(request);
}

void formatter_request_fail(struct formatter_request *request, enum formatter_status status,
                            const struct reason *reason)
{
        struct formatter_result result = {.status = status, .reason = *reason};

        formatter_request_answer(request, &result);
}

void formatter_request_fail_all(struct list *requests, enum formatter_status status,
                                const struct reason *reason)
{
        struct list_node *node;

        while ((node = list_pop_front(requests)))
                formatter_request_fail(formatter_request_of(node), status, reason);
}
