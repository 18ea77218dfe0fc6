// SPDX-License-Identifier: MIT
while (true) { /* before any function is there */ }

function decodeUplink() {
  return { data: {} };
}
