// SPDX-License-Identifier: MIT
// `isthmus uplink test`: what a webhook would become, told without sending it.
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { uplinkOf } from './support/gateway.mjs';

let folder;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'isthmus-uplink-'));
  const key = Buffer.from('a key of a policy').toString('base64');
  writeFileSync(join(folder, 'isthmus.json'), JSON.stringify({
    AzureIoT: {
      AzureIoTHub: { ConnectionString: `HostName=hub.example;SharedAccessKeyName=device;SharedAccessKey=${key}` },
      DeviceIdTemplate: '{application}-{device}',
      ApplicationToDtdlModelIdMapping: { orchard: 'dtmi:orchard:Soil;1' },
    },
    PayloadFormatters: { Directory: folder, Applications: { herd: { UplinkFormatter: 'collar' } } },
  }), { mode: 0o600 });
  writeFileSync(join(folder, 'collar.js'), `
    function decodeUplink({ bytes, fPort }) {
      if (bytes.length === 0) return { errors: ['no bytes'] };
      return { data: { first: bytes[0], fPort }, properties: { level: 'high' }, warnings: ['old'] };
    }`);
});

after(() => rmSync(folder, { recursive: true }));

/** Runs it over a webhook on standard input; resolves to { status, rows, stdout, stderr }. */
function uplink(body, ...args) {
  const { status, stdout, stderr } = spawnSync(process.env.ISTHMUS,
    ['uplink', 'test', '-', '--config', join(folder, 'isthmus.json'), ...args],
    { encoding: 'utf8', cwd: folder, input: typeof body === 'string' ? body : JSON.stringify(body) });
  return { status, stdout, stderr };
}

/** The values of a row's name, in order. */
const rowsOf = (stdout, name) => stdout.split('\n')
  .filter((line) => line.startsWith(`  ${name.padEnd(12)} `)).map((line) => line.slice(15));

function delivery(...packets) {
  return {
    EndpointRef: 'ref', Timestamp: 1692928585, Id: 'id', CertificateUrl: '', Signature: '',
    Data: JSON.stringify({ Packets: packets }),
  };
}

test('shows device, id in the hub, model, properties and body', () => {
  const { status, stdout, stderr } = uplink(uplinkOf('orchard', 'soil-04', { decoded_payload: { t: 1.50 } }));
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^uplink_message of device 'soil-04' of application 'orchard' of things-stack\n/);
  assert.deepEqual(rowsOf(stdout, 'hub device'), ['orchard-soil-04']);
  assert.deepEqual(rowsOf(stdout, 'hub'), ['hub.example']);
  assert.deepEqual(rowsOf(stdout, 'model'), ['dtmi:orchard:Soil;1']);
  assert.match(rowsOf(stdout, 'message id')[0], /^[0-9a-f-]{36}$/);
  assert.ok(rowsOf(stdout, 'property').includes('DeviceId = soil-04'));
  const body = JSON.parse(rowsOf(stdout, 'body')[0]);
  assert.equal(body.DeviceID, 'soil-04');
  assert.equal(body.t, 1.5);
});

test('runs the configured formatter, and says what it warns of or why it fails', () => {
  const raw = { decoded_payload: undefined };
  const good = uplink(uplinkOf('herd', 'cow-1', raw));
  assert.equal(good.status, 0, good.stderr);
  assert.deepEqual(rowsOf(good.stdout, 'formatter'), ['collar']);
  assert.deepEqual(rowsOf(good.stdout, 'warnings'), ['["old"]']);
  assert.ok(rowsOf(good.stdout, 'property').includes('level = high'));
  const body = JSON.parse(rowsOf(good.stdout, 'body')[0]);
  assert.deepEqual([body.first, body.fPort], [1, 6]);
  const bad = uplink(uplinkOf('herd', 'cow-1', { ...raw, frm_payload: '' }));
  assert.equal(bad.status, 1);
  assert.match(rowsOf(bad.stdout, 'not sent')[0], /'collar': no bytes/);
});

