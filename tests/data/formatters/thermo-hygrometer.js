// SPDX-License-Identifier: MIT
// A room sensor, ES5: signed temperature, humidity, battery and alarm bits; big-endian.
function signed16(high, low) {
  var value = (high << 8) | low;
  return value > 0x7fff ? value - 0x10000 : value;
}

function decodeUplink(input) {
  var bytes = input.bytes;
  if (bytes.length !== 5) {
    return { errors: ['5 bytes expected, got ' + bytes.length] };
  }
  var warnings = [];
  if (bytes[4] & 0x80) {
    warnings.push('the sensor reports a fault');
  }
  return {
    data: {
      temperature: signed16(bytes[0], bytes[1]) / 10,
      humidity: bytes[2] / 2,
      battery: (bytes[3] + 200) / 100,
      alarms: {
        cold: (bytes[4] & 0x01) !== 0,
        hot: (bytes[4] & 0x02) !== 0,
        tamper: (bytes[4] & 0x04) !== 0
      }
    },
    warnings: warnings
  };
}
