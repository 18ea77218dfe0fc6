// SPDX-License-Identifier: MIT
/* A scripted IoT Hub on proton: the server's end of a connection in the tests of the client. */
#ifndef ISTHMUS_TESTS_HUB_PEER_H
#define ISTHMUS_TESTS_HUB_PEER_H

#include <proton/connection.h>
#include <proton/engine.h>
#include <proton/event.h>
#include <proton/message.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "azure/hub/amqp_message.h"
#include "azure/names.h"
#include "base/buf.h"
#include "base/text.h"

#define TEXT_SIZE 600

/* What the hubs of a test do; may be changed at any time. */
struct hub_script {
        bool hold_tokens;   /* no answers */
        const char *refuse; /* 401 for a token whose audience ends so; or NULL */
        const char *mute;   /* no answer to a token whose audience ends so; or NULL */
        int token_status;
        const char *token_text;
        int full_after;        /* tokens accepted per connection; 0 = no limit */
        int most_attaches_now; /* the same of seen->attaches_now, refused as throttled; or 0 */
        int most_now;          /* more than so many of seen->tokens_now are 429; 0 = no limit */
        pn_type_t correlation_type; /* of the answers */
        int cbs_credit;
        int credit;            /* of telemetry links */
        bool keep_credit;      /* gives back what a message has used */
        uint64_t outcome;      /* 0 = none */
        const char *condition; /* of PN_REJECTED */
        const char *cut_by;    /* whose telemetry makes the hub drop the connection; or NULL */
        const char *victim;    /* whose telemetry alone has outcome or twin status; or NULL */
        const char *description;
        const char *refuse_attach; /* condition of a DETACH that follows ATTACH; or NULL */
        uint64_t max_message_size;
        uint16_t channel_max;         /* 0 = proton's own */
        pn_millis_t idle_timeout_ms;  /* 0 = none */
        uint32_t max_frame;           /* 0 = no limit */
        bool silent;                  /* answers nothing, not even OPEN */
        bool ignore_attach;           /* of the devices' links */
        int twin_status;              /* 0 = no answer */
        const char *refuse_twin;      /* condition of a DETACH that follows ATTACH; or NULL */
        const char *twin_correlation; /* of the answers, instead of the request's; or NULL */
        const char *twin_body;        /* of the answers; or NULL */
};

/* What they saw. */
struct hub_seen {
        int tokens;
        int tokens_now; /* since the test has set it to 0 */
        int attaches;
        int introductions; /* of these, those that said what program it is */
        int attaches_now;  /* of devices' links of all kinds, since the test has set it to 0 */
        int messages;
        int closes;
        int ends; /* of links and sessions */
        char token_name[TEXT_SIZE];
        char token_text[TEXT_SIZE];
        char token_id[TEXT_SIZE];
        char address[TEXT_SIZE];
        char link_name[TEXT_SIZE];
        char model_id[TEXT_SIZE];
        char hostname[TEXT_SIZE];
        char container[TEXT_SIZE];
        char commands_settled[TEXT_SIZE]; /* "a" accepted, "r" released, "x" rejected */
        char correlation[2][TEXT_SIZE];   /* of the methods links: in, out */
        int method_attaches;
        int command_attaches;
        int method_answers;
        struct buf message; /* the last one, encoded */
        struct buf answer;  /* the last one to a method, encoded */
        int twin_attaches;
        int reports;
        struct buf report; /* the last one, encoded */
};

/* The hub's end of one connection. */
struct hub_peer {
        const struct hub_script *script;
        struct hub_seen *seen;
        pn_link_t *cbs_out; /* answers go out here */
        int tokens;
        pn_link_t *cbs_in;
        pn_link_t *telemetry; /* the last ones attached */
        pn_link_t *commands;
        pn_link_t *calls;
        pn_link_t *answers;
        pn_link_t *twin_in;  /* reports come in here */
        pn_link_t *twin_out; /* and are answered here */
        pn_delivery_t *held; /* the last one that was left open */
        bool cut;            /* drops the connection now */
};

