// SPDX-License-Identifier: MIT
// Draws pictures for the edge camera: coloured shapes on grey, as JPEG. Each block of 8 by 8 pixels
// has one colour, so that a baseline JPEG (ITU-T T.81) of them needs no cosine transform.

const BLOCK = 8;

export const COLOURS = { red: [220, 30, 30], green: [30, 190, 40], blue: [40, 60, 220], grey: [128, 128, 128] };

/** Lengths and values of the usual DC table (T.81, table K.3). */
const DC = { lengths: [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], values: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] };

/** An AC table that knows the end of a block only. */
const AC = { lengths: [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], values: [0] };

function codesOf({ lengths, values }) {
  const codes = new Map();
  let code = 0;
  let next = 0;
  lengths.forEach((count, index) => {
    for (let i = 0; i < count; i += 1) codes.set(values[next++], { code: code++, size: index + 1 });
    code <<= 1;
  });
  return codes;
}

class Bits {
  bytes = [];
  held = 0;
  count = 0;

  add(value, size) {
    for (let bit = size - 1; bit >= 0; bit -= 1) {
      this.held = (this.held << 1) | ((value >> bit) & 1);
      if (++this.count < 8) continue;
      this.bytes.push(this.held);
      if (this.held === 0xff) this.bytes.push(0);
      this.held = 0;
      this.count = 0;
    }
  }

  end() {
    while (this.count > 0) this.add(1, 1);
    return Buffer.from(this.bytes);
  }
}

/** Y, Cb and Cr less 128, as JFIF has them. */
function components([red, green, blue]) {
  return [
    0.299 * red + 0.587 * green + 0.114 * blue - 128,
    -0.168736 * red - 0.331264 * green + 0.5 * blue,
    0.5 * red - 0.418688 * green - 0.081312 * blue,
  ].map(Math.round);
}

function segment(marker, ...parts) {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(body.length + 2, 2);
  return Buffer.concat([head, body]);
}

function header(width, height) {
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    segment(0xe0, Buffer.from('JFIF\0'), [1, 1, 0, 0, 1, 0, 1, 0, 0]),
    segment(0xdb, [0], new Array(64).fill(8)),
    segment(0xc0, [8, height >> 8, height & 255, width >> 8, width & 255, 3],
      ...[1, 2, 3].map((component) => [component, 0x11, 0])),
    segment(0xc4, [0x00], DC.lengths, DC.values),
    segment(0xc4, [0x10], AC.lengths, AC.values),
    segment(0xda, [3, 1, 0, 2, 0, 3, 0, 0, 63, 0]),
  ]);
}

function encode(width, height, colourAt) {
  const dc = codesOf(DC);
  const end = codesOf(AC).get(0);
  const bits = new Bits();
  const before = [0, 0, 0];
  for (let y = 0; y < height; y += BLOCK) {
    for (let x = 0; x < width; x += BLOCK) {
      components(colourAt(x + BLOCK / 2, y + BLOCK / 2)).forEach((value, component) => {
        const difference = value - before[component];
        const size = difference === 0 ? 0 : Math.floor(Math.log2(Math.abs(difference))) + 1;
        const { code, size: length } = dc.get(size);
        before[component] = value;
        bits.add(code, length);
        bits.add(difference < 0 ? difference + (1 << size) - 1 : difference, size);
        bits.add(end.code, end.size);
      });
    }
  }
  return Buffer.concat([header(width, height), bits.end(), Buffer.from([0xff, 0xd9])]);
}

/**
 * A JPEG of grey with shapes on it: { colour, x, y, width, height, round }, in pixels, later ones over
 * earlier ones.
 */
export function draw(width, height, shapes) {
  return encode(width, height, (x, y) => {
    for (let i = shapes.length - 1; i >= 0; i -= 1) {
      const shape = shapes[i];
      const u = (x - shape.x) / shape.width - 0.5;
      const v = (y - shape.y) / shape.height - 0.5;
      if (shape.round ? u * u + v * v < 0.25 : Math.abs(u) < 0.5 && Math.abs(v) < 0.5) return COLOURS[shape.colour];
    }
    return COLOURS.grey;
  });
}

/**
 * So many red, green and blue shapes, at most 4 of each. Those of one colour are far enough apart for
 * the model of tools/make-model.mjs to tell them apart.
 */
export function drawCounts({ red = 0, green = 0, blue = 0 }, width = 640, height = 480) {
  const shapes = [];
  // Of 640 by 480 the middles lie where the model's cells have theirs, and scores are whole.
  const snap = (place) => Math.round(place / 16) * 16 + 8;
  [['red', red], ['green', green], ['blue', blue]].forEach(([colour, count], column) => {
    for (let i = 0; i < count; i += 1) {
      shapes.push({
        colour,
        x: snap((width / 2) * (i % 2) + (width / 6) * column + 16),
        y: snap((height / 2) * Math.floor(i / 2) + 16),
        width: Math.round(width / 10),
        height: Math.round(width / 10),
      });
    }
  });
  return draw(width, height, shapes);
}
