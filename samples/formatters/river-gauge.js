// SPDX-License-Identifier: MIT
// A river gauge on LoRaWAN. Uplinks on port 3: flags, level in millimetres relative to the gauge's
// zero (signed, big-endian), battery in hundredths of a volt. Downlinks on port 3: how often it
// measures, and whether it sounds its alarm.

function decodeUplink(input) {
  const [flags, levelHigh, levelLow, batteryHigh, batteryLow] = input.bytes;
  if (input.bytes.length !== 5) {
    return { errors: [`a gauge sends 5 bytes, these are ${input.bytes.length}`] };
  }
  const level = ((levelHigh << 8) | levelLow) << 16 >> 16;
  const battery = ((batteryHigh << 8) | batteryLow) / 100;
  return {
    data: {
      level: level / 1000,
      battery,
      alarm: (flags & 0x80) !== 0,
      rising: (flags & 0x40) !== 0,
    },
    // These go beside the body, where routes in IoT Hub can look at them without reading it.
    properties: { alarm: (flags & 0x80) !== 0 },
    warnings: battery < 3.3 ? ['the battery is low'] : [],
  };
}

function encodeDownlink(input) {
  const { minutes, siren = false } = input.data;
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > 1440) {
    return { errors: ['minutes must be a whole number from 1 to 1440'] };
  }
  return { bytes: [minutes >> 8, minutes & 0xff, siren ? 1 : 0], fPort: 3 };
}

function decodeDownlink(input) {
  return { data: { minutes: (input.bytes[0] << 8) | input.bytes[1], siren: input.bytes[2] === 1 } };
}
