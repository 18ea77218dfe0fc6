#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// Compares what payload formatters give here with what they give in Node.js, which runs them as
// The Things Stack does: as a script, in a new context for each call. Usage:
//
//   node compare.mjs [--isthmus PROGRAM] [--payloads N] [--timeout MS] FILE.js|FOLDER ...
//
// Folders are searched for *.js, also within folders. Inputs are those of NAME.examples.json beside
// NAME.js, where there is one, and N made payloads for each function that takes bytes (default 20;
// the same in each run). Printed is each difference; the end status is 1 if there was one.
//
// Not compared: the words of an exception, which each engine has its own of; what differs from one
// run of Node.js to the next (the clock, Math.random); numbers beyond their thirteenth digit; calls
// that Node.js does not end within a second.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import vm from 'node:vm';

process.env.TZ = 'UTC';

const ORACLE_MS = 1000;
const RESULT_LIMIT = 262144;
const DEPTH_LIMIT = 32;
const LEGACY = { decodeUplink: 'Decoder', encodeDownlink: 'Encoder' };
const DAY_MS = 86400000;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    isthmus: { type: 'string', default: process.env.ISTHMUS ?? 'isthmus' },
    payloads: { type: 'string', default: '20' },
    timeout: { type: 'string', default: '2000' },
    help: { type: 'boolean', short: 'h' },
  },
});

// --- inputs -----------------------------------------------------------------------------------

function scriptsOf(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.name !== 'node_modules' && !entry.name.startsWith('.'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const child = join(path, entry.name);
      if (entry.isDirectory()) return scriptsOf(child);
      return entry.name.endsWith('.js') ? [child] : [];
    });
}

