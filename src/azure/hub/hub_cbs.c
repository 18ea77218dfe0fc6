// SPDX-License-Identifier: MIT
#include "azure/hub/hub_cbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "azure/hub/amqp_message.h"
#include "azure/hub/hub_core.h"
#include "azure/hub/hub_link.h"
#include "azure/names.h"
#include "azure/sas.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/text.h"

#define ANSWER_TIMEOUT_MS 30000
#define MOST_UNANSWERED   50
#define MOST_WITNESSES    3
#define MOST_ENDED        5
#define ANSWER_SIZE_MAX   65536
#define NUMBER_SIZE       32
#define US_PER_S          INT64_C(1000000)

/* A burst may use what the rate allows in this time. */
#define RATE_BURST_US (US_PER_S / 10)

/* The rate that is found: its bounds, and how it changes with each that is too many, or taken. */
#define RATE_LEAST        1.0
#define RATE_MOST         10000.0
#define RATE_SHRINKS      0.7
#define RATE_GROWS        0.02
#define THROTTLED_ONCE_MS 5000

static void rate_allows_again(struct timer *timer);

static void open_again(struct timer *timer)
{
        hub_cbs_open(list_entry(timer, struct hub_connection, cbs.open_timer));
}

void hub_cbs_init(struct hub_connection *connection)
{
        list_init(&connection->cbs.queued);
        list_init(&connection->cbs.sent);
        connection->cbs.open_timer.run = open_again;
        connection->hub->rate.timer.run = rate_allows_again;
}

void hub_cbs_open(struct hub_connection *connection)
{
        struct hub_cbs *cbs = &connection->cbs;
        char name[NUMBER_SIZE];

        if (connection->hub->certificate != NULL) {
                hub_cbs_pump(connection);
                return;
        }
        cbs->session = hub_link_begin_session(connection, false);

        snprintf(name, sizeof(name), "cbs-in-%" PRIu32, ++connection->links);
        cbs->receiver = pn_receiver(cbs->session->session, name);
        pn_terminus_set_address(pn_link_source(cbs->receiver), AZURE_CBS_NODE);
        pn_terminus_set_address(pn_link_target(cbs->receiver), AZURE_CBS_REPLY_TO);
        pn_link_open(cbs->receiver);
        pn_link_flow(cbs->receiver, MOST_UNANSWERED);

        snprintf(name, sizeof(name), "cbs-out-%" PRIu32, ++connection->links);
        cbs->sender = pn_sender(cbs->session->session, name);
        pn_terminus_set_address(pn_link_target(cbs->sender), AZURE_CBS_NODE);
        pn_link_open(cbs->sender);
        hub_core_wrote(connection);
}

void hub_cbs_close(struct hub_connection *connection)
{
        struct hub_cbs *cbs = &connection->cbs;

        loop_timer_stop(connection->hub->client->loop, &cbs->open_timer);
        if (cbs->session != NULL)
                hub_link_end_session(connection, cbs->session);
        cbs->session = NULL;
        cbs->sender = cbs->receiver = NULL;
}

static void move(struct hub_token *token, struct list *to)
{
        if (token->list != NULL)
                list_remove(token->list, &token->node);
        token->list = to;
        if (to != NULL)
                list_push_back(to, &token->node);
}

void hub_cbs_request(struct hub_device *device)
{
        struct hub_cbs *cbs = &device->connection->cbs;
        struct hub_token *token = &device->token;

        if (token->list != NULL)
                return;
        token->list = &cbs->queued;
        if (device->place == HUB_PLACE_READY || device == device->hub->doubt.probe)
                list_push_front(token->list, &token->node);
        else
                list_push_back(token->list, &token->node);
        if (device->hub->doubt.trust == HUB_DOUBTED)
                hub_core_work(device, HUB_WORK_PROBE);
}

void hub_cbs_hurry(struct hub_device *device)
{
        struct list *queued = &device->connection->cbs.queued;

        if (device->token.list != queued)
                return;
        list_remove(queued, &device->token.node);
        list_push_front(queued, &device->token.node);
}

void hub_cbs_forget(struct hub_device *device)
{
        struct hub_cbs *cbs = &device->connection->cbs;

        if (device->token.is_witness && cbs->witnesses > 0)
                cbs->witnesses--;
        device->token.is_witness = false;
        move(&device->token, NULL);
}

/* The request has come to something; the turn sees to what follows. */
static void end(struct hub_device *device, int status, const char *said)
{
        hub_cbs_forget(device);
        free(device->token.said);
        device->token.said = mem_text(text_is_empty(said) ? NULL : said);
        device->token.status = status;
        hub_core_work(device, HUB_WORK_TOKEN);
}

