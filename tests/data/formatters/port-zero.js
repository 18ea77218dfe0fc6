// SPDX-License-Identifier: MIT
// The port 0 is one, and no port is none.
function decodeUplink(input) {
  return { data: { port: input.fPort === undefined ? 'none' : input.fPort }, warnings: [], errors: [] };
}
