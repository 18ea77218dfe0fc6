// SPDX-License-Identifier: MIT
"use strict";
// A strict script has its functions in the global object, and no `this` in a plain call.
var scale = 4;
function half(n) {
  return n / 2;
}
function decodeUplink(input) {
  return { data: { half: globalThis.half(input.bytes[0]), scale: globalThis.scale, self: typeof this } };
}
