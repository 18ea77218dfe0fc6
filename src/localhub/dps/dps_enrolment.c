// SPDX-License-Identifier: MIT
#include "localhub/dps/dps_enrolment.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "localhub/dps/dps_document.h"
#include "localhub/x509/client_chain.h"

#define EXTRA_DEPTH 64

static const char *const allocation_names[] = {
        [REGISTRY_HASHED] = "hashed",
        [REGISTRY_GEO_LATENCY] = "geoLatency",
        [REGISTRY_STATIC] = "static",
        [REGISTRY_CUSTOM] = "custom",
};

/* Members that go to the extra as they are. */
static const char *const kept_members[] = {"iotHubs", "initialTwin", "customAllocationDefinition",
                                           "optionalDeviceInformation"};

struct json_object *dps_enrolment_extra(struct registry *registry,
                                        const struct registry_enrolment *enrolment)
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        struct reason ignored = REASON_INIT;
        struct json_object *extra = NULL;

        registry_enrolment_extra(registry, enrolment->kind, enrolment->id, &text);
        if (text.size > 0)
                extra = json_parse(buf_text(&text), text.size, EXTRA_DEPTH, JSON_STRICT, &ignored);
        return extra ? extra : json_object_new_object();
}

/* --- writing --------------------------------------------------------------------------------- */

/* What a certificate says; NULL if there is none. */
static struct json_object *certificate_entry(struct registry *registry, const char *name)
{
        CLEANUP(buf_deinit) struct buf pem = BUF_INIT;
        struct certificate_facts facts;
        struct reason ignored = REASON_INIT;
        struct json_object *entry;
        struct json_object *info;

        if (!name[0] || !registry_certificate_get(registry, name, &pem) ||
            !device_certificate_read(buf_text(&pem), &facts, NULL, &ignored))
                return NULL;
        entry = json_object_new_object();
        info = json_object_new_object();
        CLEANUP(mem_cleanup) char *subject = mem_format("CN=%s", facts.common_name);
        json_add_text(info, "subjectName", subject);
        json_add_text(info, "sha1Thumbprint", facts.sha1);
        json_add_text(info, "sha256Thumbprint", facts.sha256);
        json_object_object_add(entry, "info", info);
        return entry;
}

static bool is_own_name(const char *name)
{
        return strncmp(name, "enrollments/", strlen("enrollments/")) == 0;
}

static struct json_object *x509_entry(struct registry *registry,
                                      const struct registry_enrolment *enrolment)
{
        static const char *const members[] = {"primary", "secondary"};
        struct json_object *entry = json_object_new_object();
        struct json_object *list = json_object_new_object();
        const char *kind =
                enrolment->kind == REGISTRY_GROUP ? "signingCertificates" : "clientCertificates";

        if (enrolment->certificates[0][0] && !is_own_name(enrolment->certificates[0]))
                kind = "caReferences";
        for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
                const char *name = enrolment->certificates[i];

                if (strcmp(kind, "caReferences") == 0 && name[0])
                        json_add_text(list, members[i], name);
                else if (name[0])
                        json_object_object_add(list, members[i], certificate_entry(registry, name));
        }
        json_object_object_add(entry, kind, list);
        return entry;
}

static struct json_object *attestation_entry(struct registry *registry,
                                             const struct registry_enrolment *enrolment,
                                             struct json_object *extra, bool with_keys)
{
        struct json_object *entry = json_object_new_object();
        struct json_object *tpm = json_object_member(extra, "tpm");

        json_add_text(entry, "type",
                      tpm                                              ? "tpm"
                      : registry_enrolment_has_certificates(enrolment) ? "x509"
                                                                       : "symmetricKey");
        if (tpm) {
                json_object_object_add(entry, "tpm", json_object_get(tpm));
        } else if (registry_enrolment_has_certificates(enrolment)) {
                json_object_object_add(entry, "x509", x509_entry(registry, enrolment));
        } else if (with_keys) {
                struct json_object *keys = json_object_new_object();

                json_add_text(keys, "primaryKey", enrolment->primary_key);
                json_add_text(keys, "secondaryKey", enrolment->secondary_key);
                json_object_object_add(entry, "symmetricKey", keys);
        }
        return entry;
}

struct json_object *dps_enrolment_attestation(struct registry *registry,
                                              const struct registry_enrolment *enrolment)
{
        CLEANUP(json_cleanup) struct json_object *extra = dps_enrolment_extra(registry, enrolment);

        return attestation_entry(registry, enrolment, extra, true);
}

