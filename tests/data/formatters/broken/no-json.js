// SPDX-License-Identifier: MIT
// Other things that have no place in JSON.
function decodeUplink(input) {
  return { data: { value: [10n, Symbol('s'), () => 1][input.fPort - 1] } };
}
