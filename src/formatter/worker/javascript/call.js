// SPDX-License-Identifier: MIT
// Evaluated before a formatter is, in its context or in one beside it. Takes hold of what it needs
// before a formatter can turn it over, and returns the function that makes one call:
//
//   run(functions, kind, input)
//
// `functions` is the list of the formatter's functions, or the formatter's whole text as a function
// that gives this list; it is then run anew for each call, so that its variables do not outlive
// one. The result is a list: either [failure], a text, or [undefined, data, bytes, port, warnings,
// properties]: JSON text; a text of characters 0..255; a number; JSON text or undefined; names and
// values in turns.
(function (global) {
'use strict';

const { stringify } = JSON;
const { apply, deleteProperty, defineProperty } = Reflect;
const { keys } = Object;
const { isArray } = Array;
const { isInteger, isFinite } = Number;
const { isView } = ArrayBuffer;
const { fromCharCode } = String;
const TextOf = String;
const tagOf = Object.prototype.toString;

const NAMES = ['decodeUplink', 'normalizeUplink', 'encodeDownlink', 'decodeDownlink'];
const LEGACY = ['Decoder', '', 'Encoder', ''];
// What is said of functions that other network servers call.
const FOREIGN = [
  'Decode(fPort, bytes), as ChirpStack calls it, is not called here; add: ' +
    'function decodeUplink(input) { return { data: Decode(input.fPort, input.bytes, {}) }; }',
  '',
  'Encode(fPort, data), as ChirpStack calls it, is not called here; add: ' +
    'function encodeDownlink(input) { return { bytes: Encode(input.fPort, input.data, {}), fPort: input.fPort }; }',
  '',
];
const RESULT_LIMIT = 262144;
const PROPERTY_LIMIT = 64;
// Of what is nested deeper, or in itself, JSON.stringify finds out.
const SIMPLE_DEPTH = 8;

// What a formatter did wrong, on its way out of whatever was under way.
const failed = { __proto__: null };
let failure;

function fail(text) {
  failure = text;
  throw failed;
}

function isObject(value) {
  return typeof value === 'object' && value !== null;
}

function nameOf(value) {
  if (value === null) return 'null';
  if (isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  return typeof value === 'undefined' ? 'undefined' : 'a ' + typeof value;
}

function placeOf(key) {
  return key === '' ? '`data`' : `member "${key}" of \`data\``;
}

// For JSON.stringify: what JSON has no word for is refused instead of turned into null.
function checked(key, value) {
  switch (typeof value) {
  case 'number':
    if (!isFinite(value)) fail(`${placeOf(key)} is ${value}, which JSON has no number for`);
    return value;
  case 'bigint':
    return fail(`${placeOf(key)} is a BigInt, which JSON has no number for; use Number(...)`);
  case 'undefined':
    return null;
  default:
    return value;
  }
}

// Is it made of nothing but what JSON has words for? To ask this first costs less than `checked`.
function isSimple(value, depth) {
  if (depth > SIMPLE_DEPTH || value.toJSON !== undefined) return false;
  for (const name in value) {
    const member = value[name];
    switch (typeof member) {
    case 'number':
      if (member - member !== 0) return false;
      break;
    case 'string':
    case 'boolean':
      break;
    case 'object':
      if (member !== null && !isSimple(member, depth + 1)) return false;
      break;
    default:
      return false;
    }
  }
  return true;
}

function textOf(value) {
  if (typeof value === 'string') return value;
  const json = isObject(value) ? stringify(value) : undefined;
  return json === undefined ? TextOf(value) : json;
}

// A list of texts, or undefined if there are none.
function textsOf(list, member) {
  const texts = [];
  if (list === undefined || list === null) return undefined;
  if (!isArray(list)) fail(`\`${member}\` is not a list: ${textOf(list)}`);
  for (let i = 0; i < list.length; i++) defineProperty(texts, i, plain(textOf(list[i])));
  return texts.length > 0 ? texts : undefined;
}

// Text by text: JSON.stringify would ask a list for its toJSON.
function jsonOfTexts(texts) {
  let json = '[' + stringify(texts[0]);
  for (let i = 1; i < texts.length; i++) json += ',' + stringify(texts[i]);
  return json + ']';
}

function plain(value) {
  return { __proto__: null, value, writable: true, enumerable: true, configurable: true };
}

function dataOf(value, name, listAllowed) {
  if (value === undefined || value === null) fail(`${name} returned no \`data\``);
  if (!isObject(value) || (isArray(value) && !listAllowed))
    fail(`the \`data\` that ${name} returned is ${nameOf(value)}, not an object`);
  const json = isSimple(value, 0) ? stringify(value) : stringify(value, checked);
  if (typeof json !== 'string' || !(json[0] === '{' || (json[0] === '[' && listAllowed)))
    fail(`the \`data\` that ${name} returned becomes no object in JSON`);
  return json;
}

function bytesTextOf(list, name) {
  let out = '';
  if (list === undefined || list === null) fail(`${name} returned no \`bytes\``);
  if (!isArray(list) && !isView(list)) fail(`the \`bytes\` that ${name} returned are ${nameOf(list)}, not a list`);
  const count = list.length;
  if (count > RESULT_LIMIT) fail(`${name} returned ${count} bytes, at most ${RESULT_LIMIT} are taken`);
  for (let i = 0; i < count; i++) {
    const byte = list[i];
    if (!isInteger(byte) || byte < 0 || byte > 255)
      fail(`\`bytes\` has ${textOf(byte)} at index ${i}, which is no whole number from 0 to 255`);
    out += fromCharCode(byte);
  }
  return out;
}

function portOf(port, name) {
  if (port === undefined || port === null) return 0;
  if (!isInteger(port) || port < 1 || port > 255)
    fail(`the \`fPort\` that ${name} returned is ${textOf(port)}, not a whole number from 1 to 255`);
  return port;
}

function propertiesOf(properties) {
  if (properties === undefined || properties === null) return undefined;
  const list = [];
  if (!isObject(properties) || isArray(properties)) fail(`\`properties\` is ${nameOf(properties)}, not an object`);
  const names = keys(properties);
  if (names.length > PROPERTY_LIMIT) fail(`\`properties\` has ${names.length} members, at most ${PROPERTY_LIMIT} are taken`);
  for (let i = 0; i < names.length; i++) {
    const value = properties[names[i]];
    const type = typeof value;
    if (value === undefined || value === null) continue;
    if (type !== 'string' && type !== 'boolean' && !(type === 'number' && isFinite(value)))
      fail(`property "${names[i]}" is ${type === 'number' ? value : nameOf(value)}, not a text, number or boolean`);
    defineProperty(list, list.length, plain(names[i]));
    defineProperty(list, list.length, plain(TextOf(value)));
  }
  return list;
}

// What the variables of earlier calls that were never declared left behind.
function clean() {
  const left = keys(global);
  for (let i = 0; i < left.length; i++) deleteProperty(global, left[i]);
}

function legacyResult(name, value) {
  return name === 'Encoder' ? { __proto__: null, bytes: value } : { __proto__: null, data: value };
}

function failWithout(functions, kind) {
  const legacy = LEGACY[kind] ? ` (nor ${LEGACY[kind]})` : '';
  const foreign = functions[kind + 8] ? `; ${FOREIGN[kind]}` : '';
  fail(`it has no function ${NAMES[kind]}${legacy}${foreign}`);
}

function call(given, kind, input) {
  let functions = given;
  if (typeof given === 'function') {
    clean();
    functions = apply(given, global, []);
  }
  if (functions[kind]) return apply(functions[kind], undefined, [input]);
  const legacy = functions[kind + 4];
  if (!legacy) failWithout(functions, kind);
  return legacyResult(LEGACY[kind], apply(legacy, undefined, [kind === 2 ? input.data : input.bytes, input.fPort]));
}

function resultOf(kind, result) {
  const name = NAMES[kind];
  if (!isObject(result)) fail(`${name} returned ${nameOf(result)}, not an object`);
  if (isArray(result)) fail(`${name} returned a list, not an object`);
  if (apply(tagOf, result, []) === '[object Promise]') fail(`${name} returned a promise, not an object with \`data\``);
  const errors = textsOf(result.errors, 'errors');
  if (errors) {
    let text = errors[0];
    for (let i = 1; i < errors.length; i++) text += '; ' + errors[i];
    fail(text);
  }
  const warnings = textsOf(result.warnings, 'warnings');
  const encodes = kind === 2;
  const data = encodes ? undefined : dataOf(result.data, name, kind === 1);
  const properties = propertiesOf(result.properties);
  if (!encodes && !warnings && !properties) return data;
  return [
    undefined,
    data,
    encodes ? bytesTextOf(result.bytes, name) : undefined,
    encodes ? portOf(result.fPort, name) : 0,
    warnings && jsonOfTexts(warnings),
    properties,
  ];
}

return function run(functions, kind, input) {
  try {
    return resultOf(kind, call(functions, kind, input));
  } catch (thrown) {
    if (thrown !== failed) throw thrown;
    return [failure];
  }
};
})(globalThis);
