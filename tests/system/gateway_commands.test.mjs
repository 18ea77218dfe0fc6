// SPDX-License-Identifier: MIT
// Commands of the cloud become downlinks of The Things Stack, and their fate settles them.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { provisionedBy, startGateway, uplinkOf } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { eventually, isthmus, temporaryDirectory } from './support/program.mjs';
import { openRegistry } from './support/sdk.mjs';
import { apiKey, startThingsStack, webhookId } from './support/things_stack.mjs';

const device = 'tracker-07';
const notYet = { f_port: 10, confirmed: false, priority: 'NORMAL', frm_payload: 'AAE=' };

class Site {
  constructor(test, hub, stack, settings) {
    Object.assign(this, { test, hub, stack, settings });
  }

  async start(directory, environment = {}) {
    const { azure = {}, ...others } = this.settings;
    this.gateway = await startGateway(this.test, provisionedBy(this.hub, azure), {
      TheThingsIndustries: {
        WebhookBaseURL: this.stack.baseUrl,
        Applications: { application1: { ApiKey: apiKey, WebhookId: webhookId } },
      },
      ...others,
    }, directory, environment);
  }

  /** As kill -9, and then a new gateway on the same data. */
  async restart() {
    await this.gateway.kill();
    await this.start(this.gateway.directory);
  }

  /** The device becomes known by an uplink. */
  async meet(id = device) {
    await this.gateway.uplink(uplinkOf('application1', id));
    await this.hub.telemetryOf(id);
  }

  /** Sends a cloud-to-device message; resolves to its id. */
  async send(message = {}, id = device) {
    const { messageId } = await this.hub.control('POST', `/devices/${id}/messages`, {
      bodyText: 'AAE=',
      ...message,
      properties: { Port: '10', ...message.properties },
    });
    return messageId;
  }

  state(messageId, id = device) {
    return this.hub.control('GET', `/devices/${id}/messages/${messageId}`);
  }

  /** Resolves to the message's state when it is the wanted one. */
  async settled(messageId, wanted) {
    let last;
    try {
      return await eventually(`${messageId} ${wanted}`, async () => {
        last = await this.state(messageId);
        return last.state === wanted && last;
      }, 20000);
    } catch (error) {
      error.message += `; it is ${JSON.stringify(last)}`;
      throw error;
    }
  }

  /** Sends a message and resolves to it and the downlink that it became. */
  async sendAndSee(message = {}) {
    const before = this.stack.takenOf(device).length;
    const id = await this.send(message);
    const item = await this.stack.downlink(device, before + 1);
    return { id, item };
  }

  tell(kind, item, options) {
    return this.stack.tell(this.gateway, kind, device, item, options);
  }

  /** Resolves when the gateway has logged the state of the command of a downlink. */
  advanced(item, state) {
    const reference = item.correlation_ids[0].slice('isthmus:'.length);
    return eventually(`${state}`, () => this.gateway.log.find((entry) =>
      entry.id === 'COMMAND_ADVANCED' && entry.reference === reference && entry.state === state));
  }

  call(name, body = {}) {
    return this.hub.control('POST', `/devices/${device}/methods/${name}`, {
      connectTimeoutSeconds: 10, ...body,
    });
  }

  taken() {
    return this.stack.takenOf(device).length;
  }
}

async function site(t, settings = {}, hubArguments = []) {
  const hub = await startHub(t, { args: hubArguments });
  const stack = await startThingsStack(t, hub);
  const made = new Site(t, hub, stack, settings);
  await made.start();
  await made.meet();
  t.after(() => assert.deepEqual(stack.faults, []));
  return made;
}