static bool ends_with(const char *text, const char *end)
{
        size_t length = text == NULL ? 0 : strlen(text);

        return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static inline struct hub_script hub_script_good(void)
{
        return (struct hub_script){
                .token_status = 200,
                .token_text = "OK",
                .correlation_type = PN_STRING,
                .cbs_credit = 100,
                .credit = 1000,
                .keep_credit = true,
                .outcome = PN_ACCEPTED,
                .twin_status = 200,
        };
}

static void keep(char out[TEXT_SIZE], pn_bytes_t bytes)
{
        snprintf(out, TEXT_SIZE, "%.*s", (int)bytes.size, bytes.start);
}

static void keep_text(char out[TEXT_SIZE], const char *text)
{
        snprintf(out, TEXT_SIZE, "%s", text == NULL ? "" : text);
}

static inline pn_bytes_t amqp_bytes(const char *text)
{
        return pn_bytes(strlen(text), text);
}

static inline pn_atom_t amqp_text(const char *text)
{
        pn_atom_t atom = {.type = PN_STRING};

        atom.u.as_bytes = amqp_bytes(text);
        return atom;
}

/* By proton, so that client and peer do not share their mistakes. */
static inline void amqp_encode(pn_message_t *message, struct buf *out)
{
        size_t size = 1 << 20;

        buf_clear(out);
        buf_reserve(out, size);
        if (pn_message_encode(message, out->data, &size) != 0)
                abort();
        out->size = size;
}

static bool amqp_map_find(pn_data_t *data, const char *key, pn_atom_t *value)
{
        if (pn_data_type(data) != PN_MAP || !pn_data_enter(data))
                return false;
        while (pn_data_next(data)) {
                pn_bytes_t name = pn_data_get_atom(data).u.as_bytes;

                pn_data_next(data);
                if (name.size == strlen(key) && memcmp(name.start, key, name.size) == 0) {
                        *value = pn_data_get_atom(data);
                        return true;
                }
        }
        return false;
}

static void peer_send(pn_link_t *link, pn_message_t *message, pn_bytes_t tag)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;

        amqp_encode(message, &bytes);
        pn_delivery(link, pn_dtag(tag.start, tag.size));
        pn_link_send(link, bytes.data, bytes.size);
        pn_link_advance(link);
}

static pn_atom_t as_type(pn_atom_t id, pn_type_t type)
{
        if (type == PN_ULONG) {
                pn_atom_t number = {.type = PN_ULONG};

                number.u.as_ulong = strtoull(id.u.as_bytes.start, NULL, 10);
                return number;
        }
        return id;
}

static void peer_send_status(struct hub_peer *peer, pn_atom_t id, int status, const char *text)
{
        const struct hub_script *script = peer->script;
        pn_message_t *message = pn_message();
        pn_data_t *properties = pn_message_properties(message);

        pn_message_set_correlation_id(message, as_type(id, script->correlation_type));
        pn_data_put_map(properties);
        pn_data_enter(properties);
        pn_data_put_string(properties, amqp_bytes(AZURE_CBS_STATUS_CODE));
        pn_data_put_int(properties, status);
        pn_data_put_string(properties, amqp_bytes(AZURE_CBS_STATUS_DESCRIPTION));
        pn_data_put_string(properties, amqp_bytes(text));
        pn_data_exit(properties);
        peer_send(peer->cbs_out, message, pn_bytes(1, "t"));
        pn_message_free(message);
}

/* Refuses the token that was put with this number as its id. */
static inline void peer_refuse_token(struct hub_peer *peer, int number)
{
        char text[16];

        snprintf(text, sizeof(text), "%d", number);
        peer_send_status(peer, amqp_text(text), 401, "no");
}

static void peer_answer_token(struct hub_peer *peer, pn_atom_t id)
{
        const struct hub_script *script = peer->script;
        const char *text = script->token_text;
        int status = script->token_status;

        if (script->refuse != NULL && ends_with(peer->seen->token_name, script->refuse))
                status = 401;
        if (script->most_now > 0 && ++peer->seen->tokens_now > script->most_now)
                status = 429;
        if (script->full_after > 0 && peer->tokens > script->full_after) {
                status = 500;
                text = "The maximum number of tokens per connection (1000) has been reached.";
        }
        peer_send_status(peer, id, status, text);
}

