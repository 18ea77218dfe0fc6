// SPDX-License-Identifier: MIT
/*
 * What IoT Hub and DPS write into MQTT's user names and topics (rule W15): pure, on bytes from
 * outside.
 */
#ifndef ISTHMUS_LOCALHUB_MQTT_MQTT_TOPIC_H
#define ISTHMUS_LOCALHUB_MQTT_MQTT_TOPIC_H

#include "localhub/mqtt/mqtt_wire.h"
#include "localhub/registry/registry.h"

/* `HOST/DEVICE/?api-version=...&model-id=...`; texts end in a zero byte. */
struct mqtt_user {
        char host[REGISTRY_ADDRESS_SIZE];
        char device_id[REGISTRY_IDENTITY_SIZE]; /* or DEVICE/MODULE */
        char model_id[REGISTRY_ID_SIZE];        /* "" = none was announced */
        char api_version[32];                   /* "" = none was named */
};

/* False if it has another form: no device, or a module's. */
bool mqtt_user_read(const struct mqtt_bytes *user_name, struct mqtt_user *user);

/* `SCOPE/registrations/ID/api-version=...`, of the provisioning service (rule W19). */
struct mqtt_registrant {
        char id_scope[REGISTRY_ID_SIZE];
        char registration_id[REGISTRY_ID_SIZE];
        char api_version[32];
};

bool mqtt_registrant_read(const struct mqtt_bytes *user_name, struct mqtt_registrant *registrant);

/* What is asked of the provisioning service. */
struct mqtt_order {
        bool is_poll;            /* for an operation, else to register */
        struct buf request_id;   /* `$rid` */
        struct buf operation_id; /* of a poll */
};

/* False if the topic is none of the service's; the order is to be freed in any case. */
bool mqtt_order_read(const struct mqtt_bytes *topic, struct mqtt_order *order);
void mqtt_order_deinit(struct mqtt_order *order);

/* Where a device publishes. */
enum mqtt_place {
        MQTT_PLACE_UNKNOWN,
        MQTT_PLACE_EVENTS,  /* `devices/ID/messages/events/BAG` */
        MQTT_PLACE_METHODS, /* `$iothub/methods/res/STATUS/?$rid=ID` */
        MQTT_PLACE_GET,     /* `$iothub/twin/GET/?$rid=ID` */
        MQTT_PLACE_REPORT,  /* `$iothub/twin/PATCH/properties/reported/?$rid=ID` */
};

struct mqtt_target {
        enum mqtt_place place;
        struct mqtt_bytes device_id; /* of events, as it stands in the topic */
        struct mqtt_bytes module_id; /* likewise; empty = none */
        struct mqtt_bytes bag;       /* `name=value&...`; behind the `?` where there is one */
        int status;                  /* of a method's answer */
};

void mqtt_target_read(const struct mqtt_bytes *topic, struct mqtt_target *target);

/* What a device subscribes to, as bits. */
enum mqtt_subscription {
        MQTT_SUBSCRIBED_COMMANDS = 1, /* `devices/ID/messages/devicebound/#` */
        MQTT_SUBSCRIBED_METHODS = 2,  /* `$iothub/methods/POST/#` */
        MQTT_SUBSCRIBED_TWIN = 4,     /* `$iothub/twin/res/#` */
        MQTT_SUBSCRIBED_DESIRED = 8,  /* `$iothub/twin/PATCH/properties/desired/#` */
        MQTT_SUBSCRIBED_INPUTS = 16,  /* `devices/ID/modules/ID/inputs/#`: nothing comes there */
};

/* 0 = there is nothing to subscribe to. */
unsigned mqtt_filter_read(const struct mqtt_bytes *filter, const char *device_id);

/*
 * Takes the first `name=value` off a bag and adds the decoded parts to the emptied buffers;
 * false at the end. A name without `=` has the value "".
 */
bool mqtt_bag_next(struct mqtt_bytes *bag, struct buf *name, struct buf *value);

/* Adds one to a bag that is being written; `is_first` is turned off. NULL value: the name only. */
void mqtt_bag_add(struct buf *bag, bool *is_first, const char *name, const char *value);

/* Finds `$rid`; false if there is none or it is longer than 200 bytes. It is copied decoded. */
bool mqtt_bag_request_id(struct mqtt_bytes bag, struct buf *id);

#endif
