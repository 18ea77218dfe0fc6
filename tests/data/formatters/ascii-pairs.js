// SPDX-License-Identifier: MIT
// A modem that sends text: name=value pairs, with numbers where they are numbers.
const pair = /(?<name>[a-z_]\w*)=(?<value>[^;]*)/giy;

const value = (text) => (text.trim() !== '' && Number.isFinite(+text) ? +text : text);

function decodeUplink({ bytes }) {
  const text = bytes.map((byte) => String.fromCharCode(byte)).join('');
  const data = {};
  for (const part of text.split(';')) {
    pair.lastIndex = 0;
    const { name, value: written } = pair.exec(part)?.groups ?? {};
    if (name) data[name] = value(written);
  }
  return { data };
}
