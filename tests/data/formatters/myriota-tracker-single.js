// SPDX-License-Identifier: MIT
// The older variant, ES5: one fix, and a message filled up with 0xcc, which is not told from data.
function int32(b, at) {
  return b[at] | b[at + 1] << 8 | b[at + 2] << 16 | b[at + 3] << 24;
}

function decodeUplink(input) {
  var b = input.bytes;
  if (b.length < 14) {
    throw 'a fix takes 14 bytes, not ' + b.length;
  }
  var when = new Date((int32(b, 10) >>> 0) * 1000).toISOString();
  return {
    data: {
      SequenceNumber: b[0] | b[1] << 8,
      DeviceLocation: { lat: int32(b, 2) / 10000000, lon: int32(b, 6) / 10000000, alt: 0 },
      FixAtUtc: when
    },
    properties: { 'iothub-creation-time-utc': when, Kind: 'tracker' }
  };
}
