// SPDX-License-Identifier: MIT
#include "azure/storage/storage_xml.h"

#include <expat.h>
#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"

struct reading {
        XML_Parser parser;
        const struct storage_xml_hooks *hooks;
        int depth; /* of elements that are open */
        struct buf text;
        const char *wrong; /* or NULL */
};

static void judge(struct reading *reading, const char *wrong)
{
        if (!wrong || reading->wrong)
                return;
        reading->wrong = wrong;
        XML_StopParser(reading->parser, XML_FALSE);
}

static void XMLCALL open_element(void *context, const XML_Char *name, const XML_Char **attributes)
{
        struct reading *reading = context;

        (void)attributes;
        reading->depth++;
        buf_clear(&reading->text);
        judge(reading, reading->hooks->open(reading->hooks->context, reading->depth, name));
}

static void XMLCALL add_text(void *context, const XML_Char *text, int size)
{
        struct reading *reading = context;

        buf_add(&reading->text, text, (size_t)size);
}

static void XMLCALL close_element(void *context, const XML_Char *name)
{
        struct reading *reading = context;

        judge(reading,
              reading->hooks->close(reading->hooks->context, reading->depth, name, &reading->text));
        reading->depth--;
}

/* The services send none; one could make little text huge. */
static void XMLCALL refuse_document_type(void *context, const XML_Char *name,
                                         const XML_Char *system, const XML_Char *public, int inside)
{
        (void)name;
        (void)system;
        (void)public;
        (void)inside;
        judge(context, "it has a document type of its own");
}

static void *allocate(size_t size)
{
        return mem_new(1, size);
}

static void *resize(void *old, size_t size)
{
        return mem_resize(old, 1, size);
}

bool storage_xml_read(const char *xml, size_t size, const struct storage_xml_hooks *hooks,
                      struct reason *reason)
{
        static const XML_Memory_Handling_Suite memory = {allocate, resize, free};
        struct reading reading = {.parser = XML_ParserCreate_MM("UTF-8", &memory, NULL),
                                  .hooks = hooks};
        bool good;

        XML_SetUserData(reading.parser, &reading);
        XML_SetElementHandler(reading.parser, open_element, close_element);
        XML_SetCharacterDataHandler(reading.parser, add_text);
        XML_SetStartDoctypeDeclHandler(reading.parser, refuse_document_type);
        good = size <= INT_MAX &&
               XML_Parse(reading.parser, xml, (int)size, XML_TRUE) == XML_STATUS_OK;
        if (!good)
                reason_set(reason, "the answer can't be read: %s",
                           reading.wrong ? reading.wrong
                                         : XML_ErrorString(XML_GetErrorCode(reading.parser)));
        XML_ParserFree(reading.parser);
        buf_deinit(&reading.text);
        return good;
}
