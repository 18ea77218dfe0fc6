// SPDX-License-Identifier: MIT
function decodeUplink() {
  return { data: JSON.parse('{"temperature": 21.5, "humidity": }') };
}
