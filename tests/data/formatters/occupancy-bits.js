// SPDX-License-Identifier: MIT
// Occupancy of rooms: fields of 3, 7 and 12 bits, side by side without regard to bytes.
class BitReader {
  #bytes;
  #at = 0;

  constructor(bytes) { this.#bytes = bytes; }

  get left() { return this.#bytes.length * 8 - this.#at; }

  read(count) {
    let value = 0;
    for (let i = 0; i < count; i++, this.#at++) {
      value = (value << 1) | ((this.#bytes[this.#at >> 3] >> (7 - (this.#at & 7))) & 1);
    }
    return value;
  }
}

function decodeUplink({ bytes }) {
  const bits = new BitReader(bytes);
  const rooms = [];
  while (bits.left >= 22) {
    rooms.push({ floor: bits.read(3), people: bits.read(7), light: bits.read(12) });
  }
  return { data: { rooms, people: rooms.reduce((sum, room) => sum + room.people, 0) } };
}
