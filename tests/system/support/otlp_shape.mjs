// SPDX-License-Identifier: MIT
// What members a request of OTLP has, and of what kind: as OpenTelemetry's messages decode its
// bytes, in the form that the protocol has in JSON.

const forms = [['trace id', /^[0-9a-f]{32}$/], ['span id', /^[0-9a-f]{16}$/], ['nanoseconds', /^\d{19}$/]];

const kindOf = (value) => (typeof value === 'string'
  ? forms.find(([, form]) => form.test(value))?.[0] ?? 'string' : typeof value);

/** The message that the bytes are, with ids in hex and 64-bit numbers as texts. */
export function decoded(type, bytes) {
  const asJson = (value) => {
    if (Buffer.isBuffer(value)) return value.toString('hex');
    if (Array.isArray(value)) return value.map(asJson);
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, asJson(inner)]));
  };
  return asJson(type.toObject(type.decode(bytes), { longs: String, bytes: Buffer }));
}

/** PATH to kind of each member below a value; what an array holds has one path. */
export function shapeOf(value, path = '', shape = new Map()) {
  if (Array.isArray(value)) value.forEach((each) => shapeOf(each, `${path}[]`, shape));
  else if (value !== null && typeof value === 'object') {
    for (const [name, inner] of Object.entries(value)) shapeOf(inner, path ? `${path}.${name}` : name, shape);
  } else if (!shape.has(path) || shape.get(path) === kindOf(value)) shape.set(path, kindOf(value));
  else throw new Error(`${path} is ${shape.get(path)} and ${kindOf(value)}`);
  return shape;
}
