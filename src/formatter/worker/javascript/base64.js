// SPDX-License-Identifier: MIT
// `atob` and `btoa`. Evaluated before a formatter is; takes hold of what it needs before a formatter
// can turn it over.
(function (global) {
'use strict';

const { apply, defineProperty } = Reflect;
const { create } = Object;
const { fromCharCode } = String;
const TextOf = String;
const Fault = Error;
const charCodeAt = String.prototype.charCodeAt;
const replace = String.prototype.replace;

function provide(name, value) {
  defineProperty(global, name, { __proto__: null, value, writable: true, enumerable: false, configurable: true });
}

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
})(globalThis);
