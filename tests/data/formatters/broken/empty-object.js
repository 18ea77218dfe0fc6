// SPDX-License-Identifier: MIT
function decodeUplink(input) {
  return input.fPort === 1 ? {} : { data: {} };
}
