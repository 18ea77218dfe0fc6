// SPDX-License-Identifier: MIT
// Talks to a console, which is there but says nothing, and keeps count, which does not last:
// each message starts from a fresh script.
var calls = 0;

function decodeUplink(input) {
  calls += 1;
  console.log('called', calls, input);
  console.error({ bytes: input.bytes });
  return { data: { calls: calls, size: input.bytes.length } };
}
