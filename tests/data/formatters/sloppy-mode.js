// SPDX-License-Identifier: MIT
// What only sloppy mode allows, as many published formatters need it: undeclared variables,
// a repeated parameter, octal numbers, `with`, assignment to what can't be assigned.
function add(value, value) {
  return value + 010;
}

function decodeUplink(input) {
  answer = {};
  undefined = 5;
  NaN = 7;
  with (answer) {
    answer.sum = add(1, input.bytes[0]);
  }
  answer.self = typeof this;
  answer.fixed = typeof undefined;
  return { data: answer };
}