static void peer_receive(pn_delivery_t *delivery, struct buf *bytes)
{
        pn_link_t *link = pn_delivery_link(delivery);
        size_t size = pn_delivery_pending(delivery);

        buf_clear(bytes);
        buf_reserve(bytes, size);
        if (pn_link_recv(link, bytes->data, size) != (ssize_t)size)
                abort();
        bytes->size = size;
        pn_link_advance(link);
}

static bool peer_find(pn_data_t *data, const char *key, pn_atom_t *value)
{
        pn_data_rewind(data);
        return pn_data_next(data) && amqp_map_find(data, key, value);
}

static void peer_token(struct hub_peer *peer, pn_delivery_t *delivery)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        pn_link_t *link = pn_delivery_link(delivery);
        pn_message_t *message = pn_message();
        pn_atom_t atom;

        peer_receive(delivery, &bytes);
        if (pn_message_decode(message, bytes.data, bytes.size) != 0)
                abort();
        peer->seen->tokens++;
        peer->tokens++;
        if (peer_find(pn_message_properties(message), AZURE_CBS_NAME, &atom))
                keep(peer->seen->token_name, atom.u.as_bytes);
        atom = pn_message_get_id(message);
        keep(peer->seen->token_id, atom.u.as_bytes);
        pn_data_rewind(pn_message_body(message));
        pn_data_next(pn_message_body(message));
        keep(peer->seen->token_text, pn_data_get_string(pn_message_body(message)));
        pn_delivery_settle(delivery);
        pn_link_flow(link, 1);
        if (!peer->script->hold_tokens &&
            (peer->script->mute == NULL || !ends_with(peer->seen->token_name, peer->script->mute)))
                peer_answer_token(peer, atom);
        pn_message_free(message);
}

static void peer_reject(pn_delivery_t *delivery, const struct hub_script *script)
{
        pn_condition_t *condition = pn_disposition_condition(pn_delivery_local(delivery));

        if (script->condition != NULL) {
                pn_condition_set_name(condition, script->condition);
                pn_condition_set_description(condition, script->description);
        }
}

static bool peer_is_of(pn_link_t *link, const char *device)
{
        const char *address = pn_terminus_get_address(pn_link_remote_target(link));

        return device != NULL && address != NULL && strstr(address, device) != NULL;
}

/* True if what the script says of outcomes is meant for the device of this link. */
static bool peer_means(const struct hub_script *script, pn_link_t *link)
{
        return script->victim == NULL || peer_is_of(link, script->victim);
}

static void peer_settle(struct hub_peer *peer, pn_delivery_t *delivery)
{
        const struct hub_script *script = peer->script;
        uint64_t outcome =
                peer_means(script, pn_delivery_link(delivery)) ? script->outcome : PN_ACCEPTED;

        if (outcome == 0) {
                peer->held = delivery;
                return;
        }
        if (outcome == PN_REJECTED)
                peer_reject(delivery, script);
        pn_delivery_update(delivery, outcome);
        pn_delivery_settle(delivery);
}

static void peer_telemetry(struct hub_peer *peer, pn_delivery_t *delivery)
{
        pn_link_t *link = pn_delivery_link(delivery);

        peer_receive(delivery, &peer->seen->message);
        peer->seen->messages++;
        peer->cut = peer->cut || peer_is_of(link, peer->script->cut_by);
        peer_settle(peer, delivery);
        if (peer->script->keep_credit)
                pn_link_flow(link, 1);
}

static void peer_attach_methods(struct hub_peer *peer, pn_link_t *link)
{
        bool calls = pn_link_is_sender(link);
        pn_atom_t atom;

        peer->seen->method_attaches++;
        if (peer_find(pn_link_remote_properties(link), AZURE_LINK_CORRELATION_ID, &atom))
                keep(peer->seen->correlation[calls], atom.u.as_bytes);
        if (calls)
                peer->calls = link;
        else
                peer->answers = link;
        if (!calls)
                pn_link_flow(link, 100);
}

static void peer_attach_twin(struct hub_peer *peer, pn_link_t *link)
{
        pn_atom_t atom;

        peer->seen->twin_attaches++;
        if (peer_find(pn_link_remote_properties(link), AZURE_LINK_CORRELATION_ID, &atom))
                keep(peer->seen->correlation[pn_link_is_sender(link)], atom.u.as_bytes);
        if (peer->script->refuse_twin != NULL) {
                pn_condition_set_name(pn_link_condition(link), peer->script->refuse_twin);
                pn_link_close(link);
        } else if (pn_link_is_sender(link)) {
                peer->twin_out = link;
        } else {
                peer->twin_in = link;
                pn_link_flow(link, 100);
        }
}

