// SPDX-License-Identifier: MIT
// Workers of payload formatters that can't be had for a while: an upgrade replaces their program.
// That is nobody's fault: uplinks and commands wait, and none is given up.
import assert from 'node:assert/strict';
import { copyFile, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { connectedTo, startGatewayOn, uplinkOf, writeConfiguration } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { eventually, isthmus, temporaryDirectory } from './support/program.mjs';
import { apiKey, startThingsStack, webhookId } from './support/things_stack.mjs';

const application = 'application1';
const device = 'tracker-07';

/** A copy of both programs, so that the worker's can be moved away. */
async function copyPrograms(t) {
  const folder = await temporaryDirectory(t, 'programs');
  for (const name of ['isthmus', 'isthmus-formatter']) {
    await copyFile(join(dirname(isthmus), name), join(folder, name));
  }
  return { program: join(folder, 'isthmus'), worker: join(folder, 'isthmus-formatter') };
}

/** The process ids of a process's children. */
async function childrenOf(parent) {
  const found = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent) found.push(Number(name));
  }
  return found;
}

test('uplinks and commands wait for workers that can not be started, and none is lost', async (t) => {
  const { program, worker } = await copyPrograms(t);
  const formatters = await temporaryDirectory(t, 'formatters');
  const home = await temporaryDirectory(t, 'gateway');
  const hub = await startHub(t);
  const stack = await startThingsStack(t, hub);
  await hub.device(device);
  await writeFile(join(formatters, 'f.js'), `
    function decodeUplink({ bytes }) { return { data: { n: bytes[0] } }; }
    function encodeDownlink() { return { bytes: [1, 2], fPort: 10 }; }`);
  const file = await writeConfiguration(home, connectedTo(hub), {
    Log: { Level: 'debug' },
    PayloadFormatters: { Directory: formatters, UplinkFormatterDefault: 'f', DownlinkFormatterDefault: 'f' },
    TheThingsIndustries: {
      WebhookBaseURL: stack.baseUrl, Applications: { [application]: { ApiKey: apiKey, WebhookId: webhookId } },
    },
  });
  const gateway = await startGatewayOn(t, file, home, {}, undefined, program);
  const send = async (n) => {
    const answer = await gateway.uplink(uplinkOf(application, device,
      { frm_payload: Buffer.from([n]).toString('base64'), decoded_payload: undefined }));
    assert.equal(answer.status, 202, answer.text);
  };

  await send(1);
  await hub.telemetryOf(device);
  await rename(worker, `${worker}.away`);
  for (const pid of await childrenOf(gateway.program.pid)) process.kill(pid, 'SIGKILL');
  for (let n = 2; n <= 6; n++) await send(n);
  const { messageId } = await hub.control('POST', `/devices/${device}/messages`,
    { bodyText: 'AAE=', properties: { Port: '10', PayloadFormatter: 'f' } });
  await eventually('four attempts to start a worker', () => gateway.log.filter(
    ({ id }) => id === 'FORMATTER_NOT_STARTED').length >= 4);
  await send(7);
  assert.equal((await hub.telemetryOf(device)).length, 1);
  await rename(`${worker}.away`, worker);
  await send(8);

  const messages = await hub.telemetryOf(device, 8);
  assert.deepEqual(messages.map(({ body }) => body.n), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.equal(gateway.log.filter(({ id }) => id === 'EVENT_DEAD').length, 0);
  const item = await stack.downlink(device);
  assert.equal(item.frm_payload, Buffer.from([1, 2]).toString('base64'));
  const { state, deliveries } = await hub.control('GET', `/devices/${device}/messages/${messageId}`);
  assert.deepEqual({ state, deliveries }, { state: 'locked', deliveries: 1 });
});
