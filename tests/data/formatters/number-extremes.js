// SPDX-License-Identifier: MIT
// Numbers at the edges of what JSON and a double can say.
function decodeUplink(input) {
  return {
    data: {
      largestExact: Number.MAX_SAFE_INTEGER,
      smallestExact: Number.MIN_SAFE_INTEGER,
      largest: Number.MAX_VALUE,
      smallest: Number.MIN_VALUE,
      third: 1 / 3,
      minusZero: -0,
      exponent: 1e21,
      sum: 0.1 + 0.2,
      bytes: input.bytes.length
    }
  };
}
