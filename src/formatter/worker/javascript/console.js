// SPDX-License-Identifier: MIT
// `console`, which says nothing. Evaluated before a formatter is.
(function (global) {
'use strict';

function inert() {}

Reflect.defineProperty(global, 'console', {
  __proto__: null,
  value: {
    log: inert, info: inert, warn: inert, error: inert, debug: inert, trace: inert, dir: inert,
    table: inert, assert: inert, count: inert, group: inert, groupCollapsed: inert, groupEnd: inert,
    time: inert, timeLog: inert, timeEnd: inert,
  },
  writable: true,
  enumerable: false,
  configurable: true,
});
})(globalThis);