static void peer_report(struct hub_peer *peer, pn_delivery_t *delivery)
{
        pn_message_t *request = pn_message();
        pn_message_t *answer = pn_message();
        struct buf *report = &peer->seen->report;
        pn_data_t *annotations = pn_message_annotations(answer);
        int status = peer->script->twin_status;
        pn_bytes_t body = {.size = 0, .start = ""};
        pn_atom_t id;

        peer_receive(delivery, report);
        pn_delivery_settle(delivery);
        peer->seen->reports++;
        peer->cut = peer->cut || peer_is_of(pn_delivery_link(delivery), peer->script->cut_by);
        pn_message_decode(request, report->data, report->size);
        pn_data_put_map(annotations);
        pn_data_enter(annotations);
        pn_data_put_symbol(annotations, pn_bytes(6, "status"));
        if (!peer_means(peer->script, pn_delivery_link(delivery)))
                status = 200;
        pn_data_put_int(annotations, status);
        pn_data_exit(annotations);
        id = pn_message_get_correlation_id(request);
        if (peer->script->twin_correlation != NULL)
                id.u.as_bytes = pn_bytes(strlen(peer->script->twin_correlation),
                                         peer->script->twin_correlation);
        pn_message_set_correlation_id(answer, id);
        pn_message_set_inferred(answer, true);
        if (peer->script->twin_body != NULL)
                body = pn_bytes(strlen(peer->script->twin_body), peer->script->twin_body);
        pn_data_put_binary(pn_message_body(answer), body);
        if (status != 0 && peer->twin_out != NULL)
                peer_send(peer->twin_out, answer, pn_bytes(4, "twin"));
        pn_message_free(answer);
        pn_message_free(request);
}

/* Desired properties have changed. */
static inline void peer_notify(struct hub_peer *peer, const char *json)
{
        pn_message_t *message = pn_message();
        pn_data_t *annotations = pn_message_annotations(message);

        pn_data_put_map(annotations);
        pn_data_enter(annotations);
        pn_data_put_symbol(annotations, pn_bytes(8, "resource"));
        pn_data_put_string(annotations, pn_bytes(19, "/properties/desired"));
        pn_data_exit(annotations);
        pn_message_set_inferred(message, true);
        pn_data_put_binary(pn_message_body(message), pn_bytes(strlen(json), json));
        peer_send(peer->twin_out, message, pn_bytes(4, "news"));
        pn_message_free(message);
}

static void peer_attach_telemetry(struct hub_peer *peer, pn_link_t *link)
{
        pn_atom_t atom;

        peer->seen->attaches++;
        peer->telemetry = link;
        keep_text(peer->seen->address, pn_terminus_get_address(pn_link_remote_target(link)));
        keep_text(peer->seen->link_name, pn_link_name(link));
        if (peer_find(pn_link_remote_properties(link), AZURE_LINK_MODEL_ID, &atom))
                keep(peer->seen->model_id, atom.u.as_bytes);
        if (peer_find(pn_link_remote_properties(link), AZURE_LINK_CLIENT_VERSION, &atom))
                peer->seen->introductions++;
        if (peer->script->refuse_attach != NULL) {
                pn_condition_set_name(pn_link_condition(link), peer->script->refuse_attach);
                pn_link_close(link);
        } else {
                pn_link_flow(link, peer->script->credit);
        }
}

