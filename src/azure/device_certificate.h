// SPDX-License-Identifier: MIT
/*
 * The certificate by which one device proves itself (rule W21), as files of a folder: ID.pem, the
 * certificate with those that signed it, and ID-key.pem. Its common name is the device's
 * registration id. They are made elsewhere, or by us if there is an authority's key.
 */
#ifndef ISTHMUS_AZURE_DEVICE_CERTIFICATE_H
#define ISTHMUS_AZURE_DEVICE_CERTIFICATE_H

#include <stdint.h>

#include "base/error.h"
#include "base/reason.h"
#include "base/x509/certificate.h"

struct device_certificate_order {
        const char *folder;
        const char *id;            /* registration id, IoT Hub device id */
        const char *authority;     /* PEM file of who signs what is made; NULL = nobody */
        const char *authority_key; /* PEM file */
        int days;                  /* how long what is made lasts */
        int64_t now_s;             /* since 1970 */
};

/* So many days one that is made lasts if nobody says otherwise. */
#define DEVICE_CERTIFICATE_DAYS 90

/*
 * Reads it; if there is none, or it is due, and there is an authority, makes a new one first. One
 * that is due, but can't be replaced, is given as long as it has not ended. Reads and writes files.
 * A negative errno with the reason.
 */
int device_certificate_open(const struct device_certificate_order *order,
                            struct certificate **certificate, struct reason *reason) MUST_CHECK;

/*
 * Makes a new one, whatever there is, and writes it: signed by the authority, or by itself if there
 * is none.
 */
int device_certificate_renew(const struct device_certificate_order *order,
                             struct certificate **certificate, struct reason *reason) MUST_CHECK;

/* Is less than a third of its life left? */
bool device_certificate_is_due(const struct certificate *certificate, int64_t now_s);

#endif
