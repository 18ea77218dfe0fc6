// SPDX-License-Identifier: MIT
// A vibration sensor, ES5: half-precision floats put together from their bits.
function half(high, low) {
  var sign = high & 0x80 ? -1 : 1;
  var exponent = (high >> 2) & 0x1f;
  var fraction = ((high & 3) << 8) | low;
  if (exponent === 0) {
    return sign * Math.pow(2, -14) * (fraction / 1024);
  }
  if (exponent === 31) {
    return null;
  }
  return sign * Math.pow(2, exponent - 15) * (1 + fraction / 1024);
}

function decodeUplink(input) {
  var axes = ['x', 'y', 'z'];
  var data = { peak: {} };
  for (var i = 0; i < axes.length; i++) {
    data.peak[axes[i]] = half(input.bytes[2 * i], input.bytes[2 * i + 1]);
  }
  return { data: data };
}
