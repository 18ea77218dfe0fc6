// SPDX-License-Identifier: MIT
// Whatever a call leaves behind, in variables, in the global object or in the language itself, the
// next one does not find.
var count = (this.count || 0) + 1;
globalThis.calls = (globalThis.calls || 0) + 1;
undeclared = typeof undeclared === 'undefined' ? 1 : undeclared + 1;
Array.prototype.seen = (Array.prototype.seen || 0) + 1;
Object.prototype.mark = (Object.prototype.mark || 0) + 1;
Math.calls = (Math.calls || 0) + 1;
decodeUplink.calls = (decodeUplink.calls || 0) + 1;

function decodeUplink() {
  return { data: { count, calls, undeclared, seen: [].seen, mark: ({}).mark, math: Math.calls, own: decodeUplink.calls } };
}
