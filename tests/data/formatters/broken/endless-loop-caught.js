// SPDX-License-Identifier: MIT
// Catches whatever would end it.
function decodeUplink() {
  for (;;) {
    try {
      for (;;);
    } catch (ended) {
      continue;
    } finally {
      continue;
    }
  }
}
