// SPDX-License-Identifier: MIT
'use strict';
// A whole formatter in strict mode, ES5, closed in a function that gives out its interface only.
var formatter = (function () {
  function check(bytes) {
    if (bytes.length < 2) {
      throw new TypeError('at least two bytes are needed');
    }
  }

  return Object.freeze({
    decode: function (bytes) {
      check(bytes);
      return { value: bytes[0] - bytes[1], strict: this === formatter };
    }
  });
}());

function decodeUplink(input) {
  try {
    undeclared = 1;
  } catch (error) {
    return { data: formatter.decode(input.bytes), warnings: [error.name] };
  }
}
