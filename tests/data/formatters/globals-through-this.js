// SPDX-License-Identifier: MIT
// Helpers and variables that are reached through `this` and `globalThis`, as at the top of a script.
var scale = 10;
let offset = 3;

function twice(n) {
  return 2 * n;
}

function decodeUplink(input) {
  var raw = input.bytes[0];
  return {
    data: {
      helper: this.twice(raw),
      variable: this.scale * raw,
      named: globalThis['twice'](raw) + globalThis.scale,
      lexical: typeof this.offset,
      own: Object.keys(globalThis).filter(function (name) { return name === 'twice' || name === 'offset'; }),
    },
  };
}
