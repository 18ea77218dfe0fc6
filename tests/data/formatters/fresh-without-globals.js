// SPDX-License-Identifier: MIT
// The same for a formatter that has variables alone.
let count = 0;
const list = [];
const memory = {};
undeclared = typeof undeclared === 'undefined' ? 1 : undeclared + 1;

function decodeUplink(input) {
  count++;
  list.push(input.bytes[0]);
  memory[count] = true;
  return { data: { count, list, size: Object.keys(memory).length, undeclared } };
}
