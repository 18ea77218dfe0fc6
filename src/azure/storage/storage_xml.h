// SPDX-License-Identifier: MIT
/* Reads the XML of Azure Storage's answers: elements and their texts, no document types. */
#ifndef ISTHMUS_AZURE_STORAGE_STORAGE_XML_H
#define ISTHMUS_AZURE_STORAGE_STORAGE_XML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reason.h"

/* Both return NULL, or what is wrong: a static text, with which the reading ends. */
struct storage_xml_hooks {
        /* An element begins; the outermost has depth 1. */
        const char *(*open)(void *context, int depth, const char *name);
        /* It ends; `text` is what stood between its last child (or its begin) and its end. */
        const char *(*close)(void *context, int depth, const char *name, const struct buf *text);
        void *context;
};

/* False with the reason if it is no XML, or a hook finds something wrong. */
bool storage_xml_read(const char *xml, size_t size, const struct storage_xml_hooks *hooks,
                      struct reason *reason) MUST_CHECK;

#endif
