// SPDX-License-Identifier: MIT
/*
 * The words of the Azure IoT protocols: addresses, property names, API versions, error names.
 * Spelling and case are those on the wire. The device side (azure/) and the local hub (hub/) share
 * this file and nothing else, so that neither can hide a mistake of the other.
 *
 * Facts: Microsoft's public documentation and the sources of the official SDKs.
 */
#ifndef ISTHMUS_AZURE_NAMES_H
#define ISTHMUS_AZURE_NAMES_H

/* --- endpoints ----------------------------------------------------------------------------- */

#define AZURE_AMQP_PORT  5671
#define AZURE_HTTPS_PORT 443

#define AZURE_DPS_GLOBAL_ENDPOINT "global.azure-devices-provisioning.net"

#define AZURE_WEBSOCKET_PATH     "/$iothub/websocket"
#define AZURE_WEBSOCKET_PROTOCOL "AMQPWSB10"

/* --- API versions -------------------------------------------------------------------------- */

/* On methods and twin links. */
#define AZURE_HUB_API_VERSION "2020-09-30"
/* Of the service's REST interface. */
#define AZURE_HUB_REST_API_VERSION "2021-04-12"
/*
 * Of the Device Provisioning Service: the oldest version with a registration payload, sent by the
 * Node, C# and Python SDKs to this day. Later ones add only what we do not use.
 */
#define AZURE_DPS_API_VERSION "2019-03-31"

/* --- shared access signatures -------------------------------------------------------------- */

#define AZURE_SAS_PREFIX       "SharedAccessSignature "
#define AZURE_SAS_DPS_KEY_NAME "registration"

/* --- claims based security (CBS) ----------------------------------------------------------- */

#define AZURE_CBS_NODE "$cbs"
/* What most SDKs write into reply-to; the answer comes on the receiver link whatever it says. */
#define AZURE_CBS_REPLY_TO           "cbs"
#define AZURE_CBS_OPERATION          "operation"
#define AZURE_CBS_PUT_TOKEN          "put-token"
#define AZURE_CBS_TYPE               "type"
#define AZURE_CBS_SASTOKEN           "servicebus.windows.net:sastoken"
#define AZURE_CBS_NAME               "name"
#define AZURE_CBS_STATUS_CODE        "status-code"
#define AZURE_CBS_STATUS_DESCRIPTION "status-description"

/* Tokens per connection: the hub refuses one more with CBS status 500. */
#define AZURE_CBS_TOKENS_MAX 1000
/* Devices that Microsoft's own connection pool puts on one connection. */
#define AZURE_DEVICES_PER_CONNECTION 995

/* --- link addresses ------------------------------------------------------------------------ */

/* AZURE_PATH_DEVICES id [AZURE_PATH_MODULES module] and one of the tails. */
#define AZURE_PATH_DEVICES  "/devices/"
#define AZURE_PATH_MODULES  "/modules/"
#define AZURE_PATH_EVENTS   "/messages/events"
#define AZURE_PATH_COMMANDS "/messages/devicebound"
#define AZURE_PATH_METHODS  "/methods/devicebound"
#define AZURE_PATH_TWIN     "/twin"

/* Of the service side. */
#define AZURE_PATH_SERVICE_SEND     "/messages/devicebound"
#define AZURE_PATH_SERVICE_FEEDBACK "/messages/serviceBound/feedback"
#define AZURE_PATH_SERVICE_FILES    "/messages/serviceBound/filenotifications"

/* --- link properties (symbol keys, string values) ------------------------------------------ */

#define AZURE_LINK_CLIENT_VERSION "com.microsoft:client-version"
#define AZURE_LINK_API_VERSION    "com.microsoft:api-version"
/* The same value on both links of a methods or twin pair. */
#define AZURE_LINK_CORRELATION_ID "com.microsoft:channel-correlation-id"
#define AZURE_LINK_MODEL_ID       "com.microsoft:model-id"

