// SPDX-License-Identifier: MIT
/*
 * An AMQP session with a hub that does anything: the input is a list of steps, each one byte that
 * says what, one that says how, and for some a length and so many bytes.
 */
#include "fuzz/fuzz.h"
#include "unit/azure/hub_pair.h"

#define MOST_STEPS 200

struct input {
        const uint8_t *at;
        size_t left;
};

static uint8_t take(struct input *input)
{
        if (input->left == 0)
                return 0;
        input->left--;
        return *input->at++;
}

static pn_bytes_t take_bytes(struct input *input)
{
        size_t size = take(input);
        pn_bytes_t bytes;

        if (size > input->left)
                size = input->left;
        bytes = pn_bytes(size, (const char *)input->at);
        input->at += size;
        input->left -= size;
        return bytes;
}

static const char *condition_of(uint8_t how)
{
        static const char *const conditions[] = {
                "amqp:internal-error",
                "amqp:not-found",
                "amqp:unauthorized-access",
                "amqp:link:detach-forced",
                "amqp:link:message-size-exceeded",
                "amqp:link:stolen",
                "amqp:not-allowed",
                "com.microsoft:device-container-throttled",
        };

        return conditions[how % ARRAY_SIZE(conditions)];
}

static pn_link_t *link_of(struct hub_peer *peer, uint8_t how)
{
        pn_link_t *const links[] = {peer->cbs_out,  peer->cbs_in, peer->telemetry,
                                    peer->commands, peer->calls,  peer->answers};

        return links[how % ARRAY_SIZE(links)];
}

static void inject_message(struct hub_peer *peer, uint8_t how, pn_bytes_t bytes)
{
        pn_link_t *link = link_of(peer, how);

        if (link == NULL || !pn_link_is_sender(link))
                return;
        pn_delivery(link, pn_dtag("fuzz", 4));
        pn_link_send(link, bytes.start, bytes.size);
        pn_link_advance(link);
}

/* A frame with any body, as if the hub's library were broken. */
static void inject_frame(struct pair *pair, uint8_t how, pn_bytes_t bytes)
{
        pn_rwbytes_t room = pn_connection_driver_read_buffer(&pair->client);
        const uint8_t header[8] = {0, 0, 0, (uint8_t)(bytes.size + 8), 2, 0, 0, how};

        if (bytes.size > 240 || room.size < bytes.size + sizeof(header))
                return;
        memcpy(room.start, header, sizeof(header));
        memcpy(room.start + sizeof(header), bytes.start, bytes.size);
        pn_connection_driver_read_done(&pair->client, bytes.size + sizeof(header));
}

static void end_something(struct pair *pair, uint8_t how)
{
        pn_link_t *link = link_of(&pair->peer, how);

        if ((how & 0xc0) == 0xc0) {
                pn_condition_set_name(pn_connection_condition(pair->server.connection),
                                      condition_of(how));
                pn_connection_close(pair->server.connection);
        } else if (link != NULL && (how & 0x80) != 0) {
                pn_condition_set_name(pn_session_condition(pn_link_session(link)),
                                      condition_of(how));
                pn_session_close(pn_link_session(link));
        } else if (link != NULL) {
                pn_condition_set_name(pn_link_condition(link), condition_of(how));
                if ((how & 0x40) != 0)
                        pn_link_detach(link);
                else
                        pn_link_close(link);
        }
}

static void change_script(struct hub_script *script, uint8_t how)
{
        static const int statuses[] = {200, 202, 401, 404, 429, 500, 0};
        static const uint64_t outcomes[] = {0,           PN_ACCEPTED, PN_REJECTED,
                                            PN_RELEASED, PN_MODIFIED, PN_ACCEPTED};

        script->token_status = statuses[how % ARRAY_SIZE(statuses)];
        script->twin_status = script->token_status;
        script->outcome = outcomes[how % ARRAY_SIZE(outcomes)];
        script->condition = condition_of(how);
        script->hold_tokens = how > 240;
        script->refuse_attach = how % 16 == 3 ? condition_of(how / 16) : NULL;
        script->credit = how % 5 == 0 ? 0 : 10;
        script->silent = how == 255;
}

