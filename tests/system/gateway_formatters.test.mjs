// SPDX-License-Identifier: MIT
// Payload formatters in the flow: which one is chosen, what is sent, what becomes of broken and
// hostile ones, files that change, and dead letters after a fix.
import assert from 'node:assert/strict';
import child from 'node:child_process';
import { cp, readdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { provisionedBy, startGateway, startGatewayOn, uplinkOf, writeConfiguration } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { drained } from './support/load.mjs';
import { packetOf, Signer } from './support/myriota.mjs';
import { eventually, isthmus, run, temporaryDirectory } from './support/program.mjs';

const execFile = promisify(child.execFile);
const corpus = join(dirname(fileURLToPath(import.meta.url)), '..', 'data', 'formatters');

// What each of these must be told as; the others of the corpus are tried by component tests.
const hostile = {
  'endless-loop': /100 ms/,
  'endless-loop-caught': /100 ms/,
  'endless-load': /./,
  'regular-expression-bomb': /./,
  'deep-recursion': /RangeError|Maximum call stack/,
  'allocate-4-gigabytes': /memory|MiB|bytes|ms/i,
  'result-too-large': /262144|large/,
  'not-a-number': /NaN/,
  'getter-throws': /not from here/,
  'prototype-tricks': /./,
  'missing-import': /require/,
  'syntax-error': /line 3/,
  'returns-null': /null/,
  'no-such-file': /no-such-file/,
};

const cleanup = [];
const shared = { after: (work) => cleanup.unshift(work) };
const signer = new Signer({ url: 'https://localhost/none.crt' });
let hub;
let directory;
let home;
let gateway;

/** The settings: an application for each formatter of the corpus, of the same name. */
async function settings() {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.js'));
  const applications = Object.fromEntries([...names.map((name) => name.slice(0, -3)), 'no-such-file']
    .map((name) => [name, { UplinkFormatter: name }]));
  applications['by-port'] = {
    UplinkFormatter: 'multi-port', Ports: { 7: 'thermo-hygrometer' },
  };
  return {
    Log: { Level: 'debug' },
    Myriota: { SignatureMode: 'Off' },
    PayloadFormatters: {
      Directory: directory, UplinkFormatterDefault: 'names-that-clash', Applications: applications,
    },
  };
}

/** Replaces a formatter at once, as careful operators do. */
async function write(name, text) {
  await writeFile(join(directory, `${name}.new`), text);
  await rename(join(directory, `${name}.new`), join(directory, `${name}.js`));
}

before(async () => {
  hub = await startHub(shared);
  directory = await temporaryDirectory(shared, 'formatters');
  for (const folder of [corpus, join(corpus, 'broken')]) {
    await cp(folder, directory, {
      recursive: true, filter: (path) => path === folder || path.endsWith('.js'),
    });
  }
  await write('sequence', `function decodeUplink(input) {
    if (input.bytes[0] === 255) while (true);
    if (input.bytes[0] === 254) throw new Error('not this one');
    return { data: { sequence: input.bytes[1] } };
  }`);
  await write('many-properties', `function decodeUplink() {
    const properties = {};
    for (let i = 0; i < 64; i++) properties['own-' + i] = i;
    return { data: {}, properties };
  }`);
  await write('changing', 'function decodeUplink() { return { data: { version: 1 } }; }');
  home = await temporaryDirectory(shared, 'gateway');
  gateway = await startGateway(shared, provisionedBy(hub), await settings(), home);
});

after(async () => {
  for (const work of cleanup) await work();
});

/** Posts an uplink of an application with these bytes, not decoded unless `members` say so. */
async function send(application, device, bytes, members = {}) {
  const answer = await gateway.uplink(uplinkOf(application, device, {
    frm_payload: Buffer.from(bytes).toString('base64'), decoded_payload: undefined, ...members,
  }));
  assert.equal(answer.status, 202, answer.text);
}

/** Runs `isthmus queue`; resolves to all that it printed, which is more than `run` keeps. */
async function queue(...args) {
  const { stdout } = await execFile(isthmus, ['queue', ...args, '--data', join(home, 'data')],
    { maxBuffer: 16 << 20 });
  return stdout;
}

async function deadLetters() {
  return (await queue('export', 'dead')).split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

/** The reasons of a device's dead letters, once there are as many. */
async function reasonsOf(device, count = 1) {
  return eventually(`${count} dead letters of ${device}`, async () => {
    gateway.program.assertRuns();
    const found = (await deadLetters()).filter((letter) => letter.device.endsWith(`/${device}`));
    return found.length >= count && found.map(({ reason }) => reason);
  });
}

test('U8 U9 U10 the formatter of the application; its members become the body', async () => {
  await send('gps-collar', 'collar-1', Buffer.from('0507549e12e6b45be0664800', 'hex'));
  const [message] = await hub.telemetryOf('collar-1');
  assert.deepEqual(message.body.gps_1, {
    lat: -43.4987436, latitude: -43.4987436, lon: 172.5979572, longitude: 172.5979572,
    alt: 72, altitude: 72,
  });
  assert.deepEqual(message.body.flags, ['moving', 'lying']);
  assert.equal(message.body.PayloadRaw, 'BQdUnhLmtFvgZkgA');
  assert.equal(message.body.DeviceID, 'collar-1');
  assert.equal(message.body.Port, 6);
});

test('as many properties as a formatter may set arrive, beside those of the gateway', async () => {
  await send('many-properties', 'many-1', [0]);
  const [{ properties }] = await hub.telemetryOf('many-1');
  for (let i = 0; i < 64; i++) assert.equal(properties[`own-${i}`], String(i));
  assert.equal(properties.DeviceId, 'many-1');
});

test('the formatter of the port, of the application, and the default', async () => {
  await send('by-port', 'port-7', [0, 215, 91, 130, 0], { f_port: 7 });
  await send('by-port', 'port-1', [39, 16], { f_port: 1 });
  await send('nobody', 'default-1', [1], { f_port: 3 });
  assert.equal((await hub.telemetryOf('port-7'))[0].body.temperature, 21.5);
  assert.equal((await hub.telemetryOf('port-1'))[0].body.pressure, 100);
  const { body } = (await hub.telemetryOf('default-1'))[0];
  assert.equal(body.Port, 3);
  assert.equal(body.Decoded_Port, 'harbour');
  assert.equal(body[''], 'nameless');
});

test('U12 U18 what is decoded or encrypted is sent as it is', async () => {
  await send('returns-null', 'decoded-1', [1], { decoded_payload: { already: true } });
  await send('returns-null', 'encrypted-1', [1], { app_s_key: { key: 'AAAA' } });
  assert.equal((await hub.telemetryOf('decoded-1'))[0].body.already, true);
  const { body } = (await hub.telemetryOf('encrypted-1'))[0];
  assert.equal(body.PayloadRaw, 'AQ==');
});

test('M1 M2 M4 packets of Myriota: members, and the time of the fix as the message\'s', async () => {
  const answer = await gateway.post('/myriota/myriota-tracker-single', signer.delivery([
    packetOf('0001020304', '00008c9512e624cce066adbae764cccccccccccc'), packetOf('0001020305', '00'),
  ]));
  assert.equal(answer.status, 202, answer.text);
  const [message] = await hub.telemetryOf('0001020304');
  assert.deepEqual(message.body.DeviceLocation, { lat: -43.4989684, lon: 172.6008356, alt: 0 });
  assert.equal(message.body.TerminalId, '0001020304');
  assert.equal(message.body.PayloadBytes, undefined);
  assert.equal(message.properties['iothub-creation-time-utc'], '2023-08-24T20:16:45.000Z');
  assert.equal(message.properties.Kind, 'tracker');
  assert.match((await reasonsOf('0001020305'))[0], /14 bytes, not 1/);
});

test('hostile formatters end in dead letters that say why; everybody else flows on in order', async () => {
  const devices = Array.from({ length: 8 }, (_, i) => `flow-${i}`);
  const count = 12;
  const senders = devices.map(async (device) => {
    for (let i = 1; i <= count; i++) await send('sequence', device, [0, i]);
  });

  await Promise.all([...senders, ...Object.keys(hostile).map((name) => send(name, `bad-${name}`, [1], { f_port: 1 }))]);
  for (const device of devices) {
    const messages = await hub.telemetryOf(device, count);
    assert.deepEqual(messages.map(({ body }) => body.sequence), Array.from({ length: count }, (_, i) => i + 1));
  }
  for (const [name, reason] of Object.entries(hostile)) {
    const [said] = await reasonsOf(`bad-${name}`);
    assert.match(said, reason, name);
    assert.ok(said.includes(name), said);
  }
  gateway.program.assertRuns();
});

test('a device with bad events between good ones keeps their order', async () => {
  for (const bytes of [[0, 1], [255, 2], [0, 3], [254, 4], [0, 5]]) await send('sequence', 'mixed-1', bytes);
  const messages = await hub.telemetryOf('mixed-1', 3);
  assert.deepEqual(messages.map(({ body }) => body.sequence), [1, 3, 5]);
  const reasons = await reasonsOf('mixed-1', 2);
  assert.match(reasons[0], /100 ms/);
  assert.match(reasons[1], /not this one/);
});

test('a file that changes is taken up; a broken one leaves the last good one in force', async () => {
  const version = async () => {
    const before = (await hub.telemetry('device=changing-1')).length;
    await send('changing', 'changing-1', [1]);
    return (await hub.telemetryOf('changing-1', before + 1))[before].body.version;
  };
  const becomes = (wanted) => eventually(`version ${wanted}`, async () => (await version()) === wanted);

  assert.equal(await version(), 1);
  await write('changing', 'function decodeUplink() { return { data: { version: 2 } }; }');
  await becomes(2);
  await write('changing', 'function decodeUplink() { return { data: { version: 3 } };');
  await eventually('FORMATTER_NOT_COMPILED of changing', () => gateway.log.some(
    (entry) => entry.id === 'FORMATTER_NOT_COMPILED' && entry.formatter === 'changing'));
  assert.equal(await version(), 2);
  await write('changing', 'function decodeUplink() { return { data: { version: 4 } }; }');
  await becomes(4);
});

test('warnings are in the log; calls and failures are counted', async () => {
  await send('thermo-hygrometer', 'warned-1', [0, 0, 0, 0, 128]);
  await hub.telemetryOf('warned-1');
  const entry = await gateway.logged('FORMATTER_WARNINGS');
  assert.equal(entry.formatter, 'thermo-hygrometer');
  assert.match(entry.warnings, /reports a fault/);
  assert.ok(await gateway.metric('isthmus_formatter_calls_total') > 100);
  assert.ok(await gateway.metric('isthmus_formatter_failures_total') >= Object.keys(hostile).length);
});

test('stopped amid calls: nothing is lost; after a fix the dead letters are replayed', async () => {
  const sent = 20;
  for (let i = 0; i < sent; i++) await send('endless-loop', `stopped-${i}`, [i]);
  await gateway.stop();
  const left = (await queue('export')).split('\n').filter(Boolean).map((line) => JSON.parse(line))
    .filter(({ device }) => device.includes('/stopped-'));
  assert.equal(left.length, sent);
  assert.ok(left.some(({ state }) => state === 'waiting'));
  for (const letter of left.filter(({ state }) => state === 'dead')) assert.match(letter.reason, /100 ms/);

  await write('endless-loop', 'function decodeUplink({ bytes }) { return { data: { mended: bytes[0] } }; }');
  const mended = (await deadLetters()).filter(({ device }) => device.startsWith('things-stack/endless-loop/'));
  await queue('replay', ...mended.map(({ id }) => String(id)));
  const file = await writeConfiguration(home, provisionedBy(hub), await settings());
  gateway = await startGatewayOn(shared, file, home);
  for (let i = 0; i < sent; i++) {
    const messages = await hub.telemetryOf(`stopped-${i}`);
    assert.deepEqual(messages.map(({ body }) => body.mended), [i]);
  }
  assert.equal((await hub.telemetryOf('bad-endless-loop'))[0].body.mended, 1);
  await drained(gateway);
});

test('config check warns of a formatter whose file is missing, by the file\'s name', async () => {
  const { status, output } = await run(['config', 'check', '--config', join(home, 'isthmus.json')]);
  assert.equal(status, 0, output);
  assert.match(output, new RegExp(`no readable file ${join(directory, 'no-such-file.js')}`));
  assert.equal(output.match(/no readable file/g).length, 1);
});
