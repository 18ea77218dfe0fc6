// SPDX-License-Identifier: MIT
// Code that is made from text sees the script's names, also those that are no members of the global
// object.
const base = 100;
var step = 1;
function plusOne(n) {
  return n + step;
}

function decodeUplink(input) {
  var n = input.bytes[0];
  return {
    data: {
      made: new Function('n', 'return plusOne(n)')(n),
      called: Function('return base')(),
      indirect: (0, eval)('plusOne(base)'),
      direct: eval('n + base'),
    },
  };
}
