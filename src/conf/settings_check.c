// SPDX-License-Identifier: MIT
#include "conf/settings_check.h"

#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "azure/endpoint.h"
#include "base/mem.h"
#include "base/text.h"
#include "conf/signature_check.h"

/* Shorter keys can be guessed. */
#define WEBHOOK_KEY_GOOD 16

bool settings_is_given(const struct conf_load *load, const char *path, const char *name)
{
        const struct conf_subject subject = {.path = path, .captures = {name}};
        const struct conf_binding *binding = conf_find_binding(load, &subject);

        return binding && !text_is_empty(binding->entry->text);
}

/* --- webhooks ---------------------------------------------------------------------------- */

static bool has_key(const struct conf_load *load, const struct settings *settings)
{
        return settings->webhook_key_count > 0 || settings_is_given(load, "WebhookKeys", NULL);
}

/* Where the key was given: as a member of the list, or of an object in it. */
static struct conf_subject key_subject(const struct conf_load *load,
                                       const struct settings_webhook_key *key)
{
        struct conf_subject subject = {.path = "WebhookKeys"};

        text_to_int64(key->name, 0, CONF_ENTRIES_MAX, &subject.member);
        subject.member++;
        if (!conf_find_binding(load, &subject))
                subject =
                        (struct conf_subject){.path = "WebhookKeys.*.Key", .captures = {key->name}};
        return subject;
}

static void check_webhook_key(struct conf_load *load, const struct settings *settings, size_t index)
{
        const struct settings_webhook_key *key = &settings->webhook_keys[index];
        const struct conf_subject subject = key_subject(load, key);

        const struct conf_binding *binding = conf_find_binding(load, &subject);

        if (!key->key) {
                /* Of one that can't be read something else was said. */
                if (!binding || text_is_empty(binding->entry->text))
                        conf_say_about(load, CONF_MISTAKE, &subject, "the key itself is missing");
                return;
        }
        if (conf_secret_is_awaited(key->key))
                return;
        for (size_t i = 0; i < index; i++) {
                if (text_equal(settings->webhook_keys[i].key, key->key))
                        conf_say_about(load, CONF_MISTAKE, &subject,
                                       "the same key is in this list twice, also as %s; give each "
                                       "sender its own, or name all its applications in one place",
                                       settings->webhook_keys[i].name);
        }
        if (strlen(key->key) < WEBHOOK_KEY_GOOD)
                conf_say_about(load, CONF_WARNING, &subject,
                               "this key has fewer than %d characters and could be guessed; "
                               "'openssl rand -hex 24' makes a good one",
                               WEBHOOK_KEY_GOOD);
}

/* An empty list could mean nobody or everybody. */
static void check_scope(struct conf_load *load, const struct settings_webhook_key *key,
                        const char *path, const struct conf_texts *scope)
{
        const struct conf_subject subject = {.path = path, .captures = {key->name}};

        const struct conf_binding *binding = conf_find_binding(load, &subject);

        if (scope->count == 0 && binding && text_is_empty(binding->entry->text))
                conf_say_about(load, CONF_MISTAKE, &subject,
                               "this list is empty; a key that may send everything has none");
}

static void check_keys(struct conf_load *load, const struct settings *settings)
{
        for (size_t i = 0; i < settings->webhook_key_count; i++) {
                const struct settings_webhook_key *key = &settings->webhook_keys[i];

                check_webhook_key(load, settings, i);
                check_scope(load, key, "WebhookKeys.*.Applications", &key->applications);
                check_scope(load, key, "WebhookKeys.*.Networks", &key->networks);
        }
}

static void check_page(struct conf_load *load, const struct settings *settings)
{
        static const struct conf_subject listen = {.path = "Page.Listen"};

        if (settings->page.is_public && !settings_is_given(load, "Page.Key", NULL))
                conf_say_about(load, CONF_MISTAKE, &listen,
                               "other machines can reach this address, so Page.Key must be given; "
                               "without it only 127.0.0.1, [::1] and localhost are allowed");
}

