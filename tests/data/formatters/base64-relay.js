// SPDX-License-Identifier: MIT
// A relay wraps the bytes of another device in base64 text: atob up, btoa down.
function decodeUplink({ bytes }) {
  const [device, text] = String.fromCharCode(...bytes).split(':');
  const inner = Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return { data: { device, inner, again: btoa(String.fromCharCode(...inner)) === text } };
}

function encodeDownlink({ data: { device, inner } }) {
  const text = `${device}:${btoa(String.fromCharCode(...inner))}`;
  return { bytes: Array.from(text, (letter) => letter.charCodeAt(0)), fPort: 9 };
}
