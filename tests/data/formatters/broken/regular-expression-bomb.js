// SPDX-License-Identifier: MIT
// Backtracks through more ways than there are atoms.
function decodeUplink() {
  return { data: { matches: /^(\w+\s?)*$/.test('a'.repeat(60) + '!') } };
}
