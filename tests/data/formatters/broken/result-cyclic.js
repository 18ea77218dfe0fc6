// SPDX-License-Identifier: MIT
function decodeUplink() {
  const data = { name: 'ring' };
  data.again = { data };
  return { data };
}
