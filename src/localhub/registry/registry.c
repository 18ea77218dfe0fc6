// SPDX-License-Identifier: MIT
/*
 * Opening and closing, hubs and policies, and the writer's thread.
 *
 * The thread "hub-registry" writes the whole file when something has changed, at most once a
 * second and never more than a tenth of its time, so that a hub with 100,000 devices is not busy
 * with its own file.
 */
#include "localhub/registry/registry.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"
#include "localhub/registry/registry_data.h"

#define WRITER_THREAD  "hub-registry"
#define WRITE_PAUSE_NS CLOCK_NS_PER_S
#define RETRY_PAUSE_NS (5 * CLOCK_NS_PER_S)

/* --- names and keys -------------------------------------------------------------------------- */

static bool has_only(const char *text, const char *others)
{
        size_t size = strlen(text);

        if (size == 0 || size >= REGISTRY_ID_SIZE)
                return false;
        for (const char *c = text; *c; c++) {
                bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');

                if (!letter && !(*c >= '0' && *c <= '9') && !strchr(others, *c))
                        return false;
        }
        return true;
}

bool registry_is_device_id(const char *id)
{
        return has_only(id, "-:.+%_#*?!(),=@;$'");
}

bool registry_is_identity(const char *id)
{
        const char *slash = strchr(id, '/');
        CLEANUP(mem_cleanup) char *device = slash ? mem_text_n(id, (size_t)(slash - id)) : NULL;

        return slash ? registry_is_device_id(device) && registry_is_device_id(slash + 1)
                     : registry_is_device_id(id);
}

bool registry_is_registration_id(const char *id)
{
        return has_only(id, "-._:") && !strchr("._:", id[strlen(id) - 1]);
}

bool registry_is_key(const char *key)
{
        CLEANUP(buf_deinit) struct buf bytes = BUF_INIT;
        bool good = strlen(key) < REGISTRY_KEY_SIZE &&
                    crypto_base64_decode(&bytes, key, strlen(key)) && bytes.size >= 16 &&
                    bytes.size <= 64;

        mem_wipe(bytes.data, bytes.size);
        return good;
}

void registry_make_key(char key[REGISTRY_KEY_SIZE])
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        uint8_t bytes[32];

        crypto_random(bytes, sizeof(bytes));
        crypto_base64_encode(&text, bytes, sizeof(bytes));
        memcpy(key, text.data, text.size);
        key[text.size] = '\0';
        mem_wipe(bytes, sizeof(bytes));
        mem_wipe(text.data, text.size);
}

uint64_t registry_revision(struct registry *registry)
{
        return ++registry->last_revision;
}

/* As IoT Hub's: eight bytes in base64. */
void registry_etag(uint64_t revision, char etag[REGISTRY_TAG_SIZE])
{
        CLEANUP(buf_deinit) struct buf text = BUF_INIT;
        uint8_t bytes[8];

        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)(revision >> (56 - 8 * i));
        crypto_base64_encode(&text, bytes, sizeof(bytes));
        memcpy(etag, text.data, text.size);
        etag[text.size] = '\0';
}

bool registry_etag_fits(const char *wanted, const char *etag)
{
        size_t length = strlen(wanted);

        if (length >= 2 && wanted[0] == '"' && wanted[length - 1] == '"') {
                wanted++;
                length -= 2;
        }
        return (length == 1 && *wanted == '*') ||
               (length == strlen(etag) && memcmp(wanted, etag, length) == 0);
}

/* --- the writer ------------------------------------------------------------------------------ */

void registry_touch(struct registry *registry)
{
        registry->changes++;
        pthread_cond_signal(&registry->changed);
}

/* With the mutex; returns when there is something to write and its time has come, or at the end. */
static void wait_for_work(struct registry *registry, int64_t not_before_ns)
{
        while (!registry->closing) {
                bool work = registry->changes != registry->changes_written;

                if (work && clock_steady_ns() >= not_before_ns)
                        return;
                if (work)
                        (void)condition_wait_until(&registry->changed, &registry->mutex,
                                                   not_before_ns);
                else
                        pthread_cond_wait(&registry->changed, &registry->mutex);
        }
}

static void note_result(struct registry *registry, uint64_t changes, int result)
{
        bool failed_before = registry->write_error < 0;

        registry->write_error = result;
        if (result == 0)
                registry->changes_written = changes;
        if (result < 0 && !failed_before)
                log_error("HUB_REGISTRY_WRITE_FAILED", "The hub's registry can't be written",
                          LOG_TEXT("directory", registry->directory),
                          LOG_TEXT("error", strerror(-result)), LOG_END);
}

