// SPDX-License-Identifier: MIT
// A machine's state: optional chaining, nullish defaults, sets, and members that are left out.
const states = { 0: { name: 'idle' }, 1: { name: 'running', active: true }, 9: { name: 'fault', active: false, alarm: { level: 3 } } };

function decodeUplink({ bytes: [code, shift, hours = 0] }) {
  const state = states[code];
  const shifts = new Set([6, 14, 22]);
  return {
    data: {
      state: state?.name ?? `code ${code}`,
      active: state?.active ?? false,
      alarm: state?.alarm?.level,
      shift: shifts.has(shift) ? shift : null,
      hours: hours ** 2,
    },
  };
}
