// SPDX-License-Identifier: MIT
/* What an event carries whose message is not an uplink. */
#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "networks/things_stack/things_stack.h"

/* A body could make a message of any length by repeating its attributes. */
#define MAXIMUM_MESSAGE 1024

static char *write_object(struct json_object *object)
{
        struct buf text = BUF_INIT;

        json_write(&text, object);
        return buf_take(&text);
}

/* --- downlink events: whose downlink was it (rules E1, E3)? ----------------------------- */

/* A queue may list thousands of downlinks, so what is there already is looked up, not searched. */
struct id_union {
        struct json_object *ids;  /* in order */
        struct json_object *seen; /* the same as names */
};

/* Adds the texts of a list that are not there yet. */
static void add_list(struct id_union *all, struct json_object *list)
{
        if (!json_object_is_type(list, json_type_array))
                return;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                struct json_object *id = json_object_array_get_idx(list, i);
                const char *text = json_object_get_string(id);

                if (!json_object_is_type(id, json_type_string) ||
                    json_object_object_get_ex(all->seen, text, NULL))
                        continue;
                json_object_object_add(all->seen, text, NULL);
                json_object_array_add(all->ids, json_object_get(id));
        }
}

static void add_ids(struct id_union *all, struct json_object *holder)
{
        add_list(all, json_member(holder, "correlation_ids"));
}

static void add_ids_of_list(struct id_union *all, struct json_object *downlinks)
{
        if (!json_object_is_type(downlinks, json_type_array))
                return;
        for (size_t i = 0; i < json_object_array_length(downlinks); i++)
                add_ids(all, json_object_array_get_idx(downlinks, i));
}

/* The nested ones first, then those of the message around them. */
static struct json_object *all_ids(const struct things_stack_message *message,
                                   struct json_object *body)
{
        struct id_union all = {.ids = json_object_new_array(), .seen = json_object_new_object()};
        CLEANUP(json_cleanup)
        struct json_object *outer = json_slice_tree(&message->correlation_ids);

        add_ids(&all, body);
        add_ids(&all, json_member(body, "downlink"));
        add_ids_of_list(&all, json_member(body, "downlinks"));
        add_list(&all, outer);
        json_object_put(all.seen);
        return all.ids;
}

/* Adds what stands for `{name}` in a message; without such an attribute, the words as they are. */
static void add_attribute(struct buf *out, struct json_object *attributes, const char *place,
                          size_t length)
{
        CLEANUP(mem_cleanup) char *name = mem_text_n(place + 1, length - 2);
        struct json_object *value = json_member(attributes, name);

        if (json_object_is_type(value, json_type_string))
                buf_add_text(out, json_object_get_string(value));
        else if (value)
                json_write(out, value);
        else
                buf_add(out, place, length);
}

/* The stack's message with its `{names}` filled in from the error's attributes. */
static void fill_message(struct buf *out, const char *format, struct json_object *attributes)
{
        const char *at = format;

        while (*at && out->size < MAXIMUM_MESSAGE) {
                const char *open = strchrnul(at, '{');
                const char *close = strchr(open, '}');

                if (!close) {
                        buf_add_text(out, at);
                        return;
                }
                buf_add(out, at, (size_t)(open - at));
                add_attribute(out, attributes, open, (size_t)(close - open) + 1);
                at = close + 1;
        }
}

static void describe_failure(struct json_object *details)
{
        CLEANUP(buf_deinit) struct buf message = BUF_INIT;
        struct json_object *error = json_object_member(details, "error");
        const char *name = json_text_member(error, "name");
        const char *format = json_text_member(error, "message_format");

        if (name)
                json_object_object_add(details, "error_name", json_object_new_string(name));
        if (!format)
                return;
        fill_message(&message, format, json_member(error, "attributes"));
        json_object_object_add(details, "error_message",
                               json_object_new_string(buf_text(&message)));
}

static void describe_downlink(const struct things_stack_message *message,
                              struct json_object *details)
{
        struct json_object *downlink = details;

        if (message->kind == EVENT_DOWNLINK_FAILED) {
                downlink = json_member(details, "downlink");
                describe_failure(details);
        }
        if (message->kind != EVENT_DOWNLINK_QUEUE_INVALIDATED) {
                bool confirmed = json_bool_member(downlink, "confirmed", false);

                json_object_object_add(details, "confirmed", json_object_new_boolean(confirmed));
        }
        json_object_object_add(details, "correlation_ids", all_ids(message, details));
}

/* --- the others ------------------------------------------------------------------------- */

/* How it was received is the same as in the uplink it belongs to; only the measurement is new. */
static struct json_object *normalized(struct json_object *body)
{
        static const char *const names[] = {"normalized_payload", "normalized_payload_warnings"};
        struct json_object *details = json_object_new_object();

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                struct json_object *member = json_member(body, names[i]);

                if (member)
                        json_object_object_add(details, names[i], json_object_get(member));
        }
        return details;
}

static bool is_downlink(enum event_kind kind)
{
        return kind >= EVENT_DOWNLINK_QUEUED && kind <= EVENT_DOWNLINK_QUEUE_INVALIDATED;
}

void things_stack_describe(const struct things_stack_message *message, struct json_object *body,
                           struct event *event)
{
        if (message->kind == EVENT_UPLINK_NORMALIZED) {
                CLEANUP(json_cleanup) struct json_object *details = normalized(body);

                event->payload = mem_text(json_text_member(body, "frm_payload"));
                event->encrypted = json_member(body, "app_s_key") != NULL;
                event->details = write_object(details);
                return;
        }
        /* A session key belongs neither on the disk nor to the cloud. */
        json_object_object_del(body, "app_s_key");
        if (is_downlink(message->kind))
                describe_downlink(message, body);
        event->details = write_object(body);
}
