// SPDX-License-Identifier: MIT
// A terminal that sends text: UTF-8 both ways, with broken sequences replaced.
function decodeUplink({ bytes }) {
  const text = new TextDecoder().decode(new Uint8Array(bytes));
  return { data: { text, letters: [...text].length, words: text.split(/\s+/u).filter(Boolean) } };
}

function encodeDownlink({ data }) {
  return { bytes: Array.from(new TextEncoder().encode(data.text)), fPort: 1 };
}
