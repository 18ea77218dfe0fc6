// SPDX-License-Identifier: MIT
#include "gateway/control/control_answers.h"

#include "base/json/json.h"
#include "base/thread.h"

#define DEPTH 4

struct json_object *control_provision_read(const struct buf *body, struct reason *reason)
{
        struct json_object *names =
                json_parse_foreign(buf_text(body), body->size, DEPTH, JSON_VALUES_USUAL, reason);

        if (!names)
                return NULL;
        if (json_object_is_type(names, json_type_array))
                return names;
        reason_set(reason, "the body must be a JSON array of devices");
        json_object_put(names);
        return NULL;
}

static int start(const struct control_options *options, const struct control_request *request,
                 struct reason *reason)
{
        return device_bulk_start(options->bulk,
                                 &(struct device_bulk_order){
                                         .again = request->again,
                                         .dry_run = request->dry_run,
                                         .lists = request->lists,
                                         .application = request->application,
                                         .limit = request->limit,
                                 },
                                 reason) == 0
                       ? 0
                       : 409;
}

/* Names that are no devices stop the rest: the caller has misread its file. */
static int add(const struct control_options *options, const struct control_request *request,
               struct json_object *body, struct reason *reason)
{
        for (size_t i = 0; i < json_object_array_length(body); i++) {
                struct json_object *name = json_object_array_get_idx(body, i);

                if (device_bulk_add(options->bulk,
                                    &(struct device_bulk_name){
                                            .network = json_text_member(name, "network"),
                                            .application = json_text_member(name, "application"),
                                            .device = json_text_member(name, "device"),
                                            .dev_eui = json_text_member(name, "devEui"),
                                            .model_id = json_text_member(name, "modelId"),
                                    },
                                    reason) == 0)
                        continue;
                reason_prefix(reason, "device %zu", i + 1);
                return 400;
        }
        if (!request->more)
                device_bulk_close(options->bulk);
        return 0;
}

int control_provision_answer(const struct control_options *options,
                             const struct control_request *request, struct json_object *body,
                             struct buf *out, struct reason *reason)
{
        int status = 0;

        THREAD_ASSERT(LOOP_THREAD);
        if (request->call == CONTROL_PROVISION)
                status = start(options, request, reason);
        else if (request->call == CONTROL_NAME)
                status = add(options, request, body, reason);
        else if (request->call == CONTROL_UNPROVISION)
                device_bulk_stop(options->bulk);
        if (status == 0)
                device_bulk_write(options->bulk, (size_t)request->after, out);
        return status;
}
