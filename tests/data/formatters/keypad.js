// SPDX-License-Identifier: MIT
// A keypad, ES5: two keys in a byte, a regular expression over what was typed.
var KEYS = '0123456789*#ABCD';

function decodeUplink(input) {
  var typed = input.bytes.map(function (byte) {
    return KEYS.charAt(byte >> 4) + KEYS.charAt(byte & 15);
  }).join('');
  var parts = /^(\d{4})\*(\d+)#/.exec(typed);
  if (!parts) {
    return { data: { typed: typed }, warnings: ['no order was recognised'] };
  }
  return { data: { typed: typed, user: parts[1], order: parseInt(parts[2], 10) } };
}
