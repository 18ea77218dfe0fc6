// SPDX-License-Identifier: MIT
/* Who may connect (rule W15), for how long, and what is kept of a session. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "localhub/gate/certificate_check.h"
#include "localhub/gate/token_check.h"
#include "localhub/mqtt/mqtt_core.h"
#include "localhub/mqtt/mqtt_topic.h"

#define SILENCE_MAX_MS 1767000 /* IoT Hub's longest, whatever a client asks for */

/* The subscriptions of a session that outlives its connection. */
struct mqtt_kept {
        struct table_entry by_key; /* as a device session's */
        unsigned subscriptions;    /* enum mqtt_subscription */
        bool at_most_once;
};

/* --- what is kept ---------------------------------------------------------------------------- */

static struct mqtt_kept *find_kept(const struct mqtt_peer *peer)
{
        struct table_entry *entry = table_find(&peer->core->kept, peer->session.key);

        return entry ? table_of(entry, struct mqtt_kept, by_key) : NULL;
}

static void kept_free(struct mqtt_core *core, struct mqtt_kept *kept)
{
        char *key = (char *)(uintptr_t)kept->by_key.key;

        table_remove(&core->kept, &kept->by_key);
        free(key);
        free(kept);
}

void mqtt_connect_keep(struct mqtt_peer *peer)
{
        struct mqtt_kept *kept = find_kept(peer);

        if (kept)
                kept_free(peer->core, kept);
        if (peer->clean_session || !peer->subscriptions)
                return;
        kept = mem_new(1, sizeof(*kept));
        kept->by_key.key = mem_text(peer->session.key);
        kept->subscriptions = peer->subscriptions;
        kept->at_most_once = peer->commands_at_most_once;
        table_add(&peer->core->kept, &kept->by_key);
}

void mqtt_core_deinit(struct mqtt_core *core)
{
        for (size_t i = 0; i < core->kept.slot_count; i++) {
                while (core->kept.slots[i])
                        kept_free(core, table_of(core->kept.slots[i], struct mqtt_kept, by_key));
        }
        table_deinit(&core->kept);
}

/* --- time ------------------------------------------------------------------------------------ */

void mqtt_connect_heard(struct mqtt_peer *peer)
{
        timers_start(peer->core->timers, &peer->keep_alive, *peer->core->now_ms + peer->silence_ms);
}

static void on_silence(struct timer *timer)
{
        struct mqtt_peer *peer = list_entry(timer, struct mqtt_peer, keep_alive);

        log_info("HUB_MQTT_SILENT", "A connection ended because its client was silent",
                 LOG_TEXT("hub", peer->hub_id), LOG_TEXT("connection", peer->id), LOG_END);
        mqtt_peer_end(peer, false);
}

static void on_expiry(struct timer *timer)
{
        struct mqtt_peer *peer = list_entry(timer, struct mqtt_peer, expiry);

        log_info("HUB_TOKEN_EXPIRED", "A device's token expired without renewal",
                 LOG_TEXT("hub", peer->hub_id), LOG_TEXT("device", peer->session.id), LOG_END);
        mqtt_peer_end(peer, false);
}

void mqtt_connect_start_silence(struct mqtt_peer *peer, uint16_t keep_alive_s)
{
        peer->silence_ms = (int64_t)keep_alive_s * 1500;
        if (peer->silence_ms == 0 || peer->silence_ms > SILENCE_MAX_MS)
                peer->silence_ms = SILENCE_MAX_MS;
        peer->keep_alive.run = on_silence;
        mqtt_connect_heard(peer);
}

static void start_times(struct mqtt_peer *peer, uint16_t keep_alive_s, int64_t expires_s)
{
        const struct mqtt_core *core = peer->core;

        mqtt_connect_start_silence(peer, keep_alive_s);
        peer->expiry.run = on_expiry;
        if (expires_s == 0)
                return; /* no token, but a certificate */
        timers_start(core->timers, &peer->expiry,
                     *core->now_ms + expires_s * 1000 - *core->wall_ms);
}

/* --- who it is ------------------------------------------------------------------------------- */

static void on_waiting(struct device_session *session, enum device_work work)
{
        struct mqtt_peer *peer = list_entry(session, struct mqtt_peer, session);

        peer->work |= 1U << work;
        stream_wake(peer->stream);
}

static void on_taken_over(struct device_session *session)
{
        mqtt_peer_end(list_entry(session, struct mqtt_peer, session), false);
}

