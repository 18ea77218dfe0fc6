// SPDX-License-Identifier: MIT
// Deliveries that wait in a storage queue: of the earlier connectors' web applications, and of
// whoever puts webhooks there (rules S3 to S13). The queue is Microsoft's emulator.
import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';

import { accountKey, startAzurite } from './support/azurite.mjs';
import { provisionedBy, startGateway } from './support/gateway.mjs';
import { hubToRestart, startHub } from './support/hub.mjs';
import { eventually } from './support/program.mjs';
import { startVault, token } from './support/vault.mjs';

let counter = 0;

/** An uplink of The Things Stack with a body of its own. */
function uplinkOf(device) {
  counter += 1;
  const received = new Date(Date.UTC(2026, 2, 14, 8, 0, counter)).toISOString();
  return {
    end_device_ids: { device_id: device, application_ids: { application_id: 'greenhouse' } },
    received_at: received,
    uplink_message: {
      f_port: 1, f_cnt: counter, frm_payload: 'AQ==', decoded_payload: { n: counter },
      received_at: received,
    },
  };
}

/** What the Myriota connector's web application put into its queue. */
function entryOf(packets, members = {}) {
  return {
    ...members,
    EndpointRef: 'ksnb8GB_TuGj:__jLfs2BQJ2d',
    PayloadReceivedAtUtc: '2023-12-05T23:38:41Z',
    PayloadArrivedAtUtc: '2023-12-05T23:38:43.1234567Z',
    Data: { Packets: packets },
    Id: 'a5c1bffe-4b62-4233-bbe9-d4ecc4f8b6cb',
    CertificateUrl: 'https://security.myriota.com/data-13f7751f3c5df569a6c9c42a9ce73a8a.crt',
    Signature: 'q2A+b/zZ0aWm==',
  };
}

const base64 = (value) => Buffer.from(
  typeof value === 'string' ? value : JSON.stringify(value)).toString('base64');

/** A gateway that takes from one queue, which may be there already. */
async function site(t, { queue = 'uplink', queues, settings = {}, create = true } = {}) {
  const [hub, azurite] = await Promise.all([startHub(t), startAzurite(t)]);
  const client = create ? await azurite.create(queue) : azurite.queues.getQueueClient(queue);
  const all = {
    ConnectionStrings: { UplinkQueueStorage: azurite.connectionString },
    ...(queues ? { Queues: queues } : { UplinkQueueName: queue }),
    ...settings,
  };
  const s = {
    hub, azurite, queue: client,
    async start(directory, azure = provisionedBy(hub), environment = {}) {
      s.gateway = await startGateway(t, azure, all, directory, environment);
    },
  };
  return s;
}

test('the earlier connectors\' queue: what is in it arrives, and is deleted (S3, S11)', async (t) => {
  const s = await site(t, { settings: { Myriota: { SignatureMode: 'Require' } } });
  await s.queue.sendMessage(base64(entryOf([
    { TerminalId: '0001020304', Timestamp: '2023-12-05T23:38:36.521Z', Value: '0102aB' },
    { TerminalId: '0001020305', Timestamp: '2023-12-05T23:38:37.5Z', Value: '' },
  ], { Application: 'tracker' })));
  await s.queue.sendMessage(JSON.stringify(uplinkOf('climate-01')));
  await s.queue.sendMessage(base64(uplinkOf('climate-02')));
  await s.start();

  const [tracker] = await s.hub.telemetryOf('0001020304');
  assert.equal(tracker.body.PayloadBytes, '01-02-AB');
  assert.equal(tracker.body.PayloadReceivedAtUtc, '2023-12-05T23:38:41.000Z');
  assert.equal(tracker.body.PayloadArrivedAtUtc, '2023-12-05T23:38:43.1234567Z');
  assert.equal(tracker.properties['iothub-creation-time-utc'], '2023-12-05T23:38:36.521Z');
  await s.hub.telemetryOf('0001020305');
  await s.hub.telemetryOf('climate-01');
  await s.hub.telemetryOf('climate-02');
  await s.azurite.counts('uplink', 0);
  assert.equal(s.gateway.log.filter((each) => each.id === 'QUEUE_UNSIGNED').length, 1);
  assert.equal(await s.gateway.metric('isthmus_queue_taken_total'), 3);
});

