// SPDX-License-Identifier: MIT
#include "azure/hub/hub_trial.h"

#include "azure/hub/hub_core.h"
#include "base/log.h"

/* Messages of a suspect that are to be accepted: nothing is known of it, or it is the culprit. */
#define PAROLE         1
#define CULPRIT_PAROLE 10

static void begin(struct hub_trial *trial, uint64_t token, uint64_t accepted)
{
        if (trial->token == token && trial->tries + trial->losses > 0)
                return;
        *trial = (struct hub_trial){
                .token = token, .accepted = accepted, .on_parole = trial->on_parole};
}

static void end(struct hub_trial *trial)
{
        *trial = (struct hub_trial){.on_parole = trial->on_parole};
}

void hub_trial_failed(struct hub_send *send, enum hub_outcome outcome, const char *why)
{
        uint64_t accepted = send->device->hub->home->accepted;
        struct hub_trial *trial = &send->device->trial;
        struct reason reason = REASON_INIT;

        reason_set(&reason, "%s", why);
        begin(trial, send->token, accepted);
        if (trial->tries < HUB_TRIAL_MOST_TRIES)
                trial->tries++;
        if (trial->tries == HUB_TRIAL_MOST_TRIES && accepted != trial->accepted) {
                end(trial);
                reason_prefix(&reason, "given up after %d tries while the hub accepted others",
                              HUB_TRIAL_MOST_TRIES);
                outcome = HUB_REJECTED;
        }
        hub_core_send_end(send, outcome, reason.text);
}

/* --- lost connections ------------------------------------------------------------------------ */

static void suspect(struct hub_device *device, int parole)
{
        struct hub_trial *trial = &device->trial;

        if (trial->on_parole == 0) {
                device->hub->suspects++;
                log_info("HUB_DEVICE_ISOLATED",
                         "A device whose message was under way when connections were lost gets "
                         "one of its own",
                         LOG_TEXT("device", device->device_id), LOG_TEXT("hub", device->hub->name),
                         LOG_END);
        }
        if (trial->on_parole < parole)
                trial->on_parole = parole;
}

/* One more loss; true if the message is to be given up. */
static bool count_loss(struct hub_device *device, uint64_t token, bool alone)
{
        struct hub_trial *trial = &device->trial;
        struct hub_client *client = device->hub->client;

        begin(trial, token, device->hub->home->accepted);
        trial->losses++;
        if (trial->losses >= HUB_TRIAL_SUSPECT_LOSSES)
                suspect(device, PAROLE);
        if (!alone)
                return false;
        if (trial->lone_losses++ == 0)
                trial->accepted = device->hub->home->accepted;
        suspect(device, CULPRIT_PAROLE);
        device->not_before_ms = client->now_ms + hub_core_backoff(client, trial->lone_losses);
        return trial->lone_losses >= HUB_TRIAL_MOST_LOSSES &&
               device->hub->home->accepted > trial->accepted;
}

/* The report that the hub has not answered yet; or NULL. */
static struct hub_send *sent_report(const struct hub_device *device)
{
        return device->twin != NULL && device->twin->patch.size == 0 ? device->twin->report : NULL;
}

static size_t count_under_way(const struct hub_connection *connection)
{
        size_t count = connection->in_flight.count;

        list_for_each (node, &connection->devices[HUB_PLACE_READY])
                count += sent_report(list_entry(node, struct hub_device, node)) != NULL;
        return count;
}

void hub_trial_lost(struct hub_connection *connection)
{
        bool alone = connection->for_suspects && count_under_way(connection) == 1;

        list_for_each (node, &connection->devices[HUB_PLACE_READY]) {
                struct hub_device *device = list_entry(node, struct hub_device, node);
                struct hub_send *send = hub_core_oldest(device);
                struct reason reason = REASON_INIT;

                if (send == NULL)
                        send = sent_report(device);
                if (send == NULL || !count_loss(device, send->token, alone))
                        continue;
                reason_set(&reason,
                           "given up: %d connections were lost while nothing but this was under "
                           "way on them, and the hub accepted others meanwhile",
                           device->trial.lone_losses);
                end(&device->trial);
                hub_core_send_end(send, HUB_REJECTED, reason.text);
        }
}

void hub_trial_accepted(struct hub_send *send)
{
        struct hub_device *device = send->device;
        struct hub_trial *trial = &device->trial;

        device->pause.failures = 0;
        device->hub->home->accepted++;
        if (trial->token == send->token)
                end(trial);
        hub_core_send_end(send, HUB_ACCEPTED, NULL);
        if (trial->on_parole == 0 || --trial->on_parole > 0)
                return;
        device->hub->suspects--;
        hub_core_work(device, HUB_WORK_PAROLE);
}

bool hub_trial_is_suspect(const struct hub_device *device)
{
        return device->trial.on_parole > 0;
}

size_t hub_trial_share(const struct hub *hub)
{
        return (hub->suspects + HUB_TRIAL_CONNECTIONS - 1) / HUB_TRIAL_CONNECTIONS;
}

void hub_trial_forget(struct hub_device *device)
{
        if (device->trial.on_parole > 0)
                device->hub->suspects--;
        device->trial.on_parole = 0;
}
