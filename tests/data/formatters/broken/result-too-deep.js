// SPDX-License-Identifier: MIT
function decodeUplink() {
  let data = {};
  for (let i = 0; i < 5000; i++) data = { data };
  return { data };
}
