// SPDX-License-Identifier: MIT
// A node with a message of its own on each port: a Map of functions, default parameters.
const hex = (bytes, separator = '') =>
  bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(separator);

const ports = new Map([
  [1, ([high, low]) => ({ kind: 'measurement', pressure: ((high << 8) | low) / 100 })],
  [2, ([code, ...context]) => ({ kind: 'event', code, context: hex(context) })],
  [3, (bytes) => ({ kind: 'version', firmware: bytes.slice(0, 3).join('.'), eui: hex(bytes.slice(3), '-') })],
  [220, () => ({ kind: 'heartbeat' })],
]);

function decodeUplink({ bytes, fPort }) {
  const decode = ports.get(fPort);
  if (!decode) return { errors: [`port ${fPort} is not in use`] };
  return { data: { port: fPort, ...decode(bytes) } };
}
