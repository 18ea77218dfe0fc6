// SPDX-License-Identifier: MIT
// Turns over what others rely on: later calls of this formatter and of others must not notice.
Object.prototype.toJSON = function () { return 'turned over'; };
Array.prototype.map = Array.prototype.push = Array.prototype.slice = null;
JSON.stringify = JSON.parse = function () { return '{'; };
Object.keys = Object.entries = function () { throw new Error('no'); };
Object.defineProperty(Object.prototype, 'errors', { get: function () { return ['from the prototype']; } });
Date.prototype.getTime = Number.prototype.toString = String.prototype.toString = null;

function decodeUplink() {
  return { data: { honest: true } };
}