static void encode_request(const struct hub_device *device, const char *signed_token,
                           struct buf *out)
{
        CLEANUP(buf_deinit) struct buf audience = BUF_INIT;
        char number[NUMBER_SIZE];
        size_t begin;

        snprintf(number, sizeof(number), "%" PRIu64, device->token.number);
        sas_device_audience(&audience, device->hub->host, device->device_id);
        amqp_message_fields(out, &(struct amqp_fields){.message_id = number,
                                                       .to = AZURE_CBS_NODE,
                                                       .reply_to = AZURE_CBS_REPLY_TO});
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_APPLICATION_PROPERTIES);
        begin = amqp_wire_begin_map(out);
        amqp_wire_put_string(out, AZURE_CBS_OPERATION);
        amqp_wire_put_string(out, AZURE_CBS_PUT_TOKEN);
        amqp_wire_put_string(out, AZURE_CBS_TYPE);
        amqp_wire_put_string(out, AZURE_CBS_SASTOKEN);
        amqp_wire_put_string(out, AZURE_CBS_NAME);
        amqp_wire_put_string(out, buf_text(&audience));
        amqp_wire_end(out, begin, 6);
        amqp_wire_put_section(out, AMQP_WIRE_SECTION_VALUE);
        amqp_wire_put_string(out, signed_token);
}

static bool sign(struct hub_device *device, struct buf *token, struct reason *reason)
{
        CLEANUP(buf_deinit) struct buf resource = BUF_INIT;
        int64_t lifetime_ms = device->hub->client->options.token_lifetime_ms;
        struct sas_grant grant = {.key = device->key, .key_name = device->key_name};

        sas_device_resource(&resource, device->hub->host, device->device_id);
        grant.resource = buf_text(&resource);
        grant.expires_s = (device->hub->client->wall_ms + lifetime_ms + 999) / 1000;
        device->token.until_ms = grant.expires_s * 1000;
        return sas_token(token, &grant, reason);
}

/* False, with the reason, if there is no making a token for this device. */
static bool send_request(struct hub_device *device, struct reason *reason)
{
        struct hub_connection *connection = device->connection;
        struct hub_cbs *cbs = &connection->cbs;
        CLEANUP(buf_wipe) struct buf signed_token = BUF_INIT;
        CLEANUP(buf_wipe) struct buf encoded = BUF_INIT;
        uint64_t number = ++cbs->last_number;

        device->token.number = number;
        if (!sign(device, &signed_token, reason))
                return false;
        encode_request(device, buf_text(&signed_token), &encoded);
        /* Settled at once: what counts is the answer. */
        pn_delivery_settle(hub_link_send(connection, cbs->sender, number, &encoded));
        device->token.sent_ms = device->hub->client->now_ms;
        device->token.is_witness = device->token.is_witness && cbs->witnesses > 0;
        move(&device->token, &cbs->sent);
        metrics_add(METRIC_HUB_TOKENS, 1);
        return true;
}

/* --- sending -------------------------------------------------------------------------------- */

void hub_cbs_pump_all(struct hub *hub)
{
        list_for_each_safe (node, &hub->connections)
                hub_cbs_pump(list_entry(node, struct hub_connection, node));
}

static void rate_allows_again(struct timer *timer)
{
        hub_cbs_pump_all(list_entry(timer, struct hub, rate.timer));
}

/* A second; 0 = no limit. */
static double rate_of(const struct hub *hub)
{
        double given = hub->client->options.devices_per_second;
        double found = hub->rate.found;

        return given > 0 && (found <= 0 || given < found) ? given : found;
}

bool hub_cbs_take_rate(struct hub *hub)
{
        struct hub_rate *rate = &hub->home->rate;
        int64_t now_us = hub->client->now_ms * 1000;
        double most = rate_of(hub->home);

        if (most <= 0)
                return true;
        if (rate->paid_us > now_us + RATE_BURST_US) {
                if (rate->timer.position == 0)
                        loop_timer_start(hub->client->loop, &rate->timer,
                                         (rate->paid_us - RATE_BURST_US - now_us) / 1000 + 1);
                return false;
        }
        if (rate->paid_us < now_us)
                rate->paid_us = now_us;
        rate->paid_us += (int64_t)((double)US_PER_S / most);
        return true;
}

/* Of the last two seconds that are counted, the fuller one. */
static double taken_lately(struct hub_rate *rate, int64_t now_ms)
{
        int64_t second = now_ms / 1000;

        if (second != rate->second) {
                rate->taken_before = second == rate->second + 1 ? rate->taken : 0;
                rate->taken = 0;
                rate->second = second;
        }
        return rate->taken > rate->taken_before ? rate->taken : rate->taken_before;
}