static void peer_attach(struct hub_peer *peer, pn_link_t *link)
{
        bool sends = pn_link_is_sender(link);
        const char *address = pn_terminus_get_address(sends ? pn_link_remote_source(link)
                                                            : pn_link_remote_target(link));

        if (peer->script->ignore_attach && !text_equal(address, AZURE_CBS_NODE))
                return;
        pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
        pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
        if (peer->script->max_message_size != 0)
                pn_link_set_max_message_size(link, peer->script->max_message_size);
        pn_link_open(link);
        if (!text_equal(address, AZURE_CBS_NODE) && peer->script->most_attaches_now != 0 &&
            ++peer->seen->attaches_now > peer->script->most_attaches_now) {
                pn_condition_set_name(pn_link_condition(link), AZURE_E_THROTTLED);
                pn_link_close(link);
        } else if (text_equal(address, AZURE_CBS_NODE)) {
                if (sends)
                        peer->cbs_out = link;
                else
                        peer->cbs_in = link;
                if (!sends)
                        pn_link_flow(link, peer->script->cbs_credit);
        } else if (ends_with(address, AZURE_PATH_METHODS)) {
                peer_attach_methods(peer, link);
        } else if (ends_with(address, AZURE_PATH_TWIN)) {
                peer_attach_twin(peer, link);
        } else if (sends) {
                peer->seen->command_attaches++;
                peer->commands = link;
        } else {
                peer_attach_telemetry(peer, link);
        }
}

static void peer_settled(struct hub_peer *peer, pn_delivery_t *delivery)
{
        const char *mark = "?";

        switch (pn_delivery_remote_state(delivery)) {
        case PN_ACCEPTED:
                mark = "a";
                break;
        case PN_RELEASED:
                mark = "r";
                break;
        case PN_REJECTED:
                mark = "x";
                break;
        default:
                break;
        }
        if (pn_delivery_link(delivery) == peer->commands)
                strncat(peer->seen->commands_settled, mark, TEXT_SIZE - 1);
        pn_delivery_settle(delivery);
}

static void peer_delivery(struct hub_peer *peer, pn_delivery_t *delivery)
{
        pn_link_t *link = pn_delivery_link(delivery);

        if (pn_link_is_sender(link)) {
                if (pn_delivery_updated(delivery))
                        peer_settled(peer, delivery);
        } else if (!pn_delivery_readable(delivery) || pn_delivery_partial(delivery)) {
                return;
        } else if (link == peer->cbs_in) {
                peer_token(peer, delivery);
        } else if (link == peer->answers) {
                peer_receive(delivery, &peer->seen->answer);
                peer->seen->method_answers++;
                pn_delivery_settle(delivery);
        } else if (link == peer->twin_in) {
                peer_report(peer, delivery);
        } else {
                peer_telemetry(peer, delivery);
        }
}

/* Forgets a link, or all of a session. */
static void peer_forget(struct hub_peer *peer, const pn_link_t *link, const pn_session_t *session)
{
        pn_link_t **links[] = {&peer->cbs_in, &peer->cbs_out, &peer->telemetry, &peer->commands,
                               &peer->calls,  &peer->answers, &peer->twin_in,   &peer->twin_out};

        for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
                if (*links[i] != NULL &&
                    (*links[i] == link || pn_link_session(*links[i]) == session))
                        *links[i] = NULL;
        }
}

static inline void peer_event(struct hub_peer *peer, pn_event_t *event)
{
        pn_connection_t *connection = pn_event_connection(event);
        pn_link_t *link = pn_event_link(event);

        if (peer->script->silent)
                return;
        switch (pn_event_type(event)) {
        case PN_CONNECTION_REMOTE_OPEN:
                keep_text(peer->seen->hostname, pn_connection_remote_hostname(connection));
                keep_text(peer->seen->container, pn_connection_remote_container(connection));
                pn_connection_open(connection);
                break;
        case PN_CONNECTION_REMOTE_CLOSE:
                peer->seen->closes++;
                pn_connection_close(connection);
                break;
        case PN_SESSION_REMOTE_OPEN:
                pn_session_open(pn_event_session(event));
                break;
        case PN_SESSION_REMOTE_CLOSE:
                peer->seen->ends++;
                peer_forget(peer, NULL, pn_event_session(event));
                pn_session_close(pn_event_session(event));
                pn_session_free(pn_event_session(event));
                break;
        case PN_LINK_REMOTE_OPEN:
                peer_attach(peer, link);
                break;
        case PN_LINK_REMOTE_CLOSE:
        case PN_LINK_REMOTE_DETACH:
                peer->seen->ends++;
                peer_forget(peer, link, NULL);
                pn_link_close(link);
                pn_link_free(link);
                break;
        case PN_DELIVERY:
                peer_delivery(peer, pn_event_delivery(event));
                break;
        default:
                break;
        }
}

#endif
