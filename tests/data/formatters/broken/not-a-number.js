// SPDX-License-Identifier: MIT
// What a double can be and JSON can't.
function decodeUplink(input) {
  return { data: { list: [1, [NaN, Infinity, -Infinity][input.fPort - 1]] } };
}
