// SPDX-License-Identifier: MIT
/* What the tests of the networks share: webhooks made of text, and their way to telemetry. */
#ifndef ISTHMUS_TESTS_NETWORKS_SUPPORT_H
#define ISTHMUS_TESTS_NETWORKS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "networks/myriota/myriota_signature.h"
#include "networks/network.h"

/* 2024-05-06T07:09:00.25Z */
#define SUPPORT_ARRIVED_NS INT64_C(1714979340250000000)

/* One webhook through one network, with all that became of it. */
struct trial {
        int result;
        struct event_list events;
        struct reason reason;
        /* Of the first event, once trial_telemetry ran. */
        int telemetry_result;
        struct telemetry telemetry;
        struct json_object *body;
};

static inline struct trial trial_bytes(const char *network, const char *path, const char *body,
                                       size_t size)
{
        struct trial trial = {.events = EVENT_LIST_INIT, .telemetry = TELEMETRY_INIT};
        struct webhook webhook = {
                .path = path,
                .body = body,
                .body_size = size,
                .maximum_values = NETWORK_PAGE_VALUES,
                .arrived_ns = SUPPORT_ARRIVED_NS,
        };

        trial.result = network_by_name(network)->parse(&webhook, &trial.events, &trial.reason);
        return trial;
}

static inline struct trial trial_text(const char *network, const char *body)
{
        return trial_bytes(network, "", body, strlen(body));
}

static inline void trial_deinit(struct trial *trial)
{
        event_list_deinit(&trial->events);
        telemetry_deinit(&trial->telemetry);
        json_object_put(trial->body);
}

/* Makes telemetry of the first event; ends the test if that fails. */
static inline struct json_object *trial_telemetry(struct trial *trial,
                                                  const struct formatted *formatted,
                                                  struct telemetry_options options)
{
        const struct event *event = &trial->events.events[0];

        assert_int_equal(trial->result, 0);
        assert_int_equal(trial->events.count, 1);
        trial->telemetry_result =
                network_by_name(event->network)
                        ->telemetry(event, formatted, &options, &trial->telemetry, &trial->reason);
        assert_int_equal(trial->telemetry_result, 0);
        trial->body = json_parse(trial->telemetry.body.data, trial->telemetry.body.size, 80,
                                 JSON_STRICT, &trial->reason);
        assert_non_null(trial->body);
        return trial->body;
}

/* The value of a property, or NULL. */
static inline const char *trial_property(const struct trial *trial, const char *name)
{
        for (size_t i = 0; i < trial->telemetry.property_count; i++) {
                if (strcmp(trial->telemetry.properties[i].name, name) == 0)
                        return trial->telemetry.properties[i].value;
        }
        return NULL;
}

/* A whole file; false if it can't be read. */
static inline bool support_read_file(const char *path, struct buf *out)
{
        FILE *file = fopen(path, "rb");
        char block[4096];
        size_t got;

        if (!file)
                return false;
        while ((got = fread(block, 1, sizeof(block), file)) > 0)
                buf_add(out, block, got);
        fclose(file);
        return true;
}

/* Reads the certificate as Myriota's, and verifies with it. */
static inline int support_verify(const struct signature *signature, const struct buf *certificate,
                                 const struct signature_strict *strict, struct reason *reason)
{
        struct signature_certificate *parsed =
                myriota_signature_read_certificate(certificate->data, certificate->size, reason);
        int result = SIGNATURE_E_CERTIFICATE;

        if (parsed)
                result = myriota_signature_verify(signature, parsed, strict, reason);
        signature_certificate_free(parsed);
        return result;
}

#endif
