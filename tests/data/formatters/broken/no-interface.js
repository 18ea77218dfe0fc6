// SPDX-License-Identifier: MIT
function decode(input) {
  return { data: { size: input.bytes.length } };
}
