// SPDX-License-Identifier: MIT
// `isthmus hub` as a program: its life, its files, its usage, its clients.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { access, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { startHub } from './support/hub.mjs';
import {
  endWithTest, eventually, Program, run, runNode, temporaryDirectory, within,
} from './support/program.mjs';
import { openDevice } from './support/sdk.mjs';

test('--help explains on standard output', async () => {
  for (const command of [[], ['watch'], ['devices'], ['send'], ['invoke']]) {
    const { status, stdout } = await run(['hub', ...command, '--help']);
    assert.equal(status, 0);
    assert.match(stdout, /^usage: isthmus hub/);
  }
});

test('wrong usage ends with status 2 and says what is wrong', async (t) => {
  const data = await temporaryDirectory(t, 'usage');
  for (const [args, message] of [
    [['--nonsense'], /unknown option '--nonsense'/],
    [['--data'], /'--data' needs a value/],
    [['--hubs', '0'], /--hubs must be a whole number from 1 to 50/],
    [['--amqp-port', '65536'], /--amqp-port must be a whole number/],
    [['--amqp-port', '65535', '--hubs', '2'], /leaves no room/],
    [['extra'], /'extra' is one argument too many/],
    [['--host', 'a b'], /neither a host name nor an address/],
    [['--listen', 'nowhere'], /--listen must be an IPv4 address/],
    [['--host', 'a.example', '--host', 'A.example'], /--host A.example is given twice/],
    [['--with-device', 'a b', '--amqp-port', '0', '--mqtt-port', '0'], /--with-device: device id 'a b'/],
    [['--with-device', 'a=@/dev/null'], /--with-device: '\/dev\/null' is empty/],
    [['--with-device', 'a='], /--with-device: '' is empty/],
    [['--group-key', '@/nowhere/key'], /--group-key: can't open '\/nowhere\/key'/],
    [['--id-scope', ''], /--id-scope must be 1 to 32 letters and digits/],
    [['--id-scope', 'a/b'], /--id-scope must be 1 to 32 letters and digits/],
    [['--units', '2'], /--units needs --sku/],
    [['--dps-burst', '5'], /--dps-burst needs --dps-quota/],
    [['--dps-quota-seconds', '5'], /--dps-quota-seconds needs --dps-quota/],
    [['--consumer-group', 'a/b'], /--consumer-group must .* without '\/'/],
    [['--group-key', '?', '--amqp-port', '0', '--mqtt-port', '0'], /--group-key/],
    [['--log', 'loud'], /--log must be/],
  ]) {
    const { status, output } = await run(['hub', '--data', data, ...args]);
    assert.equal(status, 2, `${args}: ${output}`);
    assert.match(output, message);
  }
});

test('a port that is taken is named, with what to do', async (t) => {
  const { info } = await startHub(t);
  const data = await temporaryDirectory(t, 'taken');
  const port = `${info.hubs[0].amqpPort}`;
  const { status, output } = await run(['hub', '--data', data, '--amqp-port', port, '--mqtt-port', '0',
    '--https-port', '0', '--control-port', '0']);

  assert.equal(status, 1, output);
  assert.ok(output.includes(`:${port}: Address already in use; end the program that does, or choose another`), output);
});

test('keys may be given in files, which other users do not see', async (t) => {
  const folder = await temporaryDirectory(t, 'keys');
  const keys = ['group', 'device'].map(() => randomBytes(32).toString('base64'));
  await writeFile(join(folder, 'group.key'), `${keys[0]}\n`, { mode: 0o600 });
  await writeFile(join(folder, 'device.key'), keys[1], { mode: 0o600 });
  const hub = await startHub(t, {
    args: ['--group-key', `@${join(folder, 'group.key')}`, '--device', `d1=@${join(folder, 'device.key')}`],
  });

  assert.equal(hub.info.dps.groupEnrollmentKey, keys[0]);
  assert.equal((await hub.control('GET', '/devices/d1')).primaryKey, keys[1]);
  // What `ps` shows.
  const line = await readFile(`/proc/${hub.info.pid}/cmdline`, 'utf8');
  assert.ok(line.includes('@') && !line.includes(keys[0]) && !line.includes(keys[1]));
});

test('hub.json says where everything is, and goes at the end', async (t) => {
  const hub = await startHub(t, { args: ['--hubs', '2', '--id-scope', '0ne0TEST001'] });
  const path = join(hub.directory, 'hub.json');

  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal(hub.info.dps.idScope, '0ne0TEST001');
  assert.match(hub.info.dps.endpoint, /^localhost:\d+$/);
  assert.equal(hub.info.hubs.length, 2);
  for (const { hostName, iothubowner, device, service } of hub.info.hubs) {
    assert.match(hostName, /^localhost:\d+$/);
    for (const [text, policy] of [[iothubowner, 'iothubowner'], [device, 'device'],
      [service, 'service']]) {
      assert.ok(text.startsWith(`HostName=${hostName};SharedAccessKeyName=${policy};`));
    }
  }
  assert.match(await readFile(hub.info.certificate, 'utf8'), /BEGIN CERTIFICATE/);
  assert.deepEqual(await hub.control('GET', '/healthz'), { status: 'ok' });
  await hub.program.stop();
  await assert.rejects(access(path), { code: 'ENOENT' });
});

test('the summary tells what to paste where', async (t) => {
  const directory = await temporaryDirectory(t, 'summary');
  const program = new Program(['hub', '--data', directory, '--amqp-port', '0', '--mqtt-port', '0',
    '--dps-port', '0',
    '--control-port', '0', '--host', 'hub.test']);
  endWithTest(t, program);
  const summary = await eventually('the summary', () => {
    program.assertRuns();
    return program.stdout.includes('Ctrl-C') && program.stdout;
  });
  const info = JSON.parse(await readFile(join(directory, 'hub.json'), 'utf8'));

  assert.match(info.hubs[0].hostName, /^hub\.test:\d+$/);
  for (const text of [`NODE_EXTRA_CA_CERTS=${info.certificate}`, info.hubs[0].iothubowner,
    info.hubs[0].device, info.dps.endpoint, info.dps.idScope, info.dps.groupEnrollmentKey,
    info.control]) {
    assert.ok(summary.includes(text), `${text} in ${summary}`);
  }
});

test('a second hub on the same data is refused', async (t) => {
  const hub = await startHub(t);
  const { status, output } = await run(['hub', '--data', hub.directory, '--amqp-port', '0', '--mqtt-port', '0',
    '--dps-port', '0', '--control-port', '0']);

  assert.equal(status, 1);
  assert.match(output, /another hub runs with the data in/);
  assert.deepEqual(await hub.control('GET', '/healthz'), { status: 'ok' });
});

test('a port in use is named', async (t) => {
  const hub = await startHub(t);
  const other = await temporaryDirectory(t, 'second');
  const port = hub.info.control.split(':').at(-1);
  const { status, output } = await run(['hub', '--data', other, '--amqp-port', '0', '--mqtt-port', '0', '--dps-port',
    '0', '--control-port', port]);

  assert.equal(status, 1);
  assert.match(output, new RegExp(`control API: can't listen on 127\\.0\\.0\\.1 port ${port}`));
});

test('a restarted hub knows its keys, devices and certificates', async (t) => {
  const first = await startHub(t, { args: ['--device', 'kept'] });
  const before = await first.control('GET', '/devices/kept');
  const authority = await readFile(first.info.certificate, 'utf8');

  await first.program.stop();
  const second = await startHub(t, { directory: first.directory });
  const after = await second.control('GET', '/devices/kept');
  assert.equal(after.primaryKey, before.primaryKey);
  assert.equal(second.info.dps.idScope, first.info.dps.idScope);
  assert.equal(second.info.dps.groupEnrollmentKey, first.info.dps.groupEnrollmentKey);
  assert.equal(second.info.hubs[0].iothubowner.split('SharedAccessKey=')[1],
    first.info.hubs[0].iothubowner.split('SharedAccessKey=')[1]);
  assert.equal(await readFile(second.info.certificate, 'utf8'), authority);
});

test('a hub that was killed can be started again', async (t) => {
  const first = await startHub(t);

  first.program.kill('SIGKILL');
  await first.program.ended;
  const second = await startHub(t, { directory: first.directory });
  assert.deepEqual(await second.control('GET', '/healthz'), { status: 'ok' });
});

test('a registry that cannot be understood is not overwritten', async (t) => {
  const directory = await temporaryDirectory(t, 'broken');
  const path = join(directory, 'registry.json');

  await writeFile(path, '{"hubs":');
  const { status, output } = await run(['hub', '--data', directory, '--amqp-port', '0', '--mqtt-port', '0']);
  assert.equal(status, 1, output);
  assert.match(output, /registry\.json/);
  assert.equal(await readFile(path, 'utf8'), '{"hubs":');
});

test('the clients say so when no hub runs', async (t) => {
  const directory = await temporaryDirectory(t, 'empty');
  for (const args of [['watch'], ['devices'], ['send', 'a', 'b'], ['invoke', 'a', 'b']]) {
    const { status, output } = await run(['hub', ...args, '--data', directory]);
    assert.equal(status, 1);
    assert.match(output, /no hub runs with the data in/);
  }
});

test('devices lists the devices of all hubs', async (t) => {
  const hub = await startHub(t, { args: ['--hubs', '2'] });

  for (let i = 0; i < 3; i++) await hub.device(`device-${i}`, { modelId: 'dtmi:x:A;1' }, 'hub1');
  await hub.device('elsewhere', {}, 'hub2');
  const { status, stdout } = await run(['hub', 'devices', '--data', hub.directory]);
  assert.equal(status, 0);
  assert.deepEqual(stdout.trim().split('\n').map((line) => line.split(/\s+/).slice(0, 2)), [
    ['device-0', 'hub1'], ['device-1', 'hub1'], ['device-2', 'hub1'], ['elsewhere', 'hub2']]);
});

test('watch ends with status 1 when too little comes in time', async (t) => {
  const hub = await startHub(t);
  const { status } = await run(['hub', 'watch', '--data', hub.directory, '--count', '1',
    '--timeout', '1']);

  assert.equal(status, 1);
});

test('NODE_EXTRA_CA_CERTS and a connection string are all that a client needs', async (t) => {
  const hub = await startHub(t, { args: ['--device', 'sample'] });
  const { connectionString } = await hub.control('GET', '/devices/sample');
  const script = join(dirname(fileURLToPath(import.meta.url)), 'support', 'sample_device.mjs');
  const trusting = await runNode([script, connectionString],
    { NODE_EXTRA_CA_CERTS: hub.info.certificate });

  assert.equal(trusting.status, 0, trusting.output);
  const [message] = await hub.telemetryOf('sample');
  assert.deepEqual(message.body, { hello: 'world' });
  const distrusting = await runNode([script, connectionString]);
  assert.notEqual(distrusting.status, 0);
  assert.equal((await hub.telemetry()).length, 1);
});

test('a hub with clients on all its ends stops when it is asked to', async (t) => {
  const hub = await startHub(t);
  const { connectionString } = await hub.device('busy');
  const client = await openDevice(t, connectionString);
  const stream = await fetch(`${hub.info.control}/telemetry?follow=1`);
  const reader = stream.body.getReader();

  client.onDeviceMethod('never', () => {});
  const call = hub.control('POST', '/devices/busy/methods/never',
    { connectTimeoutSeconds: 10, responseTimeoutSeconds: 300 }).catch((error) => error);
  await eventually('the method links', async () => {
    const { connections } = await hub.control('GET', '/connections');
    return connections.length === 1 && connections[0].devices === 1;
  });
  await hub.program.stop();
  assert.ok(await within('the end of the call', call) instanceof Error);
  await assert.rejects(within('the end of the stream', reader.read()));
});