#define AZURE_CORRELATION_METHODS "methods:"
#define AZURE_CORRELATION_TWIN    "twin:"

/* --- messages ------------------------------------------------------------------------------ */

/* A device-to-cloud message or a cloud-to-device message as a whole, by the hub's own count. */
#define AZURE_EVENT_SIZE_MAX   262144
#define AZURE_COMMAND_SIZE_MAX 65536
#define AZURE_METHOD_SIZE_MAX  131072

/* Application properties. */
#define AZURE_PROPERTY_CREATION_TIME "iothub-creation-time-utc"
#define AZURE_PROPERTY_ACK           "iothub-ack"
#define AZURE_PROPERTY_METHOD_NAME   "IoThub-methodname"
#define AZURE_PROPERTY_METHOD_STATUS "IoThub-status"
/* On a command that IoT Central queued while the device was away: the command's name. */
#define AZURE_PROPERTY_CENTRAL_COMMAND "method-name"
/* Body of such a command without parameter. */
#define AZURE_CENTRAL_NO_PARAMETER "@"

/* Message annotations. */
#define AZURE_ANNOTATION_SEQUENCE_NUMBER "x-opt-sequence-number"
#define AZURE_ANNOTATION_LOCK_TOKEN      "x-opt-lock-token"
#define AZURE_ANNOTATION_ENQUEUED_TIME   "iothub-enqueuedtime"
#define AZURE_ANNOTATION_DELIVERY_COUNT  "iothub-deliverycount"
#define AZURE_ANNOTATION_SUBJECT         "dt-subject"

/* Stamped by the hub, seen by readers of the events only. */
#define AZURE_ANNOTATION_DEVICE_ID       "iothub-connection-device-id"
#define AZURE_ANNOTATION_MODULE_ID       "iothub-connection-module-id"
#define AZURE_ANNOTATION_AUTH_METHOD     "iothub-connection-auth-method"
#define AZURE_ANNOTATION_AUTH_GENERATION "iothub-connection-auth-generation-id"
#define AZURE_ANNOTATION_MESSAGE_SOURCE  "iothub-message-source"
#define AZURE_ANNOTATION_DATA_SCHEMA     "dt-dataschema"
#define AZURE_MESSAGE_SOURCE_TELEMETRY   "Telemetry"

/* --- twin (annotations, symbol keys) ------------------------------------------------------- */

#define AZURE_TWIN_OPERATION     "operation"
#define AZURE_TWIN_RESOURCE      "resource"
#define AZURE_TWIN_STATUS        "status"
#define AZURE_TWIN_VERSION       "version"
#define AZURE_TWIN_REPORTED      "/properties/reported"
#define AZURE_TWIN_DESIRED       "/properties/desired"
#define AZURE_TWIN_NOTIFICATIONS "/notifications/twin/properties/desired"

/* --- AMQP error conditions ----------------------------------------------------------------- */

#define AZURE_E_INTERNAL         "amqp:internal-error"
#define AZURE_E_NOT_FOUND        "amqp:not-found"
#define AZURE_E_UNAUTHORIZED     "amqp:unauthorized-access"
#define AZURE_E_NOT_ALLOWED      "amqp:not-allowed"
#define AZURE_E_NOT_IMPLEMENTED  "amqp:not-implemented"
#define AZURE_E_INVALID_FIELD    "amqp:invalid-field"
#define AZURE_E_DECODE           "amqp:decode-error"
#define AZURE_E_RESOURCE_DELETED "amqp:resource-deleted"
#define AZURE_E_RESOURCE_LIMIT   "amqp:resource-limit-exceeded"
#define AZURE_E_SIZE             "amqp:link:message-size-exceeded"
#define AZURE_E_DETACH_FORCED    "amqp:link:detach-forced"
#define AZURE_E_STOLEN           "amqp:link:stolen"
#define AZURE_E_ARGUMENT         "com.microsoft:argument-error"
#define AZURE_E_ARGUMENT_RANGE   "com.microsoft:argument-out-of-range"
#define AZURE_E_DEVICE_EXISTS    "com.microsoft:device-already-exists"
#define AZURE_E_THROTTLED        "com.microsoft:device-container-throttled"
#define AZURE_E_SUSPENDED        "com.microsoft:iot-hub-suspended"
#define AZURE_E_HUB_NOT_FOUND    "com.microsoft:iot-hub-not-found-error"
#define AZURE_E_PRECONDITION     "com.microsoft:precondition-failed"
#define AZURE_E_QUOTA            "com.microsoft:quota-exceeded"
#define AZURE_E_LINK_CONFLICT    "com.microsoft:link-creation-conflict"

