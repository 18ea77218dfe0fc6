// SPDX-License-Identifier: MIT
function decodeUplink() {
  return { data: { text: 'x'.repeat(10 << 20) } };
}
