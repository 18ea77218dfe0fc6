// SPDX-License-Identifier: MIT
// A logger sends old values as differences: zigzag varints, dated back from the time of arrival.
function* varints(bytes) {
  let value = 0;
  let shift = 0;
  for (const byte of bytes) {
    value |= (byte & 0x7f) << shift;
    shift += 7;
    if (byte & 0x80) continue;
    yield (value >>> 1) ^ -(value & 1);
    value = shift = 0;
  }
}

function decodeUplink({ bytes, recvTime }) {
  const [minutes, ...steps] = [...varints(bytes)];
  const records = [];
  let sum = 0;
  for (const [i, step] of steps.entries()) {
    sum += step;
    const time = new Date(recvTime.getTime() - (steps.length - 1 - i) * minutes * 60e3);
    records.push({ time: time.toISOString(), value: sum / 10 });
  }
  return { data: { minutes, records } };
}
