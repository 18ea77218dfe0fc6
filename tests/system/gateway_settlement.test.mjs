// SPDX-License-Identifier: MIT
// Every outcome of a downlink, for every policy, confirmed and not: what the hub sees in the end.
// One hub, one gateway, one network; a device for each case, several cases at a time.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, test } from 'node:test';

import { provisionedBy, startGateway, uplinkOf } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { eventually, within } from './support/program.mjs';
import { Inbox, openDevice, openRegistry, openService } from './support/sdk.mjs';
import { apiKey, startThingsStack, webhookId } from './support/things_stack.mjs';

const AT_A_TIME = 12;

const policies = {
  rules: 'ByRules', queued: 'OnQueued', sent: 'OnSent', ack: 'OnAck',
};

// Columns: rules, OnQueued, OnSent, OnAck; each unconfirmed and confirmed.
const columns = ['rules', 'queued', 'sent', 'ack'].flatMap((policy) => [
  { policy, confirmed: false }, { policy, confirmed: true },
]);

const permanent = ['failed', { name: 'payload_too_long', code: 3 }];
const transient = ['failed', { name: 'scheduling', code: 14 }];
const noAnswer = ['failed', { name: 'max_retries_reached', code: 9 }];

/*
 * C completed, R rejected, L still locked, F abandoned and completed at the next attempt.
 * A small letter: completed early, and the twin tells the outcome: d delivered, r refused, f failed,
 * s superseded. `-` does not happen.
 */
const matrix = [
  //                                                            ByRules Queued Sent   OnAck
  ['sent', ['queued', 'sent'],                                  'C L    d C    C C    C L'],
  ['sent before queued', ['sent', 'queued'],                    'C L    C C    C C    C L'],
  ['acknowledged', ['queued', 'sent', 'ack'],                   'C C    d d    C d    C C'],
  ['not acknowledged', ['queued', 'sent', 'nack'],              '- L    - C    - C    - L'],
  ['acknowledged at last', ['queued', 'sent', 'nack', 'sent', 'ack'], '- C - d - d - C'],
  ['never acknowledged', ['queued', 'sent', 'nack', noAnswer],  '- R    - r    - r    - R'],
  ['failed for good', ['queued', permanent],                    'R R    r r    R R    R R'],
  ['failed for now', ['queued', transient],                     'F F    f f    F F    F F'],
  ['superseded', ['queued', 'replace'],                         'R R    s s    R R    R R'],
  ['expired while it waits for the network', ['expire'],        'R R    R R    R R    R R'],
  ['refused by the API', ['refuse'],                            'R R    R R    R R    R R'],
  ['API not available', ['unavailable'],                        'F F    F F    F F    F F'],
];

const cases = matrix.flatMap(([name, steps, row], number) =>
  row.split(/ +/).map((expected, index) => ({
    name: `${name}: ${policies[columns[index].policy]}, ${columns[index].confirmed ? '' : 'un'}confirmed`,
    device: `case-${number}-${index}`,
    application: `app-${columns[index].policy}`,
    steps,
    expected,
    ...columns[index],
  })).filter(({ expected }) => expected !== '-'));

const methods = {
  value_0: { Port: 10, Confirmed: true, Priority: 'Normal', Queue: 'Push' },
  value_1: { Port: 11, Priority: 'Low', Queue: 'Push' },
  PressureLimits: { Port: 12, Queue: 'Push' },
  value_2: { Port: 13, Priority: 'High', Queue: 'Replace' },
  PumpOn: { Port: 14, Queue: 'Push', Payload: '{"value_4": 1}' },
  PumpOff: { Port: 14, Queue: 'Push', Payload: '{"value_4": 0}' },
  Reset: { Port: 15, Queue: 'Push' },
};

let hub;
let stack;
let gateway;
let registry;

before(async (t) => {
  const suite = { after: (run) => t.after(run) };
  hub = await startHub(suite);
  stack = await startThingsStack(suite, hub);
  registry = openRegistry(hub, hub.info.hubs[0].iothubowner);
  gateway = await startGateway(suite, provisionedBy(hub, {
    Methods: methods,
    Applications: Object.fromEntries(Object.entries(policies).map(([name, policy]) =>
      [`app-${name}`, { Settlement: policy }])),
  }), {
    TheThingsIndustries: { WebhookBaseURL: stack.baseUrl, ApiKey: apiKey, WebhookId: webhookId },
    Commands: { OutcomeReport: 'ReportedProperty', RequestTimeoutSeconds: 2 },
  });
});

