// SPDX-License-Identifier: MIT
#include "networks/event_facts.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/utf8.h"

#define BANDWIDTH_UNIT 1000 /* Hz */

static void copy_name(char *to, size_t size, const char *name)
{
        size_t length = strlen(name);

        if (length >= size)
                length = (size_t)utf8_cut(name, (int)size - 1);
        memcpy(to, name, length);
        to[length] = '\0';
}

static bool is_better(const struct event_facts *facts, double rssi, double snr)
{
        if (!isnan(snr) && (!(facts->told & FACT_SNR) || (float)snr != facts->snr))
                return !(facts->told & FACT_SNR) || (float)snr > facts->snr;
        if (isnan(snr) && (facts->told & FACT_SNR))
                return false;
        return !isnan(rssi) && (!(facts->told & FACT_RSSI) || (float)rssi > facts->rssi);
}

void event_facts_hear(struct event_facts *facts, const char *gateway, double rssi, double snr)
{
        bool is_first = !(facts->told & FACT_GATEWAYS);

        if (facts->gateways < UINT16_MAX)
                facts->gateways++;
        if (!is_first && !is_better(facts, rssi, snr))
                return;
        facts->told &= ~(unsigned)(FACT_RSSI | FACT_SNR);
        facts->told |= FACT_GATEWAYS;
        copy_name(facts->gateway, sizeof(facts->gateway), gateway ? gateway : "");
        if (!isnan(rssi)) {
                facts->told |= FACT_RSSI;
                facts->rssi = (float)rssi;
        }
        if (!isnan(snr)) {
                facts->told |= FACT_SNR;
                facts->snr = (float)snr;
        }
}

void event_facts_lora(struct event_facts *facts, int64_t spreading_factor, int64_t bandwidth_hz)
{
        if (spreading_factor < 5 || spreading_factor > 12 || bandwidth_hz < BANDWIDTH_UNIT ||
            bandwidth_hz > INT64_C(10000) * BANDWIDTH_UNIT)
                return;
        facts->told |= FACT_DATA_RATE;
        facts->spreading_factor = (uint8_t)spreading_factor;
        facts->bandwidth_khz = (uint16_t)(bandwidth_hz / BANDWIDTH_UNIT);
}

void event_facts_count(struct event_facts *facts, uint32_t counter)
{
        facts->told |= FACT_COUNTER;
        facts->counter = counter;
}

void event_facts_charge(struct event_facts *facts, double percent)
{
        if (!(percent >= 0 && percent <= 100))
                return;
        facts->told |= FACT_BATTERY;
        facts->battery = (float)percent;
}

static void take_signal(struct event_facts *known, const struct event_facts *told, int64_t at_ns)
{
        if (!(told->told & FACTS_OF_SIGNAL) || at_ns < known->signal_ns)
                return;
        known->told = (known->told & ~(unsigned)FACTS_OF_SIGNAL) | (told->told & FACTS_OF_SIGNAL);
        memcpy(known->gateway, told->gateway, sizeof(known->gateway));
        known->gateways = told->gateways;
        known->rssi = told->rssi;
        known->snr = told->snr;
        known->spreading_factor = told->spreading_factor;
        known->bandwidth_khz = told->bandwidth_khz;
        known->counter = told->counter;
        known->signal_ns = at_ns;
}

static void take_battery(struct event_facts *known, const struct event_facts *told, int64_t at_ns)
{
        if (!(told->told & FACTS_OF_BATTERY) || at_ns < known->battery_ns)
                return;
        known->told = (known->told & ~(unsigned)FACTS_OF_BATTERY) | (told->told & FACTS_OF_BATTERY);
        known->battery = told->battery;
        known->external_power = told->external_power;
        known->margin = told->margin;
        known->battery_ns = at_ns;
}

void event_facts_take(struct event_facts *known, const struct event_facts *told, int64_t time_ns)
{
        take_signal(known, told, told->signal_ns ? told->signal_ns : time_ns);
        take_battery(known, told, told->battery_ns ? told->battery_ns : time_ns);
}

/* --- as JSON ------------------------------------------------------------------------------ */

static const struct number {
        enum event_fact fact;
        const char *name;
        size_t offset; /* of a float */
} numbers[] = {
        {FACT_RSSI, "rssi", offsetof(struct event_facts, rssi)},
        {FACT_SNR, "snr", offsetof(struct event_facts, snr)},
        {FACT_BATTERY, "percent", offsetof(struct event_facts, battery)},
        {FACT_MARGIN, "margin", offsetof(struct event_facts, margin)},
};

