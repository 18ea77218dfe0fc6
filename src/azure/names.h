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

/* --- API versions -------------------------------------------------------------------------- */

/* On methods and twin links. */
#define AZURE_HUB_API_VERSION "2020-09-30"
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

/* Devices that Microsoft's own connection pool puts on one connection. */
#define AZURE_DEVICES_PER_CONNECTION 995

/* --- link addresses ------------------------------------------------------------------------ */

/* AZURE_PATH_DEVICES id and one of the tails. */
#define AZURE_PATH_DEVICES  "/devices/"
#define AZURE_PATH_EVENTS   "/messages/events"
#define AZURE_PATH_COMMANDS "/messages/devicebound"
#define AZURE_PATH_METHODS  "/methods/devicebound"
#define AZURE_PATH_TWIN     "/twin"

/* --- link properties (symbol keys, string values) ------------------------------------------ */

#define AZURE_LINK_CLIENT_VERSION "com.microsoft:client-version"
#define AZURE_LINK_API_VERSION    "com.microsoft:api-version"
/* The same value on both links of a methods or twin pair. */
#define AZURE_LINK_CORRELATION_ID "com.microsoft:channel-correlation-id"
#define AZURE_LINK_MODEL_ID       "com.microsoft:model-id"

#define AZURE_CORRELATION_METHODS "methods:"
#define AZURE_CORRELATION_TWIN    "twin:"

/* --- messages ------------------------------------------------------------------------------ */

/* A cloud-to-device message as a whole, by the hub's own count; and a method's payload. */
#define AZURE_COMMAND_SIZE_MAX 65536
#define AZURE_METHOD_SIZE_MAX  131072

/* Application properties. */
#define AZURE_PROPERTY_CREATION_TIME "iothub-creation-time-utc"
#define AZURE_PROPERTY_METHOD_NAME   "IoThub-methodname"
#define AZURE_PROPERTY_METHOD_STATUS "IoThub-status"

/* Message annotations. */
#define AZURE_ANNOTATION_SEQUENCE_NUMBER "x-opt-sequence-number"
#define AZURE_ANNOTATION_ENQUEUED_TIME   "iothub-enqueuedtime"

/* --- twin (annotations, symbol keys) ------------------------------------------------------- */

#define AZURE_TWIN_OPERATION     "operation"
#define AZURE_TWIN_RESOURCE      "resource"
#define AZURE_TWIN_STATUS        "status"
#define AZURE_TWIN_REPORTED      "/properties/reported"
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

/* --- error numbers, in descriptions and in DPS answers ------------------------------------- */

enum azure_error_code {
        AZURE_CODE_DPS_NO_HUB = 400208,         /* no hub to assign the device to */
        AZURE_CODE_DPS_NOT_AUTHORIZED = 400209, /* IoT Central: blocked or waits for approval */
        AZURE_CODE_HUB_NOT_FOUND = 401001,
        AZURE_CODE_HUB_SUSPENDED = 403001,
        AZURE_CODE_QUOTA_EXCEEDED = 403002,
        AZURE_CODE_ADDRESS_NOT_FOUND = 404006,
        AZURE_CODE_HUB_FAILS_OVER = 404012,
};

/* --- provisioning over HTTPS --------------------------------------------------------------- */

/* AZURE_DPS_REGISTRATIONS stands between ID scope and registration id, in URLs and tokens. */
#define AZURE_DPS_REGISTRATIONS "/registrations/"
#define AZURE_DPS_REGISTER      "/register"
#define AZURE_DPS_OPERATIONS    "/operations/"

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
