// SPDX-License-Identifier: MIT
// `TextEncoder` and `TextDecoder` (UTF-8, UTF-16LE, Latin1). Evaluated before a formatter is; takes
// hold of what it needs before a formatter can turn it over.
(function (global) {
'use strict';

const { apply, defineProperty } = Reflect;
const { isView } = ArrayBuffer;
const { fromCharCode } = String;
const TextOf = String;
const TypeFault = TypeError;
const RangeFault = RangeError;
const Bytes = Uint8Array;
const Buffer = ArrayBuffer;
const charCodeAt = String.prototype.charCodeAt;

function provide(name, value) {
  defineProperty(global, name, { __proto__: null, value, writable: true, enumerable: false, configurable: true });
}

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
})(globalThis);
