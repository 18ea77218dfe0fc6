// SPDX-License-Identifier: MIT
/*
 * `isthmus hub`: runs the local hub until a signal. The parts start in the order of the struct
 * and end in the opposite one; the endpoints stop first, so that nothing calls a part that is
 * gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <unistd.h>

#include "azure/storage/storage_account.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/process.h"
#include "base/reason.h"
#include "cli/cli.h"
#include "cli/localhub/hub_announce.h"
#include "cli/localhub/hub_settings.h"
#include "localhub/certificates.h"
#include "localhub/control/control_api.h"
#include "localhub/dps/dps_endpoint.h"
#include "localhub/fleet/fleet.h"
#include "localhub/https/https_endpoint.h"
#include "localhub/local_hub.h"
#include "localhub/model/models.h"
#include "localhub/rest/rest_endpoint.h"
#include "localhub/upload/file_upload.h"
#include "localhub/websocket_door.h"
#include "localhub/x509/client_chain.h"

#define GROUP_ID         "default"
#define AMQPS_PORT       5671
#define HTTPS_PORT       443
#define OTHER_HTTPS_PORT 8443

#define AUTHORITY_FILE_MAX ((size_t)64 * 1024)

struct program {
        const struct hub_settings *settings;
        int lock_fd;
        struct certificates *certificates;
        struct local_hub *hub;
        struct registry_enrolment group;
        int directory_fd;
        char *https_path;    /* of the socket behind the HTTPS port */
        uint16_t https_port; /* the real one */
        struct uploads *uploads;
        struct dps_endpoint *dps;
        struct models *models; /* NULL = none */
        struct control_api *control;
        struct rest_endpoint rest;
        struct fleet_documents documents; /* of the fleet */
};

static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
} clients[] = {
        {"watch", isthmus_hub_watch},     {"wait", isthmus_hub_wait},
        {"devices", isthmus_hub_devices}, {"send", isthmus_hub_send},
        {"invoke", isthmus_hub_invoke},
};

/* --- start ----------------------------------------------------------------------------------- */

/* Two hubs on one directory would give out each other's keys. */
static int lock_directory(struct program *program, struct reason *reason)
{
        const char *directory = program->settings->directory;
        CLEANUP(mem_cleanup) char *path = mem_format("%s/hub.lock", directory);
        int result = file_claim_directory(directory, "hub.lock", reason);

        if (result)
                return result;
        program->lock_fd = file_open_private(path, O_RDWR);
        if (program->lock_fd < 0) {
                reason_set(reason, "can't open '%s': %s", path, strerror(-program->lock_fd));
                return program->lock_fd;
        }
        if (flock(program->lock_fd, LOCK_EX | LOCK_NB) == 0) {
                /* A hub that was killed left its own. */
                hub_announce_remove(directory);
                return 0;
        }
        reason_set(reason,
                   "another hub runs with the data in '%s'; end it, or choose another directory "
                   "with --data",
                   directory);
        return -EBUSY;
}

static int open_certificates(struct program *program, struct reason *reason)
{
        const struct hub_settings *settings = program->settings;
        const char *names[2 * HUB_SETTINGS_HUBS_MAX];
        struct certificates_options options = {
                .directory = settings->directory,
                .names = names,
        };

        for (size_t i = 0; i < settings->host_count; i++) {
                if (strcmp(settings->hosts[i], "localhost") != 0)
                        names[options.name_count++] = settings->hosts[i];
        }
        for (size_t i = 0; i < settings->name_count; i++)
                names[options.name_count++] = settings->names[i];
        return certificates_open(&options, &program->certificates, reason);
}

/* Such hubs share the ports of the first one. */
static bool has_own_name(const struct hub_settings *settings, int i)
{
        return (size_t)i < settings->host_count;
}

/* The hub's own words for "none" and "any". */
static int plain_port(const struct hub_settings *settings)
{
        if (settings->plain_amqp_port == 0)
                return -1;
        return settings->plain_amqp_port < 0 ? 0 : (int)settings->plain_amqp_port;
}

