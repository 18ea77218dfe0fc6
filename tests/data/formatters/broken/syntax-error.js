// SPDX-License-Identifier: MIT
function decodeUplink(input) {
  return { data: { size: input.bytes.length };
}