static void check_listening(struct conf_load *load, const struct settings *settings)
{
        static const struct conf_subject listen = {.path = "Listen"};
        static const struct conf_subject certificate = {.path = "Tls.Certificate"};
        static const struct conf_subject key = {.path = "Tls.Key"};
        bool has_certificate = settings_is_given(load, certificate.path, NULL);
        struct stat status;

        if (!endpoint_is_loopback(settings->listen.host) && !has_key(load, settings))
                conf_say_about(load, CONF_MISTAKE, &listen,
                               "other machines can reach this address, so WebhookKeys must hold "
                               "at least one key; without a key only 127.0.0.1, [::1] and "
                               "localhost are allowed");
        if (has_certificate != settings_is_given(load, key.path, NULL))
                conf_say_about(load, CONF_MISTAKE, has_certificate ? &certificate : &key,
                               "Tls.%s is missing; a certificate and its key belong together",
                               has_certificate ? "Key" : "Certificate");
        if (settings->listen.tls_key && stat(settings->listen.tls_key, &status) == 0 &&
            (status.st_mode & S_IROTH))
                conf_say_about(load, CONF_WARNING, &key,
                               "every user of this machine can read this private key; 'chmod "
                               "o-rwx %s' helps",
                               settings->listen.tls_key);
        check_keys(load, settings);
}

/* --- the store --------------------------------------------------------------------------- */

static void check_store(struct conf_load *load, const struct settings *settings)
{
        static const struct conf_subject hosts = {.path = "Store.PostgreSql.Hosts"};
        static const struct conf_subject file = {.path = "Store.PostgreSql.PasswordFile"};
        static const struct conf_subject lease = {.path = "Store.PostgreSql.LeaseSeconds"};
        bool is_server = text_equal(settings->store.backend, "postgresql");

        if (is_server && !conf_find_binding(load, &hosts))
                conf_say_about(load, CONF_MISTAKE, &hosts,
                               "the store in PostgreSQL needs at least one server");
        if (!is_server && settings->store.postgresql.hosts.count > 0)
                conf_say_about(load, CONF_WARNING, &hosts,
                               "nothing is kept there unless Store.Backend is 'postgresql'");
        if (settings->store.postgresql.password && settings->store.postgresql.password_file)
                conf_say_about(load, CONF_MISTAKE, &file,
                               "give either Store.PostgreSql.Password or this file");
        if (is_server &&
            settings->store.postgresql.timeout_ms * 2 > settings->store.postgresql.lease_s * 1000)
                conf_say_about(load, CONF_WARNING, &lease,
                               "a single answer that takes as long as "
                               "Store.PostgreSql.TimeoutMilliseconds allows can cost this gateway "
                               "its devices; make it at least twice as long");
}

/* --- payload formatters ------------------------------------------------------------------ */

/* Rule B3: what a name in C# means. */
static void check_csharp(struct conf_load *load, const struct conf_subject *subject,
                         const char *folder, const char *name)
{
        int length = (int)strlen(name) - 3;
        CLEANUP(mem_cleanup) char *file = mem_format("%.*s.js", length, name);
        CLEANUP(mem_cleanup) char *path = conf_absolute(folder, file);

        if (access(path, R_OK) == 0)
                conf_say_about(load, CONF_NOTE, subject, "its translation %s is used", path);
        else if (settings_formatters_are_mirrored(load->target))
                conf_say_about(load, CONF_NOTE, subject,
                               "its translation %s is used, if the container or the folder has it; "
                               "if not, uplinks go out without a formatter",
                               file);
        else if (strcasecmp(name, "default.cs") == 0)
                conf_say_about(load, CONF_NOTE, subject,
                               "has no effect: what it did is done without a formatter, too");
        else
                conf_say_about(load, CONF_WARNING, subject,
                               "a formatter in C# does not run here; write it in JavaScript, as "
                               "%s; until then uplinks go out without a formatter",
                               path);
}

