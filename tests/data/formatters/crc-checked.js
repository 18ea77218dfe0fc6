// SPDX-License-Identifier: MIT
// A frame with a checksum (CRC-16, CCITT), ES5: what does not match is an error.
function crc16(bytes) {
  var crc = 0xffff;
  bytes.forEach(function (byte) {
    crc ^= byte << 8;
    for (var bit = 0; bit < 8; bit++) {
      crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    }
    crc &= 0xffff;
  });
  return crc;
}

function decodeUplink(input) {
  var body = input.bytes.slice(0, -2);
  var sent = input.bytes.slice(-2);
  var expected = crc16(body);
  if ((sent[0] << 8 | sent[1]) !== expected) {
    return { data: {}, errors: ['checksum 0x' + expected.toString(16) + ' expected'] };
  }
  return { data: { text: String.fromCharCode.apply(String, body) } };
}
