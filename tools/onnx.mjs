// SPDX-License-Identifier: MIT
// Writes ONNX models (onnx.ai, "ONNX IR"): as much of the format as small graphs need.

// --- protocol buffers ----------------------------------------------------------------------------

function varint(number) {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(number));
  do {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}

const number = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);
const bytes = (field, value) => Buffer.concat([varint((field << 3) | 2), varint(value.length), value]);
const text = (field, value) => bytes(field, Buffer.from(value));
const message = (field, ...parts) => bytes(field, Buffer.concat(parts));

// --- ONNX ----------------------------------------------------------------------------------------

/** Types of elements. */
export const FLOAT = 1;
export const UINT8 = 2;
export const INT64 = 7;
export const FLOAT16 = 10;

/** A graph under construction; values are named by their numbers. */
export class Graph {
  nodes = [];
  constants = [];
  #count = 0;

  name() {
    this.#count += 1;
    return `value${this.#count}`;
  }

  /** A constant of floats, or of whole numbers if `type` is INT64. */
  constant(values, shape = [], type = FLOAT) {
    const name = this.name();
    const raw = type === FLOAT ? Buffer.from(new Float32Array(values).buffer)
      : Buffer.from(new BigInt64Array(values.map(BigInt)).buffer);
    this.constants.push(Buffer.concat([...shape.map((each) => number(1, each)), number(2, type),
      text(8, name), bytes(9, raw)]));
    return name;
  }

  /** Applies an operator; attributes are numbers or lists of numbers. Gives its first output. */
  apply(operator, inputs, attributes = {}, outputs = [this.name()]) {
    const attribute = ([name, value]) => (Array.isArray(value)
      ? message(5, text(1, name), ...value.map((each) => number(8, each)), number(20, 7))
      : message(5, text(1, name), number(3, value), number(20, 2)));
    this.nodes.push(Buffer.concat([...inputs.map((each) => text(1, each)),
      ...outputs.map((each) => text(2, each)), text(3, this.name()), text(4, operator),
      ...Object.entries(attributes).map(attribute)]));
    return outputs[0];
  }

  add(a, b) { return this.apply('Add', [a, b]); }
  subtract(a, b) { return this.apply('Sub', [a, b]); }
  multiply(a, b) { return this.apply('Mul', [a, b]); }
  scale(a, factor) { return this.multiply(a, this.constant([factor])); }
  clip(a) { return this.apply('Clip', [a, this.constant([0]), this.constant([1])]); }
  concatenate(list, axis) { return this.apply('Concat', list, { axis }); }
  reshape(a, shape) { return this.apply('Reshape', [a, this.constant(shape, [shape.length], INT64)]); }
  transpose(a, perm) { return this.apply('Transpose', [a], { perm }); }
  slice(a, axis, from, to) {
    return this.apply('Slice', [a, this.constant([from], [1], INT64), this.constant([to], [1], INT64),
      this.constant([axis], [1], INT64)]);
  }
}

function port(field, { name, shape, type = FLOAT }) {
  const dimension = (each) => message(1, typeof each === 'string' ? text(2, each) : number(1, each));
  return message(field, text(1, name),
    message(2, message(1, number(1, type), message(2, ...shape.map(dimension)))));
}

/** A model's file; inputs and outputs are lists of { name, shape, type }, free dimensions are texts. */
export function model(graph, inputs, outputs, metadata = {}, opset = 13) {
  return Buffer.concat([
    number(1, 7), text(2, 'isthmus'),
    message(7, ...graph.nodes.map((node) => bytes(1, node)), text(2, 'shapes'),
      ...graph.constants.map((each) => bytes(5, each)), ...inputs.map((each) => port(11, each)),
      ...outputs.map((each) => port(12, each))),
    message(8, text(1, ''), number(2, opset)),
    ...Object.entries(metadata).map(([key, value]) => message(14, text(1, key), text(2, value))),
  ]);
}