async function meet(application, device) {
  await gateway.uplink(uplinkOf(application, device));
  await eventually(`${device} in the hub`, async () =>
    (await hub.telemetry(`device=${device}`)).length > 0, 30000);
}

async function send(device, message = {}) {
  const { messageId } = await hub.control('POST', `/devices/${device}/messages`, {
    bodyText: 'AAE=', ...message, properties: { Port: '10', ...message.properties },
  });
  return messageId;
}

const stateOf = (device, id) => hub.control('GET', `/devices/${device}/messages/${id}`);

async function becomes(device, id, wanted) {
  let last;
  try {
    return await eventually(`${id} ${wanted}`, async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      last = await stateOf(device, id);
      return last.state === wanted && last;
    }, 60000);
  } catch (error) {
    error.message += `; it is ${JSON.stringify(last)}`;
    throw error;
  }
}

/** What has to be ordered of the network before the message is sent. */
function prepare(each) {
  const { device, steps: [first] } = each;
  if (first === 'refuse') stack.order('down', { device, status: 400, error: 'no_f_port' });
  const lists = { unavailable: 5, expire: 2 }[first] ?? 0;
  if (lists > 0) stack.order('down', { device, status: 503 });
  stack.order('list', ...Array.from({ length: lists }, () => ({ device, status: 503 })));
}

async function perform(each, item) {
  for (const step of each.steps) {
    const [kind, error] = Array.isArray(step) ? step : [step];
    if (kind === 'replace') await send(each.device, { properties: { Queue: 'Replace' } });
    else await stack.tell(gateway, kind, each.device, item, { error, application: each.application });
  }
}

async function finishNextAttempt(each, number) {
  const item = await stack.downlink(each.device, number);
  await stack.tell(gateway, each.confirmed ? 'ack' : 'sent', each.device, item,
    { application: each.application });
}

const told = { d: 'delivered', r: 'refused', f: 'failed', s: 'superseded' };

async function check(each, id) {
  const { device, expected } = each;
  const settled = { C: 'completed', F: 'completed', R: 'rejected', L: 'locked' };
  const state = await becomes(device, id, settled[expected] ?? 'completed');

  assert.equal(state.abandoned, expected === 'F' ? 1 : 0);
  if (told[expected]) {
    const entry = await eventually(`${device} in the twin`, async () => {
      const { responseBody: twin } = await registry.getTwin(device);
      return twin.properties.reported.commandOutcomes?.message;
    });
    assert.equal(entry.outcome, told[expected]);
    assert.equal(entry.messageId, id);
  }
}

async function run(each) {
  const { device, application, confirmed } = each;
  const noDownlink = ['refuse', 'unavailable', 'expire'].includes(each.steps[0]);
  await meet(application, device);
  prepare(each);
  const id = await send(device, {
    properties: { Confirmed: String(confirmed) },
    ...(each.steps[0] === 'expire' && { expiresInSeconds: 1 }),
  });
  if (!noDownlink) await perform(each, await stack.downlink(device));
  if (each.expected === 'F') {
    await eventually(`${device} abandoned`, async () => (await stateOf(device, id)).abandoned === 1);
    await finishNextAttempt(each, noDownlink ? 1 : 2);
  }
  await check(each, id);
  if (each.expected === 'L') {
    await finishNextAttempt(each, 1);
    assert.equal((await becomes(device, id, 'completed')).deliveries, 1);
  }
}

test('every outcome ends in the settlement of its policy, confirmed and unconfirmed (6.2)', {
  concurrency: AT_A_TIME,
}, async (t) => {
  // Those that take their time first.
  const waiting = cases.toSorted((a, b) => matrix.findIndex(([, steps]) => steps === b.steps)
    - matrix.findIndex(([, steps]) => steps === a.steps));
  await Promise.all(waiting.map((each) => t.test(each.name, () => run(each))));
  assert.deepEqual(stack.faults, []);
});