static void add_flag(struct json_object *object, const char *outer, const char *name, bool value)
{
        struct json_object *inner = json_object_member(object, outer);

        if (!inner) {
                inner = json_object_new_object();
                json_object_object_add(object, outer, inner);
        }
        json_add_bool(inner, name, value);
}

static void add_hub(struct json_object *document, struct registry *registry, const char *hub_id)
{
        struct registry_hub hub;

        if (hub_id[0] && registry_hub_get(registry, registry_hub_find(registry, hub_id), &hub))
                json_add_text(document, "iotHubHostName", hub.address);
}

static void add_state(struct json_object *document, struct registry *registry, const char *id)
{
        struct registry_registration registration;
        const struct dps_verdict verdict = {
                .status = "assigned",
                .registration_id = id,
                .registration = &registration,
        };

        if (registry_registration_get(registry, id, &registration))
                json_object_object_add(document, "registrationState", dps_document_state(&verdict));
}

struct json_object *dps_enrolment_document(struct registry *registry,
                                           const struct registry_enrolment *enrolment)
{
        CLEANUP(json_cleanup) struct json_object *extra = dps_enrolment_extra(registry, enrolment);
        CLEANUP(mem_cleanup) char *etag = mem_format("\"%s\"", enrolment->etag);
        struct json_object *document = json_object_new_object();
        bool is_group = enrolment->kind == REGISTRY_GROUP;

        json_add_text(document, is_group ? "enrollmentGroupId" : "registrationId", enrolment->id);
        if (enrolment->device_id[0])
                json_add_text(document, "deviceId", enrolment->device_id);
        json_object_object_add(document, "attestation",
                               attestation_entry(registry, enrolment, extra, false));
        add_flag(document, "capabilities", "iotEdge", enrolment->edge);
        add_hub(document, registry, enrolment->hub_id);
        json_add_text(document, "etag", etag);
        json_add_text(document, "provisioningStatus", enrolment->enabled ? "enabled" : "disabled");
        add_flag(document, "reprovisionPolicy", "updateHubAssignment", !enrolment->keeps_hub);
        add_flag(document, "reprovisionPolicy", "migrateDeviceData", !enrolment->resets_data);
        json_add_text(document, "allocationPolicy", allocation_names[enrolment->allocation]);
        dps_document_add_time(document, "createdDateTimeUtc", enrolment->created_ms);
        dps_document_add_time(document, "lastUpdatedDateTimeUtc", enrolment->updated_ms);
        for (size_t i = 0; i < ARRAY_SIZE(kept_members); i++) {
                struct json_object *kept = json_member(extra, kept_members[i]);

                if (kept)
                        json_object_object_add(document, kept_members[i], json_object_get(kept));
        }
        if (!is_group)
                add_state(document, registry, enrolment->id);
        return document;
}

/* --- reading --------------------------------------------------------------------------------- */

/* Certificates that a document brings, until all of it is known to be good. */
struct brought {
        struct buf pem[2];
        char name[2][REGISTRY_NAME_SIZE]; /* of one that the registry has; "" = none */
};

static void brought_deinit(struct brought *brought)
{
        for (size_t i = 0; i < ARRAY_SIZE(brought->pem); i++)
                buf_deinit(&brought->pem[i]);
}

/* Copies a text member if it is there. */
static bool copy_text(struct json_object *from, const char *member, char *to, size_t size,
                      struct reason *reason)
{
        const char *text = json_text_member(from, member);

        if (!text)
                return true;
        if (strlen(text) < size) {
                memcpy(to, text, strlen(text) + 1);
                return true;
        }
        reason_set(reason, "'%s' has at most %zu characters", member, size - 1);
        return false;
}

static bool read_keys(struct json_object *attestation, struct registry_enrolment *enrolment,
                      struct reason *reason)
{
        struct json_object *keys = json_object_member(attestation, "symmetricKey");

        for (size_t i = 0; i < ARRAY_SIZE(enrolment->certificates); i++)
                enrolment->certificates[i][0] = '\0';
        return copy_text(keys, "primaryKey", enrolment->primary_key, sizeof(enrolment->primary_key),
                         reason) &&
               copy_text(keys, "secondaryKey", enrolment->secondary_key,
                         sizeof(enrolment->secondary_key), reason);
}

/* `certificates` has `primary` and perhaps `secondary`, each with a certificate's text. */
static bool read_certificates(struct json_object *certificates, struct brought *brought,
                              struct reason *reason)
{
        static const char *const members[] = {"primary", "secondary"};

        for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
                struct json_object *entry = json_object_member(certificates, members[i]);
                const char *text = json_text_member(entry, "certificate");
                struct certificate_facts facts;