/** Random numbers from 0 to below 1 that are the same for the same text. */
function randomOf(text) {
  let state = 0;
  for (const letter of text) state = Math.imul(state ^ letter.codePointAt(0), 0x9e3779b1) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function examplesOf(file) {
  try {
    return JSON.parse(readFileSync(file.replace(/\.js$/, '.examples.json'), 'utf8'))
      .map(({ function: name = 'decodeUplink', input }) => ({ function: name, input: bytesOf(input) }));
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw new Error(`the examples of ${file}: ${error.message}`);
  }
}

function bytesOf({ hex, ...input }) {
  if (hex === undefined) return input;
  return { ...input, bytes: [...Buffer.from(hex.replaceAll(' ', ''), 'hex')] };
}

/** Random payloads, and those of examples with something changed or missing. */
function payloadsOf(file, name, examples, count) {
  const random = randomOf(`${name} ${file.slice(file.lastIndexOf('/') + 1)}`);
  const upTo = (limit) => Math.floor(random() * limit);
  const known = examples.filter(({ function: other, input }) => other === name && input.bytes?.length > 0);
  return Array.from({ length: count }, () => {
    const model = known.length > 0 && random() < 0.7 ? known[upTo(known.length)].input : undefined;
    const bytes = model ? [...model.bytes] : Array.from({ length: upTo(25) }, () => upTo(256));
    if (model && random() < 0.3) bytes.length = upTo(bytes.length);
    else if (bytes.length > 0) bytes[upTo(bytes.length)] = upTo(256);
    const fPort = model?.fPort ?? [1, 2, 3, 6, 10, 85, 99][upTo(7)];
    return { function: name, input: { bytes, fPort, recvTime: '2026-07-18T12:30:42.500Z' } };
  });
}

// --- Node.js ----------------------------------------------------------------------------------

const surroundings = () => ({
  console: Object.fromEntries(Object.keys(console).map((name) => [name, () => {}])),
  atob, btoa, TextEncoder, TextDecoder,
});

// In the context of the formatter: makes the input there, and JSON of the result, as the gateway
// makes it.
const CALL = `(function (name, legacy, inputText) {
  const parsed = JSON.parse(inputText);
  const input = {};
  for (const key of ['bytes', 'fPort']) if (parsed[key] !== undefined) input[key] = parsed[key];
  if (parsed.recvTime !== undefined) input.recvTime = new Date(parsed.recvTime);
  if (parsed.data !== undefined) input.data = parsed.data;
  if (parsed.deviceId !== undefined) input.deviceId = input.terminalId = parsed.deviceId;
  for (const key of ['applicationId', 'method']) if (parsed[key] !== undefined) input[key] = parsed[key];
  const refuse = (text) => { throw new Error(text); };
  const checked = (key, value) => {
    if (typeof value === 'number' && !isFinite(value)) refuse('no number');
    if (typeof value === 'bigint') refuse('a BigInt');
    return value === undefined ? null : value;
  };
  const isObject = (value) => typeof value === 'object' && value !== null;
  let result;
  if (typeof globalThis.__own[0] === 'function') result = (0, globalThis.__own[0])(input);
  else if (typeof globalThis.__own[1] !== 'function') refuse('no function');
  else if (name === 'encodeDownlink') result = { bytes: (0, globalThis.__own[1])(input.data, input.fPort) };
  else result = { data: (0, globalThis.__own[1])(input.bytes, input.fPort) };
  if (!isObject(result) || Array.isArray(result)) refuse('no object');
  if (Object.prototype.toString.call(result) === '[object Promise]') refuse('a promise');
  if (result.errors !== undefined && result.errors !== null) {
    if (!Array.isArray(result.errors)) refuse('errors');
    if (result.errors.length > 0) refuse('errors');
  }
  const out = {};
  const text = (value) => (typeof value === 'string' ? value : isObject(value) ? JSON.stringify(value) : String(value));
  if (result.warnings !== undefined && result.warnings !== null) {
    if (!Array.isArray(result.warnings)) refuse('warnings');
    if (result.warnings.length > 0) out.warnings = Array.from(result.warnings, text);
  }
  if (name === 'encodeDownlink') {
    if (!Array.isArray(result.bytes) && !ArrayBuffer.isView(result.bytes)) refuse('no bytes');
    out.bytes = Array.from(result.bytes);
    for (const byte of out.bytes) if (!Number.isInteger(byte) || byte < 0 || byte > 255) refuse('a byte');
    if (result.fPort !== undefined && result.fPort !== null) {
      if (!Number.isInteger(result.fPort) || result.fPort < 1 || result.fPort > 255) refuse('fPort');
      out.fPort = result.fPort;
    }
  } else {
    if (!isObject(result.data) || (Array.isArray(result.data) && name !== 'normalizeUplink')) refuse('no data');
    out.data = result.data;
  }
  if (result.properties !== undefined && result.properties !== null) {
    if (!isObject(result.properties) || Array.isArray(result.properties)) refuse('properties');
    const properties = {};
    for (const key of Object.keys(result.properties)) {
      const value = result.properties[key];
      if (value === undefined || value === null) continue;
      if (isObject(value) || typeof value === 'function' || (typeof value === 'number' && !isFinite(value))) refuse('a property');
      properties[key] = String(value);
    }
    if (Object.keys(properties).length > 0) out.properties = properties;
  }
  return JSON.stringify(out, checked);
})`;

const names = (name) => `globalThis.__own = [
  typeof ${name} === 'undefined' ? undefined : ${name},
  ${LEGACY[name] ? `typeof ${LEGACY[name]} === 'undefined' ? undefined : ${LEGACY[name]}` : 'undefined'}]`;

const LATER = `{ const Now = Date; Date = new Proxy(Now, {
  construct: (_, list) => (list.length > 0 ? new Now(...list) : new Now(Now.now() + ${DAY_MS})),
  apply: () => String(new Now(Now.now() + ${DAY_MS})),
  get: (_, key) => (key === 'now' ? () => Now.now() + ${DAY_MS} : Now[key]),
}); }`;

function depthOf(value) {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

/** What the gateway refuses although it is JSON. */
function isRefused(text, { data }) {
  return Buffer.byteLength(text) > RESULT_LIMIT || depthOf(data) > DEPTH_LIMIT || /"[^"]*\\u0000[^"]*":/.test(text);
}

/** { output }, { failed: true } or { slow: true }. */
function runInNode(source, call, prelude = '') {
  try {
    const context = vm.createContext(surroundings());
    const limits = { timeout: ORACLE_MS };
    if (prelude) vm.runInContext(prelude, context, limits);
    vm.runInContext(source, context, limits);
    vm.runInContext(names(call.function), context, limits);
    context.__call = [call.function, JSON.stringify(call.input)];
    const text = vm.runInContext(`${CALL}(globalThis.__call[0], '', globalThis.__call[1])`, context, limits);
    const output = JSON.parse(text.toWellFormed?.() ?? text);
    return isRefused(text, output) ? { failed: true } : { output };
  } catch (error) {
    return error?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT' ? { slow: true } : { failed: true };
  }
}

// --- isthmus ----------------------------------------------------------------------------------

/** The differences that `isthmus formatter test --examples` finds: index -> its words. */
function runHere(file, calls, folder) {
  const examples = join(folder, 'examples.json');
  const list = calls.map(({ function: name, input, output }) => ({
    function: name, input, output: output ?? { status: 'failed' },
  }));
  writeFileSync(examples, JSON.stringify(list));
  const { status, stdout, stderr, error } = spawnSync(options.isthmus,
    ['formatter', 'test', file, '--examples', examples, '--timeout', options.timeout],
    { encoding: 'utf8', maxBuffer: 64 << 20 });
  if (error) throw error;
  if (!/of \d+ examples are good/.test(stdout)) throw new Error(`${file}: status ${status}: ${stderr}`);
  const differences = new Map();
  const lines = stdout.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const number = /^FAILED +(\d+)/.exec(lines[i]);
    if (number) differences.set(Number(number[1]) - 1, lines[i + 1].trim());
  }
  return differences;
}

/** Numbers that agree in their first thirteen digits. */
function isOfDigits(words) {
  const found = /expected (-?[\d.e+-]+), got (-?[\d.e+-]+)$/.exec(words);
  if (!found) return false;
  const [a, b] = [Number(found[1]), Number(found[2])];
  return Math.abs(a - b) <= 1e-13 * Math.max(Math.abs(a), Math.abs(b));
}

// --- all of it --------------------------------------------------------------------------------

function compiles(source) {
  try {
    return Boolean(new vm.Script(source));
  } catch {
    return false;
  }
}

const hasFunction = (source, name) => new RegExp(`\\b(${name}|${LEGACY[name] ?? name})\\b`).test(source);

function compare(file, folder, totals) {
  const source = readFileSync(file, 'utf8').replace(/^\ufeff/, '');
  if (!compiles(source)) {
    totals.broken += 1;
    return;
  }
  const examples = examplesOf(file);
  const calls = [...examples];
  for (const name of ['decodeUplink', 'decodeDownlink']) {
    if (hasFunction(source, name)) calls.push(...payloadsOf(file, name, examples, Number(options.payloads)));
  }
  const usable = [];
  for (const call of calls) {
    const first = runInNode(source, call);
    const again = runInNode(source, call, LATER);
    if (first.slow || again.slow || JSON.stringify(first) !== JSON.stringify(again)) totals.skipped += 1;
    else usable.push({ ...call, ...first });
  }
  const differences = usable.length > 0 ? runHere(file, usable, folder) : new Map();
  totals.calls += usable.length;
  for (const [index, words] of differences) {
    if (isOfDigits(words)) {
      totals.digits += 1;
      continue;
    }
    totals.different += 1;
    const { function: name, input, output } = usable[index];
    console.log(`${file}: ${name} ${JSON.stringify(input)}\n    ${words}`);
    console.log(`    Node.js: ${output ? JSON.stringify(output).slice(0, 200) : 'fails'}`);
  }
}

if (options.help || positionals.length === 0) {
  console.log('usage: node compare.mjs [--isthmus PROGRAM] [--payloads N] [--timeout MS] FILE.js|FOLDER ...');
  process.exit(options.help ? 0 : 2);
}
const folder = mkdtempSync(join(tmpdir(), 'isthmus-compare-'));
const totals = { scripts: 0, broken: 0, calls: 0, different: 0, digits: 0, skipped: 0 };
try {
  for (const file of positionals.flatMap(scriptsOf)) {
    totals.scripts += 1;
    compare(file, folder, totals);
  }
} finally {
  rmSync(folder, { recursive: true });
}
console.log(`${totals.scripts} scripts, ${totals.calls} calls, ${totals.different} different; ` +
  `${totals.digits} in the last digits, ${totals.skipped} not compared, ${totals.broken} scripts do not compile`);
process.exitCode = totals.different > 0 ? 1 : 0;
