// SPDX-License-Identifier: MIT
/* Which way leads to Azure: exactly one must be configured, and wholly. */

#include "base/mem.h"
#include "conf/settings_check.h"

#define HUB         "AzureIoT.AzureIoTHub"
#define STRING      HUB ".ConnectionString"
#define DPS         HUB ".DeviceProvisioningService"
#define CENTRAL     "AzureIoT.IoTCentral"
#define CENTRAL_DPS CENTRAL ".DeviceProvisioningService"
#define APPLICATION "AzureIoT.Applications.*"

#define CERTIFICATES "AzureIoT.DeviceCertificates"

/* What somebody has given, be it good or bad. */
struct ways {
        bool string;
        bool scope;
        bool group_key;
        bool certificates;
        bool key; /* one of these two: the devices can prove themselves */
};

/* A folder of certificates alone says nothing of the way. */
static bool has_dps(const struct ways *ways)
{
        return ways->scope || ways->group_key;
}

static struct ways with_key(struct ways ways)
{
        ways.key = ways.group_key || ways.certificates;
        return ways;
}

static struct ways ways_of_hub(const struct conf_load *load)
{
        return with_key((struct ways){
                .string = settings_is_given(load, STRING, NULL),
                .scope = settings_is_given(load, DPS ".IdScope", NULL),
                .group_key = settings_is_given(load, DPS ".GroupEnrollmentKey", NULL),
                .certificates = settings_is_given(load, CERTIFICATES, NULL),
        });
}

static struct ways ways_of_central(const struct conf_load *load)
{
        return with_key((struct ways){
                .scope = settings_is_given(load, CENTRAL_DPS ".IdScope", NULL),
                .group_key = settings_is_given(load, CENTRAL_DPS ".GroupEnrollmentKey", NULL),
                .certificates = settings_is_given(load, CERTIFICATES, NULL),
        });
}

static struct ways ways_of_application(const struct conf_load *load, const char *name)
{
        return with_key((struct ways){
                .string = settings_is_given(load, APPLICATION ".ConnectionString", name),
                .scope = settings_is_given(load, APPLICATION ".IdScope", name),
                .group_key = settings_is_given(load, APPLICATION ".GroupEnrollmentKey", name),
                .certificates = settings_is_given(load, APPLICATION ".DeviceCertificates", name),
        });
}

static void say(struct conf_load *load, enum conf_severity severity, const char *path,
                const char *sentence)
{
        const struct conf_subject subject = {.path = path};

        conf_say_about(load, severity, &subject, "%s", sentence);
}

/* IoT Central is its provisioning service; a hub's settings beside it are no mistake. */
static struct ways choose_central(struct conf_load *load, const struct settings *settings)
{
        struct ways hub = ways_of_hub(load);
        struct ways central = ways_of_central(load);

        if (hub.string)
                say(load, CONF_WARNING, STRING,
                    "has no effect, because ApplicationType is IoTCentral, which takes devices "
                    "through its provisioning service only");
        if (settings->azure.connection_type == SETTINGS_DEVICE_CONNECTION_STRING && !hub.string)
                say(load, CONF_WARNING, HUB ".ConnectionType",
                    "has no effect, because ApplicationType is IoTCentral");
        if (has_dps(&central)) {
                if (has_dps(&hub))
                        say(load, CONF_NOTE, DPS,
                            "has no effect, because ApplicationType is IoTCentral");
                hub = central;
        }
        hub.string = false;
        return hub;
}

static struct ways choose_hub(struct conf_load *load)
{
        struct ways hub = ways_of_hub(load);
        struct ways central = ways_of_central(load);

        if (has_dps(&central) && (hub.string || has_dps(&hub)))
                say(load, CONF_NOTE, CENTRAL, "has no effect, because ApplicationType is IoTHub");
        else if (has_dps(&central))
                say(load, CONF_WARNING, CENTRAL,
                    "has no effect, because ApplicationType is IoTHub; if these devices belong to "
                    "IoT Central, set AzureIoT.ApplicationType to \"IoTCentral\"");
        return hub;
}

static bool any_application_has(const struct conf_load *load, const struct settings *settings,
                                bool key)
{
        for (size_t i = 0; i < settings->application_count; i++) {
                struct ways ways = ways_of_application(load, settings->applications[i].name);

                if (key ? ways.key : ways.string || has_dps(&ways))
                        return true;
        }
        return false;
}

static void check_dps(struct conf_load *load, const struct settings *settings,
                      const struct ways *ways)
{
        struct ways of_central = ways_of_central(load);
        bool central =
                settings->azure.application_type == SETTINGS_IOT_CENTRAL && has_dps(&of_central);
        bool own_keys = any_application_has(load, settings, true);

        if (!ways->scope)
                say(load, CONF_MISTAKE, central ? CENTRAL_DPS ".IdScope" : DPS ".IdScope",
                    "the provisioning service needs its ID scope here; its overview in the Azure "
                    "portal shows it");
        if (ways->key)
                return;
        say(load, own_keys ? CONF_NOTE : CONF_MISTAKE,
            central ? CENTRAL_DPS ".GroupEnrollmentKey" : DPS ".GroupEnrollmentKey",
            own_keys ? "devices of applications without a GroupEnrollmentKey of their own can't be "
                       "registered, because there is none for all"
                     : "the provisioning service needs the enrolment group's key here, or "
                       "AzureIoT.DeviceCertificates");
}