static void add_numbers(const struct event_facts *facts, unsigned group, struct json_object *view)
{
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                float value;
                char text[32];

                if (!(facts->told & group & (unsigned)numbers[i].fact))
                        continue;
                memcpy(&value, (const char *)facts + numbers[i].offset, sizeof(value));
                snprintf(text, sizeof(text), "%.7g", (double)value);
                json_object_object_add(view, numbers[i].name,
                                       json_object_new_double_s((double)value, text));
        }
}

static void add_time(int64_t at_ns, struct json_object *view)
{
        char text[CLOCK_TEXT_SIZE];

        if (at_ns == 0)
                return;
        clock_format_utc(text, at_ns, CLOCK_FRACTION);
        json_add_text(view, "at", text);
}

static struct json_object *view_signal(const struct event_facts *facts)
{
        struct json_object *view = json_object_new_object();
        char data_rate[32];

        add_numbers(facts, FACTS_OF_SIGNAL, view);
        if (facts->told & FACT_GATEWAYS) {
                json_add_text(view, "gateway", facts->gateway);
                json_add_int(view, "gateways", facts->gateways);
        }
        if (facts->told & FACT_DATA_RATE) {
                snprintf(data_rate, sizeof(data_rate), "SF%dBW%d", facts->spreading_factor,
                         facts->bandwidth_khz);
                json_add_text(view, "dataRate", data_rate);
        }
        if (facts->told & FACT_COUNTER)
                json_add_int(view, "counter", facts->counter);
        add_time(facts->signal_ns, view);
        return view;
}

static struct json_object *view_battery(const struct event_facts *facts)
{
        struct json_object *view = json_object_new_object();

        add_numbers(facts, FACTS_OF_BATTERY, view);
        if (facts->told & FACT_EXTERNAL_POWER)
                json_add_bool(view, "externalPower", facts->external_power);
        add_time(facts->battery_ns, view);
        return view;
}

void event_facts_view(const struct event_facts *facts, struct json_object *view)
{
        if (facts->told & FACTS_OF_SIGNAL)
                json_object_object_add(view, "signal", view_signal(facts));
        if (facts->told & FACTS_OF_BATTERY)
                json_object_object_add(view, "battery", view_battery(facts));
}

static void restore_numbers(struct json_object *view, unsigned group, struct event_facts *facts)
{
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                struct json_object *member = json_member(view, numbers[i].name);
                float value = (float)json_object_get_double(member);

                if (!(group & (unsigned)numbers[i].fact) ||
                    (!json_object_is_type(member, json_type_double) &&
                     !json_object_is_type(member, json_type_int)))
                        continue;
                facts->told |= (unsigned)numbers[i].fact;
                memcpy((char *)facts + numbers[i].offset, &value, sizeof(value));
        }
}

static int64_t restore_time(struct json_object *view)
{
        const char *text = json_text_member(view, "at");
        int64_t at_ns = 0;

        return text && clock_parse_utc(text, &at_ns) ? at_ns : 0;
}

/* Of "SF7BW125". */
static void restore_data_rate(const char *text, struct event_facts *facts)
{
        long spreading_factor;
        char *end;

        if (!text || strncmp(text, "SF", 2) != 0)
                return;
        spreading_factor = strtol(text + 2, &end, 10);
        if (strncmp(end, "BW", 2) == 0)
                event_facts_lora(facts, spreading_factor,
                                 BANDWIDTH_UNIT * strtol(end + 2, NULL, 10));
}

static void restore_signal(struct json_object *view, struct event_facts *facts)
{
        const char *gateway = json_text_member(view, "gateway");
        int64_t number;

        restore_numbers(view, FACTS_OF_SIGNAL, facts);
        if (json_int_member(view, "gateways", &number)) {
                facts->told |= FACT_GATEWAYS;
                facts->gateways = (uint16_t)number;
                copy_name(facts->gateway, sizeof(facts->gateway), gateway ? gateway : "");
        }
        restore_data_rate(json_text_member(view, "dataRate"), facts);
        if (json_int_member(view, "counter", &number)) {
                facts->told |= FACT_COUNTER;
                facts->counter = (uint32_t)number;
        }
        facts->signal_ns = restore_time(view);
}

void event_facts_restore(struct json_object *view, struct event_facts *facts)
{
        struct json_object *battery = json_object_member(view, "battery");

        *facts = (struct event_facts){.told = 0};
        restore_signal(json_object_member(view, "signal"), facts);
        restore_numbers(battery, FACTS_OF_BATTERY, facts);
        if (json_member(battery, "externalPower")) {
                facts->told |= FACT_EXTERNAL_POWER;
                facts->external_power = json_bool_member(battery, "externalPower", false);
        }
        facts->battery_ns = restore_time(battery);
}