static int start_hub(struct program *program, struct reason *reason)
{
        const struct hub_settings *settings = program->settings;
        struct local_hub_endpoint endpoints[HUB_SETTINGS_HUBS_MAX] = {{.id = NULL}};
        struct local_hub_options options = {
                .directory = settings->directory,
                .id_scope = settings->id_scope,
                .listen = settings->listen,
                .certificate = program->certificates->server_path,
                .key = program->certificates->server_key_path,
                .endpoints = endpoints,
                .endpoint_count = (size_t)settings->hubs,
                .telemetry = {.record_file = settings->record,
                              .partitions = (int)settings->partitions},
                .consumer_groups = settings->consumer_groups,
                .consumer_group_count = settings->consumer_group_count,
                .plain_amqp_port = plain_port(settings),
                .lock_ms = settings->lock_s * 1000,
                .sku = settings->sku,
                .units = settings->units,
        };
        char ids[HUB_SETTINGS_HUBS_MAX][16];

        for (int i = 0; i < settings->hubs; i++) {
                snprintf(ids[i], sizeof(ids[i]), "hub%d", i + 1);
                endpoints[i] = (struct local_hub_endpoint){
                        .id = ids[i],
                        .port = (uint16_t)(settings->amqp_port ? settings->amqp_port + i : 0),
                        .mqtt_port = (uint16_t)(settings->mqtt_port ? settings->mqtt_port + i : 0),
                        .shares = i > 0 && has_own_name(settings, i),
                        .weight = 1,
                };
        }
        return local_hub_new(&options, &program->hub, reason);
}

/* The ports are known only now. */
static int name_hubs(struct program *program, struct reason *reason)
{
        struct registry *registry = local_hub_registry(program->hub);
        const struct hub_settings *settings = program->settings;

        (void)reason;
        for (int i = 0; i < registry_hub_count(registry); i++) {
                CLEANUP(mem_cleanup) char *address = NULL;
                const char *host;
                struct registry_hub hub;

                if (!registry_hub_get(registry, i, &hub) || !hub.active)
                        continue;
                host = settings->hosts[(size_t)i < settings->host_count ? i : 0];
                /* SDKs know the standard port, and some take no other text than a name. */
                address = hub.port == AMQPS_PORT ? mem_text(host)
                                                 : mem_format("%s:%u", host, hub.port);
                registry_hub_listens(registry, i, address, hub.port);
                registry_hub_set_pattern(registry, i, i == 0 ? settings->pattern : NULL);
        }
        return 0;
}

/* The enrolment group that every device of a gateway may use. */
static int prepare_group(struct program *program, struct reason *reason)
{
        struct registry *registry = local_hub_registry(program->hub);
        struct registry_enrolment group = {
                .kind = REGISTRY_GROUP,
                .id = GROUP_ID,
                .enabled = true,
        };
        const char *key = program->settings->group_key;

        registry_enrolment_get(registry, REGISTRY_GROUP, GROUP_ID, &group);
        if (key && strlen(key) >= sizeof(group.primary_key)) {
                reason_set(reason, "--group-key is too long");
                return -EINVAL;
        }
        if (key)
                snprintf(group.primary_key, sizeof(group.primary_key), "%s", key);
        if (registry_enrolment_put(registry, &group, &program->group, reason) == 0)
                return 0;
        reason_prefix(reason, "--group-key");
        return -EINVAL;
}

static int add_devices(struct program *program, struct reason *reason)
{
        const struct hub_settings *settings = program->settings;

        for (size_t i = 0; i < settings->device_count; i++) {
                const struct registry_device_settings device = {
                        .primary_key = settings->devices[i].key,
                };
                struct registry_device made;

                if (registry_device_put(local_hub_registry(program->hub), 0,
                                        settings->devices[i].id, REGISTRY_UPSERT, &device, &made,
                                        reason) != 0) {
                        reason_prefix(reason, "--with-device");
                        return -EINVAL;
                }
        }
        return 0;
}

/* Under the names of their files. */
static int add_authorities(struct program *program, struct reason *reason)
{
        const struct hub_settings *settings = program->settings;

        for (size_t i = 0; i < settings->authority_count; i++) {
                const char *path = settings->authorities[i];
                const char *slash = strrchr(path, '/');
                CLEANUP(buf_deinit) struct buf text = BUF_INIT;
                CLEANUP(buf_deinit) struct buf pem = BUF_INIT;
                struct certificate_facts facts;
                int result = file_read(path, AUTHORITY_FILE_MAX, &text, reason);

                if (result == 0 && device_certificate_read(buf_text(&text), &facts, &pem, reason) &&
                    registry_certificate_put(local_hub_registry(program->hub),
                                             slash ? slash + 1 : path, REGISTRY_FOR_DEVICES,
                                             buf_text(&pem), reason) == 0)
                        continue;
                reason_prefix(reason, "--device-ca %s", path);
                return -EINVAL;
        }
        return 0;
}

