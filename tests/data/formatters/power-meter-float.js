// SPDX-License-Identifier: MIT
// A power meter: IEEE 754 single and double precision; what is no number is left out.
const registers = ['voltage', 'current', 'power', 'powerFactor'];

function decodeUplink({ bytes, fPort }) {
  const view = new DataView(Uint8Array.from(bytes).buffer);
  if (fPort === 2) return { data: { energy: view.getFloat64(0, true) } };
  const warnings = [];
  const data = Object.fromEntries(registers
    .map((name, i) => [name, view.getFloat32(i * 4)])
    .filter(([name, value]) => {
      if (Number.isFinite(value)) return true;
      warnings.push(`${name} was not measured`);
      return false;
    }));
  return { data, warnings };
}
