// SPDX-License-Identifier: MIT
// A valve: states up, commands down and back, with the checks that a person would like to read.
const states = ['closed', 'open', 'moving', 'stuck'];

function decodeUplink({ bytes, fPort }) {
  if (fPort === 11) return { data: { acknowledged: bytes[0] } };
  return { data: { state: states[bytes[0] & 3], position: bytes[1] } };
}

function encodeDownlink(input) {
  const { position, minutes = 0 } = input.data;
  if (!Number.isInteger(position) || position < 0 || position > 100) {
    return { errors: [`position must be a whole number from 0 to 100, not ${JSON.stringify(position)}`] };
  }
  return {
    fPort: 10,
    bytes: [position, minutes >> 8, minutes & 0xff],
    warnings: minutes > 1440 ? ['longer than a day'] : [],
  };
}

function decodeDownlink({ bytes: [position, high, low] }) {
  return { data: { position, minutes: high * 256 + low } };
}