static void settle_commands(struct owner *owner, uint8_t how)
{
        size_t held = owner->command_count < OWNER_HELD ? owner->command_count : OWNER_HELD;

        while (held > 0)
                (void)hub_command_settle(owner->commands[--held], (enum hub_settlement)(how % 3));
        owner->command_count = 0;
        held = owner->method_count < OWNER_HELD ? owner->method_count : OWNER_HELD;
        while (held > 0)
                (void)hub_method_answer(owner->methods[--held], how, "{}", 2);
        owner->method_count = 0;
}

static void use_owner(struct bench *bench, uint8_t how)
{
        struct owner *owner = (how & 1) != 0 ? &bench->owner : &bench->other;

        owner_clear(owner);
        owner->send_again = (how & 2) != 0;
        switch (how / 4 % 6) {
        case 0:
                owner->to_send = how / 24;
                owner_send_more(owner);
                break;
        case 1:
                settle_commands(owner, how);
                break;
        case 2:
                settle_commands(owner, how);
                owner_close(owner);
                break;
        case 3:
                if (owner->device == NULL)
                        owner_open(owner, &bench->world, "again");
                break;
        case 4:
                if (owner->device != NULL)
                        hub_device_retry(owner->device);
                break;
        default:
                owner->close_on_outcome = (how & 32) != 0;
                owner->close_on_state = (how & 64) != 0;
                break;
        }
}

/* A report, what a hub sends on the links of the twin, or their end. */
static void use_twin(struct bench *bench, uint8_t how, pn_bytes_t bytes)
{
        struct hub_peer *peer = &bench->world.pairs[0].peer;
        struct owner *owner = (how & 4) != 0 ? &bench->owner : &bench->other;
        pn_link_t *link = (how & 8) != 0 ? peer->twin_out : peer->twin_in;

        owner_clear(owner);
        if ((how & 3) == 0) {
                if (owner->device != NULL)
                        (void)hub_device_report(owner->device, bytes.start, bytes.size, how);
        } else if (!bench->world.pairs[0].used || link == NULL) {
                return;
        } else if ((how & 3) == 1) {
                pn_condition_set_name(pn_link_condition(link), condition_of(how / 16));
                pn_link_close(link);
        } else if (pn_link_is_sender(link)) {
                pn_delivery(link, pn_dtag("fuzz", 4));
                pn_link_send(link, bytes.start, bytes.size);
                pn_link_advance(link);
        }
}

static void step(struct bench *bench, struct input *input)
{
        uint8_t what = take(input);
        uint8_t how = take(input);
        struct pair *pair = &bench->world.pairs[0];

        switch (what % 9) {
        case 0:
                if (pair->used)
                        inject_frame(pair, how % 4, take_bytes(input));
                break;
        case 1:
        case 2:
                if (pair->used)
                        inject_message(&pair->peer, how, take_bytes(input));
                break;
        case 3:
                if (pair->used)
                        end_something(pair, how);
                break;
        case 4:
                change_script(&bench->world.script, how);
                break;
        case 5:
                world_advance(&bench->world, how * INT64_C(1000));
                break;
        case 6:
                use_owner(bench, how);
                break;
        case 8:
                use_twin(bench, how, take_bytes(input));
                break;
        default:
                if (pair->used && how % 4 == 0)
                        pair_cut(pair);
                break;
        }
        /* Owners keep 64 of each; the client grants 20. */
        if (bench->owner.command_count > 20 || bench->owner.method_count > 20)
                settle_commands(&bench->owner, 0);
        world_run(&bench->world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct hub_client_options options = {.devices_per_connection = 2};
        struct input input = {data, size};
        struct bench *bench = bench_new(&options);

        bench->owner.receives = true;
        bench->other.receives = true;
        owner_open(&bench->owner, &bench->world, "dev1");
        owner_open(&bench->other, &bench->world, "dev2");
        world_run(&bench->world);
        for (int i = 0; i < MOST_STEPS && input.left > 0; i++)
                step(bench, &input);
        settle_commands(&bench->owner, 0);
        settle_commands(&bench->other, 0);
        bench_free(bench);
        return 0;
}
