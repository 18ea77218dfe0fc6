// SPDX-License-Identifier: MIT
/* Certificates that stand for devices, and those of enrolments. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "localhub/registry/registry_data.h"

static struct certificate_data *find(struct registry *registry, const char *name)
{
        struct table_entry *entry = table_find(&registry->certificates.by_id, name);

        return entry ? table_of(entry, struct certificate_data, by_id) : NULL;
}

struct certificate_data *registry_make_certificate(struct registry *registry, const char *name)
{
        struct certificate_data *data = find(registry, name);

        if (data)
                return data;
        data = mem_new(1, sizeof(*data));
        snprintf(data->public.name, sizeof(data->public.name), "%s", name);
        data->by_id.key = data->public.name;
        data->serial = collection_add(&registry->certificates, &data->by_id, data);
        return data;
}

static void free_certificate(void *thing)
{
        struct certificate_data *data = thing;

        free(data->pem);
        free(data);
}

static void drop(struct registry *registry, struct certificate_data *data)
{
        collection_remove(&registry->certificates, &data->by_id, data->serial);
        free_certificate(data);
        registry_touch(registry);
}

void registry_drop_certificates(struct registry *registry,
                                const struct registry_enrolment *enrolment)
{
        for (size_t i = 0; i < ARRAY_SIZE(enrolment->certificates); i++) {
                struct certificate_data *data = find(registry, enrolment->certificates[i]);

                if (data && data->public.use == REGISTRY_FOR_ENROLMENTS)
                        drop(registry, data);
        }
}

int registry_certificate_put(struct registry *registry, const char *name,
                             enum registry_certificate_use use, const char *pem,
                             struct reason *reason)
{
        struct certificate_data *data;

        if (text_is_empty(name) || strlen(name) >= REGISTRY_NAME_SIZE) {
                reason_set(reason, "a certificate's name has 1 to %d characters",
                           REGISTRY_NAME_SIZE - 1);
                return REGISTRY_E_INVALID;
        }
        pthread_mutex_lock(&registry->mutex);
        data = registry_make_certificate(registry, name);
        data->public.use = use;
        free(data->pem);
        data->pem = mem_text(pem);
        registry_touch(registry);
        pthread_mutex_unlock(&registry->mutex);
        return 0;
}

bool registry_certificate_get(struct registry *registry, const char *name, struct buf *pem)
{
        const struct certificate_data *data;

        pthread_mutex_lock(&registry->mutex);
        data = find(registry, name);
        if (data)
                buf_add_text(pem, data->pem);
        pthread_mutex_unlock(&registry->mutex);
        return data != NULL;
}

bool registry_certificate_remove(struct registry *registry, const char *name)
{
        struct certificate_data *data;

        pthread_mutex_lock(&registry->mutex);
        data = find(registry, name);
        if (data)
                drop(registry, data);
        pthread_mutex_unlock(&registry->mutex);
        return data != NULL;
}

bool registry_certificate_next(struct registry *registry, uint64_t *cursor,
                               struct registry_certificate *certificate)
{
        const struct certificate_data *data;

        pthread_mutex_lock(&registry->mutex);
        data = ordered_next(&registry->certificates.order, cursor);
        if (data)
                *certificate = data->public;
        pthread_mutex_unlock(&registry->mutex);
        return data != NULL;
}

void registry_authorities(struct registry *registry, struct buf *pem)
{
        const struct certificate_data *data;
        uint64_t cursor = 0;

        pthread_mutex_lock(&registry->mutex);
        while ((data = ordered_next(&registry->certificates.order, &cursor)) != NULL) {
                if (data->public.use == REGISTRY_FOR_DEVICES)
                        buf_add_text(pem, data->pem);
        }
        pthread_mutex_unlock(&registry->mutex);
}

void registry_free_certificates(struct registry *registry)
{
        collection_deinit(&registry->certificates, free_certificate);
}
