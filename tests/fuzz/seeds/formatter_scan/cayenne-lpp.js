// SPDX-License-Identifier: MIT
// Cayenne LPP, complete: every type of an uplink, both directions of a downlink.
const int = (bytes, signed) => {
  const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  const range = 256 ** bytes.length;
  return signed && value >= range / 2 ? value - range : value;
};

const scalar = (name, size, divisor, signed = false) =>
  ({ name, size, read: (bytes) => int(bytes, signed) / divisor });

const vector = (name, width, members) => ({
  name,
  size: width * members.length,
  read: (bytes) => Object.fromEntries(members.map(([member, divisor], i) =>
    [member, int(bytes.slice(i * width, (i + 1) * width), true) / divisor])),
});

const axes = (divisor) => ['x', 'y', 'z'].map((axis) => [axis, divisor]);

const types = {
  0: scalar('digital_in', 1, 1),
  1: scalar('digital_out', 1, 1),
  2: scalar('analog_in', 2, 100, true),
  3: scalar('analog_out', 2, 100, true),
  101: scalar('luminosity', 2, 1),
  102: scalar('presence', 1, 1),
  103: scalar('temperature', 2, 10, true),
  104: scalar('relative_humidity', 1, 2),
  113: vector('accelerometer', 2, axes(1000)),
  115: scalar('barometric_pressure', 2, 10, true),
  134: vector('gyrometer', 2, axes(100)),
  136: vector('gps', 3, [['latitude', 10000], ['longitude', 10000], ['altitude', 100]]),
};

function decodeUplink({ bytes }) {
  const data = {};
  for (let at = 0; at < bytes.length;) {
    const [channel, code] = [bytes[at], bytes[at + 1]];
    const type = types[code];
    if (!type) return { errors: [`type ${code} on channel ${channel} is unknown`] };
    const value = bytes.slice(at + 2, at + 2 + type.size);
    if (value.length < type.size) return { errors: [`channel ${channel} is cut off`] };
    data[`${type.name}_${channel}`] = type.read(value);
    at += 2 + type.size;
  }
  return { data };
}

function encodeDownlink({ data, fPort }) {
  const bytes = [];
  const warnings = [];
  for (const [name, value] of Object.entries(data)) {
    const channel = /^value_(\d+)$/.exec(name)?.[1];
    if (channel === undefined || typeof value !== 'number' || channel > 254) {
      warnings.push(`${name} was not sent`);
      continue;
    }
    const scaled = Math.trunc(value * 100);
    bytes.push(Number(channel), (scaled >> 8) & 255, scaled & 255);
  }
  return { bytes, fPort: fPort ?? 1, warnings };
}

function decodeDownlink({ bytes }) {
  const data = {};
  for (let at = 0; at + 2 < bytes.length && bytes[at] !== 255; at += 3) {
    data[`value_${bytes[at]}`] = int(bytes.slice(at + 1, at + 3), true) / 100;
  }
  return { data };
}
