// SPDX-License-Identifier: MIT
#include "azure/hub/hub_doubt.h"

#include <assert.h>

#include "azure/hub/hub_cbs.h"
#include "azure/hub/hub_core.h"
#include "azure/hub/hub_device.h"
#include "base/backoff.h"
#include "base/log.h"

#define MANY               5
#define ACCEPTED_LATELY_MS 10000
#define SUSPICION_MS       3000
#define FIRST_PROBE_MS     1000
#define PROBE_MIN_MS       5000
#define PROBE_MAX_MS       10000

#define PATIENCE_MS          (INT64_C(2) * 60 * 1000)
#define PATIENCE_OF_TOKEN_MS (INT64_C(15) * 60 * 1000)

static void on_timer(struct timer *timer);

void hub_doubt_init(struct hub *hub)
{
        hub->doubt.timer.run = on_timer;
}

void hub_doubt_deinit(struct hub *hub)
{
        loop_timer_stop(hub->client->loop, &hub->doubt.timer);
}

#define TO(trust) (1U << HUB_##trust)

static const unsigned next_trust[] = {
        [HUB_TRUSTED] = TO(TRUSTED) | TO(SUSPECTED),
        [HUB_BELIEVED] = TO(TRUSTED),
        [HUB_SUSPECTED] = TO(TRUSTED) | TO(DOUBTED),
        [HUB_DOUBTED] = TO(TRUSTED) | TO(BELIEVED),
};

bool hub_doubt_can_follow(enum hub_trust before, enum hub_trust after)
{
        return (next_trust[before] & 1U << after) != 0;
}

static void set_trust(struct hub *hub, enum hub_trust trust)
{
        assert(hub_doubt_can_follow(hub->doubt.trust, trust));
        hub->doubt.trust = trust;
        hub->doubt.since_ms = hub->client->now_ms;
        hub->doubt.probe = NULL;
}

static bool has_many_devices(const struct hub *hub)
{
        size_t count = hub_core_count(hub->devices);

        list_for_each (node, &hub->connections)
                count += hub_core_count(list_entry(node, struct hub_connection, node)->devices);
        return count >= MANY;
}

static struct hub_device *first_doubted(struct hub *hub)
{
        struct list *doubted = &hub->devices[HUB_PLACE_DOUBTED];

        return list_is_empty(doubted) ? NULL
                                      : list_entry(doubted->head.next, struct hub_device, node);
}

/* A ready device whose token is not on its way; the next time it is another one's turn. */
static struct hub_device *ready_device(struct hub *hub, const struct hub_device *but)
{
        list_for_each (other, &hub->connections) {
                struct list *ready =
                        &list_entry(other, struct hub_connection, node)->devices[HUB_PLACE_READY];

                list_for_each (node, ready) {
                        struct hub_device *device = list_entry(node, struct hub_device, node);

                        if (device == but || device->token.list != NULL)
                                continue;
                        list_remove(ready, &device->node);
                        list_push_back(ready, &device->node);
                        return device;
                }
        }
        return NULL;
}

/* The newest device that waits for its first token. */
static struct hub_device *queued_device(struct hub *hub)
{
        struct hub_device *newest = NULL;

        list_for_each (node, &hub->connections) {
                struct list *queued = &list_entry(node, struct hub_connection, node)->cbs.queued;

                if (!list_is_empty(queued))
                        newest = list_entry(queued->head.previous, struct hub_device, token.node);
        }
        return newest;
}

/* --- suspicion ------------------------------------------------------------------------------- */

static void suspect(struct hub *hub, const struct hub_device *refused)
{
        struct hub_doubt *doubt = &hub->doubt;
        struct hub_device *witness = ready_device(hub, refused);

        set_trust(hub, HUB_SUSPECTED);
        doubt->refused = 0;
        loop_timer_start(hub->client->loop, &doubt->timer, SUSPICION_MS);
        if (witness != NULL)
                hub_device_renew(witness);
}

static void believe(struct hub *hub, enum hub_trust trust)
{
        struct hub_device *device;

        set_trust(hub, trust);
        loop_timer_stop(hub->client->loop, &hub->doubt.timer);
        while ((device = first_doubted(hub)) != NULL)
                hub_device_refuse(device, device->refusal, device->reason);
        hub_cbs_pump_all(hub);
}

/* --- doubt ----------------------------------------------------------------------------------- */

static void doubt_all(struct hub *hub, const char *why)
{
        struct hub_doubt *doubt = &hub->doubt;

        set_trust(hub, HUB_DOUBTED);
        doubt->probes = 0;
        loop_timer_start(hub->client->loop, &doubt->timer, FIRST_PROBE_MS);
        log_warn("HUB_DOUBTED", "A hub refuses all devices, so its refusals are not believed",
                 LOG_TEXT("hub", hub->name), LOG_TEXT("reason", why), LOG_END);
        list_for_each (node, &hub->devices[HUB_PLACE_DOUBTED]) {
                struct hub_device *device = list_entry(node, struct hub_device, node);

                device->tell_again = true;
                hub_core_news(device);
        }
}

static bool is_under_way(const struct hub_device *probe)
{
        return probe != NULL && probe->place != HUB_PLACE_DOUBTED &&
               (probe->place != HUB_PLACE_READY || probe->token.list != NULL);
}

/*
 * False if there is nobody who could try. Rather one that the hub has not heard of yet: perhaps
 * those that were refused are all the devices that it does not want.
 */