/* What AMQP alone has, links for example, MQTT can't lose. */
static void on_injected(struct device_session *session, enum device_injection what,
                        const char *reason)
{
        struct mqtt_peer *peer = list_entry(session, struct mqtt_peer, session);

        (void)reason;
        if (what == DEVICE_INJECT_TCP)
                stream_cut(peer->stream);
        else if (what == DEVICE_INJECT_SHUTDOWN)
                mqtt_peer_end(peer, false);
}

static const struct device_protocol protocol = {
        .waiting = on_waiting,
        .taken_over = on_taken_over,
        .injected = on_injected,
};

static bool is_client_id(const struct mqtt_bytes *client_id, const char *device_id)
{
        return client_id->size == strlen(device_id) &&
               memcmp(client_id->data, device_id, client_id->size) == 0;
}

/* By the token in the password, or without one by the client's certificate. */
static enum mqtt_refusal check_token(struct mqtt_peer *peer, const struct mqtt_bytes *password,
                                     const struct mqtt_user *user, struct token_grant *grant,
                                     struct reason *reason)
{
        const struct mqtt_core *core = peer->core;
        struct registry_device device = {.hub = peer->hub};
        bool enabled;

        if (password->size == 0)
                return certificate_check_device(core->registry, peer->hub, user->device_id,
                                                stream_chain(peer->stream), *core->wall_ms / 1000,
                                                reason) == 0
                               ? MQTT_WELCOME
                               : MQTT_NOT_AUTHORIZED;
        if (token_check_hub(core->registry, peer->hub, password->data, password->size,
                            *core->wall_ms / 1000, grant, reason) != 0)
                return MQTT_NOT_AUTHORIZED;
        if (!(grant->rights & REGISTRY_RIGHT_DEVICE) ||
            (grant->device_id[0] && strcmp(grant->device_id, user->device_id) != 0)) {
                reason_set(reason, "the token does not allow to connect as '%s'", user->device_id);
                return MQTT_NOT_AUTHORIZED;
        }
        enabled = registry_device_get(core->registry, peer->hub, user->device_id, &device) &&
                  device.enabled;
        mem_wipe(device.primary_key, sizeof(device.primary_key));
        mem_wipe(device.secondary_key, sizeof(device.secondary_key));
        if (enabled)
                return MQTT_WELCOME;
        reason_set(reason, "device '%s' does not exist or is disabled", user->device_id);
        return MQTT_NOT_AUTHORIZED;
}

/* Hubs may share a port: then the name says which one is meant. */
static bool find_hub(struct mqtt_peer *peer, const char *host)
{
        int named = registry_hub_choose(peer->core->registry, peer->hub, host);

        if (named >= 0)
                mqtt_peer_set_hub(peer, named);
        return named >= 0;
}

static enum mqtt_refusal check(struct mqtt_peer *peer, const struct mqtt_connect *connect,
                               struct mqtt_user *user, struct token_grant *grant,
                               struct reason *reason)
{
        if (!connect->is_mqtt_3_1_1) {
                reason_set(reason, "only MQTT 3.1.1 is spoken here");
                return MQTT_WRONG_PROTOCOL;
        }
        if (!mqtt_user_read(&connect->user_name, user)) {
                reason_set(reason, "the user name must be HOST/DEVICE/?api-version=...");
                return MQTT_WRONG_USER_NAME;
        }
        if (!find_hub(peer, user->host)) {
                reason_set(reason, "the user name is for '%.255s', which is not this hub",
                           user->host);
                return MQTT_WRONG_USER_NAME;
        }
        if (!is_client_id(&connect->client_id, user->device_id)) {
                reason_set(reason, "the client id must be the device id '%s'", user->device_id);
                return MQTT_WRONG_CLIENT_ID;
        }
        return check_token(peer, &connect->password, user, grant, reason);
}

/* Faults that come instead of an answer. True if one did. */
static bool refuse_by_fault(struct mqtt_peer *peer, const char *device_id, enum mqtt_refusal *code)
{
        struct faults *faults = peer->core->faults;
        struct fault fault;

        if (faults_apply(faults, FAULT_TOKEN, peer->hub_id, device_id, &fault)) {
                *code = fault.status == 0 ? MQTT_WELCOME : MQTT_NOT_AUTHORIZED;
                return true;
        }
        if (faults_apply(faults, FAULT_OPEN, peer->hub_id, "", &fault) ||
            faults_apply(faults, FAULT_ATTACH, peer->hub_id, device_id, &fault)) {
                *code = MQTT_UNAVAILABLE;
                return true;
        }
        return false;
}

