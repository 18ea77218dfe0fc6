// SPDX-License-Identifier: MIT
#include "cli/camera/dtdl_interface.h"

#include <string.h>

#include "base/json/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "camera/count/tally.h"
#include "camera/count/tally_names.h"

/* By version, https://github.com/Azure/opendigitaltwins-dtdl. */
#define ID_MAX             128
#define NAME_MAX_2         64
#define NAME_MAX_3         512
#define CONTENTS_MAX_2     300
#define CONTENTS_MAX_3     10000 /* more would be longer than its 1 MiB */
#define BYTES_MAX_3        1048576
#define DISPLAY_NAME_MAX_2 64
#define DISPLAY_NAME_MAX_3 512

struct interface {
        const struct dtdl_options *options;
        struct json_object *contents;
        struct reason *reason;
        size_t most; /* elements */
        bool is_bad;
};

static bool is_letter(char character)
{
        return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
}

static bool is_digit(char character)
{
        return character >= '0' && character <= '9';
}

/* A letter first, no underscore last: so are names and the parts of an id. */
static bool is_name(const char *text, size_t size)
{
        if (size == 0 || !is_letter(text[0]) || text[size - 1] == '_')
                return false;
        for (size_t i = 0; i < size; i++) {
                if (!is_letter(text[i]) && !is_digit(text[i]) && text[i] != '_')
                        return false;
        }
        return true;
}

static bool is_version(const char *text)
{
        size_t length = strlen(text);

        return length >= 1 && length <= 9 && text[0] != '0' && strspn(text, "0123456789") == length;
}

static bool is_dtmi(const char *id)
{
        const char *at = id;

        if (strncmp(at, "dtmi:", 5) != 0 || strlen(id) > ID_MAX)
                return false;
        at += 4;
        while (*at == ':') {
                size_t length = strcspn(at + 1, ":;");

                if (!is_name(at + 1, length))
                        return false;
                at += 1 + length;
        }
        return *at == ';' && is_version(at + 1);
}

/* --- elements ------------------------------------------------------------------------------ */

static void fail(struct interface *interface, const char *what, const char *name)
{
        if (!interface->is_bad)
                reason_set(interface->reason, "%s: '%s'", what, name);
        interface->is_bad = true;
}

static void refuse_size(struct interface *interface)
{
        if (!interface->is_bad)
                reason_set(
                        interface->reason,
                        "there are too many labels and zones for version %d of DTDL, which allows "
                        "%zu elements; name labels with --only, or fewer in --zone",
                        (int)interface->options->version, interface->most);
        interface->is_bad = true;
}

static bool has_element(const struct interface *interface, const char *name)
{
        size_t count = json_object_array_length(interface->contents);

        for (size_t i = 0; i < count; i++) {
                struct json_object *element = json_object_array_get_idx(interface->contents, i);

                if (text_equal(json_text_member(element, "name"), name))
                        return true;
        }
        return false;
}

/* An element of the interface; its further members may be added. */
static struct json_object *add_element(struct interface *interface, const char *type,
                                       const char *name, const char *display_name)
{
        struct json_object *element = json_object_new_object();
        bool is_2 = interface->options->version == 2;

        if (strlen(name) > (is_2 ? NAME_MAX_2 : NAME_MAX_3) || !is_name(name, strlen(name)))
                fail(interface, "this is too long or no name for an element of DTDL", name);
        if (json_object_array_length(interface->contents) >= interface->most)
                refuse_size(interface);
        if (!interface->is_bad && has_element(interface, name))
                fail(interface, "two labels or zones would have this name in telemetry", name);
        json_add_text(element, "@type", type);
        json_add_text(element, "name", name);
        if (strlen(display_name) <= (is_2 ? DISPLAY_NAME_MAX_2 : DISPLAY_NAME_MAX_3))
                json_add_text(element, "displayName", display_name);
        json_object_array_add(interface->contents, element);
        return element;
}

static void add_count(struct interface *interface, const char *zone, const char *label)
{
        CLEANUP(buf_deinit) struct buf name = BUF_INIT;
        CLEANUP(mem_cleanup)
        char *display_name = zone ? mem_format("%s: %s", zone, label) : mem_text(label);

        tally_name(&name, zone, label);
        json_add_text(add_element(interface, "Telemetry", buf_text(&name), display_name), "schema",
                      "integer");
}

static void add_property(struct interface *interface, const char *name, const char *display_name,
                         const char *schema, bool is_writable)
{
        struct json_object *property = add_element(interface, "Property", name, display_name);

        json_add_text(property, "schema", schema);
        if (is_writable)
                json_add_bool(property, "writable", true);
}

static struct json_object *make_field(const char *name, struct json_object *schema)
{
        struct json_object *field = json_object_new_object();

        json_add_text(field, "name", name);
        json_object_object_add(field, "schema", schema);
        return field;
}

static struct json_object *make_array(struct json_object *element)
{
        struct json_object *array = json_object_new_object();

        json_add_text(array, "@type", "Array");
        json_object_object_add(array, "elementSchema", element);
        return array;
}