/* Keys of an error's info map. */
#define AZURE_INFO_TRACKING_ID "com.microsoft:tracking-id"
#define AZURE_INFO_IS_FILTERED "com.microsoft:is-filtered"

/* --- error numbers, in descriptions and in DPS answers ------------------------------------- */

enum azure_error_code {
        AZURE_CODE_DPS_NO_HUB = 400208,         /* no hub to assign the device to */
        AZURE_CODE_DPS_NOT_AUTHORIZED = 400209, /* IoT Central: blocked or waits for approval */
        AZURE_CODE_UNAUTHORIZED_GENERIC = 401000,
        AZURE_CODE_HUB_NOT_FOUND = 401001,
        AZURE_CODE_UNAUTHORIZED = 401002,
        AZURE_CODE_UNAUTHORIZED_TOKEN = 401003,
        AZURE_CODE_HUB_SUSPENDED = 403001,
        AZURE_CODE_QUOTA_EXCEEDED = 403002,
        AZURE_CODE_QUEUE_FULL = 403004,
        AZURE_CODE_CBS_TOKENS_EXCEEDED = 403005,
        AZURE_CODE_DEVICE_DISABLED = 403012,
        AZURE_CODE_DEVICE_NOT_FOUND = 404001,
        AZURE_CODE_ADDRESS_NOT_FOUND = 404006,
        AZURE_CODE_HUB_FAILS_OVER = 404012,
        AZURE_CODE_DEVICE_NOT_ONLINE = 404103,
        AZURE_CODE_LINK_CONFLICT = 409002,
        AZURE_CODE_LOCK_LOST = 412002,
        AZURE_CODE_MESSAGE_TOO_LARGE = 413001,
        AZURE_CODE_THROTTLED = 429001,
        AZURE_CODE_SERVER_ERROR = 500001,
        AZURE_CODE_SERVER_BUSY = 503005,
        AZURE_CODE_GATEWAY_TIMEOUT = 504101,
};

/* --- provisioning over HTTPS --------------------------------------------------------------- */

/* AZURE_DPS_REGISTRATIONS stands between ID scope and registration id, in URLs and tokens. */
#define AZURE_DPS_REGISTRATIONS "/registrations/"
#define AZURE_DPS_REGISTER      "/register"
#define AZURE_DPS_OPERATIONS    "/operations/"

/* Operations per minute and service; the quota of registrations is the same. */
#define AZURE_DPS_QUOTA_PER_MINUTE 1000

#define AZURE_DPS_UNASSIGNED "unassigned"
#define AZURE_DPS_ASSIGNING  "assigning"
#define AZURE_DPS_ASSIGNED   "assigned"
#define AZURE_DPS_FAILED     "failed"
#define AZURE_DPS_DISABLED   "disabled"

/* --- identifiers --------------------------------------------------------------------------- */

#define AZURE_ID_LENGTH_MAX 128
/* What a device id may hold besides letters and digits. */
#define AZURE_DEVICE_ID_CHARACTERS       "-:.+%_#*?!(),=@$'"
#define AZURE_REGISTRATION_ID_CHARACTERS "-._:"

#endif
