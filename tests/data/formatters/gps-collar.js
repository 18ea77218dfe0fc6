// SPDX-License-Identifier: MIT
// A herd's collar: little-endian coordinates, flags as a list, nothing where there is no fix.
const FLAGS = ['moving', 'grazing', 'lying', 'fenced', 'lowBattery'];

class Reader {
  constructor(bytes) {
    this.view = new DataView(new Uint8Array(bytes).buffer);
    this.at = 0;
  }

  u8() { return this.view.getUint8(this.at++); }

  i16() { return this.next('getInt16', 2); }

  i32() { return this.next('getInt32', 4); }

  next(method, size) {
    const value = this.view[method](this.at, true);
    this.at += size;
    return value;
  }
}

function decodeUplink(input) {
  const reader = new Reader(input.bytes);
  const bits = reader.u8();
  const data = { flags: FLAGS.filter((_, i) => bits & (1 << i)), satellites: reader.u8() };
  if (data.satellites >= 4) {
    data.gps_1 = {
      latitude: reader.i32() / 1e7,
      longitude: reader.i32() / 1e7,
      altitude: reader.i16(),
    };
  }
  return { data };
}