test('unconfirmed is complete when sent; a confirmed one when acknowledged, not before (E2)', async (t) => {
  const s = await site(t);

  const plain = await s.sendAndSee({ properties: { Port: '10', Priority: 'High' } });
  const { correlation_ids: ids, ...sent } = plain.item;
  assert.match(ids[0], /^isthmus:[0-9a-f-]{36}$/);
  assert.deepEqual(sent, { f_port: 10, frm_payload: 'AAE=', confirmed: false, priority: 'HIGH' });
  await s.tell('queued', plain.item);
  assert.equal((await s.state(plain.id)).state, 'locked');
  await s.tell('sent', plain.item);
  await s.settled(plain.id, 'completed');

  const confirmed = await s.sendAndSee({ properties: { Confirmed: 'TRUE' } });
  assert.equal(confirmed.item.confirmed, true);
  await s.tell('queued', confirmed.item);
  await s.tell('sent', confirmed.item);
  await s.tell('nack', confirmed.item);
  await s.advanced(confirmed.item, 'sent');
  assert.equal((await s.state(confirmed.id)).state, 'locked');
  await s.tell('ack', confirmed.item);
  await s.settled(confirmed.id, 'completed');
  assert.equal(s.taken(), 2);
});

test('JSON is a decoded payload', async (t) => {
  const s = await site(t);
  const { item } = await s.sendAndSee({ bodyText: ' {"led": true}\n' });
  assert.deepEqual(item.decoded_payload, { led: true });
});

test('a permanent failure is rejected; a transient one is abandoned and tried anew (E3)', async (t) => {
  const s = await site(t);

  const lost = await s.sendAndSee();
  await s.tell('failed', lost.item, { error: { name: 'payload_too_long', code: 3 } });
  await s.settled(lost.id, 'rejected');

  const late = await s.sendAndSee();
  await s.tell('failed', late.item, { error: { name: 'scheduling', code: 14 } });
  const second = await s.stack.downlink(device, 3);
  assert.notDeepEqual(second.correlation_ids, late.item.correlation_ids);
  assert.equal((await s.state(late.id)).abandoned, 1);
  await s.tell('sent', second);
  assert.equal((await s.settled(late.id, 'completed')).deliveries, 2);
});

test('invalid properties are rejected, with the reason in the log (D1)', async (t) => {
  const s = await site(t);

  for (const [message, reason] of [
    [{ properties: { Port: '0' } }, /Port/],
    [{ properties: { Port: '224' } }, /Port/],
    [{ properties: { Confirmed: 'perhaps' } }, /Confirmed/],
    [{ properties: { Priority: 'Urgent' } }, /Priority/],
    [{ properties: { Queue: 'Behind' } }, /Queue/],
    [{ bodyText: 'not base64!' }, /base64/],
    [{ properties: { 'method-name': 'Nonsense' } }, /Nonsense/],
  ]) {
    const id = await s.send(message);
    await s.settled(id, 'rejected');
    const entry = s.gateway.log.find((each) => each.id === 'COMMAND_INVALID' && each.message_id === id);
    assert.match(entry.reason, reason);
  }
  assert.equal(s.stack.count('/push') + s.stack.count('/replace'), 0);
});

test('a replace supersedes what waited before it', async (t) => {
  const s = await site(t);
  const first = await s.sendAndSee();
  await s.advanced(first.item, 'queued');
  const second = await s.sendAndSee({ properties: { Queue: 'replace' } });

  await s.settled(first.id, 'rejected');
  await s.tell('sent', second.item);
  await s.settled(second.id, 'completed');
  assert.equal(s.stack.count('/replace'), 1);
});

test('policies OnQueued and OnSent complete early, and the outcome is told as telemetry', async (t) => {
  for (const [policy, event] of [['OnQueued', 'queued'], ['OnSent', 'sent']]) {
    const s = await site(t, { Commands: { Settlement: policy, OutcomeReport: 'Telemetry' } });
    const { id, item } = await s.sendAndSee({ properties: { Confirmed: 'true' } });

    await s.tell(event, item);
    await s.settled(id, 'completed');
    await s.tell('failed', item, { error: { name: 'confirmed_downlink_failed', code: 9 } });
    const messages = await s.hub.telemetryOf(device, 2);
    assert.match(JSON.stringify(messages[1].body), /refused/);
    await s.gateway.stop();
  }
});