/* --- CONNECT --------------------------------------------------------------------------------- */

static void accept(struct mqtt_peer *peer, const struct mqtt_connect *connect,
                   const struct mqtt_user *user, const struct token_grant *grant)
{
        const struct mqtt_kept *kept;
        CLEANUP(buf_deinit) struct buf answer = BUF_INIT;

        device_session_init(&peer->session, peer->core->sessions, &protocol, peer->hub,
                            user->device_id, peer->id);
        peer->session.auth = connect->password.size == 0 ? TELEMETRY_AUTH_CERTIFICATE
                             : grant->key_name[0]        ? TELEMETRY_AUTH_POLICY
                                                         : TELEMETRY_AUTH_KEY;
        peer->connected = true;
        peer->clean_session = connect->clean_session;
        if (user->model_id[0]) {
                free(peer->session.model_id);
                peer->session.model_id = mem_text(user->model_id);
        }
        if (connect->will_topic.data) {
                peer->will = mem_new(1, sizeof(*peer->will));
                buf_add(&peer->will->topic, connect->will_topic.data, connect->will_topic.size);
                buf_add(&peer->will->body, connect->will_body.data, connect->will_body.size);
        }
        start_times(peer, connect->keep_alive_s, grant->expires_s);
        stream_is_known(peer->stream);
        kept = find_kept(peer);
        if (kept && !connect->clean_session) {
                peer->subscriptions = kept->subscriptions;
                peer->commands_at_most_once = kept->at_most_once;
        } else {
                mqtt_connect_keep(peer);
        }
        mqtt_put_connack(&answer, peer->subscriptions != 0, MQTT_WELCOME);
        stream_write(peer->stream, answer.data, answer.size);
        device_session_connect(&peer->session);
        mqtt_peer_subscribed(peer, 0);
}

bool mqtt_connect(struct mqtt_peer *peer, const struct mqtt_packet *packet)
{
        CLEANUP(buf_deinit) struct buf answer = BUF_INIT;
        struct reason reason = REASON_INIT;
        struct token_grant grant = {.rights = 0};
        struct mqtt_user user = {.host = ""};
        enum mqtt_refusal code;

        if (packet->connect.is_mqtt_3_1_1 && mqtt_provision_connect(peer, &packet->connect))
                return true;
        code = check(peer, &packet->connect, &user, &grant, &reason);
        if (user.device_id[0] && refuse_by_fault(peer, user.device_id, &code)) {
                if (code == MQTT_WELCOME)
                        return true; /* no answer at all */
                reason_set(&reason, "ordered by a fault rule");
        }
        if (code == MQTT_WELCOME &&
            quotas_take(peer->core->sessions->quotas, peer->hub, QUOTA_CONNECTIONS, 1,
                        *peer->core->now_ms) != QUOTA_TAKEN) {
                code = MQTT_UNAVAILABLE;
                reason_set(&reason, "there are too many new connections of devices");
        }
        if (code == MQTT_WELCOME) {
                accept(peer, &packet->connect, &user, &grant);
                log_debug("HUB_MQTT_CONNECTED", "A device connected over MQTT",
                          LOG_TEXT("hub", peer->hub_id), LOG_TEXT("connection", peer->id),
                          LOG_TEXT("device", user.device_id), LOG_END);
                return true;
        }
        log_info("HUB_MQTT_REFUSED", "An MQTT connection was refused",
                 LOG_TEXT("hub", peer->hub_id), LOG_TEXT("connection", peer->id),
                 LOG_INT("code", code), LOG_TEXT("reason", reason.text), LOG_END);
        mqtt_put_connack(&answer, false, code);
        stream_write(peer->stream, answer.data, answer.size);
        return false;
}

static void will_free(struct mqtt_will *will)
{
        if (!will)
                return;
        buf_deinit(&will->topic);
        buf_deinit(&will->body);
        free(will);
}

void mqtt_connect_end(struct mqtt_peer *peer)
{
        struct mqtt_core *core = peer->core;

        if (!peer->in_order && peer->will)
                mqtt_telemetry_will(peer);
        will_free(peer->will);
        peer->will = NULL;
        timers_stop(core->timers, &peer->keep_alive);
        timers_stop(core->timers, &peer->expiry);
        mqtt_commands_forget(peer);
        mqtt_telemetry_forget(peer);
        device_session_disconnect(&peer->session);
        device_session_deinit(&peer->session);
        peer->connected = false;
}
