// SPDX-License-Identifier: MIT
// Evaluated in each formatter's context before the formatter is. Takes hold of what it needs before
// a formatter can turn it over, adds the few things of a browser that formatters use, and returns
// the function that makes one call:
//
//   run(make, kind, bytes, port, time, data, device, application, method)
//
// `make` is the formatter's whole text as a function, which gives its functions; it is run anew for
// each call, so that its variables do not outlive one. The result is a list: either [failure], a
// text, or [undefined, data, bytes, port, warnings, properties]: JSON text; a text of characters
// 0..255; a number; JSON text or undefined; names and values in turns.
(function (global) {
'use strict';

const { stringify } = JSON;
const { apply, deleteProperty, defineProperty } = Reflect;
const { keys, create } = Object;
const { isArray } = Array;
const { isInteger, isFinite } = Number;
const { isView } = ArrayBuffer;
const { fromCharCode } = String;
const TextOf = String;
const Time = Date;
const Fault = Error;
const Pledge = Promise;
const TypeFault = TypeError;
const RangeFault = RangeError;
const Bytes = Uint8Array;
const Buffer = ArrayBuffer;
const charCodeAt = String.prototype.charCodeAt;
const replace = String.prototype.replace;

const NAMES = ['decodeUplink', 'normalizeUplink', 'encodeDownlink', 'decodeDownlink'];
const LEGACY = ['Decoder', '', 'Encoder', ''];
const RESULT_LIMIT = 262144;
const PROPERTY_LIMIT = 64;

// --- what formatters expect of their surroundings -------------------------------------------

function provide(name, value) {
  defineProperty(global, name, { __proto__: null, value, writable: true, enumerable: false, configurable: true });
}

function inert() {}

provide('console', {
  log: inert, info: inert, warn: inert, error: inert, debug: inert, trace: inert, dir: inert,
  table: inert, assert: inert, count: inert, group: inert, groupCollapsed: inert, groupEnd: inert,
  time: inert, timeLog: inert, timeEnd: inert,
});

function invalid(text) {
  const fault = new Fault(text);
  defineProperty(fault, 'name', { value: 'InvalidCharacterError' });
  return fault;
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUE_OF = create(null);
for (let i = 0; i < 64; i++) VALUE_OF[BASE64[i]] = i;

provide('btoa', function btoa(data) {
  const text = TextOf(data);
  let out = '';
  for (let i = 0; i < text.length; i += 3) {
    const left = text.length - i;
    const a = apply(charCodeAt, text, [i]);
    const b = left > 1 ? apply(charCodeAt, text, [i + 1]) : 0;
    const c = left > 2 ? apply(charCodeAt, text, [i + 2]) : 0;
    if ((a | b | c) > 255) throw invalid('btoa: a character is beyond Latin1');
    out += BASE64[a >> 2] + BASE64[(a & 3) << 4 | b >> 4];
    out += left > 1 ? BASE64[(b & 15) << 2 | c >> 6] : '=';
    out += left > 2 ? BASE64[c & 63] : '=';
  }
  return out;
});

provide('atob', function atob(data) {
  let text = apply(replace, TextOf(data), [/[\t\n\f\r ]+/g, '']);
  let out = '';
  let bits = 0;
  let count = 0;
  if (text.length % 4 === 0) text = apply(replace, text, [/==?$/, '']);
  if (text.length % 4 === 1) throw invalid('atob: the text is no base64');
  for (let i = 0; i < text.length; i++) {
    const value = VALUE_OF[text[i]];
    if (value === undefined) throw invalid('atob: the text is no base64');
    bits = (bits << 6 | value) & 0xffff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += fromCharCode(bits >> count & 255);
    }
  }
  return out;
});

provide('TextEncoder', class TextEncoder {
  get encoding() {
    return 'utf-8';
  }

  encode(input = '') {
    const text = TextOf(input);
    const out = new Bytes(text.length * 3);
    let size = 0;
    for (let i = 0; i < text.length; i++) {
      let code = apply(charCodeAt, text, [i]);
      if (code >= 0xd800 && code <= 0xdfff) {
        const next = code < 0xdc00 && i + 1 < text.length ? apply(charCodeAt, text, [i + 1]) : 0;
        if (next >= 0xdc00 && next <= 0xdfff) {
          code = 0x10000 + (code - 0xd800 << 10) + next - 0xdc00;
          i++;
        } else {
          code = 0xfffd;
        }
      }
      if (code < 0x80) {
        out[size++] = code;
      } else if (code < 0x800) {
        out[size++] = 0xc0 | code >> 6;
        out[size++] = 0x80 | code & 63;
      } else if (code < 0x10000) {
        out[size++] = 0xe0 | code >> 12;
        out[size++] = 0x80 | code >> 6 & 63;
        out[size++] = 0x80 | code & 63;
      } else {
        out[size++] = 0xf0 | code >> 18;
        out[size++] = 0x80 | code >> 12 & 63;
        out[size++] = 0x80 | code >> 6 & 63;
        out[size++] = 0x80 | code & 63;
      }
    }
    return new Bytes(new Bytes(out.buffer, 0, size));
  }
});

function fromCode(code) {
  if (code < 0x10000) return fromCharCode(code);
  return fromCharCode(0xd800 + (code - 0x10000 >> 10), 0xdc00 + (code & 0x3ff));
}

// The decoder of the Encoding Standard: each ill-formed part becomes one U+FFFD.
function decodeUtf8(bytes, fatal) {
  let out = '';
  let code = 0;
  let needed = 0;
  let lower = 0x80;
  let upper = 0xbf;
  const broken = () => {
    if (fatal) throw new TypeFault('TextDecoder: the bytes are no UTF-8');
    out += '\ufffd';
    needed = 0;
    lower = 0x80;
    upper = 0xbf;
  };
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (needed > 0) {
      if (byte >= lower && byte <= upper) {
        code = code << 6 | byte & 63;
        lower = 0x80;
        upper = 0xbf;
        if (--needed === 0) out += fromCode(code);
        continue;
      }
      broken();
    }
    if (byte < 0x80) {
      out += fromCharCode(byte);
    } else if (byte >= 0xc2 && byte <= 0xdf) {
      needed = 1;
      code = byte & 31;
    } else if (byte >= 0xe0 && byte <= 0xef) {
      needed = 2;
      code = byte & 15;
      if (byte === 0xe0) lower = 0xa0;
      if (byte === 0xed) upper = 0x9f;
    } else if (byte >= 0xf0 && byte <= 0xf4) {
      needed = 3;
      code = byte & 7;
      if (byte === 0xf0) lower = 0x90;
      if (byte === 0xf4) upper = 0x8f;
    } else {
      broken();
    }
  }
  if (needed > 0) broken();
  return out;
}

function decodeUtf16(bytes, fatal) {
  let out = '';
  const units = bytes.length >> 1;
  const unit = (i) => (i < units ? bytes[2 * i] | bytes[2 * i + 1] << 8 : 0);
  const broken = () => {
    if (fatal) throw new TypeFault('TextDecoder: the bytes are no UTF-16');
    out += '\ufffd';
  };
  for (let i = 0; i < units; i++) {
    const code = unit(i);
    if (code < 0xd800 || code > 0xdfff) {
      out += fromCharCode(code);
    } else if (code < 0xdc00 && unit(i + 1) >= 0xdc00 && unit(i + 1) <= 0xdfff) {
      out += fromCharCode(code, unit(++i));
    } else {
      broken();
    }
  }
  if (bytes.length & 1) broken();
  return out;
}

const WINDOWS_1252 = '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d' +
  '\u017d\x8f\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178';

function decodeWindows1252(bytes) {
  let out = '';
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    out += byte >= 0x80 && byte < 0xa0 ? WINDOWS_1252[byte - 0x80] : fromCharCode(byte);
  }
  return out;
}