                if (!text_is_empty(text) &&
                    !device_certificate_read(text, &facts, &brought->pem[i], reason)) {
                        reason_prefix(reason, "the %s certificate", members[i]);
                        return false;
                }
        }
        return true;
}

static bool read_references(struct registry *registry, struct json_object *references,
                            struct brought *brought, struct reason *reason)
{
        static const char *const members[] = {"primary", "secondary"};

        for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
                CLEANUP(buf_deinit) struct buf unused = BUF_INIT;
                const char *name = json_text_member(references, members[i]);

                if (text_is_empty(name))
                        continue;
                if (strlen(name) >= REGISTRY_NAME_SIZE ||
                    !registry_certificate_get(registry, name, &unused)) {
                        reason_set(reason, "there is no authority '%.140s'", name);
                        return false;
                }
                snprintf(brought->name[i], REGISTRY_NAME_SIZE, "%s", name);
        }
        return true;
}

static bool read_x509(struct registry *registry, struct json_object *attestation,
                      struct brought *brought, struct reason *reason)
{
        struct json_object *x509 = json_object_member(attestation, "x509");
        struct json_object *references = json_object_member(x509, "caReferences");
        struct json_object *signing = json_object_member(x509, "signingCertificates");
        struct json_object *client = json_object_member(x509, "clientCertificates");

        if (references)
                return read_references(registry, references, brought, reason);
        return read_certificates(signing ? signing : client, brought, reason);
}

/* A TPM's keys, which the service tells again and does not use; base64 of what the TPM has. */
static bool read_tpm(struct json_object *tpm, struct json_object *extra, struct reason *reason)
{
        static const char *const names[] = {"endorsementKey", "storageRootKey"};
        CLEANUP(json_cleanup) struct json_object *kept = json_object_new_object();

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                const char *key = json_text_member(tpm, names[i]);
                CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;

                if (text_is_empty(key))
                        continue;
                if (!crypto_base64_decode(&bytes, key, strlen(key))) {
                        reason_set(reason, "'%s' of an attestation of type tpm is no base64",
                                   names[i]);
                        return false;
                }
                json_add_text(kept, names[i], key);
        }
        if (json_text_member(kept, names[0])) {
                json_object_object_add(extra, "tpm", json_object_get(kept));
                return true;
        }
        reason_set(reason, "an attestation of type tpm needs an endorsementKey");
        return false;
}

/* Whether devices prove themselves by keys, certificates or a TPM. */
static bool read_attestation(struct registry *registry, struct json_object *document,
                             struct registry_enrolment *enrolment, struct brought *brought,
                             struct json_object *extra, struct reason *reason)
{
        struct json_object *attestation = json_object_member(document, "attestation");
        const char *type = json_text_member(attestation, "type");

        if (type && text_equal_nocase(type, "symmetricKey"))
                return read_keys(attestation, enrolment, reason);
        if (type && text_equal_nocase(type, "x509")) {
                if (!read_x509(registry, attestation, brought, reason))
                        return false;
                if (brought->pem[0].size > 0 || brought->name[0][0] ||
                    registry_enrolment_has_certificates(enrolment))
                        return true;
                reason_set(reason, "an attestation of type x509 needs a primary certificate");
        } else if (type && text_equal_nocase(type, "tpm") &&
                   enrolment->kind == REGISTRY_INDIVIDUAL) {
                return read_tpm(json_object_member(attestation, "tpm"), extra, reason);
        } else {
                reason_set(reason, "'attestation' must have a 'type': symmetricKey, x509, or tpm "
                                   "for individual enrollments");
        }
        return false;
}

static bool read_status(struct json_object *document, struct registry_enrolment *enrolment,
                        struct reason *reason)
{
        const char *text = json_text_member(document, "provisioningStatus");

        if (!text)
                return true;
        enrolment->enabled = text_equal_nocase(text, "enabled");
        if (enrolment->enabled || text_equal_nocase(text, "disabled"))
                return true;
        reason_set(reason, "'provisioningStatus' must be enabled or disabled");
        return false;
}

static bool read_allocation(struct json_object *document, struct registry_enrolment *enrolment,
                            struct reason *reason)
{
        const char *text = json_text_member(document, "allocationPolicy");
        struct json_object *custom = json_object_member(document, "customAllocationDefinition");

        for (size_t i = 0; text && i < ARRAY_SIZE(allocation_names); i++) {
                if (!text_equal_nocase(text, allocation_names[i]))
                        continue;
                enrolment->allocation = (enum registry_allocation)i;
                text = NULL;
        }
        if (text)
                reason_set(reason, "'allocationPolicy' must be hashed, geoLatency, static or "
                                   "custom");
        else if (enrolment->allocation == REGISTRY_CUSTOM &&
                 text_is_empty(json_text_member(custom, "webhookUrl")))
                reason_set(reason, "the allocation policy custom needs a "
                                   "'customAllocationDefinition' with a 'webhookUrl'");
        else
                return true;
        return false;
}

