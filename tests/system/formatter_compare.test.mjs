// SPDX-License-Identifier: MIT
// samples/formatters/compare.mjs: our own formatters, of all families, give here what they give in
// Node.js, with the inputs of their examples and with made ones.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { isthmus, temporaryDirectory } from './support/program.mjs';

const project = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const formatters = join(project, 'tests', 'data', 'formatters');

// Of the broken ones, those that end: what fails there fails here.
const endless = /^(allocate|endless|sleeps|regular-expression|deep-recursion|web-assembly)/;

function compare(...args) {
  return spawnSync(process.execPath,
    [join(project, 'samples', 'formatters', 'compare.mjs'), '--isthmus', isthmus, '--timeout', '30000', ...args],
    { encoding: 'utf8' });
}

const scriptsIn = (folder) => readdirSync(folder)
  .filter((name) => name.endsWith('.js') && !endless.test(name)).map((name) => join(folder, name));

test('every formatter of our own gives what it gives in Node.js', () => {
  const files = [...scriptsIn(formatters), ...scriptsIn(join(formatters, 'broken'))];
  const { status, stdout, stderr } = compare('--payloads', '5', ...files, join(project, 'samples', 'formatters'));
  assert.equal(status, 0, stdout + stderr);
  const [, scripts, calls] = /(\d+) scripts, (\d+) calls, 0 different/.exec(stdout);
  assert.ok(Number(scripts) > 80 && Number(calls) > 500, stdout);
});

test('a difference is shown with the call, and ends it with status 1', async (t) => {
  const folder = await temporaryDirectory(t, 'compare');
  writeFileSync(join(folder, 'odd.js'),
    'function decodeUplink() { return { data: { it: typeof WebAssembly, time: 1 } }; }');
  const { status, stdout } = compare('--payloads', '1', folder);
  assert.equal(status, 1, stdout);
  assert.match(stdout, /odd\.js: decodeUplink \{"bytes":/);
  assert.match(stdout, /data\.it: expected "object", got "undefined"/);
  assert.match(stdout, /1 scripts, 1 calls, 1 different/);
});

test('what changes from call to call is not compared', async (t) => {
  const folder = await temporaryDirectory(t, 'compare');
  writeFileSync(join(folder, 'clock.js'),
    'function decodeUplink() { return { data: { now: Date.now(), luck: Math.random() } }; }');
  const { status, stdout } = compare('--payloads', '3', folder);
  assert.equal(status, 0, stdout);
  assert.match(stdout, /0 calls, 0 different; 0 in the last digits, 3 not compared/);
});