void hub_cbs_throttled(struct hub *hub)
{
        struct hub_rate *rate = &hub->home->rate;
        int64_t now_ms = hub->client->now_ms;
        double lately = taken_lately(rate, now_ms);
        double before = rate->found;

        /* Answers to what was sent before say nothing new. */
        if (rate->throttled_ms != 0 && now_ms - rate->throttled_ms < THROTTLED_ONCE_MS)
                return;
        rate->throttled_ms = now_ms;
        rate->found = (before > 0 && before < lately ? before : lately) * RATE_SHRINKS;
        if (rate->found < RATE_LEAST)
                rate->found = RATE_LEAST;
        log_warn("HUB_THROTTLES", "A hub asks for fewer devices a second",
                 LOG_TEXT("hub", hub->name), LOG_INT("per_second", (int64_t)rate->found), LOG_END);
}

void hub_cbs_attach_throttled(struct hub *hub)
{
        struct hub_rate *rate = &hub->home->rate;

        /* Its token was taken, and says nothing of what the hub carries. */
        (void)taken_lately(rate, hub->client->now_ms);
        if (rate->taken > 0)
                rate->taken--;
        hub_cbs_throttled(hub);
}

void hub_cbs_taken(struct hub *hub)
{
        struct hub_rate *rate = &hub->home->rate;

        (void)taken_lately(rate, hub->client->now_ms);
        rate->taken++;
        if (rate->found > 0)
                rate->found += RATE_GROWS;
        if (rate->found > RATE_MOST)
                rate->found = 0;
}

/* True if its token may go out now: a first one uses up a part of the rate, a renewal does not. Of
 * a doubted hub only the token of the probe is asked for. */
static bool allow_token(const struct hub_device *device)
{
        const struct hub_doubt *doubt = &device->hub->doubt;

        if (doubt->trust == HUB_DOUBTED && doubt->probe != device)
                return false;
        return device->place == HUB_PLACE_READY || hub_cbs_take_rate(device->hub);
}

/* The connection is open, so the hub knows the certificate. */
static void grant(struct hub_connection *connection)
{
        struct list *queued = &connection->cbs.queued;

        while (connection->state == HUB_CONNECTION_OPEN && !list_is_empty(queued))
                end(list_entry(queued->head.next, struct hub_device, token.node), HUB_TOKEN_GRANTED,
                    NULL);
}

void hub_cbs_pump(struct hub_connection *connection)
{
        struct hub_cbs *cbs = &connection->cbs;

        if (connection->hub->certificate != NULL)
                grant(connection);
        while (!list_is_empty(&cbs->queued) && cbs->sent.count < MOST_UNANSWERED &&
               cbs->sender != NULL && pn_link_credit(cbs->sender) > 0) {
                struct hub_device *device =
                        list_entry(cbs->queued.head.next, struct hub_device, token.node);
                struct reason reason = REASON_INIT;

                if (!allow_token(device))
                        break;
                if (!hub_core_may_act(device))
                        end(device, HUB_TOKEN_UNANSWERED, "the device is somebody else's now");
                else if (!send_request(device, &reason))
                        end(device, HUB_TOKEN_UNSIGNED, reason.text);
        }
}

/* --- answers -------------------------------------------------------------------------------- */

static uint64_t correlated_number(const struct amqp_inbox *answer)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        int64_t number;

        if (!amqp_wire_add_plain(&text, &answer->message.correlation_id) ||
            !text_to_int64(buf_text(&text), 1, INT64_MAX, &number))
                return 0;
        return (uint64_t)number;
}

static struct hub_device *asked_by(struct hub_cbs *cbs, uint64_t number)
{
        list_for_each (node, &cbs->sent) {
                struct hub_device *device = list_entry(node, struct hub_device, token.node);

                if (device->token.number == number)
                        return device;
        }
        return NULL;
}

static void answered(struct hub_connection *connection, const struct amqp_inbox *answer)
{
        CLEANUP(buf_deinit) struct buf description = BUF_INIT;
        struct hub_device *device = asked_by(&connection->cbs, correlated_number(answer));
        struct amqp_wire_value value;
        int64_t status;

        connection->cbs.heard_ms = connection->hub->client->now_ms;
        connection->cbs.ended = 0;
        connection->cbs.witnesses = 0;
        connection->cbs.unheard = NULL;
        if (device == NULL) /* answered too late, or the device has left */
                return;
        value = amqp_inbox_property(answer, AZURE_CBS_STATUS_DESCRIPTION);
        (void)amqp_wire_add_plain(&description, &value);
        value = amqp_inbox_property(answer, AZURE_CBS_STATUS_CODE);
        if (!amqp_wire_int(&value, &status) || status < 100 || status > 999)
                status = 500;
        end(device, (int)status, buf_text(&description));
}