test('shows every packet of a delivery, and names those that would not be sent', () => {
  const { status, stdout } = uplink(delivery(
    { Timestamp: 1692927646796, TerminalId: '0042', Value: '00ff' },
    { Timestamp: 1692927646797, TerminalId: '0043', Value: '0' },
    { Timestamp: 1692927646798, TerminalId: 'no id/of a hub', Value: '01' },
  ), '--network', 'myriota', '--path', 'tracker');
  assert.equal(status, 1);
  assert.match(stdout, /device '0042' of application 'tracker' of myriota/);
  assert.deepEqual(rowsOf(stdout, 'hub device'), ['tracker-0042', 'tracker-no id/of a hub']);
  assert.equal(JSON.parse(rowsOf(stdout, 'body')[0]).PayloadBytes, '00-FF');
  const failures = rowsOf(stdout, 'not sent');
  assert.equal(failures.length, 2);
  assert.match(failures[0], /can't be a device id in IoT Hub/);
  assert.match(failures[1], /packet 2 of terminal 0043: Value has an odd number/);
});

test('says why nothing would be sent', () => {
  const cases = [
    [uplinkOf('orchard', 'soil-04', { f_port: undefined }), /must let uplink_message.f_port through/],
    [uplinkOf('orchard', 'soil-04', {}, { uplink_message: undefined, join_accept: {} }), /Telemetry.Events/],
    [delivery(), /has no packets/],
  ];
  for (const [body, reason] of cases) {
    const { status, stdout } = uplink(body);
    assert.equal(status, 1);
    assert.match(rowsOf(stdout, 'not sent')[0], reason);
  }
});

test('what no network understands is refused with the reason of each', () => {
  const { status, stdout, stderr } = uplink('{"a":');
  assert.equal(status, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /things-stack.*ends too early/);
  assert.match(stderr, /myriota.*ends too early/);
  assert.doesNotMatch(uplink('{"a":', '--network', 'myriota').stderr, /things-stack/);
});

test('valid JSON that is not taken is not called invalid', () => {
  const deep = `${'['.repeat(80)}${']'.repeat(80)}`;
  for (const [decoded, reason] of [[`{"a":${deep}}`, /nested too deep/]]) {
    const body = JSON.stringify(uplinkOf('orchard', 'soil-04', { decoded_payload: 'DECODED' }))
      .replace('"DECODED"', decoded);
    const { status, stderr } = uplink(body, '--network', 'things-stack');
    assert.equal(status, 1);
    assert.match(stderr, reason);
    assert.match(stderr, /JSON that is not taken here, at line 1 column \d+/);
  }
});

test('a text from outside gives the terminal no orders', () => {
  const { stdout } = uplink(uplinkOf('orchard', 'soil\u001b[31m', { decoded_payload: { t: '\u009b' } }));
  assert.doesNotMatch(stdout, /[\u001b\u009b]/);
});

test('wrong usage and wrong settings end with status 2', () => {
  const call = (...args) => spawnSync(process.env.ISTHMUS, ['uplink', ...args], { encoding: 'utf8', cwd: folder });
  const config = ['--config', join(folder, 'isthmus.json')];
  for (const args of [[], ['test'], ['send', 'x'], ['test', 'a', 'b'], ['test', 'x', '--nothing'],
    ['test', '-', '--network', 'elsewhere', ...config], ['test', '/nowhere', ...config],
    ['test', '-', '--config', '/nowhere.json']]) {
    const { status, stderr } = call(...args);
    assert.equal(status, 2, args.join(' '));
    assert.notEqual(stderr, '');
  }
  const help = call('--help');
  assert.equal(help.status, 0);
  assert.match(help.stdout, /usage: isthmus uplink test FILE/);
});

test('without any settings the defaults count', async () => {
  const { status, stdout } = spawnSync(process.env.ISTHMUS, ['uplink', 'test', '-'],
    { encoding: 'utf8', cwd: folder, input: JSON.stringify(uplinkOf('orchard', 'pump-1')), env: {} });

  assert.equal(status, 0);
  assert.match(stdout, /hub device +pump-1/);
});
