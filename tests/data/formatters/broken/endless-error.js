// SPDX-License-Identifier: MIT
// Throws what never becomes a text.
function decodeUplink() {
  throw { toString() { for (;;); } };
}
