// SPDX-License-Identifier: MIT
const { decode } = require('lpp-codec');

function decodeUplink(input) {
  return { data: decode(input.bytes) };
}
