// SPDX-License-Identifier: MIT
// Older scripts bring what their engines lacked, and guard what may be there already.
var JSON = JSON || {};
var console = console || { log: function () {} };
if (!String.prototype.padLeft) {
  String.prototype.padLeft = function (size, fill) {
    var text = String(this);
    while (text.length < size) text = fill + text;
    return text;
  };
}
Number.isWhole = Number.isWhole || function (n) { return n % 1 === 0; };

function decodeUplink(input) {
  console.log('decoding');
  return {
    data: {
      hex: input.bytes.map(function (b) { return b.toString(16).padLeft(2, '0'); }).join(''),
      json: JSON.stringify(input.bytes),
      whole: Number.isWhole(input.bytes[0] / 2),
    },
  };
}