test('the outcome is a reported property, also after a kill and while the hub is away', async (t) => {
  const s = await site(t, {
    azure: { Methods: { led: { Port: 7, Confirmed: true, Queue: 'Push' } } },
    Commands: { Settlement: 'OnQueued', OutcomeReport: 'ReportedProperty' },
  });
  const registry = openRegistry(s.hub, s.hub.info.hubs[0].iothubowner);
  const outcomes = async () => {
    const { responseBody: twin } = await registry.getTwin(device);
    return twin.properties.reported.commandOutcomes ?? {};
  };
  const outcome = (name, wanted) => eventually(`${name} ${wanted}`, async () => {
    const entry = (await outcomes())[name];
    return entry?.outcome === wanted && entry;
  });

  const plain = await s.sendAndSee({ properties: { Confirmed: 'true' } });
  const led = await s.sendAndSee({ properties: { 'method-name': 'led' }, bodyText: '1' });
  for (const { id } of [plain, led]) await s.settled(id, 'completed');
  await s.tell('ack', plain.item);
  const delivered = await outcome('message', 'delivered');
  assert.equal(delivered.messageId, plain.id);
  assert.ok(!('reason' in delivered));

  // The hub takes nothing, and the gateway is killed as soon as the webhook is answered.
  await s.hub.control('POST', '/faults', { kind: 'attach', condition: 'amqp:internal-error' });
  await s.hub.control('POST', '/faults', { kind: 'drop' });
  await s.tell('failed', led.item, { error: { name: 'max_retries_reached', code: 9 } });
  await s.restart();
  assert.deepEqual(Object.keys(await outcomes()), ['message']);
  await s.hub.control('DELETE', '/faults');
  const failed = await outcome('led', 'refused');
  assert.match(failed.reason, /max_retries_reached/);
  assert.deepEqual(Object.keys(await outcomes()).sort(), ['led', 'message']);
  assert.equal((await s.hub.telemetryOf(device)).length, 1);
});

const methods = {
  value_0: { Port: 1, Confirmed: true, Priority: 'Normal', Queue: 'Push' },
  value_2: { Port: 2, Queue: 'Push', Priority: 'Low' },
  Object: { Port: 3, Queue: 'Push' },
  Bare: { Port: 4, Queue: 'Push', Payload: '{"value_3":1}' },
  Empty: { Port: 5 },
};

test('commands of IoT Central: primitive, enumeration, object, and without request (D1, D2)', async (t) => {
  const s = await site(t, { azure: { Methods: methods } });

  for (const [name, body, port, decoded, confirmed, priority] of [
    ['value_0', 'true', 1, { value_0: true }, true, 'NORMAL'],
    ['value_0', '12.5', 1, { value_0: 12.5 }, true, 'NORMAL'],
    ['value_2', '"on"', 2, { value_2: 'on' }, false, 'LOW'],
    ['value_2', 'on', 2, { value_2: 'on' }, false, 'LOW'],
    ['Object', '{"value_4":{"x":1,"y":-2}}', 3, { value_4: { x: 1, y: -2 } }, false, 'NORMAL'],
    ['Object', '[1,2]', 3, { Object: [1, 2] }, false, 'NORMAL'],
    ['Bare', '@', 4, { value_3: 1 }, false, 'NORMAL'],
    ['Bare', 'null', 4, { value_3: 1 }, false, 'NORMAL'],
    ['Empty', '', 5, {}, false, 'NORMAL'],
  ]) {
    const { id, item } = await s.sendAndSee({ bodyText: body, properties: { 'method-name': name } });
    assert.equal(item.f_port, port, name);
    assert.deepEqual(item.decoded_payload, decoded, name);
    assert.equal(item.confirmed, confirmed, name);
    assert.equal(item.priority, priority, name);
    await s.tell(confirmed ? 'ack' : 'sent', item);
    await s.settled(id, 'completed');
  }
  assert.equal(s.stack.count('/replace'), 1);
});

