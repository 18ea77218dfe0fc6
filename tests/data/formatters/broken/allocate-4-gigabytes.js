// SPDX-License-Identifier: MIT
function decodeUplink() {
  const parts = [];
  while (parts.length < 1024) parts.push(new Uint8Array(4 << 20).fill(1));
  return { data: { parts: parts.length } };
}
