// SPDX-License-Identifier: MIT
function decodeUplink(input) {
  return { data: { size: 1, size: input.bytes.length + 1, size: 'last' } };
}
