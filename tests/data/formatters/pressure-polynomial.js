// SPDX-License-Identifier: MIT
// A pressure transmitter, ES5: a polynomial of the fourth degree, rounded; constants of a probe.
var COEFFICIENTS = [-0.5, 0.0125, 3e-7, -1.5e-11, 2e-17];

function polynomial(x) {
  return COEFFICIENTS.reduceRight(function (sum, c) { return sum * x + c; }, 0);
}

function decodeUplink(input) {
  var raw = input.bytes[0] << 8 | input.bytes[1];
  return { data: { raw: raw, bar: Math.round(polynomial(raw) * 1000) / 1000 } };
}
