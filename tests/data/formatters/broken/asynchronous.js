// SPDX-License-Identifier: MIT
async function decodeUplink(input) {
  return { data: { size: input.bytes.length } };
}