test('direct methods: 200 when queued, 404 unknown, 502 when refused (D3)', async (t) => {
  const s = await site(t, { azure: { Methods: methods } });

  const good = await s.call('value_0', { payload: 7 });
  assert.equal(good.status, 200);
  assert.equal(good.payload.status, 'queued');
  assert.deepEqual((await s.stack.downlink(device)).decoded_payload, { value_0: 7 });
  assert.equal((await s.call('Nonsense')).status, 404);
  s.stack.order('down', { status: 404, error: 'device_not_found' });
  const refused = await s.call('value_0', { payload: 8 });
  assert.equal(refused.status, 502);
  assert.match(refused.payload.message, /device_not_found/);
  assert.equal(s.taken(), 1);
});

test('a payload formatter makes the bytes, and the port if it says one; base64 stays', async (t) => {
  const directory = await temporaryDirectory(t, 'formatters');
  await writeFile(join(directory, 'encode.js'), `function encodeDownlink({ data, fPort, method, deviceId, bytes }) {
    if (data?.port) return { bytes: [deviceId.length], fPort: data.port };
    if (data?.refuse) return { errors: ['it is refused'] };
    return { bytes: [fPort, method?.length ?? 0, bytes.length] };
  }`);
  const s = await site(t, {
    azure: { Methods: { ...methods, Encoded: { Port: 7, Queue: 'Push', Formatter: 'encode' } } },
    PayloadFormatters: {
      Directory: directory, Applications: { application1: { DownlinkFormatter: 'encode' } },
    },
  });

  for (const [message, port, bytes] of [
    [{ bodyText: '{"a":1}' }, 10, [10, 0, 7]],
    [{ bodyText: '{"port":33}' }, 33, [10]],
    [{ bodyText: '4', properties: { 'method-name': 'Encoded' } }, 7, [7, 7, 1]],
    [{ bodyText: 'AAE=' }, 10, [0, 1]],
    [{ bodyText: 'AAE=', properties: { PayloadFormatter: 'encode' } }, 10, [10, 0, 4]],
  ]) {
    const { id, item } = await s.sendAndSee(message);
    assert.equal(item.f_port, port);
    assert.equal(item.frm_payload, Buffer.from(bytes).toString('base64'));
    assert.equal(item.decoded_payload, undefined);
    await s.tell('sent', item);
    await s.settled(id, 'completed');
  }
  assert.equal((await s.call('Encoded', { payload: { a: 1 } })).status, 200);
  const refused = await s.call('Encoded', { payload: { refuse: true } });
  assert.equal(refused.status, 422);
  assert.match(refused.payload.message, /it is refused/);
  assert.equal((await s.call('Encoded', { payload: { port: 224 } })).status, 422);
  await s.settled(await s.send({ bodyText: '{"refuse":true}' }), 'rejected');
});

test('a direct method is answered when the device has acknowledged, if so configured', async (t) => {
  const s = await site(t, { azure: { Methods: methods }, Commands: { MethodAnswer: 'OnAck' } });
  let answered = false;
  const call = s.call('value_0', { payload: 7 }).then((answer) => {
    answered = true;
    return answer;
  });
  const item = await s.stack.downlink(device);
  await s.tell('sent', item);
  assert.equal(answered, false);
  await s.tell('ack', item);
  assert.equal((await call).status, 200);
});

