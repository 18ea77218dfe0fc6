// SPDX-License-Identifier: MIT
// The running gateway's control socket: `isthmus command` and `isthmus status`, and plain HTTP.
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { before, test } from 'node:test';

import { provisionedBy, startGateway, startGatewayOn, uplinkOf, writeConfiguration } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { eventually, run, temporaryDirectory } from './support/program.mjs';
import { apiKey, startThingsStack, webhookId } from './support/things_stack.mjs';

const device = 'tracker-07';
const key = `things-stack/application1/${device}`;

/** One hub, stack and gateway for all cases; they end with the file. */
const cleanups = [];
const file = { after: (run) => cleanups.push(run) };
const site = {};

before(async () => {
  site.hub = await startHub(file);
  site.stack = await startThingsStack(file, site.hub);
  site.gateway = await startGateway(file, provisionedBy(site.hub, {
    Methods: { Blink: { Port: 4, Queue: 'Push' } },
  }), {
    TheThingsIndustries: {
      WebhookBaseURL: site.stack.baseUrl,
      Applications: { application1: { ApiKey: apiKey, WebhookId: webhookId } },
    },
  });
  site.data = join(site.gateway.directory, 'data');
  site.socket = join(site.data, 'control.sock');
  for (const id of [device, 'tracker-08']) {
    await site.gateway.uplink(uplinkOf('application1', id));
    await site.hub.telemetryOf(id);
  }
});

test.after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

/** Asks the socket as curl would; resolves to { status, type, json }. */
function call(method, path) {
  return new Promise((resolve, reject) => {
    const request = http.request({ socketPath: site.socket, method, path }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () => resolve({
        status: answer.statusCode,
        type: answer.headers['content-type'],
        json: JSON.parse(Buffer.concat(parts).toString()),
      }));
    });
    request.on('error', reject);
    request.end();
  });
}

function isthmus(...args) {
  return run([...args, '--data', site.data]);
}

