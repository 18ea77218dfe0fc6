// SPDX-License-Identifier: MIT
/*
 * What can be configured of a network: its driver names each setting and says what it means to
 * users; conf/ reads it, and gateway/ uses it, without knowing which network it is.
 */
#ifndef ISTHMUS_NETWORKS_NETWORK_SETTING_H
#define ISTHMUS_NETWORKS_NETWORK_SETTING_H

/* What a setting is for; kind and limits of each are in conf/settings_networks.c. */
enum network_field {
        NETWORK_BASE_URL,         /* of the API that takes downlinks */
        NETWORK_LIST_URL,         /* of the API that lists devices; without one: the same */
        NETWORK_API_KEY,          /* secret; for all calls */
        NETWORK_WEBHOOK_ID,       /* through which downlinks go */
        NETWORK_DOWNLINK_HOSTS,   /* that webhooks may name as the way back */
        NETWORK_DOWNLINK_SWITCH,  /* must be on for downlinks */
        NETWORK_REPEATS,          /* its webhooks are sent again: struct network's `repeats` */
        NETWORK_INTEGRATION,      /* of devices of which no list says whether to connect them */
        NETWORK_DEVICE_CLASS,     /* of devices of which no list says it */
        NETWORK_PAGE_SIZE,        /* devices per page of a list */
        NETWORK_REFRESH_MINUTES,  /* between two readings of a list */
        NETWORK_PAGING_PARAMETER, /* name of a query parameter */
        NETWORK_SIGNATURE_MODE,
        NETWORK_CERTIFICATE_HOST,
        NETWORK_CERTIFICATE_FINGERPRINTS,
        NETWORK_CERTIFICATE_FILES,
        NETWORK_MAXIMUM_AGE, /* of a delivery that is signed */
        /* Of one application; the star in the path stands for its name. */
        NETWORK_APPLICATION_API_KEY,
        NETWORK_APPLICATION_WEBHOOK_ID,
        NETWORK_APPLICATION_INTEGRATION,
        NETWORK_APPLICATION_DEVICE_CLASS,
        NETWORK_APPLICATION_ENCODES, /* its devices have an encoder in the network */
        NETWORK_FIELD_COUNT,
};

struct network_setting {
        const char *path; /* "Section.Name"; the section is the network's own */
        enum network_field field;
        /* The default, as text; NULL = none. A base URL that has one is its vendor's, beyond the
         * internet. */
        const char *fallback;
        const char *meaning; /* for docs/configuration.md */
};

#endif
