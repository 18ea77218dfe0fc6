// SPDX-License-Identifier: MIT
function decodeUplink(input) {
  const thrower = { get value() { throw new Error('not from here'); } };
  return input.fPort === 1 ? { data: thrower } : { get data() { throw new Error('not from there'); } };
}
