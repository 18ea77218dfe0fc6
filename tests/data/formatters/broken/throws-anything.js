// SPDX-License-Identifier: MIT
function decodeUplink(input) {
  throw [null, undefined, 17, 'words', { toString: null }, Symbol('s'), new Error('x'.repeat(100000))][input.fPort - 1];
}