/* What Telemetry.Details adds to each tally. */
static void add_details(struct interface *interface)
{
        struct json_object *thing = json_object_new_object();
        struct json_object *fields = json_object_new_array();

        json_object_array_add(fields, make_field("label", json_object_new_string("string")));
        json_object_array_add(fields, make_field("score", json_object_new_string("double")));
        json_object_array_add(fields,
                              make_field("box", make_array(json_object_new_string("double"))));
        json_object_array_add(fields,
                              make_field("zones", make_array(json_object_new_string("string"))));
        json_add_text(thing, "@type", "Object");
        json_object_object_add(thing, "fields", fields);
        json_object_object_add(add_element(interface, "Telemetry", TALLY_NAMES_DETAILS, "Details"),
                               "schema", make_array(thing));
}

/* --- which counts -------------------------------------------------------------------------- */

/* Whether a list with commas has a text; NULL has all. */
static bool list_has(const char *list, const char *text)
{
        size_t length = strlen(text);

        if (!list)
                return true;
        for (;;) {
                size_t size = strcspn(list, ",");

                if (size == length && strncasecmp(list, text, size) == 0)
                        return true;
                if (list[size] == '\0')
                        return false;
                list += size + 1;
        }
}

/* Each text of a list must be a label. */
static void check_list(struct interface *interface, const char *list)
{
        const struct labels *labels = interface->options->labels;

        while (list && *list) {
                size_t size = strcspn(list, ",");
                CLEANUP(mem_cleanup) char *text = mem_text_n(list, size);
                bool found = false;

                for (size_t i = 0; i < labels->count && !found; i++)
                        found = text_equal_nocase(labels->names[i], text);
                if (!found)
                        fail(interface, "the model knows no such label", text);
                list += size + (list[size] == ',' ? 1 : 0);
        }
}

static void add_counts(struct interface *interface)
{
        const struct dtdl_options *options = interface->options;
        const struct labels *labels = options->labels;

        check_list(interface, options->only);
        for (size_t i = 0; i < labels->count; i++) {
                if (!interface->is_bad && list_has(options->only, labels->names[i]))
                        add_count(interface, NULL, labels->names[i]);
        }
        for (size_t z = 0; z < options->zone_count; z++) {
                const struct dtdl_zone *zone = &options->zones[z];

                check_list(interface, zone->labels);
                for (size_t i = 0; i < labels->count; i++) {
                        if (!interface->is_bad && list_has(options->only, labels->names[i]) &&
                            list_has(zone->labels, labels->names[i]))
                                add_count(interface, zone->name, labels->names[i]);
                }
        }
}

/* --- the whole ----------------------------------------------------------------------------- */

/* As isthmus-camera takes and reports them (docs/camera.md). */
static void add_timer(struct interface *interface)
{
        add_element(interface, "Command", "ImageTimerStart", "Start taking pictures");
        add_element(interface, "Command", "ImageTimerStop", "Stop taking pictures");
        add_property(interface, "ImageTimerDue", "Time to the first picture", "string", true);
        add_property(interface, "ImageTimerPeriod", "Time between pictures", "string", true);
        add_property(interface, "ImageTimerStarted", "Takes pictures", "boolean", false);
        add_property(interface, "OSVersion", "Operating system", "string", false);
        add_property(interface, "MachineName", "Machine", "string", false);
        add_property(interface, "ApplicationVersion", "Version of isthmus-camera", "string", false);
        add_property(interface, "YoloV5ModelPath", "Model", "string", false);
        add_property(interface, "PredictionScoreThreshold", "Threshold", "double", false);
        add_property(interface, "PredictionLabelsOfInterest", "Labels of interest", "string",
                     false);
        add_property(interface, "PredictionLabelsMinimum", "Labels told as 0", "string", false);
}

static void write_interface(const struct interface *interface, struct buf *out)
{
        const struct dtdl_options *options = interface->options;
        CLEANUP(json_cleanup) struct json_object *root = json_object_new_object();
        struct json_object *context = json_object_new_array();
        bool is_2 = options->version == 2;

        json_object_array_add(context, json_object_new_string(is_2 ? "dtmi:dtdl:context;2"
                                                                   : "dtmi:dtdl:context;3"));
        if (is_2)
                json_object_array_add(context, json_object_new_string("dtmi:iotcentral:context;2"));
        json_object_object_add(root, "@context", context);
        json_add_text(root, "@id", options->id);
        json_add_text(root, "@type", "Interface");
        json_add_text(root, "displayName", options->display_name);
        json_object_object_add(root, "contents", json_object_get(interface->contents));
        buf_add_text(out, json_object_to_json_string_ext(
                                  root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                JSON_C_TO_STRING_NOSLASHESCAPE));
        buf_add_char(out, '\n');
}

bool dtdl_interface(const struct dtdl_options *options, struct buf *out, struct reason *reason)
{
        CLEANUP(json_cleanup) struct json_object *contents = json_object_new_array();
        struct interface interface = {
                .options = options,
                .contents = contents,
                .reason = reason,
                .most = options->version == 2 ? CONTENTS_MAX_2 : CONTENTS_MAX_3,
        };

        if (!is_dtmi(options->id))
                fail(&interface, "this is no DTMI, which looks like dtmi:example:camera;1",
                     options->id);
        add_counts(&interface);
        if (options->details)
                add_details(&interface);
        add_timer(&interface);
        if (interface.is_bad)
                return false;
        write_interface(&interface, out);
        if (options->version == 2 || out->size <= BYTES_MAX_3)
                return true;
        refuse_size(&interface);
        return false;
}