/* All that is not provisioning, on its port: WebSockets, devices, and the service's REST API. */
static void handle_others(void *context, struct http_exchange *exchange)
{
        struct program *program = context;

        if (!websocket_door_handle(program->hub, exchange) &&
            !https_endpoint_handle(program->hub, exchange) &&
            !uploads_handle(program->uploads, exchange))
                rest_endpoint_handle(&program->rest, exchange);
}

static bool find_chain(void *context, const char *name, struct client_chain *chain)
{
        const struct program *program = context;

        return local_hub_find_chain(program->hub, name, chain);
}

/* By way of the directory's descriptor: a socket's path must be short, a directory's need not. */
static int choose_https_path(struct program *program, struct reason *reason)
{
        const char *directory = program->settings->directory;

        program->directory_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (program->directory_fd < 0) {
                reason_set(reason, "can't open '%s': %s", directory, strerror(errno));
                return -errno;
        }
        program->https_path = mem_format("/proc/self/fd/%d/https.socket", program->directory_fd);
        return 0;
}

/* Where nobody said which port, the standard one if it is to be had. */
static int open_https(struct program *program, struct reason *reason)
{
        const struct hub_settings *settings = program->settings;
        int64_t wanted = settings->https_port;
        int result;

        program->https_port = (uint16_t)(wanted < 0 ? HTTPS_PORT : wanted);
        result = local_hub_serve_https(program->hub, settings->listen, &program->https_port,
                                       program->https_path, reason);
        if (result == 0 || wanted >= 0)
                return result;
        program->https_port = OTHER_HTTPS_PORT;
        return local_hub_serve_https(program->hub, settings->listen, &program->https_port,
                                     program->https_path, reason);
}

static int load_models(struct program *program, struct reason *reason)
{
        const char *path = program->settings->model;
        int r = path ? models_load(path, &program->models, reason) : 0;

        if (r != 0)
                reason_prefix(reason, "--model");
        return r != 0 ? -EINVAL : 0;
}

static int start_fleet(struct program *program, struct reason *reason)
{
        program->rest.hub = program->hub;
        program->documents = rest_fleet_documents(&program->rest);
        return fleet_new(&(struct fleet_options){.hub = program->hub,
                                                 .documents = &program->documents,
                                                 .directory = program->settings->directory,
                                                 .trusted_certificates =
                                                         program->certificates->authority_path},
                         &program->rest.fleet, reason);
}

/* A storage account's connection string with its key. */
static bool read_upload_store(const char *text, struct storage_account *account,
                              struct reason *reason)
{
        if (!storage_account_parse(text, account, reason))
                return false;
        if (account->key.size == 0)
                reason_set(reason, "the account's key is needed, to sign places for files with");
        else if (!account->endpoints[STORAGE_BLOB] ||
                 strncasecmp(account->endpoints[STORAGE_BLOB], "https://", 8) != 0)
                reason_set(reason, "devices speak https only to a storage account: name a "
                                   "BlobEndpoint with https://, and start Azurite with --cert "
                                   "and --key");
        else
                return true;
        return false;
}

static int start_uploads(struct program *program, struct reason *reason)
{
        const struct hub_settings *settings = program->settings;
        CLEANUP(storage_account_deinit) struct storage_account account = STORAGE_ACCOUNT_INIT;
        struct upload_account store = {
                .key = &account.key,
                .trusted_certificates = program->certificates->authority_path,
        };

        if (settings->upload_store &&
            !read_upload_store(settings->upload_store, &account, reason)) {
                reason_prefix(reason, "--upload-store");
                return -EINVAL;
        }
        store.name = account.name;
        store.endpoint = account.endpoints[STORAGE_BLOB];
        return uploads_new(program->hub, settings->directory,
                           settings->upload_store ? &store : NULL, &program->uploads, reason);
}

static int start_endpoints(struct program *program, struct reason *reason)
{
        const struct hub_settings *settings = program->settings;
        const struct dps_endpoint_options dps = {
                .registry = local_hub_registry(program->hub),
                .faults = local_hub_faults(program->hub),
                .socket = program->https_path,
                .assignment_delay_ms = settings->dps_delay_ms,
                .assignment_delay_max_ms = settings->dps_delay_max_ms,
                .retry_after_s = (int)settings->dps_retry_after_s,
                .quota = {.quota = settings->dps_quota,
                          .window_ms = (settings->dps_quota_s ? settings->dps_quota_s : 60) * 1000,
                          .burst = settings->dps_burst},
                .other = handle_others,
                .is_large = uploads_is_blob,
                .large_body = UPLOAD_BODY_MAX,
                .find_chain = find_chain,
                .other_context = program,
                .trusted_certificates = program->certificates->authority_path,
        };
        struct control_api_options control = {
                .hub = program->hub,
                .port = (uint16_t)settings->control_port,
                .token = settings->control_token,
                .address = settings->listen,
        };
        int result = dps_endpoint_new(&dps, &program->dps, reason);

        if (result == 0)
                result = open_https(program, reason);
        if (result)
                return result;
        control.dps = program->dps;
        control.models = program->models;
        return control_api_new(&control, &program->control, reason);
}

