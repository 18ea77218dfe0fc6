// SPDX-License-Identifier: MIT
/*
 * The DTDL interface of a camera: what isthmus-camera sends, takes and reports, for IoT Central.
 *
 * Source: https://github.com/Azure/opendigitaltwins-dtdl, DTDL/v2 and v3.
 */
#ifndef ISTHMUS_CLI_CAMERA_DTDL_INTERFACE_H
#define ISTHMUS_CLI_CAMERA_DTDL_INTERFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"
#include "camera/detect/labels.h"

#define DTDL_ZONES_MAX 32

/* A zone and the labels that are counted in it. */
struct dtdl_zone {
        char *name;
        char *labels; /* with commas; NULL = all */
};

struct dtdl_options {
        const struct labels *labels;
        const char *only; /* labels with commas; NULL = all */
        const char *id;   /* DTMI */
        const char *display_name;
        const struct dtdl_zone *zones;
        size_t zone_count;
        bool details;    /* Telemetry.Details is on */
        int64_t version; /* 2 or 3 */
};

/*
 * Adds the interface as JSON text on many lines. False with the reason if the id is no DTMI, a
 * label that is named is not there, two names become one, or it gets too large for that version.
 */
bool dtdl_interface(const struct dtdl_options *options, struct buf *out,
                    struct reason *reason) MUST_CHECK;

#endif
