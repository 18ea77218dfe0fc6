// SPDX-License-Identifier: MIT
// A water meter, ES5: binary-coded decimal digits, lowest first; a wrong digit is an error.
function bcd(bytes) {
  var text = '';
  bytes.forEach(function (byte) {
    var high = byte >> 4;
    var low = byte & 15;
    if (high > 9 || low > 9) {
      throw new Error('0x' + byte.toString(16) + ' is no pair of decimal digits');
    }
    text = '' + high + low + text;
  });
  return text;
}

function decodeUplink(input) {
  var serial = bcd(input.bytes.slice(0, 4));
  return {
    data: {
      serial: serial,
      volume: parseInt(bcd(input.bytes.slice(4, 8)), 10) / 1000,
      flow: parseInt(bcd(input.bytes.slice(8, 10)), 10)
    }
  };
}