test('a webhook with a false signature is no better in a queue (S11)', async (t) => {
  const s = await site(t, { settings: { Myriota: { SignatureMode: 'Require' } } });
  await s.start();
  const text = base64({
    EndpointRef: 'ref', Timestamp: 1692928585, Id: 'x', Signature: 'q2A=',
    CertificateUrl: 'https://certificates.example.com/data.crt',
    Data: JSON.stringify({
      Packets: [{ Timestamp: 1692927646796, TerminalId: '0001020309', Value: '00' }] }),
  });
  await s.queue.sendMessage(text);
  await s.azurite.counts('uplink-poison', 1);
  assert.deepEqual(await s.azurite.texts('uplink-poison'), [text]);
  assert.deepEqual(await s.hub.telemetry('device=0001020309'), []);
});

test('what can\'t be understood goes to the poison queue, unchanged (S6, S15)', async (t) => {
  const s = await site(t);
  const bad = ['', 'hello', base64('hello'), '{"a":1}', base64('{"Data":{"Packets":7}}'),
    '{"text":"<&>\\u0001 \u{1f600}"}', 'x'.repeat(65536)];
  for (const text of bad) await s.queue.sendMessage(text);
  for (let i = 0; i < 30; i++) await s.queue.sendMessage(`bad ${i}`);
  await s.queue.sendMessage(base64(uplinkOf('climate-01')));
  await s.start();

  await s.hub.telemetryOf('climate-01');
  await s.azurite.counts('uplink', 0);
  await s.azurite.counts('uplink-poison', bad.length + 30);
  const found = [];
  const poison = s.azurite.queues.getQueueClient('uplink-poison');
  while (found.length < bad.length + 30) {
    const { receivedMessageItems } = await poison.receiveMessages({ numberOfMessages: 32 });
    found.push(...receivedMessageItems.map((each) => each.messageText));
  }
  for (const text of bad) assert.ok(found.includes(text), text.slice(0, 100));
  assert.ok(await s.gateway.metric('isthmus_queue_poison_total') > 0);
  const reasons = s.gateway.log.filter((each) => each.id === 'QUEUE_POISON')
    .map((each) => each.reason);
  assert.ok(reasons.some((each) => each.includes('neither JSON nor base64')));
});

test('of good and bad packets only the bad ones are put aside, and come again alone (S6)', async (t) => {
  const s = await site(t, { settings: { Myriota: { SignatureMode: 'Off' } } });
  const bad = { TerminalId: '0001020305', Timestamp: '2023-12-05T23:38:36.521Z', Value: '0', Extra: [1.50] };
  const raw = { TerminalId: '0001020307', Timestamp: 'soon', Value: '03' };
  await s.queue.sendMessage(base64(entryOf([
    { TerminalId: '0001020304', Timestamp: '2023-12-05T23:38:36.521Z', Value: '01' }, bad,
  ])));
  await s.queue.sendMessage(JSON.stringify({
    EndpointRef: 'ref', Timestamp: 1701819521, Id: 'x', Signature: 'q2A=', CertificateUrl: 'https://c.example.com/c',
    Data: JSON.stringify({ Packets: [raw,
      { TerminalId: '0001020306', Timestamp: 1701819516521, Value: '02' }, { TerminalId: '0001020308' }] }),
  }));
  await s.start();
  await s.hub.telemetryOf('0001020304');
  await s.hub.telemetryOf('0001020306');
  await s.azurite.counts('uplink', 0);
  await s.azurite.counts('uplink-poison', 2);
  const texts = await s.azurite.texts('uplink-poison');
  const plain = JSON.parse(texts.find((each) => each.startsWith('{')));
  const entry = JSON.parse(Buffer.from(texts.find((each) => !each.startsWith('{')), 'base64').toString());
  assert.deepEqual(entry.Data.Packets, [bad]);
  assert.deepEqual(entry.NotTaken, ['packet 2 of terminal 0001020305: Value has an odd number of hex digits']);
  assert.deepEqual(plain.Data.Packets, [raw, { TerminalId: '0001020308' }]);
  assert.equal(plain.NotTaken.length, 2);
  assert.deepEqual([plain.Signature, plain.CertificateUrl], [undefined, undefined]);
  const reasons = s.gateway.log.filter((each) => each.id === 'QUEUE_POISON').map((each) => each.reason);
  assert.ok(reasons.includes(entry.NotTaken[0]), reasons.join());

  entry.Data.Packets[0].Value = '05';
  plain.Data.Packets = [{ TerminalId: '0001020307', Timestamp: 1701819516000, Value: '03' }];
  await s.queue.sendMessage(base64(entry));
  await s.queue.sendMessage(JSON.stringify(plain));
  await s.hub.telemetryOf('0001020305');
  const [late] = await s.hub.telemetryOf('0001020307');
  assert.equal(late.properties['iothub-creation-time-utc'], '2023-12-05T23:38:36.000Z');
  assert.equal(late.body.PayloadReceivedAtUtc, '2023-12-05T23:38:41.000Z');
  assert.equal(await s.gateway.metric('isthmus_events_duplicate_total'), 0);
});

