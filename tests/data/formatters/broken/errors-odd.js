// SPDX-License-Identifier: MIT
// A list of errors that is none, and errors that are no texts.
function decodeUplink(input) {
  return { data: {}, errors: [['plain'], 'not a list', [{ code: 7 }, null], []][input.fPort - 1] };
}
