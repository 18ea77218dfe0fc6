// SPDX-License-Identifier: MIT
// The data by the port, and the bytes as the caller asks: nothing of it can be used.
function decodeUplink(input) {
  return { data: [[1, 2], 'text', 17, true, function () {}][input.fPort - 1] };
}

function encodeDownlink(input) {
  return { bytes: input.data.bytes, fPort: input.data.fPort };
}
