// SPDX-License-Identifier: MIT
#include "localhub/dps/provisioning.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "localhub/gate/token_check.h"

int provisioning_derive_key(const char *group_key, const char *registration_id, struct buf *out)
{
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;
        uint8_t mac[CRYPTO_SHA256_SIZE];

        if (!crypto_base64_decode(&key, group_key, strlen(group_key)) || key.size == 0)
                return -EINVAL;
        crypto_hmac_sha256(key.data, key.size, registration_id, strlen(registration_id), mac);
        crypto_base64_encode(out, mac, sizeof(mac));
        mem_wipe(key.data, key.size);
        mem_wipe(mac, sizeof(mac));
        return 0;
}

/* --- who may register ------------------------------------------------------------------------ */

/* Scope and registration id in any case, as they compare in the service. */
static bool is_for(const struct token *token, const struct provisioning_request *request)
{
        CLEANUP(mem_cleanup) char *resource = mem_text(token->resource);
        CLEANUP(mem_cleanup)
        char *path = mem_format("%s/registrations/%s", request->id_scope, request->registration_id);

        text_lower(resource);
        text_lower(path);
        return token_covers(resource, path);
}

static bool is_signed_by_derived(const struct token *token, const char *group_key, const char *id)
{
        CLEANUP(buf_deinit) struct buf key = BUF_INIT;
        bool same = provisioning_derive_key(group_key, id, &key) == 0 &&
                    token_is_signed_by(token, buf_text(&key));

        mem_wipe(key.data, key.size);
        return same;
}

static bool find_group(struct registry *registry, const struct token *token, const char *id,
                       struct registry_enrolment *found)
{
        uint64_t cursor = 0;

        while (registry_enrolment_next(registry, REGISTRY_GROUP, &cursor, found)) {
                if (registry_enrolment_has_certificates(found))
                        continue;
                if (is_signed_by_derived(token, found->primary_key, id) ||
                    is_signed_by_derived(token, found->secondary_key, id))
                        return true;
        }
        return false;
}

static int check_enabled(const struct registry_enrolment *found, struct reason *reason)
{
        if (found->enabled)
                return 0;
        reason_set(reason, "the enrolment '%s' is disabled", found->id);
        return PROVISIONING_E_DISABLED;
}

static int find_enrolment(struct registry *registry, const struct token *token, const char *id,
                          struct registry_enrolment *found, struct reason *reason)
{
        bool good;

        if (registry_enrolment_get(registry, REGISTRY_INDIVIDUAL, id, found))
                good = !registry_enrolment_has_certificates(found) &&
                       (token_is_signed_by(token, found->primary_key) ||
                        token_is_signed_by(token, found->secondary_key));
        else
                good = find_group(registry, token, id, found);
        if (!good) {
                reason_set(reason,
                           "the token of '%s' is signed with no key of its enrolment, nor with "
                           "one derived from a group's",
                           id);
                return PROVISIONING_E_UNAUTHORIZED;
        }
        return check_enabled(found, reason);
}

/* --- by certificate -------------------------------------------------------------------------- */

/* One of an individual enrolment's own certificates. */
static bool is_own(struct registry *registry, const struct registry_enrolment *enrolment,
                   const struct client_chain *chain)
{
        for (size_t i = 0; i < ARRAY_SIZE(enrolment->certificates); i++) {
                CLEANUP(buf_deinit) struct buf pem = BUF_INIT;
                struct certificate_facts facts;
                struct reason ignored = REASON_INIT;

                if (registry_certificate_get(registry, enrolment->certificates[i], &pem) &&
                    device_certificate_read(buf_text(&pem), &facts, NULL, &ignored) &&
                    client_chain_has_thumbprint(chain, facts.sha256))
                        return true;
        }
        return false;
}

static bool find_signer(struct registry *registry, const struct provisioning_request *request,
                        struct registry_enrolment *found, struct reason *reason)
{
        uint64_t cursor = 0;

        while (registry_enrolment_next(registry, REGISTRY_GROUP, &cursor, found)) {
                CLEANUP(buf_deinit) struct buf authorities = BUF_INIT;

                for (size_t i = 0; i < ARRAY_SIZE(found->certificates); i++)
                        (void)registry_certificate_get(registry, found->certificates[i],
                                                       &authorities);
                if (authorities.size > 0 &&
                    client_chain_is_from(request->chain, buf_text(&authorities), request->now_s,
                                         reason))
                        return true;
        }
        return false;
}

static int find_certified(struct registry *registry, const struct provisioning_request *request,
                          struct registry_enrolment *found, struct reason *reason)
{
        const char *name = request->chain->own.common_name;
        const char *id = request->registration_id;

        if (!text_equal_nocase(name, id)) {
                reason_set(reason, "the certificate's common name is '%s', not '%s'", name, id);
                return PROVISIONING_E_UNAUTHORIZED;
        }
        reason_set(reason, "no enrolment has the certificate of '%s', nor an authority for it", id);
        if (registry_enrolment_get(registry, REGISTRY_INDIVIDUAL, id, found)
                    ? !is_own(registry, found, request->chain)
                    : !find_signer(registry, request, found, reason))
                return PROVISIONING_E_UNAUTHORIZED;
        return check_enabled(found, reason);
}

int provisioning_check(struct registry *registry, const struct provisioning_request *request,
                       struct registry_enrolment *enrolment, struct reason *reason)
{
        CLEANUP(token_deinit) struct token token = {.signed_text = NULL};
        const char *text = request->authorization ? request->authorization : "";

        if (!text_equal_nocase(request->id_scope, registry_id_scope(registry))) {
                reason_set(reason, "there is no ID scope '%.128s' here", request->id_scope);
                return PROVISIONING_E_NO_SCOPE;
        }
        if (!registry_is_registration_id(request->registration_id)) {
                reason_set(reason, "the registration id '%.140s' breaks the rules",
                           request->registration_id);
                return PROVISIONING_E_INVALID;
        }
        if (request->chain)
                return find_certified(registry, request, enrolment, reason);
        if (token_parse(text, strlen(text), &token, reason) < 0)
                return PROVISIONING_E_UNAUTHORIZED;
        if (token.expires_s + TOKEN_CLOCK_SKEW_S <= request->now_s)
                reason_set(reason, "the token expired %lld seconds ago",
                           (long long)(request->now_s - token.expires_s));
        else if (!text_is_empty(token.key_name) && !text_equal(token.key_name, "registration"))
                reason_set(reason, "the token's key name (skn), if any, must be 'registration'");
        else if (!is_for(&token, request))
                reason_set(reason, "the token is for '%.255s', not for this registration",
                           token.resource);
        else
                return find_enrolment(registry, &token, request->registration_id, enrolment,
                                      reason);
        return PROVISIONING_E_UNAUTHORIZED;
}
