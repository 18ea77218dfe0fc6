// SPDX-License-Identifier: MIT
// Node's Buffer, which is no part of the language.
function decodeUplink(input) {
  const buffer = Buffer.from(input.bytes);
  return { data: { value: buffer.readInt16BE(0) } };
}