test('a message that is taken again and again is put aside unread', async (t) => {
  const s = await site(t);
  await s.queue.sendMessage(base64(uplinkOf('climate-01')));
  for (let i = 0; i < 9; i++) {
    await eventually('the message', async () =>
      (await s.queue.receiveMessages({ visibilityTimeout: 1 })).receivedMessageItems.length === 1);
  }
  await s.start();
  await s.azurite.counts('uplink-poison', 1);
  assert.deepEqual(await s.hub.telemetry(), []);
});

test('the same packet by webhook and by queue is one message in the hub (S12)', async (t) => {
  const s = await site(t, { settings: { Myriota: { SignatureMode: 'Off' } } });
  const terminal = '0001020304';
  await s.start();
  assert.equal((await s.gateway.post('/myriota/tracker', {
    EndpointRef: 'ref', Timestamp: 1701819521, Id: 'x',
    Data: JSON.stringify({
      Packets: [{ Timestamp: 1701819516521, TerminalId: terminal, Value: '01ab' }] }),
  })).status, 202);
  await s.hub.telemetryOf(terminal);
  await s.queue.sendMessage(base64(entryOf([
    { TerminalId: terminal, Timestamp: '2023-12-05T23:38:36.521Z', Value: '01AB' },
    { TerminalId: terminal, Timestamp: '2023-12-05T23:38:40Z', Value: '02' },
  ])));
  const messages = await s.hub.telemetryOf(terminal, 2);
  await s.azurite.counts('uplink', 0);
  assert.deepEqual(messages.map((each) => each.body.PayloadBytes), ['01-AB', '02']);
  assert.equal(await s.gateway.metric('isthmus_events_duplicate_total'), 1);
});

test('a batch is stored in the order of its events\' own times', async (t) => {
  const s = await site(t);
  const bodies = Array.from({ length: 20 }, () => uplinkOf('climate-01'));
  for (const body of [...bodies].reverse()) await s.queue.sendMessage(base64(body));
  await s.start();
  const messages = await s.hub.telemetryOf('climate-01', bodies.length);
  assert.deepEqual(messages.map((each) => each.body.n),
    bodies.map((each) => each.uplink_message.decoded_payload.n));
});

test('killed at any moment: nothing is lost (S4)', async (t) => {
  const s = await site(t, { queues: { uplink: { VisibilityTimeoutSeconds: 1 } } });
  const devices = Array.from({ length: 60 }, (_, i) => `climate-${i}`);
  for (const device of devices) await s.queue.sendMessage(base64(uplinkOf(device)));
  await s.start();
  for (const arrived of [1, 10, 25]) {
    await eventually(`${arrived} messages`, async () =>
      (await s.hub.telemetry()).length >= arrived);
    await s.gateway.kill();
    await s.start(s.gateway.directory);
  }
  for (const device of devices) await s.hub.telemetryOf(device);
  await s.azurite.counts('uplink', 0);
  const ids = (device) => s.hub.telemetryOf(device).then((each) =>
    new Set(each.map(({ properties, messageId }) => messageId ?? properties.messageId)).size);
  for (const device of devices) assert.equal(await ids(device), 1);
});

