// SPDX-License-Identifier: MIT
function decodeUplink(input) {
  return { data: { flags: input.bytes[4].toString(2) } };
}