test('400 and 404 of the API are rejected; 401, 409, 429, 503 and no connection are tried again', async (t) => {
  const s = await site(t);

  for (const status of [400, 404]) {
    s.stack.order('down', { status });
    await s.settled(await s.send(), 'rejected');
  }
  assert.equal(s.taken(), 0);
  for (const passing of [
    [{ status: 429, headers: { 'retry-after': '1' } }, { status: 503 }],
    [{ status: 401 }, { status: 403 }, { status: 409 }, { status: 400, error: 'no_device_session' }],
  ]) {
    const before = s.taken();
    s.stack.order('down', ...passing);
    const { id, item } = await s.sendAndSee();
    await s.advanced(item, 'queued');
    await s.tell('sent', item);
    await s.settled(id, 'completed');
    assert.equal(s.taken(), before + 1);
  }
});

test('a key of the API that is refused abandons the message, and rejects nothing', async (t) => {
  const s = await site(t);
  const refusals = Array.from({ length: 6 }, () => ({ status: 403 }));

  s.stack.order('down', ...refusals);
  const { id, item } = await s.sendAndSee();
  assert.equal((await s.state(id)).abandoned, 1);
  await s.tell('sent', item);
  await s.settled(id, 'completed');
});

test('an answer lost after the stack took the downlink does not push it twice', async (t) => {
  const s = await site(t);

  // On a new connection, then on a kept one.
  for (let i = 1; i <= 2; i++) {
    s.stack.order('down', { drop: true });
    const lost = await s.sendAndSee();
    await s.advanced(lost.item, 'queued');
    const kept = await s.sendAndSee();
    await s.advanced(kept.item, 'queued');
    for (const { id, item } of [lost, kept]) {
      await s.tell('sent', item);
      await s.settled(id, 'completed');
    }
    assert.equal(s.taken(), 2 * i);
  }
});

/** The reason for which a command was finished. */
const reasonOf = (s, id) => s.gateway.log.find((entry) =>
  entry.id === 'COMMAND_FINISHED' && entry.message_id === id).reason;

test('an answer lost, and the network transmits at once (class C): not pushed twice', async (t) => {
  const s = await site(t);

  // Nothing tells what became of it.
  s.stack.order('down', { drop: true });
  const lost = await s.sendAndSee();
  s.stack.queue(device).length = 0;
  await s.settled(lost.id, 'rejected');
  assert.match(reasonOf(s, lost.id), /not known/);
  assert.equal(s.taken(), 1);

  // The network tells it.
  s.stack.order('down', { drop: true });
  const told = await s.sendAndSee();
  await s.tell('sent', told.item);
  await s.settled(told.id, 'completed');
  assert.equal(s.taken(), 2);
});

test('a request lost before the stack took it: rejected as not known, not pushed again', async (t) => {
  const s = await site(t);

  s.stack.order('down', { status: 500, drop: true });
  const id = await s.send();
  await s.settled(id, 'rejected');
  assert.match(reasonOf(s, id), /not known/);
  assert.equal(s.taken(), 0);
});

test('killed after the push and before its answer: not pushed twice, and the outcome is right', async (t) => {
  const s = await site(t);
  let release;

  s.stack.order('down', { hold: new Promise((resolve) => { release = resolve; }) });
  const { id, item } = await s.sendAndSee({ properties: { Confirmed: 'true' } });
  await s.restart();
  release();
  await s.advanced(item, 'queued');
  await s.tell('ack', item);
  await s.settled(id, 'completed');
  assert.equal(s.taken(), 1);
});

test('killed before the stack took it: rejected as not known after the restart, not pushed again', async (t) => {
  const s = await site(t);
  let release;
  let arrived;
  const arrival = new Promise((resolve) => { arrived = resolve; });

  s.stack.order('down', {
    status: 500, drop: true, before: arrived, hold: new Promise((resolve) => { release = resolve; }),
  });
  const id = await s.send();
  await arrival;
  await s.restart();
  release();
  await s.settled(id, 'rejected');
  assert.match(reasonOf(s, id), /not known/);
  assert.equal(s.taken(), 0);
});

