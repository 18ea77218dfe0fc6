// SPDX-License-Identifier: MIT
// A people counter: typed arrays over one buffer, and a map from pairs.
function decodeUplink(input) {
  const raw = Uint8Array.of(...input.bytes);
  const counts = new Uint16Array(raw.buffer.slice(0, raw.length & ~1));
  const doors = new Map();
  counts.forEach((count, i) => {
    const door = `door${i >> 1}`;
    doors.set(door, { ...doors.get(door), [i & 1 ? 'out' : 'in']: count });
  });
  const inside = [...doors.values()].reduce((sum, door) => sum + door.in - (door.out ?? 0), 0);
  return { data: { ...Object.fromEntries(doors), inside } };
}
