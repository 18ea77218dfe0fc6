// SPDX-License-Identifier: MIT
// Microsoft's Event Hubs client reads a local hub's telemetry, unmodified (rule W23).
import assert from 'node:assert/strict';
import test from 'node:test';

import * as events from '@azure/event-hubs';
import rhea from 'rhea';
import WebSocket from 'ws';

import { startHub } from './support/hub.mjs';
import { redirect } from './support/network.mjs';
import { eventually, within } from './support/program.mjs';
import { Message, openDevice, sharedAccessSignature } from './support/sdk.mjs';

const HOST = 'hub.test';
const transports = {
  'AMQP': { args: [], options: {}, string: (info) => info.eventHub },
  'AMQP by WebSocket': {
    args: ['--host', HOST],
    options: { webSocketOptions: { webSocket: WebSocket } },
    string: (info) => info.eventHub.replace(/sb:\/\/[^/]*/, `sb://${HOST}`),
  },
  'AMQP without TLS': {
    args: ['--plain-amqp-port', '0'],
    options: {},
    string: (info) => `${info.eventHub.replace(/sb:\/\/[^/]*/,
      `sb://localhost:${info.plainAmqpPort}`)};UseDevelopmentEmulator=true`,
  },
};

/** A hub, and what makes clients of its telemetry. */
async function start(t, { transport = 'AMQP', args = [] } = {}) {
  const kind = transports[transport];
  const hub = await startHub(t, { args: [...kind.args, ...args] });
  const info = hub.info.hubs[0];
  redirect(HOST, { 443: info.httpsPort, [info.amqpPort]: info.amqpPort });
  const open = (group = '$Default', change = (text) => text) => {
    const client = new events.EventHubConsumerClient(group, change(kind.string(info)),
      { ...kind.options, retryOptions: { maxRetries: 0 } });
    t.after(() => within('close', client.close()).catch(() => {}));
    return client;
  };
  return { hub, info, open };
}

/** What a client reads: the events so far, and the first error. */
function read(t, client, options = {}, partition = undefined) {
  const got = [];
  let fail;
  const failed = new Promise((resolve) => { fail = resolve; });
  const handlers = {
    processEvents: async (list) => {
      for (const event of list) got.push(Buffer.isBuffer(event.body) ? { ...event, body: `${event.body}` } : event);
    },
    processError: async (error) => fail(error),
  };
  const all = { startPosition: events.earliestEventPosition, maxWaitTimeInSeconds: 1, ...options };
  const subscription = partition === undefined
    ? client.subscribe(handlers, all) : client.subscribe(partition, handlers, all);
  t.after(() => within('end', subscription.close()).catch(() => {}));
  return {
    got,
    failed: () => within('error', failed),
    close: () => within('end', subscription.close()),
    count: (count) => eventually(`${count} events`, async () => got.length >= count && got),
  };
}

const send = async (hub, id, ...messages) => {
  const { connectionString } = await hub.device(id);
  const client = await openDevice({ after() {} }, connectionString);
  for (const message of messages) await within('send', client.sendEvent(message));
  await within('close', client.close());
};

const text = (body, properties = {}) => {
  const message = new Message(body);
  for (const [name, value] of Object.entries(properties)) message.properties.add(name, value);
  return message;
};

for (const transport of Object.keys(transports)) {
  test(`telemetry is read over ${transport}, with what the hub knows of it (W23)`, async (t) => {
    const { hub, open } = await start(t, { transport });
    const message = text('{"n":1}', { k: 'v' });
    Object.assign(message, { messageId: 'm1', correlationId: 'c1', contentType: 'application/json',
      contentEncoding: 'utf-8', userId: 'u1' });
    await send(hub, 'dev1', message);
    const client = open();
    const reader = read(t, client);
    const [event] = await reader.count(1);

    assert.deepEqual(event.body, { n: 1 });
    assert.deepEqual(event.properties, { k: 'v' });
    assert.deepEqual([event.messageId, event.correlationId, event.contentType],
      ['m1', 'c1', 'application/json']);
    const system = event.systemProperties;
    assert.equal(system['iothub-connection-device-id'], 'dev1');
    assert.equal(system['iothub-message-source'], 'Telemetry');
    assert.deepEqual(JSON.parse(system['iothub-connection-auth-method']),
      { scope: 'device', type: 'sas', issuer: 'iothub', acceptingIpFilterRule: null });
    assert.equal(system['iothub-connection-auth-generation-id'],
      (await hub.control('GET', '/devices/dev1')).generationId);
    assert.ok(Math.abs(system['iothub-enqueuedtime'] - event.enqueuedTimeUtc) < 1000);

    // What comes while it reads, and from other devices.
    await send(hub, 'dev2', text('after'));
    assert.equal((await reader.count(2))[1].body, 'after');
    assert.deepEqual(await within('ids', client.getPartitionIds()), ['0', '1', '2', '3']);
  });
}