static void check_formatter(struct conf_load *load, const struct conf_subject *subject,
                            const char *folder, const char *name)
{
        CLEANUP(mem_cleanup) char *file = NULL;
        CLEANUP(mem_cleanup) char *path = NULL;
        size_t length = name ? strlen(name) : 0;

        if (length == 0)
                return;
        file = mem_format("%.*s.js", (int)text_size_without(name, ".js"), name);
        path = conf_absolute(folder, file);
        if (access(path, R_OK) == 0)
                return;
        if (length > 3 && strcasecmp(name + length - 3, ".cs") == 0)
                check_csharp(load, subject, folder, name);
        else if (!settings_formatters_are_mirrored(load->target))
                conf_say_about(load, CONF_WARNING, subject,
                               "there is no readable file %s; until there is, what needs this "
                               "formatter goes to the dead letters",
                               path);
}

static void check_application_formatters(struct conf_load *load, const char *folder,
                                         struct settings_application *own)
{
        const struct conf_subject up = {.path = "PayloadFormatters.Applications.*.UplinkFormatter",
                                        .captures = {own->name}};
        const struct conf_subject down = {
                .path = "PayloadFormatters.Applications.*.DownlinkFormatter",
                .captures = {own->name}};

        check_formatter(load, &up, folder, own->uplink_formatter);
        check_formatter(load, &down, folder, own->downlink_formatter);
        for (size_t i = 0; i < own->port_formatter_count; i++) {
                struct settings_port_formatter *port = &own->port_formatters[i];
                const struct conf_subject subject = {
                        .path = "PayloadFormatters.Applications.*.Ports.*",
                        .captures = {own->name, port->name}};

                check_formatter(load, &subject, folder, port->formatter);
                if (!text_to_int64(port->name, 1, 255, &port->port))
                        conf_say_about(load, CONF_MISTAKE, &subject,
                                       "the name must be a LoRaWAN port, 1 to 255");
        }
        for (size_t i = 0; i < own->method_count; i++) {
                const struct conf_subject subject = {
                        .path = "AzureIoT.Applications.*.Methods.*.Formatter",
                        .captures = {own->name, own->methods[i].name}};

                check_formatter(load, &subject, folder, own->methods[i].formatter);
        }
}

static void check_mirror_account(struct conf_load *load, const struct conf_subject *subject,
                                 const char *text)
{
        static const struct signature_need needs[] = {
                {'r', CONF_MISTAKE, "'read' (r), without which no formatter can be read"},
                {'l', CONF_MISTAKE, "'list' (l), without which no formatter can be found"},
                {.right = '\0'},
        };
        CLEANUP(storage_account_deinit) struct storage_account account = STORAGE_ACCOUNT_INIT;
        struct reason reason = REASON_INIT;

        if (text && storage_account_parse(text, &account, &reason))
                signature_check(load, subject, &account, STORAGE_BLOB, needs);
}

/* The account and a container belong together. */
static void check_mirror(struct conf_load *load, const struct settings *settings)
{
        static const struct conf_subject storage = {
                .path = "ConnectionStrings.PayloadFormattersStorage"};
        static const struct conf_subject containers[] = {
                {.path = "PayloadFormatters.UplinkContainer"},
                {.path = "PayloadFormatters.DownlinkContainer"}};
        bool has_storage =
                settings->payload_formatters.storage || settings->payload_formatters.service_uri;
        bool has_container = false;

        for (size_t i = 0; i < ARRAY_SIZE(containers); i++) {
                bool given = i == 0 ? settings->payload_formatters.uplink_container
                                    : settings->payload_formatters.downlink_container;

                has_container = has_container || given;
                if (given && !has_storage)
                        conf_say_about(load, CONF_NOTE, &containers[i],
                                       "has no effect without %s, the connection string of the "
                                       "account with this container",
                                       storage.path);
        }
        if (has_storage && !has_container)
                conf_say_about(load, CONF_NOTE, &storage,
                               "has no effect without %s or DownlinkContainer", containers[0].path);
        else
                check_mirror_account(load, &storage, settings->payload_formatters.storage);
}