test('the hub sees the gateway settle as it sees the official device SDK', async (t) => {
  const { connectionString } = await hub.device('reference');
  const client = await openDevice(t, connectionString);
  const service = await openService(t, hub, hub.info.hubs[0].service);
  const { result: receiver } = await within('feedback receiver', service.getFeedbackReceiver());
  const feedback = new Map();
  receiver.on('message', (message) => {
    for (const each of JSON.parse(message.data.toString())) {
      feedback.set(each.originalMessageId, each.statusCode);
    }
  });
  const messages = new Inbox(client, 'message');
  const record = async (device, id, wanted) => {
    const { state, deliveries, abandoned, locksLost } = await becomes(device, id, wanted);
    const told = await eventually(`feedback of ${id}`, () => feedback.get(id));
    return { state, deliveries, abandoned, locksLost, told };
  };
  const tell = (item, [kind, error]) =>
    stack.tell(gateway, kind, 'mirror', item, { error, application: 'app-rules' });

  await meet('app-rules', 'mirror');
  for (const [how, wanted] of [['complete', 'completed'], ['reject', 'rejected'], ['abandon', 'completed']]) {
    const theirs = await send('reference', { messageId: `their-${how}`, ack: 'full' });
    await within(how, client[how](await messages.next()));
    if (how === 'abandon') await within('complete', client.complete(await messages.next()));

    const count = stack.takenOf('mirror').length + 1;
    const ours = await send('mirror', { messageId: `our-${how}`, ack: 'full' });
    const item = await stack.downlink('mirror', count);
    if (how === 'complete') await tell(item, ['sent']);
    if (how === 'reject') await tell(item, permanent);
    if (how === 'abandon') {
      await tell(item, transient);
      await tell(await stack.downlink('mirror', count + 1), ['sent']);
    }
    assert.deepEqual(await record('mirror', ours, wanted), await record('reference', theirs, wanted));
  }
});

test('the network is slow, and away: nothing is pushed twice, nothing is lost', async () => {
  const device = 'slow-1';
  let release;

  await meet('app-rules', device);
  stack.order('down', { device, hold: new Promise((resolve) => { release = resolve; }) });
  const slow = await send(device);
  const item = await stack.downlink(device);
  await eventually('the list is asked for', () => stack.requests.some(({ method, path }) =>
    method === 'GET' && path.includes(`/${device}/`)));
  release();
  await stack.tell(gateway, 'sent', device, item, { application: 'app-rules' });
  await becomes(device, slow, 'completed');

  const start = await stack.stop();
  const away = await send(device);
  await gateway.logged('COMMAND_RETRY');
  await start();
  await stack.tell(gateway, 'sent', device, await stack.downlink(device, 2),
    { application: 'app-rules' });
  assert.equal((await becomes(device, away, 'completed')).abandoned, 0);
  assert.equal(stack.takenOf(device).length, 2);
});

test('each command of a DTDL model ends as the right downlink (D1, D2)', async () => {
  const model = JSON.parse(await readFile(new URL('../data/dtdl/pump-controller.json', import.meta.url)));
  const commands = model.contents.filter((each) => [each['@type']].flat().includes('Command'));
  const device = 'pump-1';
  const application = 'app-rules';
  // A value of the request's schema, and the decoded payload that it must become.
  const sample = ({ name, request }) => {
    if (!request) return { body: '@', decoded: JSON.parse(methods[name].Payload ?? '{}') };
    if (request.schema === 'double') return { value: 21.5, decoded: { [name]: 21.5 } };
    if (request.schema['@type'] === 'Enum') {
      const value = request.schema.enumValues[0].enumValue;
      return { value, decoded: { [name]: value } };
    }
    const value = Object.fromEntries(request.schema.fields.map((field, i) => [field.name, 1.25 + i]));
    return { value, decoded: value };
  };

  await meet(application, device);
  for (const [index, command] of commands.entries()) {
    const { value, decoded, body = JSON.stringify(value) } = sample(command);
    const { Port, Confirmed = false, Priority = 'Normal', Queue } = methods[command.name];
    let id;
    if (command.durable) {
      id = await send(device, { bodyText: body, properties: { 'method-name': command.name } });
    } else {
      const answer = await hub.control('POST', `/devices/${device}/methods/${command.name}`,
        { connectTimeoutSeconds: 10, ...(value !== undefined && { payload: value }) });
      assert.equal(answer.status, 200, command.name);
    }
    const item = await stack.downlink(device, index + 1);
    assert.deepEqual(item.decoded_payload, decoded, command.name);
    assert.equal(item.f_port, Port, command.name);
    assert.equal(item.confirmed, Confirmed, command.name);
    assert.equal(item.priority, Priority.toUpperCase(), command.name);
    assert.equal(stack.taken.filter((each) => each.device === device)[index].how, Queue.toLowerCase());
    await stack.tell(gateway, Confirmed ? 'ack' : 'sent', device, item, { application });
    if (id) await becomes(device, id, 'completed');
  }
  assert.equal(commands.length, 7);
  assert.deepEqual(stack.faults, []);
});