test('killed while commands wait for their turn: each is pushed once after the restart', async (t) => {
  // The hub gives a command back soon that was not on the gateway's disk yet.
  const s = await site(t, { Commands: { PerDevicePerMinute: 1 } }, ['--lock-seconds', '5']);

  const { item } = await s.sendAndSee();
  await s.tell('sent', item);
  const id = await s.send({ bodyText: 'AQI=' });
  await eventually('the message at the gateway', async () => (await s.state(id)).state === 'locked');
  await s.restart();
  await s.tell('sent', await s.stack.downlink(device, 2));
  await s.settled(id, 'completed');
  assert.equal(s.taken(), 2);
});

test('killed when queued, and when finished: not pushed twice, and the outcome is right', async (t) => {
  const s = await site(t, {}, ['--lock-seconds', '5']);
  const queued = await s.sendAndSee({ properties: { Confirmed: 'true' } });

  await s.tell('queued', queued.item);
  await s.restart();
  await s.tell('sent', queued.item);
  await s.restart();
  await s.tell('ack', queued.item);
  await s.settled(queued.id, 'completed');
  assert.equal(s.taken(), 1);
});

test('an outcome that came while no gateway held the lock settles the next delivery', async (t) => {
  const s = await site(t);
  const { id, item } = await s.sendAndSee({ properties: { Confirmed: 'true' } });

  await s.tell('queued', item);
  await s.gateway.kill();
  await s.hub.control('POST', '/faults', { kind: 'attach', condition: 'amqp:internal-error' });
  await s.start(s.gateway.directory);
  await s.tell('ack', item);
  assert.notEqual((await s.state(id)).state, 'completed');
  await s.restart();
  await s.hub.control('DELETE', '/faults');
  await s.settled(id, 'completed');
  assert.equal(s.taken(), 1);
});

test('news of a command are heard while its device holds telemetry, and are telemetry in their turn', async (t) => {
  const s = await site(t, { Telemetry: { Events: ['DownlinkQueued', 'DownlinkSent', 'DownlinkAck'] } });
  const { id, item } = await s.sendAndSee({ properties: { Confirmed: 'true' } });

  const fault = await s.hub.control('POST', '/faults', {
    kind: 'reject', device, condition: 'com.microsoft:device-container-throttled',
  });
  assert.equal((await s.gateway.uplink(uplinkOf('application1', device))).status, 202);
  for (const kind of ['queued', 'sent', 'sent', 'ack']) await s.tell(kind, item);
  await s.settled(id, 'completed');
  assert.equal((await s.hub.telemetryOf(device)).length, 1);
  await s.restart();
  await s.hub.control('DELETE', `/faults/${fault.id}`);
  const told = (await s.hub.telemetryOf(device, 6)).slice(1).map(({ body }) => body.Event ?? 'uplink');
  assert.deepEqual(told, ['uplink', 'downlink_queued', 'downlink_sent', 'downlink_sent', 'downlink_ack']);
  assert.equal(s.taken(), 1);
  assert.equal(await s.gateway.metric('isthmus_store_dead_letters'), 0);
});

test('a lock that ended: the command is recognised, not pushed twice, and completed on ack (E5)', async (t) => {
  const s = await site(t, {}, ['--lock-seconds', '2']);
  const { id, item } = await s.sendAndSee({ properties: { Confirmed: 'true' } });

  await s.tell('queued', item);
  await eventually('the third delivery', async () => (await s.state(id)).deliveries >= 3);
  await s.tell('ack', item);
  await s.settled(id, 'completed');
  assert.equal(s.taken(), 1);
});

test('a link that broke: the command is recognised, not pushed twice, and completed', async (t) => {
  const s = await site(t);
  const { id, item } = await s.sendAndSee({ properties: { Confirmed: 'true' } });

  await s.tell('queued', item);
  await s.hub.control('POST', '/faults', { kind: 'drop' });
  await eventually('the second delivery', async () => (await s.state(id)).deliveries >= 2);
  await s.tell('ack', item);
  await s.settled(id, 'completed');
  assert.equal(s.taken(), 1);
});