test('partitions keep devices together, and tell how far they have come', async (t) => {
  const { hub, open } = await start(t, { args: ['--partitions', '2'] });
  const client = open();
  for (const id of ['a', 'b', 'c', 'd']) await send(hub, id, text(`${id}1`), text(`${id}2`));
  const seen = await read(t, client).count(8);
  const properties = [];
  for (const id of await within('ids', client.getPartitionIds()))
    properties.push(await within('properties', client.getPartitionProperties(id)));

  assert.deepEqual((await within('hub', client.getEventHubProperties())).partitionIds, ['0', '1']);
  for (const id of ['a', 'b', 'c', 'd']) {
    const own = seen.filter((one) => one.systemProperties['iothub-connection-device-id'] === id);
    assert.deepEqual(own.map((one) => one.body), [`${id}1`, `${id}2`]);
    assert.equal(own[1].sequenceNumber > own[0].sequenceNumber, true);
  }
  const total = properties.reduce((sum, one) =>
    sum + one.lastEnqueuedSequenceNumber - one.beginningSequenceNumber + 1, 0);
  assert.equal(total, 8);
  assert.equal(properties.every((one) => one.isEmpty ===
    (one.lastEnqueuedSequenceNumber < one.beginningSequenceNumber)), true);
});

test('a reader is told how far its partition has come, if it asks for that (W23)', async (t) => {
  const { hub, open } = await start(t, { args: ['--partitions', '1'] });
  const sent = Date.now();
  await send(hub, 'dev1', text('1'), text('2'), text('3'));
  const client = open();
  const told = new Promise((resolve) => {
    const subscription = client.subscribe('0', {
      processEvents: async (list, context) => {
        const last = list.at(-1);
        if (last) resolve({ last, ...context.lastEnqueuedEventProperties });
      },
      processError: async () => {},
    }, { startPosition: events.earliestEventPosition, trackLastEnqueuedEventProperties: true,
      maxBatchSize: 1, maxWaitTimeInSeconds: 1 });
    t.after(() => within('end', subscription.close()).catch(() => {}));
  });
  const { last, sequenceNumber, offset, enqueuedOn, retrievedOn } = await within('told', told);
  const now = await within('properties', client.getPartitionProperties('0'));
  assert.equal(String(last.body), '1');
  assert.equal(sequenceNumber, now.lastEnqueuedSequenceNumber);
  assert.equal(sequenceNumber, last.sequenceNumber + 2);
  assert.equal(offset, now.lastEnqueuedOffset);
  assert.ok(enqueuedOn >= new Date(sent) && retrievedOn >= enqueuedOn, `${enqueuedOn} ${retrievedOn}`);
});

test('a reader begins where it says', async (t) => {
  const { hub, open } = await start(t, { args: ['--partitions', '1'] });
  await send(hub, 'dev1', text('1'), text('2'), text('3'));
  const client = open();
  const all = await read(t, client).count(3);
  const from = async (startPosition, count) => {
    const second = open();
    const found = (await read(t, second, { startPosition }, '0').count(count))
      .map((one) => one.body);
    await within('close', second.close());
    return found;
  };

  assert.deepEqual(await from({ offset: all[0].offset }, 2), [2, 3]);
  assert.deepEqual(await from({ offset: all[1].offset, isInclusive: true }, 2), [2, 3]);
  assert.deepEqual(await from({ sequenceNumber: all[1].sequenceNumber }, 1), [3]);
  assert.deepEqual(await from({ enqueuedOn: new Date(all[0].enqueuedTimeUtc - 1) }, 3), [1, 2, 3]);
  const late = read(t, open(), { startPosition: events.latestEventPosition }, '0');
  await eventually('latest', async () => {
    await send(hub, 'dev1', text('new'));
    return late.got.length > 0;
  });
  assert.deepEqual([...new Set(late.got.map((one) => one.body))], ['new']);
  const wrong = read(t, open(), { startPosition: { offset: `9${all[2].offset}` } }, '0');
  assert.match((await wrong.failed()).message, /The supplied offset '\d+' is invalid/);
});

test('a place that a reader has kept is never ahead of a restarted hub', async (t) => {
  const first = await start(t, { args: ['--partitions', '1'] });
  await send(first.hub, 'dev1', text('1'), text('2'), text('3'));
  const client = first.open();
  const reader = read(t, client);
  const [, , last] = await reader.count(3);
  // A client that finds its hub gone tries for ever, and its process does not end.
  await reader.close();
  await within('close', client.close());
  await first.hub.program.stop();

  const hub = await startHub(t, { args: ['--partitions', '1'], directory: first.hub.directory });
  await send(hub, 'dev1', text('4'));
  for (const startPosition of [{ offset: last.offset }, { sequenceNumber: last.sequenceNumber }]) {
    const client = new events.EventHubConsumerClient('$Default', hub.info.hubs[0].eventHub);
    t.after(() => within('close', client.close()).catch(() => {}));
    assert.equal((await read(t, client, { startPosition }, '0').count(1))[0].body, 4);
  }
});

