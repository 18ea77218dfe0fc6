// SPDX-License-Identifier: MIT
// A member's name with the character U+0000: nothing behind the gateway takes it.
function decodeUplink(input) {
  return { data: { ['a\u0000b']: input.bytes[0] } };
}
