// SPDX-License-Identifier: MIT
// Halves of characters, in names, values and errors.
function decodeUplink(input) {
  if (input.fPort === 2) return { errors: ['half \ud800 of one'] };
  return { data: { 'n\udc00': 'v\ud800', 'zero\u0000': 'a\u0000b' } };
}