test('of two owners of a partition the higher level stays', async (t) => {
  const { hub, open } = await start(t, { args: ['--partitions', '1', '--consumer-group', 'other'] });
  const low = read(t, open(), { ownerLevel: 1 }, '0');
  const other = read(t, open('other'), {}, '0');
  await send(hub, 'dev1', text('1'));
  await low.count(1);
  const high = read(t, open(), { ownerLevel: 2 }, '0');

  assert.equal((await low.failed()).code, 'ReceiverDisconnectedError');
  await high.count(1);
  const late = read(t, open(), { ownerLevel: 1 }, '0');
  assert.equal((await late.failed()).code, 'ReceiverDisconnectedError');
  const without = read(t, open(), {}, '0');
  assert.equal((await without.failed()).code, 'ReceiverDisconnectedError');
  await other.count(1);
});

test('wrong keys, policies, names and groups are refused', async (t) => {
  const { hub, info, open } = await start(t);
  const fails = (client) => assert.rejects(within('ask', client.getPartitionIds()),
    (error) => { t.diagnostic(`${error.code}: ${error.message}`); return true; });

  await fails(open('$Default', (string) => string.replace(/SharedAccessKey=[^;]*/,
    `SharedAccessKey=${'A'.repeat(43)}=`)));
  const [, key] = /SharedAccessKey=([^;]*)/.exec(info.device);
  await fails(open('$Default', (string) => string.replace(/SharedAccessKey=[^;]*/,
    `SharedAccessKey=${key}`).replace('SharedAccessKeyName=service', 'SharedAccessKeyName=device')));
  await fails(open('$Default', (string) => string.replace(/EntityPath=.*/, 'EntityPath=hub7')));
  const group = read(t, open('nobody'), {}, '0');
  assert.match((await group.failed()).message, /consumer group/);
  assert.equal((await hub.control('GET', '/healthz')).status, 'ok');
});

test('the hub\'s own address of its telemetry tells where it is read', async (t) => {
  const { hub, info } = await start(t);
  const [, key] = /SharedAccessKey=([^;]*)/.exec(info.service);
  const connection = rhea.create_container().connect({ transport: 'tls', host: 'localhost', reconnect: false,
    port: info.amqpPort, username: 'service@sas.root.localhost',
    password: sharedAccessSignature(info.hostName, key, 3600, 'service') });
  t.after(() => connection.close());
  connection.on('disconnected', () => {});
  connection.open_receiver(`amqps://${info.hostName}/messages/events/$management`);
  const { receiver } = await within('refusal', new Promise((resolve) => {
    connection.once('receiver_error', resolve);
  }));

  assert.equal(receiver.error.condition, 'amqp:link:redirect');
  assert.deepEqual(receiver.error.info, { 'hostname': 'localhost', 'network-host': 'localhost',
    'port': info.amqpPort, 'address': `amqps://localhost:${info.amqpPort}/hub1/$management` });
  assert.equal((await hub.control('GET', '/healthz')).status, 'ok');
});

test('what Microsoft\'s client for Python insists on is there (W23)', async (t) => {
  const { info } = await start(t);
  const [, key] = /SharedAccessKey=([^;]*)/.exec(info.service);
  const connection = rhea.create_container().connect({ transport: 'tls', host: 'localhost', reconnect: false,
    port: info.amqpPort });
  t.after(() => connection.close());
  connection.on('disconnected', () => {});
  connection.open_receiver({ source: '$cbs', target: 'answers' });
  const { sender } = await within('sendable', new Promise((resolve) => {
    connection.once('sendable', resolve);
    connection.open_sender('$cbs');
  }));
  // The text of the key signs. The client calls such a token `jwt`.
  const token = sharedAccessSignature(`sb://${info.hostName}/hub1`, Buffer.from(key).toString('base64'), 3600, 'service');
  sender.send({ message_id: '1', reply_to: 'answers', body: token,
    application_properties: { operation: 'put-token', type: 'jwt', name: `sb://${info.hostName}/hub1` } });
  const { message } = await within('answer', new Promise((resolve) => { connection.once('message', resolve); }));
  assert.equal(message.application_properties['status-code'], 200);
  // It needs a number of links in each session, and properties of each link.
  assert.equal(sender.session.remote.begin.handle_max, 262143);
  const { receiver } = await within('attach', new Promise((resolve) => {
    connection.once('receiver_open', resolve);
    connection.open_receiver(`amqps://${info.hostName}/hub1/ConsumerGroups/$default/Partitions/0`);
  }));
  assert.match(receiver.remote.attach.properties['com.microsoft:tracking-id'], /^[0-9a-f-]{36}$/);
});
