// SPDX-License-Identifier: MIT
function decodeUplink() {
  for (;;);
}
