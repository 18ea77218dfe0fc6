// SPDX-License-Identifier: MIT
// A carbon dioxide monitor: a frozen table of levels, a normalizer that returns one object.
const levels = Object.freeze([
  { below: 800, name: 'good' },
  { below: 1400, name: 'fair' },
  { below: Infinity, name: 'poor' },
]);

const decodeUplink = ({ bytes }) => {
  const co2 = (bytes[0] << 8) | bytes[1];
  const { name: level } = levels.find(({ below }) => co2 < below);
  return { data: { co2, level, battery: bytes[2] ?? null } };
};

const normalizeUplink = ({ data }) => {
  if (data.co2 > 10000) return { errors: ['the value is outside of what is measured'] };
  return { data: { air: { co2: data.co2 } } };
};
