// SPDX-License-Identifier: MIT
function decodeUplink() {
  return null;
}
