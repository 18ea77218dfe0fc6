// SPDX-License-Identifier: MIT
/*
 * Every setting of isthmus-camera as a plain C value, filled once at start by conf_load_file with
 * camera_schema and read only afterwards, but for secrets: those are read with conf_secret_text,
 * for they may change. Names and defaults are in camera_rows.c.
 *
 * What stands at the top level is said of every camera; what stands below `Cameras.NAME` is said of
 * that camera and wins. Texts are NULL where nothing was configured and there is no default.
 */
#ifndef ISTHMUS_CAMERA_SETTINGS_CAMERA_SETTINGS_H
#define ISTHMUS_CAMERA_SETTINGS_CAMERA_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "camera/count/tally.h"
#include "camera/count/zone.h"
#include "camera/picture/obscure.h"
#include "conf/engine/configuration.h"
#include "conf/engine/secret.h"
#include "conf/engine/texts.h"

#define CAMERA_DEFAULT_FILE "/etc/isthmus/camera.json"

/* A zone or a mask. */
struct camera_area {
        char *name;
        char *corners;            /* JSON */
        struct conf_texts labels; /* of a zone: what is counted in it; none = everything */
        struct polygon polygon;   /* of `corners` */
};

struct camera_label {
        char *name;
        double threshold;  /* 0 = the common one */
        double least_area; /* of the picture */
        double most_area;
};

/* What is said of one camera. */
struct camera_settings {
        char *name;      /* below Cameras; NULL at the top level */
        char *device_id; /* in IoT Hub, and registration id */

        struct {
                char *url;
                char *user;
                char *password; /* secret */
        } security;
        struct {
                bool is_given;   /* something is said of it */
                int rotation;    /* degrees */
                int64_t wait_ms; /* for the program that takes a picture */
        } raspberry;
        struct {
                char *file;
                char *folder;
                char *device;
                struct conf_texts command;
                int64_t timeout_s;
                int64_t maximum_bytes;
                int64_t maximum_age_s;
        } source;

        char *timer_due; /* TimeSpan */
        char *timer_period;
        int64_t due_ms; /* of the two above */
        int64_t period_ms;

        enum tally_variant variant;
        enum obscure_manner private_manner; /* see private_labels */
        double threshold;
        struct conf_texts labels_of_interest;
        bool has_labels_of_interest; /* also if that list is empty */
        struct conf_texts labels_minimum;
        struct camera_label *labels;
        size_t label_count;
        struct camera_area *zones;
        size_t zone_count;
        struct camera_area *masks;
        size_t mask_count;
        int64_t appears_after; /* pictures */
        int64_t gone_after;
        bool still_once;

        bool only_on_change;
        int64_t every_minutes; /* 0 = whenever the timer is due */
        bool details;
        bool upload_camera;
        bool upload_marked_up;

        struct conf_texts private_labels; /* what they stand for is obscured */
        double private_threshold;
        struct camera_area *private_areas;
        size_t private_area_count;

        char *camera_file; /* written anew with each picture; NULL = not at all */
        char *marked_up_file;

        struct {
                char *connection_string; /* secret; NULL = uploads go through the hub */
                char *camera_format;     /* picture_name.h */
                char *marked_up_format;
        } storage;

        struct {
                char *connection_string; /* secret; a device's or a policy's */
                char *dps_endpoint;
                char *id_scope;
                char *group_enrollment_key; /* secret */
                char *dtdl_model_id;
        } azure;
};

struct camera_program_settings {
        struct camera_settings common;
        struct camera_settings *cameras; /* none = `common` is the only one */
        size_t camera_count;

        char *listen;
        char *host; /* of `listen`; "" = all interfaces */
        uint16_t port;
        char *page_key;  /* secret; NULL = only this machine may ask */
        char *key_vault; /* URL of the vault of secrets that are given by name; or NULL */
        char *data_directory;
        struct {
                enum log_level level;
                enum log_format format;
        } log;
        int64_t store_bytes;
        char *model;
        char *labels;
        int64_t model_threads;
        int64_t model_size;
        char *onnx_runtime;
        int64_t amqp_port;
        int64_t token_lifetime_minutes;
        char *trusted_certificates;
        struct conf_secrets secrets; /* those that stand elsewhere */
};

/* Its `target` is a struct camera_program_settings, which camera_settings_init has filled. */
extern const struct conf_schema camera_schema;

void camera_settings_init(struct camera_program_settings *settings);

/* Wipes secrets and frees all texts. */
void camera_settings_deinit(struct camera_program_settings *settings);

/* The cameras of the program, at least one; `index` below the count. */
size_t camera_settings_count(const struct camera_program_settings *settings);
const struct camera_settings *camera_settings_of(const struct camera_program_settings *settings,
                                                 size_t index);

/* What a camera is called in logs and metrics: its name below Cameras, else its device id. */
const char *camera_settings_name(const struct camera_settings *camera);

#endif