static void report_none(struct conf_load *load, const struct settings *settings)
{
        if (any_application_has(load, settings, false))
                say(load, CONF_NOTE, HUB,
                    "devices of applications without settings of their own have no way to Azure; "
                    "their events wait");
        else if (settings->azure.application_type == SETTINGS_IOT_CENTRAL)
                say(load, CONF_MISTAKE, CENTRAL_DPS,
                    "IoT Central needs IdScope and GroupEnrollmentKey here");
        else
                say(load, CONF_MISTAKE, HUB,
                    "neither a connection string nor a provisioning service is configured; give "
                    "ConnectionString, or IdScope and GroupEnrollmentKey of "
                    "DeviceProvisioningService");
}

/* The way that ConnectionType asks for must be the one that is there. */
static void check_type(struct conf_load *load, const struct settings *settings,
                       const struct ways *ways)
{
        if (settings->azure.connection_type == SETTINGS_DEVICE_CONNECTION_STRING && !ways->string)
                say(load, CONF_MISTAKE, HUB ".ConnectionType",
                    "is DeviceConnectionString, but a provisioning service is configured and "
                    "ConnectionString is not");
        if (settings->azure.connection_type == SETTINGS_DEVICE_PROVISIONING_SERVICE && ways->string)
                say(load, CONF_MISTAKE, HUB ".ConnectionType",
                    "is DeviceProvisioningService, but ConnectionString is configured and IdScope "
                    "and GroupEnrollmentKey are not");
}

static void check_general(struct conf_load *load, struct settings *settings)
{
        bool central = settings->azure.application_type == SETTINGS_IOT_CENTRAL;
        struct ways ways = central ? choose_central(load, settings) : choose_hub(load);

        if (ways.string && has_dps(&ways))
                say(load, CONF_MISTAKE, STRING,
                    "both a connection string and a provisioning service are configured; remove "
                    "the one that is not meant");
        else if (!ways.string && !has_dps(&ways))
                report_none(load, settings);
        else if (!central)
                check_type(load, settings, &ways);
        if (has_dps(&ways) && !ways.string)
                check_dps(load, settings, &ways);
        settings->azure.connection_type = ways.string      ? SETTINGS_DEVICE_CONNECTION_STRING
                                          : has_dps(&ways) ? SETTINGS_DEVICE_PROVISIONING_SERVICE
                                                           : SETTINGS_CONNECTION_NONE;
}

static void say_of(struct conf_load *load, const char *path, const char *name, const char *sentence)
{
        const struct conf_subject subject = {.path = path, .captures = {name}};

        conf_say_about(load, CONF_MISTAKE, &subject, "%s", sentence);
}

/* Which of the two counts is not to be guessed; and an authority is nothing without its key. */
static void check_certificates(struct conf_load *load, const char *prefix, const char *name,
                               const struct ways *ways)
{
        CLEANUP(mem_cleanup) char *folder = mem_format("%sDeviceCertificates", prefix);
        CLEANUP(mem_cleanup) char *authority = mem_format("%sCertificateAuthority", prefix);
        CLEANUP(mem_cleanup) char *key = mem_format("%sCertificateAuthorityKey", prefix);
        bool has_authority = settings_is_given(load, authority, name);

        if (ways->group_key && ways->certificates)
                say_of(load, folder, name,
                       "both the enrolment group's key and devices' certificates are configured; "
                       "remove the one that is not meant");
        else if (ways->string && ways->certificates)
                say_of(load, folder, name,
                       "devices with certificates need a provisioning service, and a connection "
                       "string is configured");
        if (has_authority != settings_is_given(load, key, name))
                say_of(load, has_authority ? key : authority, name,
                       "CertificateAuthority and CertificateAuthorityKey belong together");
        else if (has_authority && !ways->certificates)
                say_of(load, folder, name, "CertificateAuthority needs a folder for what it signs");
}

static void check_application(struct conf_load *load, const struct settings *settings,
                              const struct ways *general, const char *name)
{
        struct ways ways = ways_of_application(load, name);

        if (ways.string && settings->azure.application_type == SETTINGS_IOT_CENTRAL)
                say_of(load, APPLICATION ".ConnectionString", name,
                       "ApplicationType is IoTCentral, which takes devices through its "
                       "provisioning service only");
        if (ways.string && has_dps(&ways))
                say_of(load, APPLICATION ".ConnectionString", name,
                       "both a connection string and a provisioning service are configured for "
                       "this application; remove the one that is not meant");
        else if ((has_dps(&ways) || ways.certificates) && !ways.scope && !general->scope)
                say_of(load, APPLICATION ".IdScope", name,
                       ways.group_key ? "GroupEnrollmentKey needs an ID scope, here or for all "
                                        "applications"
                                      : "DeviceCertificates needs an ID scope, here or for all "
                                        "applications");
        else if (has_dps(&ways) && !ways.key && !general->key)
                say_of(load, APPLICATION ".GroupEnrollmentKey", name,
                       "IdScope needs the enrolment group's key, here or for all applications");
        check_certificates(load, APPLICATION ".", name, &ways);
}

void settings_check_azure(struct conf_load *load, struct settings *settings)
{
        struct ways general = ways_of_hub(load);
        struct ways central = ways_of_central(load);

        if (settings->azure.application_type == SETTINGS_IOT_CENTRAL && has_dps(&central))
                general = central;
        check_general(load, settings);
        check_certificates(load, "AzureIoT.", NULL, &general);
        for (size_t i = 0; i < settings->application_count; i++)
                check_application(load, settings, &general, settings->applications[i].name);
}
