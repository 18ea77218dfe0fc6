// SPDX-License-Identifier: MIT
// A gas meter of the older convention, ES5: only Decoder; implicit globals and a hoisted helper.
function Decoder(bytes, port) {
  total = 0;
  for (index = 0; index < 4; index++) {
    total = total * 256 + bytes[index];
  }
  return { port: port, volume: round(total * 0.01), unit: 'm\u00b3' };

  function round(value) {
    return Math.round(value * 100) / 100;
  }
}
