// SPDX-License-Identifier: MIT
// Names and texts in other scripts, and characters outside of the first plane, in the source itself.
const größe = { 温度: 0, влажность: 1 };

function decodeUplink({ bytes }) {
  const data = {};
  for (const [name, at] of Object.entries(größe)) data[name] = bytes[at];
  return { data: { ...data, '🌡️': `${bytes[0]} °C`, ordered: ['é', 'z', 'ä'].sort() }, warnings: ['prüfen ✓'] };
}