/* The hub ended the links; those who waited for an answer try again, each in its own time. */
static void ended(struct hub_connection *connection, pn_condition_t *condition)
{
        struct hub_cbs *cbs = &connection->cbs;
        struct hub_client *client = connection->hub->client;
        struct hub_condition copy;

        hub_condition_read(&copy, condition, "the hub ended the token links");
        hub_cbs_close(connection);
        while (!list_is_empty(&cbs->sent))
                end(list_entry(cbs->sent.head.next, struct hub_device, token.node),
                    HUB_TOKEN_UNANSWERED, copy.reason.text);
        if (++cbs->ended > MOST_ENDED)
                hub_core_fail(connection, copy.reason.text);
        else
                loop_timer_start(client->loop, &cbs->open_timer,
                                 hub_core_backoff(client, cbs->ended));
}

void hub_cbs_event(struct hub_connection *connection, pn_event_t *event)
{
        struct hub_cbs *cbs = &connection->cbs;
        pn_link_t *link = pn_event_link(event);
        const struct amqp_inbox *answer = NULL;

        switch (pn_event_type(event)) {
        case PN_LINK_FLOW:
                hub_cbs_pump(connection);
                break;
        case PN_DELIVERY:
                if (link == cbs->receiver)
                        answer = hub_link_receive(connection->hub->client, pn_event_delivery(event),
                                                  ANSWER_SIZE_MAX);
                if (answer != NULL)
                        answered(connection, answer);
                break;
        case PN_LINK_REMOTE_CLOSE:
        case PN_LINK_REMOTE_DETACH:
                if (link == cbs->sender || link == cbs->receiver)
                        ended(connection, pn_link_remote_condition(link));
                break;
        case PN_SESSION_REMOTE_CLOSE:
                ended(connection, pn_session_remote_condition(cbs->session->session));
                break;
        default:
                break;
        }
}

/* True if nothing could be asked for so long, for want of links or credit, that the connection is
 * of no use. */
static bool note_starving(struct hub_connection *connection)
{
        struct hub_cbs *cbs = &connection->cbs;
        int64_t now_ms = connection->hub->client->now_ms;

        if (list_is_empty(&cbs->queued) || !list_is_empty(&cbs->sent) ||
            (cbs->sender != NULL && pn_link_credit(cbs->sender) > 0))
                cbs->starved_since_ms = 0;
        else if (cbs->starved_since_ms == 0)
                cbs->starved_since_ms = now_ms;
        return cbs->starved_since_ms != 0 && now_ms - cbs->starved_since_ms > ANSWER_TIMEOUT_MS;
}

static void call_witnesses(struct hub_connection *connection, const struct hub_device *silent)
{
        struct hub_cbs *cbs = &connection->cbs;

        list_for_each (node, &connection->devices[HUB_PLACE_READY]) {
                struct hub_device *device = list_entry(node, struct hub_device, node);

                if (cbs->witnesses >= MOST_WITNESSES)
                        break;
                if (device == silent || device->token.list == &cbs->sent)
                        continue;
                hub_cbs_request(device);
                device->token.is_witness = true;
                cbs->witnesses++;
        }
}

/* A token came to nothing. True if the hub answers nobody; false also as long as that is open: then
 * other devices may be asked to find out. */
static bool judge_silence(struct hub_connection *connection, const struct hub_device *silent)
{
        struct hub_cbs *cbs = &connection->cbs;

        if (cbs->heard_ms >= silent->token.sent_ms)
                return false;
        if (silent->token.is_witness)
                return cbs->witnesses == 1;
        if (cbs->witnesses == 0)
                call_witnesses(connection, silent);
        if (cbs->witnesses > 0)
                return false;
        return hub_core_count(connection->devices) == 1 ||
               (cbs->unheard != NULL && cbs->unheard != silent);
}

bool hub_cbs_check(struct hub_connection *connection)
{
        struct hub_cbs *cbs = &connection->cbs;
        int64_t oldest_ms = connection->hub->client->now_ms - ANSWER_TIMEOUT_MS;

        while (!list_is_empty(&cbs->sent)) {
                struct hub_device *device =
                        list_entry(cbs->sent.head.next, struct hub_device, token.node);

                if (device->token.sent_ms > oldest_ms)
                        break;
                if (judge_silence(connection, device))
                        return false;
                end(device, HUB_TOKEN_UNANSWERED, "the hub did not answer the token");
                if (cbs->witnesses == 0 && cbs->heard_ms < device->token.sent_ms)
                        cbs->unheard = device;
        }
        hub_cbs_pump(connection);
        return !note_starving(connection);
}
