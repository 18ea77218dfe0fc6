// SPDX-License-Identifier: MIT
/*
 * What a network's event tells of how its device is heard, and of its battery: for whoever looks
 * after the device, beside what it measures. A driver fills in what it is told, and nothing else.
 */
#ifndef ISTHMUS_NETWORKS_EVENT_FACTS_H
#define ISTHMUS_NETWORKS_EVENT_FACTS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/* Which of them are told: bits of `told`. */
enum event_fact {
        FACT_RSSI = 1 << 0,
        FACT_SNR = 1 << 1,
        FACT_COUNTER = 1 << 2,
        FACT_BATTERY = 1 << 3,
        FACT_EXTERNAL_POWER = 1 << 4,
        FACT_MARGIN = 1 << 5,
        FACT_GATEWAYS = 1 << 6, /* `gateway`, if it is not empty, and their number */
        FACT_DATA_RATE = 1 << 7,
        /* Those that belong together: what is told anew of one takes the place of all. */
        FACTS_OF_SIGNAL = FACT_RSSI | FACT_SNR | FACT_COUNTER | FACT_GATEWAYS | FACT_DATA_RATE,
        FACTS_OF_BATTERY = FACT_BATTERY | FACT_EXTERNAL_POWER | FACT_MARGIN,
};

/* Longer names are cut. */
#define FACTS_GATEWAY_SIZE 48

/* All zero: nothing is told. */
struct event_facts {
        unsigned told;
        char gateway[FACTS_GATEWAY_SIZE]; /* the one that heard the device best */
        uint16_t gateways;                /* how many have heard it */
        uint16_t bandwidth_khz;           /* of LoRa, with FACT_DATA_RATE */
        uint8_t spreading_factor;         /* likewise */
        float rssi;                       /* dBm, at that one */
        float snr;                        /* dB, likewise */
        uint32_t counter;                 /* of frames, from the device */
        float battery;                    /* percent */
        bool external_power;
        float margin;      /* dB, of what the device hears of its network */
        int64_t signal_ns; /* wall clock: when what of it is told was so; 0 = at the event's time */
        int64_t battery_ns; /* likewise */
};

/*
 * A gateway has heard the device; its name, and what it says of the signal, may be missing (NULL,
 * NAN). Counts it, and keeps the one with the best signal to noise ratio, then the strongest.
 */
void event_facts_hear(struct event_facts *facts, const char *gateway, double rssi, double snr);

/* LoRa's data rate, of a spreading factor and a bandwidth in Hz; what can't be is not told. */
void event_facts_lora(struct event_facts *facts, int64_t spreading_factor, int64_t bandwidth_hz);

/* The frame's counter. */
void event_facts_count(struct event_facts *facts, uint32_t counter);

/* The battery's charge in percent; what is none (NAN, or beyond 0 to 100) is not told. */
void event_facts_charge(struct event_facts *facts, double percent);

/* Takes up what an event of `time_ns` tells, unless what is known is newer. */
void event_facts_take(struct event_facts *known, const struct event_facts *told, int64_t time_ns);

/* Adds them as {"signal": {"rssi": ..., "at": ...}, "battery": {...}}, without what is not told. */
void event_facts_view(const struct event_facts *facts, struct json_object *view);

/* What event_facts_view has added; anything else is not told. */
void event_facts_restore(struct json_object *view, struct event_facts *facts);

#endif