test('a queue that is not there stops nothing, and no key is shown (S9, S13)', async (t) => {
  const s = await site(t, { create: false });
  await s.start();
  const failed = await s.gateway.logged('QUEUE_FAILED');
  assert.equal(failed.code, 'QueueNotFound');
  assert.equal((await s.gateway.get('/readyz')).status, 200);
  assert.equal((await s.gateway.uplink(uplinkOf('climate-01'))).status, 202);
  await s.hub.telemetryOf('climate-01');
  assert.equal(s.gateway.log.filter((each) => each.id === 'QUEUE_FAILED').length, 1);
  const log = await readFile(`/proc/${s.gateway.program.pid}/cmdline`, 'utf8') +
    s.gateway.program.tail;
  assert.ok(!log.includes(accountKey.slice(0, 20)));
});

test('a store that is full: nothing is taken until there is room (S7)', { timeout: 120000 }, async (t) => {
  const restartable = await hubToRestart(t);
  const hub = await restartable.start();
  const s = await site(t, { settings: { Store: { MaximumBytes: 1048576 } } });
  const devices = Array.from({ length: 5 }, (_, i) => `queued-${i}`);

  await s.start(undefined, provisionedBy(hub));
  await hub.program.stop();
  for (let i = 0; await s.gateway.metric('isthmus_store_refused_total{reason="full"}') === 0; i++) {
    assert.ok(i < 500, 'the store takes more than its bound');
    const uplink = uplinkOf(`large-${i}`);
    uplink.uplink_message.decoded_payload.text = 'x'.repeat(20000);
    await s.gateway.uplink(uplink);
  }
  for (const device of devices) await s.queue.sendMessage(base64(uplinkOf(device)));
  for (const end = Date.now() + 3000; Date.now() < end;) {
    const { peekedMessageItems: seen } = await s.queue.peekMessages({ numberOfMessages: 32 });
    assert.deepEqual(seen.map((each) => each.dequeueCount), devices.map(() => 0));
  }
  const again = await restartable.start();
  for (const device of devices) await again.telemetryOf(device);
  await s.azurite.counts('uplink', 0);
});

test('two gateways at one queue: each event arrives, and nothing is amiss (S5)', async (t) => {
  const s = await site(t, { queues: { uplink: { VisibilityTimeoutSeconds: 1 } } });
  const devices = Array.from({ length: 100 }, (_, i) => `climate-${i}`);
  for (const device of devices) await s.queue.sendMessage(base64(uplinkOf(device)));
  await s.start();
  const first = s.gateway;
  await s.start();
  for (const device of devices) await s.hub.telemetryOf(device);
  await s.azurite.counts('uplink', 0);
  for (const gateway of [first, s.gateway]) {
    const loud = gateway.log.filter((each) => each.id.startsWith('QUEUE_') && each.level !== 'debug');
    assert.deepEqual(loud, []);
  }
});

