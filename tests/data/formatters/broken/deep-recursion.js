// SPDX-License-Identifier: MIT
function decodeUplink(input) {
  return decodeUplink(input);
}