static void *run_writer(void *context)
{
        struct registry *registry = context;
        int64_t not_before_ns = 0;

        thread_enter(WRITER_THREAD);
        pthread_mutex_lock(&registry->mutex);
        for (;;) {
                uint64_t changes;
                int64_t started_ns;
                int64_t pause_ns;
                int r;

                wait_for_work(registry, not_before_ns);
                if (registry->changes == registry->changes_written)
                        break;
                changes = registry->changes;
                pthread_mutex_unlock(&registry->mutex);
                started_ns = clock_steady_ns();
                r = registry_save(registry);
                pause_ns = 9 * (clock_steady_ns() - started_ns);
                pthread_mutex_lock(&registry->mutex);
                note_result(registry, changes, r);
                if (r < 0 && registry->closing)
                        break;
                if (pause_ns < (r < 0 ? RETRY_PAUSE_NS : WRITE_PAUSE_NS))
                        pause_ns = r < 0 ? RETRY_PAUSE_NS : WRITE_PAUSE_NS;
                not_before_ns = clock_steady_ns() + pause_ns;
        }
        pthread_mutex_unlock(&registry->mutex);
        return NULL;
}

/* --- opening and closing --------------------------------------------------------------------- */

static int lock_directory(struct registry *registry, struct reason *reason)
{
        CLEANUP(mem_cleanup) char *path = mem_format("%s/lock", registry->directory);
        int error = 0;

        registry->lock = file_open_private(path, O_RDWR);
        if (registry->lock < 0)
                error = -registry->lock;
        else if (flock(registry->lock, LOCK_EX | LOCK_NB) < 0)
                error = errno;
        if (error == EWOULDBLOCK) {
                reason_set(reason, "another local hub runs on %s; end it, or use another directory",
                           registry->directory);
                return -EBUSY;
        }
        if (error)
                reason_set(reason, "%s can't be locked: %s", path, strerror(error));
        return -error;
}

static int open_directory(struct registry *registry, struct reason *reason)
{
        int r = lock_directory(registry, reason);

        if (r < 0)
                return r;
        r = registry_load(registry, reason);
        (void)malloc_trim(0); /* the tree of the file took three times what is kept of it */
        if (r == -EINVAL)
                return -EBADMSG;
        return r == -ENOENT ? 0 : r;
}

static void make_service_policy(struct registry *registry)
{
        struct registry_policy *policy = &registry->service_policy;

        snprintf(policy->name, sizeof(policy->name), "provisioningserviceowner");
        if (!policy->primary_key[0])
                registry_make_key(policy->primary_key);
        if (!policy->secondary_key[0])
                registry_make_key(policy->secondary_key);
}

static void make_id_scope(struct registry *registry)
{
        uint32_t number;

        crypto_random(&number, sizeof(number));
        snprintf(registry->id_scope, sizeof(registry->id_scope), "0ne%08X", number);
}

static struct registry *registry_new(const char *directory)
{
        struct registry *registry = mem_new(1, sizeof(*registry));

        pthread_mutex_init(&registry->mutex, NULL);
        condition_init(&registry->changed);
        registry->directory = mem_text(directory);
        registry->lock = -1;
        return registry;
}

int registry_open(const struct registry_options *options, struct registry **registry,
                  struct reason *reason)
{
        struct registry *made = registry_new(options->directory);
        int r = made->directory ? open_directory(made, reason) : 0;

        if (r < 0) {
                registry_close(made);
                return r;
        }
        if (!text_is_empty(options->id_scope))
                snprintf(made->id_scope, sizeof(made->id_scope), "%s", options->id_scope);
        else if (!made->id_scope[0])
                make_id_scope(made);
        make_service_policy(made);
        registry_touch(made);
        if (made->directory) {
                made->writing = true;
                thread_start(&made->writer, run_writer, made);
        }
        *registry = made;
        return 0;
}

static void free_hub(struct hub_data *hub)
{
        uint64_t cursor = 0;
        struct device_data *device;

        while ((device = ordered_next(&hub->order, &cursor)) != NULL)
                registry_free_device(device);
        table_deinit(&hub->devices);
        ordered_deinit(&hub->order);
        mem_wipe(hub, sizeof(*hub));
        free(hub);
}

void registry_close(struct registry *registry)
{
        if (!registry)
                return;
        if (registry->writing) {
                pthread_mutex_lock(&registry->mutex);
                registry->closing = true;
                pthread_cond_signal(&registry->changed);
                pthread_mutex_unlock(&registry->mutex);
                pthread_join(registry->writer, NULL);
        }
        for (int i = 0; i < registry->hub_count; i++)
                free_hub(registry->hubs[i]);
        registry_free_collections(registry);
        registry_free_certificates(registry);
        if (registry->lock >= 0)
                close(registry->lock);
        pthread_cond_destroy(&registry->changed);
        pthread_mutex_destroy(&registry->mutex);
        free(registry->directory);
        free(registry);
}

void registry_service_policy(struct registry *registry, struct registry_policy *policy)
{
        *policy = registry->service_policy;
}

const char *registry_id_scope(const struct registry *registry)
{
        return registry->id_scope;
}

void registry_watch(struct registry *registry, registry_watcher *watcher, void *context)
{
        registry->watcher = watcher;
        registry->watcher_context = context;
}

void registry_tell(struct registry *registry, enum registry_change change, int hub,
                   const char *device_id, const char *patch)
{
        if (registry->watcher)
                registry->watcher(registry->watcher_context, change, hub, device_id, patch);
}