static void check_formatters(struct conf_load *load, struct settings *settings)
{
        static const struct conf_subject up = {.path = "PayloadFormatters.UplinkFormatterDefault"};
        static const struct conf_subject down = {
                .path = "PayloadFormatters.DownlinkFormatterDefault"};
        const char *folder = settings->payload_formatters.directory;

        check_mirror(load, settings);
        check_formatter(load, &up, folder, settings->payload_formatters.uplink_default);
        check_formatter(load, &down, folder, settings->payload_formatters.downlink_default);
        for (size_t i = 0; i < settings->azure.method_count; i++) {
                const struct conf_subject subject = {.path = "AzureIoT.Methods.*.Formatter",
                                                     .captures = {settings->azure.methods[i].name}};

                check_formatter(load, &subject, folder, settings->azure.methods[i].formatter);
        }
        for (size_t i = 0; i < settings->application_count; i++)
                check_application_formatters(load, folder, &settings->applications[i]);
}

/* --- names ------------------------------------------------------------------------------- */

/* The place of any setting of an application, which exists because there is one. */
static const struct conf_entry *find_application(const struct conf_load *load, const char *name)
{
        size_t i = 0;

        while (!load->bindings[i].row->map || !text_equal(load->bindings[i].captures[0], name))
                i++;
        return load->bindings[i].entry;
}

static void check_application_names(struct conf_load *load, const struct settings *settings)
{
        for (size_t i = 1; i < settings->application_count; i++) {
                const char *name = settings->applications[i].name;

                for (size_t j = 0; j < i; j++) {
                        const char *other = settings->applications[j].name;

                        if (text_equal_nocase(name, other))
                                conf_say(load, CONF_WARNING, find_application(load, name),
                                         "the applications '%s' and '%s' differ in case only; "
                                         "they are two",
                                         name, other);
                }
        }
}

/* The integration of version 2 had settings of one port: NAME-APPLICATION-PORT. */
static void check_version2_ports(struct conf_load *load)
{
        static const char *const prefixes[] = {"AzureIotHubConnectionString-", "DPSIDScope-",
                                               "DPSEnrollmentGroupSymmetricKey-"};

        for (size_t i = 0; i < load->count * ARRAY_SIZE(prefixes); i++) {
                const struct conf_entry *entry = load->bindings[i / ARRAY_SIZE(prefixes)].entry;
                const char *prefix = prefixes[i % ARRAY_SIZE(prefixes)];
                const char *name = entry->written.parts[0];
                const char *dash = strrchr(name, '-');
                int64_t port;

                if (strncasecmp(name, prefix, strlen(prefix)) == 0 &&
                    dash >= name + strlen(prefix) && text_to_int64(dash + 1, 0, 255, &port))
                        conf_say(load, CONF_MISTAKE, entry,
                                 "a hub for one port of an application is not supported; if this "
                                 "number belongs to the application's name, write it as "
                                 "AzureIoT.Applications.%s",
                                 name + strlen(prefix));
        }
}

static void adopt_log_level(const struct conf_load *load, struct settings *settings)
{
        if (settings->log.dotnet_level > 0 && !settings_is_given(load, "Log.Level", NULL))
                settings->log.level = (enum log_level)(settings->log.dotnet_level - 1);
}

void settings_check(struct conf_load *load, struct settings *settings)
{
        adopt_log_level(load, settings);
        check_listening(load, settings);
        check_page(load, settings);
        check_version2_ports(load);
        check_store(load, settings);
        settings_check_azure(load, settings);
        settings_check_queues(load, settings);
        settings_check_monitor(load, settings);
        settings_check_networks(load, settings);
        check_formatters(load, settings);
        check_application_names(load, settings);
}
