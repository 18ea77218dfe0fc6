// SPDX-License-Identifier: MIT
/*
 * SASL as IoT Hub offers it (rule W4). ANONYMOUS, EXTERNAL and MSSBCBS say nothing of who comes:
 * tokens follow on `$cbs`. PLAIN carries a token, which counts as if it had been put there, or is
 * for the provisioning service (rule W24).
 */
#include <proton/sasl.h>
#include <proton/sasl_plugin.h>
#include <string.h>

#include "base/mem.h"
#include "localhub/amqp/amqp_core.h"

static const char *list_mechanisms(pn_transport_t *transport)
{
        (void)transport;
        return "EXTERNAL MSSBCBS ANONYMOUS PLAIN";
}

static bool init_server(pn_transport_t *transport)
{
        pnx_sasl_set_desired_state(transport, SASL_POSTED_MECHANISMS);
        return true;
}

static bool init_client(pn_transport_t *transport)
{
        (void)transport;
        return false;
}

static void finish(pn_transport_t *transport, bool good)
{
        if (good)
                pnx_sasl_set_succeeded(transport, "client", "client");
        else
                pnx_sasl_set_failed(transport);
        pnx_sasl_set_desired_state(transport, SASL_POSTED_OUTCOME);
}

/* For the provisioning service, which judges the token with the first request. */
static bool take_registrant(struct amqp_peer *peer, const char *user, const char *password,
                            const char *end)
{
        if (peer->registrant || memchr(password, '\0', (size_t)(end - password)))
                return false;
        peer->registrant = mem_text(user);
        peer->password = mem_text_n(password, (size_t)(end - password));
        return true;
}

/* `authzid NUL user NUL password` (RFC 4616). */
static bool take_plain(struct amqp_peer *peer, const pn_bytes_t *response)
{
        const char *end = response->size ? response->start + response->size : NULL;
        const char *user = end ? memchr(response->start, '\0', response->size) : NULL;
        const char *password = user ? memchr(user + 1, '\0', (size_t)(end - user - 1)) : NULL;

        if (password && peer->core->provisioning && strstr(user + 1, "/registrations/"))
                return take_registrant(peer, user + 1, password + 1, end);
        return password && amqp_cbs_take_token(peer, password + 1, (size_t)(end - password - 1));
}

static void process_init(pn_transport_t *transport, const char *mechanism,
                         const pn_bytes_t *response)
{
        struct amqp_peer *peer = pnx_sasl_get_context(transport);

        finish(transport, strcmp(mechanism, "PLAIN") != 0 || take_plain(peer, response));
}

/* No mechanism here has a second step. */
static void process_response(pn_transport_t *transport, const pn_bytes_t *response)
{
        (void)response;
        finish(transport, false);
}

static void do_nothing(pn_transport_t *transport)
{
        (void)transport;
}

static bool can_encrypt(pn_transport_t *transport)
{
        (void)transport;
        return false;
}

static const pnx_sasl_implementation implementation = {
        .free = do_nothing,
        .list_mechanisms = list_mechanisms,
        .init_server = init_server,
        .init_client = init_client,
        .prepare_write = do_nothing,
        .process_init = process_init,
        .process_response = process_response,
        .can_encrypt = can_encrypt,
};

void amqp_sasl_offer(struct amqp_peer *peer, pn_transport_t *transport)
{
        (void)pn_sasl(transport);
        pnx_sasl_set_implementation(transport, &implementation, peer);
}