test('events doubled and out of order, and one before the answer, change nothing twice (E2)', async (t) => {
  const s = await site(t);
  let release;

  s.stack.order('down', { hold: new Promise((resolve) => { release = resolve; }) });
  const { id, item } = await s.sendAndSee({ properties: { Confirmed: 'true' } });
  for (const kind of ['ack', 'sent', 'queued', 'ack', 'nack']) await s.tell(kind, item);
  await s.tell('failed', item, { error: { name: 'scheduling', code: 14 } });
  release();
  const state = await s.settled(id, 'completed');
  assert.equal(state.abandoned, 0);
  const next = await s.sendAndSee();
  await s.tell('sent', next.item);
  await s.settled(next.id, 'completed');
  assert.equal(s.taken(), 2);
});

test('an event about a downlink of another has no effect (E1)', async (t) => {
  const s = await site(t);
  const { id } = await s.sendAndSee();

  for (const own of ['az:LockToken:5f6bd4d4-7d1b-4f0f-9a4c-2f1b5d8b7c11',
    'isthmus:5f6bd4d4-7d1b-4f0f-9a4c-2f1b5d8b7c11', 'isthmus:short']) {
    for (const kind of ['queued', 'sent', 'ack', 'nack', 'failed']) {
      await s.tell(kind, { ...notYet, correlation_ids: [own] }, { error: { name: 'x', code: 3 } });
    }
  }
  assert.equal((await s.state(id)).state, 'locked');
});

test('an event of another device that names our command has no effect', async (t) => {
  const s = await site(t);
  const { id, item } = await s.sendAndSee();

  for (const stranger of ['tracker-08', 'Tracker-07']) {
    for (const kind of ['queued', 'sent', 'ack', 'nack', 'failed']) {
      await s.stack.tell(s.gateway, kind, stranger, item, { error: { name: 'x', code: 3 } });
    }
  }
  await s.gateway.logged('COMMAND_EVENT_FOREIGN');
  assert.equal((await s.state(id)).state, 'locked');
  await s.tell('sent', item);
  await s.settled(id, 'completed');
});

test('a command reaches a remembered device after a restart, without an uplink', async (t) => {
  const s = await site(t);

  await s.restart();
  const { id, item } = await s.sendAndSee();
  await s.tell('sent', item);
  await s.settled(id, 'completed');
});

test('a full device queue: messages wait and lose nothing, a method is answered 429', async (t) => {
  const s = await site(t, { azure: { Methods: methods }, Commands: { MaximumPerDevice: 2 } },
    ['--lock-seconds', '2']);
  const ids = [];

  for (let i = 0; i < 4; i++) ids.push(await s.send({ properties: { Confirmed: 'true' } }));
  await s.stack.downlink(device, 2);
  await s.gateway.logged('COMMAND_HELD');
  const refused = await s.call('value_0', { payload: 1 });
  assert.equal(refused.status, 429);
  assert.match(refused.payload.message, /2 commands/);
  await eventually('a lock that ended while it was held', async () =>
    (await s.state(ids[3])).deliveries >= 2);
  assert.equal(s.taken(), 2);
  for (let i = 0; i < 4; i++) {
    await s.tell('ack', await s.stack.downlink(device, i + 1));
    assert.equal((await s.settled(ids[i], 'completed')).abandoned, 0);
  }
  assert.equal(s.taken(), 4);
});

/** The headers with which the stack names the way back to a device. */
function wayTo(stack, id, key = apiKey) {
  const down = `${stack.baseUrl}/application1/webhooks/${webhookId}/devices/${id}/down`;
  return {
    'X-Tts-Domain': 'localhost',
    'X-Downlink-Apikey': key,
    'X-Downlink-Push': `${down}/push`,
    'X-Downlink-Replace': `${down}/replace`,
  };
}