/* `iotHubHostName`, and that all of `iotHubs` are hubs of ours. */
static bool read_hubs(struct registry *registry, struct json_object *document,
                      struct registry_enrolment *enrolment, struct reason *reason)
{
        const char *host = json_text_member(document, "iotHubHostName");
        struct json_object *hubs = json_member(document, "iotHubs");
        struct registry_hub hub;

        enrolment->hub_id[0] = '\0';
        for (size_t i = 0;
             json_object_is_type(hubs, json_type_array) && i < json_object_array_length(hubs);
             i++) {
                const char *name = json_object_get_string(json_object_array_get_idx(hubs, i));

                if (registry_hub_find(registry, name ? name : "") >= 0)
                        continue;
                reason_set(reason, "there is no hub '%.255s' here", name ? name : "");
                return false;
        }
        if (text_is_empty(host))
                return true;
        if (!registry_hub_get(registry, registry_hub_find(registry, host), &hub)) {
                reason_set(reason, "there is no hub '%.255s' here", host);
                return false;
        }
        memcpy(enrolment->hub_id, hub.id, sizeof(enrolment->hub_id));
        return true;
}

static void read_flags(struct json_object *document, struct registry_enrolment *enrolment)
{
        struct json_object *policy = json_object_member(document, "reprovisionPolicy");
        struct json_object *capabilities = json_object_member(document, "capabilities");

        enrolment->keeps_hub = !json_bool_member(policy, "updateHubAssignment", true);
        enrolment->resets_data = !json_bool_member(policy, "migrateDeviceData", true);
        enrolment->edge = json_bool_member(capabilities, "iotEdge", false);
}

/* Stores the certificates that came, and names all in the enrolment. */
static int take_certificates(struct registry *registry, const struct brought *brought,
                             struct registry_enrolment *enrolment, struct reason *reason)
{
        static const char *const members[] = {"certificate", "secondaryCertificate"};
        const char *kind = enrolment->kind == REGISTRY_GROUP ? "group" : "individual";
        int result = 0;

        for (size_t i = 0; i < ARRAY_SIZE(brought->pem) && result == 0; i++) {
                CLEANUP(mem_cleanup)
                char *own = mem_format("enrollments/%s/%s/%s", kind, enrolment->id, members[i]);
                const char *name = brought->name[i];

                if (brought->pem[i].size > 0) {
                        result = registry_certificate_put(registry, own, REGISTRY_FOR_ENROLMENTS,
                                                          buf_text(&brought->pem[i]), reason);
                        name = own;
                }
                if (name[0])
                        snprintf(enrolment->certificates[i], REGISTRY_NAME_SIZE, "%s", name);
        }
        return result;
}

static bool read_document(struct registry *registry, struct json_object *document,
                          struct registry_enrolment *enrolment, struct brought *brought,
                          struct json_object *extra, struct reason *reason)
{
        if (!json_object_is_type(document, json_type_object)) {
                reason_set(reason, "an enrollment is a JSON object");
                return false;
        }
        for (size_t i = 0; i < ARRAY_SIZE(kept_members); i++) {
                struct json_object *member = json_member(document, kept_members[i]);

                if (member)
                        json_object_object_add(extra, kept_members[i], json_object_get(member));
        }
        read_flags(document, enrolment);
        return copy_text(document, "deviceId", enrolment->device_id, sizeof(enrolment->device_id),
                         reason) &&
               read_status(document, enrolment, reason) &&
               read_allocation(document, enrolment, reason) &&
               read_hubs(registry, document, enrolment, reason) &&
               read_attestation(registry, document, enrolment, brought, extra, reason);
}

int dps_enrolment_put(struct registry *registry, struct json_object *document,
                      struct registry_enrolment *enrolment, struct reason *reason)
{
        CLEANUP(brought_deinit) struct brought brought = {.name = {""}};
        CLEANUP(json_cleanup) struct json_object *extra = json_object_new_object();
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        int result;

        if (!read_document(registry, document, enrolment, &brought, extra, reason))
                return REGISTRY_E_INVALID;
        result = take_certificates(registry, &brought, enrolment, reason);
        if (result == 0)
                result = registry_enrolment_put(registry, enrolment, enrolment, reason);
        if (result != 0)
                return REGISTRY_E_INVALID;
        json_write(&text, extra);
        registry_enrolment_set_extra(registry, enrolment->kind, enrolment->id, buf_text(&text));
        return 0;
}
