// SPDX-License-Identifier: MIT
// `isthmus formatter test`, as a person uses it: what it prints and how it ends.
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

let folder;

function run(...args) {
  return spawnSync(process.env.ISTHMUS, ['formatter', ...args], { encoding: 'utf8', cwd: folder });
}

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'isthmus-formatter-'));
  writeFileSync(join(folder, 'sensor.js'), `
    function decodeUplink({ bytes, fPort, deviceId, recvTime }) {
      if (bytes.length < 2) return { errors: ['too short'] };
      return { data: { t: (bytes[0] << 24 >> 16 | bytes[1]) / 100, fPort, deviceId, recvTime }, warnings: ['w'] };
    }
    function encodeDownlink({ data, method }) {
      return { bytes: [data.on ? 1 : 0, method.length], fPort: 10 };
    }`);
  writeFileSync(join(folder, 'broken.js'), 'function decodeUplink() {\n  return { data: ;\n}\n');
  writeFileSync(join(folder, 'examples.json'), JSON.stringify([
    { description: 'frost', input: { fPort: 6, hex: 'ff 38', deviceId: 'd', recvTime: '2026-01-01T00:00:00Z' },
      output: { data: { t: -2, fPort: 6, deviceId: 'd', recvTime: '2026-01-01T00:00:00.000Z' }, warnings: ['w'] } },
    { description: 'short', input: { fPort: 6, bytes: [1] }, output: { errors: ['short'] } },
  ]));
  writeFileSync(join(folder, 'wrong.json'), JSON.stringify([
    { input: { fPort: 6, bytes: [0, 1] }, output: { data: { t: 0.01, fPort: 7, recvTime: null }, warnings: ['w'] } },
  ]));
});

after(() => rmSync(folder, { recursive: true }));

test('prints what a formatter makes of a payload', () => {
  const { status, stdout, stderr } = run('test', 'sensor.js', '--fport', '6', '--hex', 'FF38', '--device', 'd',
    '--time', '2026-07-18T12:30:42.5Z');
  assert.equal(status, 0, stderr);
  assert.deepEqual(JSON.parse(stdout),
    { data: { t: -2, fPort: 6, deviceId: 'd', recvTime: '2026-07-18T12:30:42.500Z' }, warnings: ['w'] });
  assert.match(stderr, /ms, the worker has .* MiB/);
});

test('prints what a formatter makes of a command', () => {
  const { status, stdout } = run('test', 'sensor.js', '--json', '{"on": true}', '--method', 'Set');
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(stdout), { bytes: [1, 3], fPort: 10 });
});

test('says what failed, and ends with status 1', () => {
  const failed = run('test', 'sensor.js', '--fport', '6', '--base64', 'AQ==');
  assert.equal(failed.status, 1);
  assert.equal(failed.stdout, '');
  assert.match(failed.stderr, /'sensor': too short/);
  const broken = run('test', 'broken.js', '--fport', '6', '--hex', '00');
  assert.equal(broken.status, 1);
  assert.match(broken.stderr, /'broken': line 2.*SyntaxError/);
  assert.match(run('test', 'none.js', '--fport', '6', '--hex', '00').stderr, /no payload formatter 'none'/);
});

test('runs examples and shows the first member that differs', () => {
  const good = run('test', 'sensor.js', '--examples', 'examples.json');
  assert.equal(good.status, 0, good.stdout + good.stderr);
  assert.match(good.stdout, /2 of 2 examples are good/);
  const wrong = run('test', join(folder, 'sensor.js'), '--examples', 'wrong.json');
  assert.equal(wrong.status, 1);
  assert.match(wrong.stdout, /data\.fPort: expected 7, got 6/);
});

test('gives the terminal no orders from a payload', () => {
  const script = 'function decodeUplink({ bytes }) {\n' +
    '  const text = String.fromCharCode(...bytes, 0x9b, 0x202e);\n' +
    '  if (bytes[0] === 0x1b) throw new Error(text);\n' +
    '  return { data: { text } };\n}\n';
  const orders = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/;
  writeFileSync(join(folder, 'hostile.js'), script);
  const thrown = run('test', 'hostile.js', '--fport', '6', '--hex', '1b5b326a');
  assert.equal(thrown.status, 1);
  assert.match(thrown.stderr, /\?\[2j\?\?/);
  assert.doesNotMatch(thrown.stderr, orders);
  const printed = run('test', 'hostile.js', '--fport', '6', '--hex', '411b');
  assert.equal(printed.status, 0, printed.stderr);
  assert.doesNotMatch(printed.stdout, orders);
  assert.deepEqual(JSON.parse(printed.stdout), { data: { text: 'A\u001b\u009b\u202e' } });
});

test('ends with status 2 when used wrongly', () => {
  assert.equal(run('test', 'sensor.js').status, 2);
  assert.equal(run('test', 'sensor.js', '--fport', '6').status, 2);
  assert.equal(run('test', 'sensor.js', '--fport', '256', '--hex', '00').status, 2);
  assert.equal(run('test', 'sensor.js', '--hex', '0').status, 2);
  assert.equal(run('test', 'sensor.js', '--function', 'encodeDownlink', '--hex', '00').status, 2);
  assert.equal(run('try', 'sensor.js').status, 2);
  assert.equal(run('test', '--help').status, 0);
});