test('Accepted: nobody else sees a message before a hub has accepted it (S8)', async (t) => {
  const s = await site(t, { queues: { uplink: { Settle: 'Accepted', VisibilityTimeoutSeconds: 5 } } });
  const vault = await startVault(t);
  // Without its group's key no device gets to a hub.
  const azure = provisionedBy(s.hub);
  const environment = { ...vault.environment, no_proxy: '127.0.0.1,localhost' };
  const dps = azure.AzureIoTHub.DeviceProvisioningService;
  vault.set('group-key', dps.GroupEnrollmentKey);
  dps.GroupEnrollmentKey = { KeyVault: 'https://v.vault.azure.net/secrets/group-key' };
  vault.failure = { status: 500, code: 'InternalServerError' };
  const devices = Array.from({ length: 40 }, (_, i) => `climate-${i}`);
  for (const device of devices) await s.queue.sendMessage(base64(uplinkOf(device)));
  const hidden = async () => (await s.azurite.texts('uplink')).length === 0;
  await s.start(undefined, azure, environment);
  await eventually('all are taken', async () =>
    await s.gateway.metric('isthmus_queue_taken_total') === devices.length);
  for (const end = Date.now() + 8000; Date.now() < end;) {
    assert.ok(await hidden(), 'a message was seen by somebody else');
  }
  await s.azurite.counts('uplink', devices.length);
  await eventually('the gauge', async () => await s.gateway.metric('isthmus_queue_messages{queue="uplink"}') > 0);

  // Killed, with all that was on its disk: the queue still has them.
  await s.gateway.kill();
  await rm(join(s.gateway.directory, 'data'), { recursive: true });
  await eventually('all are visible', async () => !await hidden());
  vault.failure = undefined;
  await s.start(s.gateway.directory, azure, environment);
  for (const device of devices) await s.hub.telemetryOf(device);
  await s.azurite.counts('uplink', 0);
});

test('Accepted: a message whose events are known already is deleted, too (S8, S12)', async (t) => {
  const s = await site(t, { queues: { uplink: { Settle: 'Accepted', VisibilityTimeoutSeconds: 2 } } });
  const entry = entryOf([{ TerminalId: '0001020304', Timestamp: '2023-12-05T23:38:36.521Z', Value: '01' }]);
  await s.start();
  await s.queue.sendMessage(base64(entry));
  await s.hub.telemetryOf('0001020304');
  await s.queue.sendMessage(base64(entry));
  await s.queue.sendMessage(base64({ ...uplinkOf('climate-01'), uplink_message: undefined, join_accept: {} }));
  await s.queue.sendMessage(base64(uplinkOf('climate-02')));
  await s.hub.telemetryOf('climate-02');
  await s.azurite.counts('uplink', 0);
  assert.equal((await s.hub.telemetryOf('0001020304')).length, 1);
  assert.equal(await s.gateway.metric('isthmus_events_duplicate_total'), 1);
});

/** A queue service that wants a token of Entra ID, with one message in its one queue. */
async function startTokenQueue(t, text) {
  const requests = [];
  let got = false;
  const server = http.createServer((request, response) => {
    requests.push(`${request.method} ${request.url.replace(/popreceipt=.*/, '')}`);
    if (request.headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401, { 'x-ms-error-code': 'NoAuthenticationInformation' }).end();
    } else if (request.method === 'DELETE') {
      response.writeHead(204).end();
    } else if (request.url.includes('comp=metadata')) {
      response.writeHead(200, { 'x-ms-approximate-messages-count': '7' }).end();
    } else {
      const message = '<QueueMessage><MessageId>1</MessageId><PopReceipt>r</PopReceipt>' +
        `<DequeueCount>1</DequeueCount><MessageText>${text}</MessageText></QueueMessage>`;
      response.end(`<QueueMessagesList>${got ? '' : message}</QueueMessagesList>`);
      got = true;
    }
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { requests, url: `http://127.0.0.1:${server.address().port}` };
}

test('a queue is opened by the gateway\'s identity, in the words of Azure Functions', async (t) => {
  const [hub, vault, service] = await Promise.all([
    startHub(t), startVault(t), startTokenQueue(t, base64(uplinkOf('climate-01')))]);
  const gateway = await startGateway(t, provisionedBy(hub), { UplinkQueueName: 'uplink' }, undefined, {
    ...vault.environment,
    no_proxy: '127.0.0.1,localhost',
    UplinkQueueStorage__queueServiceUri: service.url,
    UplinkQueueStorage__credential: 'managedidentity',
  });
  await hub.telemetryOf('climate-01');
  await eventually('the message is deleted', () =>
    service.requests.some((each) => each.startsWith('DELETE /uplink/messages/1')));
  await eventually('the gauge', async () => await gateway.metric('isthmus_queue_messages{queue="uplink"}') === 7);
  assert.ok(!gateway.program.tail.includes(token));
});
