// SPDX-License-Identifier: MIT
// A bridge to Modbus: registers by a table, words in either order, an exception as warning.
const map = [
  { name: 'flow', at: 0, type: 'f32', swap: true },
  { name: 'total', at: 2, type: 'u32' },
  { name: 'temperature', at: 4, type: 'i16', scale: 0.1, digits: 1 },
];

const readers = {
  u32: (view, at) => view.getUint32(at),
  i16: (view, at) => view.getInt16(at),
  f32: (view, at) => view.getFloat32(at),
};

function words(bytes, { at, type, swap }) {
  const size = type.endsWith('32') ? 4 : 2;
  const part = bytes.slice(at * 2, at * 2 + size);
  return swap ? [...part.slice(2), ...part.slice(0, 2)] : part;
}

function decodeUplink({ bytes }) {
  const [slave, code, ...body] = bytes;
  if (code & 0x80) return { data: { slave }, warnings: [`exception ${body[0]} of function ${code & 0x7f}`] };
  const data = { slave };
  map.forEach((register) => {
    const view = new DataView(Uint8Array.from(words(body, register)).buffer);
    const value = readers[register.type](view, 0) * (register.scale ?? 1);
    data[register.name] = register.digits === undefined ? value : Number(value.toFixed(register.digits));
  });
  return { data };
}
