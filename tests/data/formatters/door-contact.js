// SPDX-License-Identifier: MIT
// A door contact, ES5: bit fields of one byte, a 24-bit counter, minutes since the last change.
function decodeUplink(input) {
  var b = input.bytes;
  var state = b[0];
  return {
    data: {
      open: (state & 1) === 1,
      tamper: ((state >> 1) & 1) === 1,
      mode: ['day', 'night', 'away', 'service'][(state >> 2) & 3],
      batterySteps: state >>> 4,
      openings: b[1] * 65536 + b[2] * 256 + b[3],
      lastChangeMinutes: b[4] | (b[5] << 8)
    }
  };
}