static int announce(struct program *program, struct reason *reason)
{
        const struct hub_settings *settings = program->settings;
        CLEANUP(mem_cleanup)
        char *authority_path = realpath(program->certificates->authority_path, NULL);
        CLEANUP(mem_cleanup) char *directory = realpath(settings->directory, NULL);
        const struct hub_announcement announcement = {
                .directory = directory ? directory : settings->directory,
                .authority_path =
                        authority_path ? authority_path : program->certificates->authority_path,
                .host = settings->hosts[0],
                .https_port = program->https_port,
                .settings = settings,
                .control_port = control_api_port(program->control),
                .registry = local_hub_registry(program->hub),
                .group = program->group,
        };
        int result = hub_announce_write(&announcement, reason);

        if (result == 0 && settings->env)
                result = hub_announce_write_env(&announcement, settings->env, reason);
        if (result == 0 && !settings->quiet)
                hub_announce_print(&announcement);
        return result;
}

/* Returns an exit status. */
static int start(struct program *program, struct reason *reason)
{
        static const struct {
                int (*run)(struct program *program, struct reason *reason);
                int invalid; /* exit status where -EINVAL is what the caller wrote, or a file */
        } steps[] = {
                {load_models, CLI_USAGE},        {lock_directory, CLI_FAILED},
                {open_certificates, CLI_USAGE},  {start_hub, CLI_USAGE},
                {name_hubs, CLI_FAILED},         {prepare_group, CLI_USAGE},
                {add_devices, CLI_USAGE},        {add_authorities, CLI_USAGE},
                {choose_https_path, CLI_FAILED}, {start_fleet, CLI_FAILED},
                {start_uploads, CLI_USAGE},      {start_endpoints, CLI_FAILED},
                {announce, CLI_FAILED},
        };

        for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
                int result = steps[i].run(program, reason);

                if (result)
                        return result == -EINVAL ? steps[i].invalid : CLI_FAILED;
        }
        return CLI_GOOD;
}

/* --- end ------------------------------------------------------------------------------------- */

static void stop(struct program *program)
{
        if (program->control)
                control_api_stop(program->control);
        if (program->dps)
                dps_endpoint_stop(program->dps);
        if (program->hub)
                hub_announce_remove(program->settings->directory);
        uploads_free(program->uploads);
        fleet_stop(program->rest.fleet);
        local_hub_free(program->hub);
        fleet_free(program->rest.fleet);
        control_api_free(program->control);
        models_free(program->models);
        dps_endpoint_free(program->dps);
        certificates_free(program->certificates);
        mem_wipe(&program->group, sizeof(program->group));
        free(program->https_path);
        if (program->directory_fd >= 0)
                close(program->directory_fd);
        if (program->lock_fd >= 0)
                close(program->lock_fd);
}

static int run(const struct hub_settings *settings)
{
        struct program program = {.settings = settings, .lock_fd = -1, .directory_fd = -1};
        struct reason reason = REASON_INIT;
        sigset_t signals;
        int signal_number;
        int status;

        process_keep_files_private();
        process_keep_memory_private();
        signal(SIGPIPE, SIG_IGN);
        sigemptyset(&signals);
        sigaddset(&signals, SIGINT);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGHUP);
        sigprocmask(SIG_BLOCK, &signals, NULL);
        log_configure(settings->log_level, LOG_FORMAT_AUTO);
        status = start(&program, &reason);
        if (status == CLI_GOOD)
                sigwait(&signals, &signal_number);
        else
                terminal_fail("hub", "%s", reason.text);
        stop(&program);
        return status;
}

int isthmus_hub(int argc, char **argv)
{
        struct hub_settings *settings;
        int status;

        for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(clients); i++) {
                if (strcmp(argv[1], clients[i].name) == 0)
                        return clients[i].run(argc - 1, argv + 1);
        }
        settings = mem_new(1, sizeof(*settings));
        if (hub_settings_read(settings, argc, argv, &status))
                status = run(settings);
        hub_settings_deinit(settings);
        free(settings);
        return status;
}