test('the way back that a webhook names is used, for its device only, and outlives a restart', async (t) => {
  const hub = await startHub(t);
  const stack = await startThingsStack(t, hub);
  const s = new Site(t, hub, stack, {
    TheThingsIndustries: { DownlinkHosts: [new URL(stack.baseUrl).host] },
    Log: { Level: 'Debug' },
  });
  t.after(() => assert.deepEqual(stack.faults, []));
  await s.start();
  await s.meet();

  // Connected without commands, and then with them, once the way is known.
  const early = await s.send();
  for (const strange of [wayTo(stack, 'another'), { ...wayTo(stack, device), 'X-Downlink-Push':
    `https://evil.example/api/v3/as/applications/application1/webhooks/w/devices/${device}/down/push` }]) {
    await s.gateway.uplink(uplinkOf('application1', device), strange);
  }
  await hub.telemetryOf(device, 3);
  await s.gateway.logged('DOWNLINK_WAY_REFUSED');
  assert.equal((await s.state(early)).state, 'enqueued');
  await s.gateway.uplink(uplinkOf('application1', device), wayTo(stack, device));
  await s.tell('sent', await stack.downlink(device));
  await s.settled(early, 'completed');

  // A lost answer is found out by the list, whose address follows from the way.
  await s.restart();
  stack.order('down', { drop: true });
  const lost = await s.sendAndSee({ properties: { Queue: 'Replace' } });
  await s.advanced(lost.item, 'queued');
  await s.tell('sent', lost.item);
  await s.settled(lost.id, 'completed');
  assert.equal(s.taken(), 2);
  assert.ok(!s.gateway.program.tail.includes(apiKey));
});

test('the wall clock steps a day and back: no command is lost, and none that comes meanwhile', async (t) => {
  const step = join(await temporaryDirectory(t, 'clock'), 'step');
  const hub = await startHub(t);
  const stack = await startThingsStack(t, hub);
  const s = new Site(t, hub, stack, {});
  await s.start(undefined, {
    LD_PRELOAD: join(dirname(isthmus), 'tests', 'clock_step.so'), ISTHMUS_CLOCK_STEP: step,
  });
  await s.meet();
  const listen = await stack.stop();
  const retries = () => s.gateway.log.filter(({ id }) => id === 'COMMAND_RETRY');
  const sent = new Map();
  const send = async () => {
    const bodyText = Buffer.from([sent.size]).toString('base64');
    sent.set(bodyText, await s.send({ bodyText, expiresInSeconds: 7200 }));
  };
  await send();

  for (const seconds of ['86400', '-86400', '0']) {
    await writeFile(step, seconds);
    await send();
    await s.gateway.logged('COMMAND_RETRY');
    const before = retries().length;
    await eventually('another try', () => retries().length > before + 1);
  }
  const ahead = (entry) => Date.parse(entry.time) - Date.now();
  assert.ok(retries().some((entry) => ahead(entry) > 43200000), 'the clock did not step');
  await listen();
  for (const [body, id] of sent) {
    await s.tell('sent', await eventually(`downlink ${body}`, () =>
      stack.takenOf(device).find((item) => item.frm_payload === body)));
    await s.settled(id, 'completed');
  }
  assert.equal(s.taken(), sent.size);
});

test('commands of a device go in order', async (t) => {
  const s = await site(t);
  const bodies = Array.from({ length: 10 }, (_, i) => Buffer.from([i]).toString('base64'));

  for (const body of bodies) await s.send({ bodyText: body });
  await s.stack.downlink(device, bodies.length);
  assert.deepEqual(s.stack.takenOf(device).map((item) => item.frm_payload), bodies);
});

test('the key of the API is not in the log', async (t) => {
  const s = await site(t, { Log: { Level: 'Debug' } });
  const { item } = await s.sendAndSee();

  await s.tell('sent', item);
  assert.ok(!s.gateway.program.tail.includes(apiKey));
});