static bool choose_probe(struct hub *hub)
{
        struct hub_doubt *doubt = &hub->doubt;

        doubt->probe = ready_device(hub, NULL);
        if (doubt->probe == NULL)
                doubt->probe = queued_device(hub);
        if (doubt->probe == NULL)
                doubt->probe = first_doubted(hub);
        if (doubt->probe == NULL)
                return false;
        doubt->probes++;
        doubt->probed_ms = hub->client->now_ms;
        if (doubt->probe->place == HUB_PLACE_DOUBTED) {
                hub_device_try_again(doubt->probe);
                return true;
        }
        /* Its token is asked for at once, before those that have waited for longer. */
        hub_cbs_forget(doubt->probe);
        hub_device_renew(doubt->probe);
        return true;
}

static void send_probe(struct hub *hub)
{
        struct hub_doubt *doubt = &hub->doubt;

        if (!is_under_way(doubt->probe) && !choose_probe(hub)) {
                believe(hub, HUB_TRUSTED);
                return;
        }
        loop_timer_start(hub->client->loop, &doubt->timer,
                         backoff_between_ms(PROBE_MIN_MS, PROBE_MIN_MS * 3 / 2) *
                                 (doubt->probes < PROBE_MAX_MS / PROBE_MIN_MS
                                          ? doubt->probes
                                          : PROBE_MAX_MS / PROBE_MIN_MS));
}

static void on_timer(struct timer *timer)
{
        struct hub *hub = list_entry(timer, struct hub, doubt.timer);
        struct hub_doubt *doubt = &hub->doubt;
        int64_t patience_ms =
                doubt->refusal == HUB_REFUSAL_UNAUTHORIZED ? PATIENCE_OF_TOKEN_MS : PATIENCE_MS;

        if (hub->client->stopping)
                return;
        if (doubt->trust == HUB_SUSPECTED)
                believe(hub, HUB_TRUSTED);
        else if (hub->client->now_ms - doubt->since_ms >= patience_ms)
                believe(hub, HUB_BELIEVED);
        else
                send_probe(hub);
}

/* --- what the hub says ----------------------------------------------------------------------- */

static bool is_believed(const struct hub *hub)
{
        const struct hub_doubt *doubt = &hub->doubt;

        if (doubt->trust == HUB_SUSPECTED || doubt->trust == HUB_DOUBTED)
                return false;
        return doubt->trust == HUB_BELIEVED || !has_many_devices(hub) ||
               (doubt->accepted_ms != 0 &&
                hub->client->now_ms - doubt->accepted_ms < ACCEPTED_LATELY_MS);
}

static void count(struct hub *hub, enum hub_refusal refusal, const char *why)
{
        hub->doubt.refusal = refusal;
        if (hub->doubt.trust == HUB_SUSPECTED && ++hub->doubt.refused >= MANY)
                doubt_all(hub, why);
}

void hub_doubt_refused(struct hub_device *device, enum hub_refusal refusal, const char *why)
{
        struct hub *hub = device->hub;

        if (is_believed(hub)) {
                hub_device_refuse(device, refusal, why);
                return;
        }
        if (hub->doubt.trust == HUB_TRUSTED)
                suspect(hub, device);
        hub_device_doubt(device, refusal, why);
        count(hub, refusal, why);
}

bool hub_doubt_judge_renewal(struct hub_device *device, enum hub_refusal refusal)
{
        struct hub *hub = device->hub;

        if (is_believed(hub))
                return true;
        if (hub->doubt.trust == HUB_TRUSTED)
                suspect(hub, device);
        count(hub, refusal, "the hub refuses to renew tokens");
        return false;
}

void hub_doubt_accepted(struct hub *hub)
{
        struct hub_doubt *doubt = &hub->doubt;
        enum hub_trust trust = doubt->trust;
        struct hub_device *device;

        doubt->accepted_ms = hub->client->now_ms;
        set_trust(hub, HUB_TRUSTED);
        if (trust == HUB_SUSPECTED)
                believe(hub, HUB_TRUSTED);
        if (trust != HUB_DOUBTED)
                return;
        loop_timer_stop(hub->client->loop, &doubt->timer);
        log_info("HUB_DOUBT_ENDED", "A hub accepts devices again; all try once more",
                 LOG_TEXT("hub", hub->name), LOG_END);
        while ((device = first_doubted(hub)) != NULL)
                hub_device_try_again(device);
        hub_cbs_pump_all(hub);
}

void hub_doubt_asked(struct hub_device *device)
{
        struct hub *hub = device->hub;
        struct hub_doubt *doubt = &hub->doubt;
        int64_t wait_ms = doubt->probed_ms + FIRST_PROBE_MS - hub->client->now_ms;

        if (doubt->trust == HUB_DOUBTED && device != doubt->probe && !is_under_way(doubt->probe))
                loop_timer_start(hub->client->loop, &doubt->timer, wait_ms > 0 ? wait_ms : 0);
}

void hub_doubt_clock_was_set(struct hub *hub)
{
        list_for_each_safe (node, &hub->devices[HUB_PLACE_REFUSED]) {
                struct hub_device *device = list_entry(node, struct hub_device, node);

                if (device->refusal == HUB_REFUSAL_UNAUTHORIZED)
                        hub_device_try_again(device);
        }
        if (hub->doubt.trust != HUB_DOUBTED)
                return;
        hub->doubt.probes = 0;
        loop_timer_start(hub->client->loop, &hub->doubt.timer, 0);
}

void hub_doubt_forget(const struct hub_device *device)
{
        if (device->hub->doubt.probe == device)
                device->hub->doubt.probe = NULL;
}
