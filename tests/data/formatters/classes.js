// SPDX-License-Identifier: MIT
// Classes with fields, getters and statics, as bundlers leave them.
class Reader {
  #bytes;
  #at = 0;
  static sizes = { u8: 1, u16: 2 };

  constructor(bytes) {
    this.#bytes = bytes;
  }

  get left() {
    return this.#bytes.length - this.#at;
  }

  read(kind) {
    let value = 0;
    for (let i = 0; i < Reader.sizes[kind]; i++) value = value << 8 | this.#bytes[this.#at++];
    return value;
  }
}

function decodeUplink({ bytes }) {
  const reader = new Reader(bytes);
  return { data: { a: reader.read('u8'), b: reader.read('u16'), left: reader.left } };
}