const ENCODINGS = {
  __proto__: null,
  'utf-8': 'utf-8', utf8: 'utf-8', 'unicode-1-1-utf-8': 'utf-8',
  'utf-16': 'utf-16le', 'utf-16le': 'utf-16le',
  ascii: 'windows-1252', 'us-ascii': 'windows-1252', latin1: 'windows-1252',
  'iso-8859-1': 'windows-1252', 'windows-1252': 'windows-1252',
};

function bytesOf(input) {
  if (input === undefined) return new Bytes(0);
  if (isView(input)) return new Bytes(input.buffer, input.byteOffset, input.byteLength);
  if (input instanceof Buffer) return new Bytes(input);
  throw new TypeFault('TextDecoder: decode() takes an ArrayBuffer or a view of one, not a list');
}

provide('TextDecoder', class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBOM;

  constructor(label = 'utf-8', options = {}) {
    const name = TextOf(label).trim().toLowerCase();
    this.#encoding = ENCODINGS[name];
    if (!this.#encoding) throw new RangeFault(`TextDecoder: there is no encoding "${name}" here`);
    this.#fatal = Boolean(options?.fatal);
    this.#ignoreBOM = Boolean(options?.ignoreBOM);
  }

  get encoding() {
    return this.#encoding;
  }

  get fatal() {
    return this.#fatal;
  }

  get ignoreBOM() {
    return this.#ignoreBOM;
  }

  decode(input) {
    const bytes = bytesOf(input);
    if (this.#encoding === 'windows-1252') return decodeWindows1252(bytes);
    const text = (this.#encoding === 'utf-8' ? decodeUtf8 : decodeUtf16)(bytes, this.#fatal);
    return text[0] === '\ufeff' && !this.#ignoreBOM ? text.slice(1) : text;
  }
});

// --- one call -------------------------------------------------------------------------------

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
  const json = stringify(value, checked);
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
  const list = [];
  if (properties === undefined || properties === null) return list;
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

function inputOf(bytes, port, time, data, device, application, method) {
  const input = {};
  if (bytes !== undefined) input.bytes = bytes;
  if (port > 0) input.fPort = port;
  if (time !== undefined) input.recvTime = new Time(time);
  if (data !== undefined) input.data = data;
  if (device !== undefined) {
    input.deviceId = device;
    input.terminalId = device;
  }
  if (application !== undefined) input.applicationId = application;
  if (method !== undefined) input.method = method;
  return input;
}

// What the variables of earlier calls that were never declared left behind.
function clean() {
  const left = keys(global);
  for (let i = 0; i < left.length; i++) deleteProperty(global, left[i]);
}

function legacyResult(name, value) {
  return name === 'Encoder' ? { __proto__: null, bytes: value } : { __proto__: null, data: value };
}

// A script's functions are members of the global object; a formatter may look for itself there.
function show(functions) {
  for (let i = 0; i < 4; i++) {
    if (functions[i]) defineProperty(global, NAMES[i], plain(functions[i]));
  }
}

function call(make, kind, input) {
  const functions = apply(make, global, []);
  show(functions);
  if (functions[kind]) return apply(functions[kind], undefined, [input]);
  const legacy = functions[kind + 4];
  if (!legacy) {
    const name = NAMES[kind] + (LEGACY[kind] ? ` (nor ${LEGACY[kind]})` : '');
    fail(`it has no function ${name}`);
  }
  return legacyResult(LEGACY[kind], apply(legacy, undefined, [kind === 2 ? input.data : input.bytes, input.fPort]));
}

function resultOf(kind, result) {
  const name = NAMES[kind];
  if (!isObject(result)) fail(`${name} returned ${nameOf(result)}, not an object`);
  if (isArray(result)) fail(`${name} returned a list, not an object`);
  if (result instanceof Pledge) fail(`${name} returned a promise, not an object with \`data\``);
  const errors = textsOf(result.errors, 'errors');
  if (errors) {
    let text = errors[0];
    for (let i = 1; i < errors.length; i++) text += '; ' + errors[i];
    fail(text);
  }
  const warnings = textsOf(result.warnings, 'warnings');
  const encodes = kind === 2;
  return [
    undefined,
    encodes ? undefined : dataOf(result.data, name, kind === 1),
    encodes ? bytesTextOf(result.bytes, name) : undefined,
    encodes ? portOf(result.fPort, name) : 0,
    warnings && jsonOfTexts(warnings),
    propertiesOf(result.properties),
  ];
}

return function run(make, kind, bytes, port, time, data, device, application, method) {
  try {
    clean();
    return resultOf(kind, call(make, kind, inputOf(bytes, port, time, data, device, application, method)));
  } catch (thrown) {
    if (thrown !== failed) throw thrown;
    return [failure];
  }
};
})(globalThis);
