// SPDX-License-Identifier: MIT
// A light logger: run lengths, expanded by a generator; labelled loops and spread.
function* expand(bytes) {
  runs:
  for (let i = 0; i < bytes.length; i += 2) {
    const [count, value] = bytes.slice(i, i + 2);
    if (count === 0) break runs;
    for (let n = 0; n < count; n++) yield value * 4;
  }
}

function decodeUplink(input) {
  const lux = [...expand(input.bytes)];
  return {
    data: {
      lux,
      maximum: Math.max(0, ...lux),
      mean: lux.length ? lux.reduce((a, b) => a + b) / lux.length : null,
      sorted: [...lux].sort((a, b) => b - a).slice(0, 3),
    },
  };
}