async function jsonLines(...args) {
  const { status, stdout, output } = await isthmus(...args, '--json');
  assert.equal(status, 0, output);
  return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

async function send(message = {}) {
  const { messageId } = await site.hub.control('POST', `/devices/${device}/messages`, {
    bodyText: 'AAE=', ...message, properties: { Port: '10', ...message.properties },
  });
  return messageId;
}

async function settled(messageId, wanted) {
  return eventually(`${messageId} ${wanted}`, async () =>
    (await site.hub.control('GET', `/devices/${device}/messages/${messageId}`)).state === wanted);
}

/** Resolves to the command of a message when it is in a state. */
async function known(messageId, state) {
  return eventually(`${messageId} ${state}`, async () => {
    const { json } = await call('GET', `/commands?state=all&device=${device}`);
    return json.commands.find((each) => each.messageId === messageId && each.state === state);
  });
}

/** Sends a message of which the stack, told so, does not take the downlink for a long time. */
async function sendInVain() {
  site.stack.order('down', { status: 429, headers: { 'retry-after': '60' } });
  const requests = site.stack.requests.length;
  const id = await send();
  await eventually('the refusal', () => site.stack.requests.length > requests);
  return id;
}

test('the socket is for its owner alone', async () => {
  const { mode } = await stat(site.socket);
  assert.equal(mode & 0o7777, 0o600);
});

test('a command is listed, shown and told by its beginning; times and state follow its way', async () => {
  const id = await send({ properties: { Confirmed: 'true', Priority: 'High' } });
  const queued = await known(id, 'queued');

  assert.match(queued.reference, /^[0-9a-f-]{36}$/);
  assert.equal(queued.device, key);
  assert.equal(queued.hubDeviceId, device);
  assert.deepEqual([queued.port, queued.confirmed, queued.priority, queued.queue, queued.payload],
    [10, true, 'High', 'Push', 'AAE=']);
  assert.deepEqual([queued.kind, queued.policy, queued.attempt, queued.locked],
    ['message', 'ByRules', 1, true]);
  assert.ok(Date.parse(queued.received) <= Date.parse(queued.queued));
  assert.ok(Date.parse(queued.expires) > Date.now());

  const [listed] = await jsonLines('command', 'list', '--device', key, '--state', 'queued');
  assert.deepEqual(listed, queued);
  const [shown] = await jsonLines('command', 'show', queued.reference.slice(0, 8));
  assert.deepEqual(shown, queued);
  const table = await isthmus('command', 'list');
  assert.ok(table.stdout.includes(`${queued.reference}  queued `), table.stdout);
  assert.match(table.stdout, /1 of 1 commands, of the running gateway/);
  const whole = await isthmus('command', 'show', queued.reference);
  assert.match(whole.stdout, /^payload +AAE=$/m);

  const item = await site.stack.downlink(device);
  await site.stack.tell(site.gateway, 'ack', device, item);
  await settled(id, 'completed');
  const finished = await known(id, 'finished');
  assert.equal(finished.outcome, 'delivered');
  assert.ok(finished.finished);
  assert.deepEqual(await jsonLines('command', 'list'), []);
  assert.equal((await jsonLines('command', 'list', '--state', 'delivered')).length, 1);
});

test('what the network has not got is cancelled: rejected at the hub, never pushed', async () => {
  const taken = site.stack.taken.length;
  const id = await sendInVain();
  const next = await send();
  const { reference } = await known(id, 'waiting');
  const answer = await eventually('the cancellation', async () => {
    const said = await isthmus('command', 'cancel', reference);
    return said.status === 0 && said;
  });

  assert.match(answer.stdout, new RegExp(`^${reference} is cancelled; its message is rejected$`, 'm'));
  await settled(id, 'rejected');
  const [shown] = await jsonLines('command', 'show', reference);
  assert.deepEqual([shown.state, shown.outcome], ['finished', 'cancelled']);
  const again = await isthmus('command', 'cancel', reference);
  assert.equal(again.status, 1);
  assert.match(again.output, /finished already: cancelled/);
  assert.equal((await known(next, 'queued')).attempt, 1);
  assert.equal(site.stack.taken.length, taken + 1);
  await site.stack.tell(site.gateway, 'sent', device, site.stack.takenOf(device).at(-1));
  await settled(next, 'completed');
});

test('what the network has is cancelled by force alone, and only on this side', async () => {
  const id = await send({ properties: { Confirmed: 'true' } });
  const { reference } = await known(id, 'queued');
  const refused = await isthmus('command', 'cancel', reference);

  assert.equal(refused.status, 1);
  assert.match(refused.output, /the network has it in its queue/);
  const replaces = site.stack.count('/replace');
  const forced = await isthmus('command', 'cancel', reference, '--force');
  assert.equal(forced.status, 0, forced.output);
  await settled(id, 'rejected');
  assert.equal(site.stack.count('/replace'), replaces);
  const { json } = await call('GET', `/commands/${reference}`);
  assert.match(json.reason, /by force: the network has it/);
  const item = site.stack.takenOf(device).at(-1);
  await site.stack.tell(site.gateway, 'ack', device, item);
  assert.equal((await call('GET', `/commands/${reference}`)).json.outcome, 'cancelled');
});

test('the caller of a cancelled method gets 409', async () => {
  site.stack.order('down', { status: 429, headers: { 'retry-after': '60' } });
  const requests = site.stack.requests.length;
  const answer = site.hub.control('POST', `/devices/tracker-08/methods/Blink`, {
    connectTimeoutSeconds: 10, payload: 1,
  });
  const command = await eventually('the method', async () => {
    const { json } = await call('GET', '/commands?device=tracker-08');
    return json.commands[0];
  });
  assert.deepEqual([command.kind, command.name, command.callerWaits], ['method', 'Blink', true]);
  await eventually('the refusal', () => site.stack.requests.length > requests);
  await eventually('the cancellation', async () =>
    (await call('DELETE', `/commands/${command.reference}`)).status === 200);
  assert.equal((await answer).status, 409);
});

test('status: devices, hubs, store, commands; a held device says why', async () => {
  const [status] = await jsonLines('status');

  assert.equal(status.pid, site.gateway.program.pid);
  assert.equal(status.devices.ready, 2);
  assert.deepEqual(status.hubs.map(({ connections, devices, ready }) => [connections, devices, ready]),
    [[1, 2, 2]]);
  assert.equal(status.store.full, false);
  assert.ok(status.commands.finished >= 3);
  const text = await isthmus('status');
  assert.match(text.stdout, /^devices +2 ready$/m);

  const [listed] = await jsonLines('status', '--devices', '--device', device);
  assert.deepEqual([listed.device, listed.state, listed.commands], [key, 'ready', 0]);
  assert.deepEqual(await jsonLines('status', '--devices', '--state', 'held'), []);
  await site.hub.device('bad-1', { status: 'disabled' });
  await site.gateway.uplink(uplinkOf('application1', 'bad-1'));
  const held = await eventually('the held device', async () =>
    (await jsonLines('status', '--devices', '--state', 'held'))[0]);
  assert.deepEqual([held.deviceId, held.eventsInMemory], ['bad-1', 1]);
  assert.ok(held.heldBecause);
  const table = await isthmus('status', '--devices', '--state', 'held');
  assert.ok(table.stdout.includes(held.heldBecause), table.stdout);
});

test('what can not be understood is refused with a reason', async () => {
  for (const [method, path, status, detail] of [
    ['GET', '/', 404, /no such path/],
    ['GET', '/commands/', 404, /no such path/],
    ['GET', '/commands/12345678/more', 404, /no such path/],
    ['POST', '/commands', 405, /POST/],
    ['DELETE', '/status', 405, /DELETE/],
    ['GET', '/commands?state=odd', 400, /'odd'/],
    ['GET', '/devices?state=queued', 400, /'queued'/],
    ['GET', '/commands?limit=0', 400, /limit/],
    ['GET', '/commands/1234', 400, /8 characters/],
    ['DELETE', '/commands/12345678?force=1', 400, /force/],
    ['GET', '/commands/12345678', 404, /no command/],
    ['DELETE', '/commands/12345678', 404, /no command/],
  ]) {
    const answer = await call(method, path);
    assert.equal(answer.status, status, `${method} ${path}`);
    assert.equal(answer.type, 'application/problem+json');
    assert.match(answer.json.detail, detail);
  }
  assert.equal((await isthmus('command', 'list', '--state', 'odd')).status, 2);
  assert.equal((await isthmus('command', 'show', '1234')).status, 2);
  assert.equal((await isthmus('command', 'show')).status, 2);
  assert.equal((await isthmus('command', 'show', '12345678')).status, 1);
  assert.equal((await isthmus('status', '--state', 'held')).status, 2);
});

test('without a gateway the store is read; cancel and status say that none runs', async () => {
  const id = await send({ properties: { Confirmed: 'true' } });
  const { reference } = await known(id, 'queued');

  await site.gateway.kill();
  const [listed] = await jsonLines('command', 'list');
  assert.deepEqual([listed.reference, listed.state], [reference, 'queued']);
  const table = await isthmus('command', 'list');
  assert.match(table.stdout, /of the store: no gateway runs/);
  const [shown] = await jsonLines('command', 'show', reference.slice(0, 12));
  assert.equal(shown.messageId, id);
  const refused = await isthmus('command', 'cancel', reference);
  assert.equal(refused.status, 1);
  assert.match(refused.output, /no gateway runs with the data in .*only a running gateway/);
  assert.equal((await isthmus('status')).status, 1);
});

test('a stale socket is replaced; at the end it is removed', async () => {
  const file2 = join(site.gateway.directory, 'isthmus.json');
  site.gateway = await startGatewayOn(file, file2, site.gateway.directory);
  assert.equal((await call('GET', '/status')).status, 200);
  await site.gateway.stop();
  await assert.rejects(stat(site.socket), { code: 'ENOENT' });
});

test('where no socket can be made the gateway says so and runs', async (t) => {
  const home = join(await temporaryDirectory(t, 'gateway'), 'd'.repeat(110));
  const long = await startGatewayOn(t, await writeConfiguration(home, provisionedBy(site.hub)), home);

  assert.match((await long.logged('CONTROL_NOT_STARTED')).reason, /shorter path/);
  assert.equal((await long.get('/healthz')).status, 200);
  const answer = await run(['status', '--data', join(home, 'data')]);
  assert.equal(answer.status, 1);
  assert.match(answer.output, /can't be reached: File name too long/);
});
