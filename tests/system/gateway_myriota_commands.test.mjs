// SPDX-License-Identifier: MIT
// Commands of the cloud become control messages of Myriota, one after the other (rule D4).
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { provisionedBy, startGateway } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { apiToken, startMyriota } from './support/myriota_api.mjs';
import { eventually, temporaryDirectory } from './support/program.mjs';

let counter = 0;

/** A delivery of Myriota with one packet of a module. */
function deliveryOf(module) {
  counter += 1;
  return {
    EndpointRef: 'ksnb8GB_TuGj:__jLfs2BQJ2d',
    Timestamp: 1692928585,
    Data: JSON.stringify({
      Packets: [{ Timestamp: 1692927646796 + counter, TerminalId: module, Value: '00008c9512' }],
    }),
    Id: `a5c1bffe-4d61-4843-8066-${String(counter).padStart(12, '0')}`,
    CertificateUrl: 'https://security.myriota.com/data.crt',
  };
}

class Site {
  constructor(test, hub, myriota, settings = {}) {
    Object.assign(this, { test, hub, myriota, settings });
  }

  async start(directory) {
    const { azure = {}, myriota = {}, ...others } = this.settings;
    this.gateway = await startGateway(this.test, provisionedBy(this.hub, azure), {
      Myriota: {
        BaseUrl: this.myriota.baseUrl,
        ApiToken: apiToken,
        DownlinkEnabled: true,
        SignatureMode: 'Off',
        ...myriota,
      },
      ...others,
    }, directory);
  }

  /** As kill -9, and then a new gateway on the same data. */
  async restart() {
    await this.gateway.kill();
    await this.start(this.gateway.directory);
  }

  async uplink(module) {
    assert.equal((await this.gateway.post('/myriota/tracker', deliveryOf(module))).status, 202);
  }

  /** The module becomes known by an uplink. */
  async meet(module) {
    await this.uplink(module);
    await this.hub.telemetryOf(module);
    return module;
  }

  /** Sends a cloud-to-device message; resolves to its id. */
  async send(module, bodyText, properties = {}) {
    const { messageId } = await this.hub.control('POST', `/devices/${module}/messages`, {
      bodyText, properties,
    });
    return messageId;
  }

  /** Resolves to the message's state when it is the wanted one. */
  async settled(module, messageId, wanted) {
    let last;
    try {
      return await eventually(`${messageId} ${wanted}`, async () => {
        last = await this.hub.control('GET', `/devices/${module}/messages/${messageId}`);
        return last.state === wanted && last;
      }, 20000);
    } catch (error) {
      error.message += `; it is ${JSON.stringify(last)}\n${this.gateway.program.tail}`;
      throw error;
    }
  }

  call(module, name, payload) {
    return this.hub.control('POST', `/devices/${module}/methods/${name}`, {
      connectTimeoutSeconds: 10, payload,
    });
  }

  /** Why a message was rejected. */
  reason(messageId) {
    return this.gateway.log.find((entry) =>
      (entry.id === 'COMMAND_INVALID' || entry.id === 'COMMAND_FINISHED') &&
      entry.message_id === messageId)?.reason;
  }
}

const methods = {
  Raw: { Confirmed: false },
  Fixed: { Payload: '"0102"' },
  Object: { Payload: '{"a":1}' },
};

test('one gateway, many modules', async (t) => {
  const hub = await startHub(t);
  const s = new Site(t, hub, await startMyriota(t, hub), {
    azure: { Methods: methods },
    Commands: { OutcomeReport: 'Telemetry' },
  });
  await s.start();

  /** A module that only this test has. */
  function module() {
    counter += 1;
    return s.meet(`00010203${counter}`);
  }

  /** The outcomes that were told as telemetry of a module. */
  async function outcomes(id, count) {
    return eventually(`${count} outcomes of ${id}`, async () => {
      const found = (await s.hub.telemetry(`device=${id}`))
        .filter(({ body }) => body.Event === 'command_outcome')
        .map(({ body }) => body.command_outcome);
      return found.length >= count && found;
    });
  }

  await t.test('hex text is sent as its bytes, and taken counts as delivered', async () => {
    const id = await module();
    const message = await s.send(id, '01aAbB', { Port: '9', Queue: 'nonsense here' });

    assert.equal(await s.myriota.message(id), '01aabb');
    await s.settled(id, message, 'completed');
    s.myriota.deliver(id);
    assert.equal((await s.call(id, 'Raw', '0405')).status, 200);
    assert.equal(s.myriota.deliver(id), '0405');
    assert.equal((await s.call(id, 'Fixed', null)).status, 200);
    assert.equal(s.myriota.deliver(id), '0102');
    assert.equal(s.myriota.count(id, 400), 0);
  });

  await t.test('what gives no 1 to 20 bytes is refused, with the reason', async () => {
    const id = await module();

    for (const [body, reason] of [
      ['', /1 to 20/], ['00'.repeat(21), /21 bytes/], ['{"a":1}', /PayloadFormatter/],
      ['hello', /DownlinkFormatterDefault/],
    ]) {
      const message = await s.send(id, body);
      await s.settled(id, message, 'rejected');
      assert.match(s.reason(message), reason);
    }
    for (const [name, payload, status] of [
      ['Raw', '00'.repeat(21), 422], ['Raw', { a: 1 }, 422], ['Object', null, 422],
      ['Unknown', '01', 404],
    ]) {
      const answer = await s.call(id, name, payload);
      assert.equal(answer.status, status, name);
      assert.equal(answer.payload.status, 'refused');
      assert.ok(answer.payload.message.length > 0);
    }
    assert.deepEqual(s.myriota.takenOf(id), []);
  });

  await t.test('while one is pending the others wait, are complete, and go in order', async () => {
    const id = await module();
    const messages = [];

    for (const body of ['01', '02', '03']) messages.push(await s.send(id, body));
    for (const message of messages) await s.settled(id, message, 'completed');
    const answer = await s.call(id, 'Raw', '04');
    assert.equal(answer.status, 202);
    assert.equal(answer.payload.status, 'waiting');
    assert.match(answer.payload.message, /waits in the gateway/);
    assert.deepEqual(s.myriota.takenOf(id), ['01']);

    // The module is free without a word: found out by the slow retry.
    s.myriota.deliver(id);
    await s.myriota.message(id, 2);
    // And at once when it is heard of.
    s.myriota.deliver(id);
    await s.uplink(id);
    await s.myriota.message(id, 3);
    s.myriota.deliver(id);
    await s.uplink(id);
    await s.myriota.message(id, 4);
    assert.deepEqual(s.myriota.takenOf(id), ['01', '02', '03', '04']);
    for (const { outcome } of await outcomes(id, 3)) assert.equal(outcome, 'delivered');
  });

  await t.test('a foreign message that is pending makes ours wait, not fail', async () => {
    const id = await module();

    s.myriota.order({ status: 400 }, { status: 400 });
    const message = await s.send(id, '0a');
    await s.settled(id, message, 'completed');
    await s.uplink(id);
    assert.equal(await s.myriota.message(id), '0a');
    assert.equal(s.myriota.count(id, 400), 2);
  });

  await t.test('400 and 404 are rejected; 401, 429, 500 and a lost connection are tried again', async () => {
    const id = await module();

    for (const status of [400, 404]) {
      s.myriota.order({ status, message: 'no such thing' });
      const message = await s.send(id, '01');
      await s.settled(id, message, 'rejected');
      assert.match(s.reason(message), new RegExp(`${status}: no such thing`));
    }
    s.myriota.order({ status: 404, message: 'unknown module' });
    const refused = await s.call(id, 'Raw', '01');
    assert.equal(refused.status, 502);
    assert.match(refused.payload.message, /404: unknown module/);
    assert.deepEqual(s.myriota.takenOf(id), []);

    s.myriota.order({ status: 401 }, { status: 429 }, { status: 500 }, { status: 500, drop: true });
    await s.settled(id, await s.send(id, '02'), 'completed');
    assert.deepEqual(s.myriota.takenOf(id), ['02']);
  });

  await t.test('an answer lost after it was taken: not sent twice', async () => {
    const id = await module();

    s.myriota.order({ drop: true });
    await s.settled(id, await s.send(id, '01'), 'completed');
    assert.equal(s.myriota.count(id, 400), 1);
    s.myriota.deliver(id);
    await s.settled(id, await s.send(id, '02'), 'completed');
    s.myriota.deliver(id);
    assert.deepEqual(s.myriota.takenOf(id), ['01', '02']);
  });

  await t.test('an error taken for a refusal while another is pending: sent once, when it is free', async () => {
    const id = await module();

    await s.settled(id, await s.send(id, '01'), 'completed');
    s.myriota.order({ status: 500 });
    const second = await s.send(id, '02');
    await s.settled(id, second, 'completed');
    s.myriota.deliver(id);
    await s.uplink(id);
    assert.equal(await s.myriota.message(id, 2), '02');
    assert.deepEqual(s.myriota.takenOf(id), ['01', '02']);
  });

  await t.test('lost in doubt while another may be pending: refused, told, and not sent twice', async () => {
    const id = await module();

    await s.settled(id, await s.send(id, '01'), 'completed');
    await s.settled(id, await s.send(id, '02'), 'completed');
    s.myriota.deliver(id);
    s.myriota.order({ drop: true });
    await s.uplink(id);
    const told = await eventually('the outcome', async () =>
      (await outcomes(id, 1)).find(({ outcome }) => outcome === 'refused'));
    assert.match(told.reason, /not known/);
    s.myriota.deliver(id);
    await s.settled(id, await s.send(id, '03'), 'completed');
    assert.deepEqual(s.myriota.takenOf(id), ['01', '02', '03']);
  });

  await t.test('nothing was wrong with the requests, and the token is not in the log', () => {
    assert.deepEqual(s.myriota.faults, []);
    assert.ok(!s.gateway.program.tail.includes(apiToken));
  });
});

const formatters = {
  // Says what it was called with: the data's member `say` decides what it does.
  teller: `function encodeDownlink(input) {
    const { say } = input.data ?? {};
    if (say === 'throw') throw new Error('not today');
    if (say === 'null') return null;
    if (say === 'long') return { bytes: new Array(21).fill(1) };
    if (say === 'none') return { bytes: [] };
    if (say === 'loop') while (true);
    if (say === 'id') return { bytes: [...input.terminalId].map(Number) };
    if (say === 'body') return { bytes: input.bytes };
    return { bytes: [...new TextEncoder().encode(JSON.stringify(input.data ?? null))], fPort: 99 };
  }`,
  other: 'function encodeDownlink({ bytes, method }) { return { bytes: [7, bytes.length, method.length] }; }',
};

async function formatterDirectory(t) {
  const directory = await temporaryDirectory(t, 'formatters');
  for (const [name, text] of Object.entries(formatters)) {
    await writeFile(join(directory, `${name}.js`), text);
  }
  return directory;
}

const hexOf = (text) => Buffer.from(text).toString('hex');

test('payload formatters of a module: which one, what it gets, what it may give', async (t) => {
  const hub = await startHub(t);
  const s = new Site(t, hub, await startMyriota(t, hub), {
    azure: {
      Methods: {
        Tell: { Formatter: 'teller' }, Go: { Formatter: 'teller', Payload: '{"a":1}' },
        Other: { Formatter: 'other' }, Missing: { Formatter: 'no-such-file' },
      },
    },
    PayloadFormatters: {
      Directory: await formatterDirectory(t), DownlinkFormatterDefault: 'teller',
    },
  });
  const own = '0001020305';
  s.myriota.modules.push({ Id: own, Attributes: { PayloadFormatterDownlink: 'other' } });
  await s.start();
  const id = await s.meet('0001020304');
  let count = 0;

  async function expectTaken(hex) {
    count += 1;
    assert.equal(await s.myriota.message(id, count), hex);
    s.myriota.deliver(id);
  }

  // Methods (D2): as the formatter gets them.
  for (const [name, payload, hex] of [
    ['Tell', { b: [1] }, hexOf('{"b":[1]}')],
    ['Tell', true, hexOf('{"Tell":true}')],
    ['Tell', 12.5, hexOf('{"Tell":12.5}')],
    ['Tell', [1, 2], hexOf('{"Tell":[1,2]}')],
    ['Tell', 'on', hexOf('{"Tell":"on"}')],
    ['Tell', null, hexOf('{}')],
    ['Go', null, hexOf('{"a":1}')],
    ['Go', '', hexOf('{"a":1}')],
    ['Go', '@', hexOf('{"a":1}')],
    ['Unlisted', 5, hexOf('{"Unlisted":5}')],
    ['Tell', { say: 'id' }, '00000001000200030004'],
    ['Other', { abc: 1 }, '070905'],
  ]) {
    const answer = await s.call(id, name, payload);
    assert.equal(answer.status, 200, `${name} ${JSON.stringify(payload)}: ${answer.payload?.message}`);
    await expectTaken(hex);
  }
  for (const [name, payload, reason] of [
    ['Tell', { say: 'throw' }, /not today/], ['Tell', { say: 'null' }, /null/],
    ['Tell', { say: 'long' }, /21 bytes/], ['Tell', { say: 'none' }, /0 bytes/],
    ['Tell', { say: 'loop' }, /100 ms/], ['Missing', {}, /no-such-file/],
  ]) {
    const answer = await s.call(id, name, payload);
    assert.equal(answer.status, 422, JSON.stringify(payload));
    assert.match(answer.payload.message, reason);
  }

  // Messages: by default, by property, as commands of IoT Central; text that is no JSON as bytes.
  for (const [body, properties, hex] of [
    ['{"c":2}', {}, hexOf('{"c":2}')],
    ['hello', {}, hexOf('null')],
    ['{"say":"body"}', {}, hexOf('{"say":"body"}')],
    ['{"c":2}', { PayloadFormatter: 'teller' }, hexOf('{"c":2}')],
    ['{"d":3}', { 'method-name': 'Tell' }, hexOf('{"d":3}')],
    ['@', { 'method-name': 'Go' }, hexOf('{"a":1}')],
    ['4', { 'method-name': 'Tell' }, hexOf('{"Tell":4}')],
  ]) {
    const message = await s.send(id, body, properties);
    await s.settled(id, message, 'completed');
    await expectTaken(hex);
  }
  for (const [body, properties, reason] of [
    ['{"say":"throw"}', {}, /not today/], ['{}', { PayloadFormatter: 'nobody' }, /nobody/],
    ['{}', { PayloadFormatter: 'other' }, /length|undefined/],
  ]) {
    const message = await s.send(id, body, properties);
    await s.settled(id, message, 'rejected');
    assert.match(s.reason(message), reason);
  }
  assert.equal(s.myriota.takenOf(id).length, count);

  // A module with a formatter of its own is reached before its first uplink.
  await eventually('the module', () => s.gateway.metric('isthmus_devices_connected').then((n) => n === 2));
  for (const [name, payload, hex] of [
    ['Unlisted', {}, '070208'], ['Tell', { a: 1 }, hexOf('{"a":1}')],
  ]) {
    assert.equal((await s.call(own, name, payload)).status, 200);
    assert.equal(s.myriota.deliver(own), hex);
  }
  assert.deepEqual(s.myriota.faults, []);
});

test('killed while commands wait, and between taking and answer: nothing is sent twice', async (t) => {
  const hub = await startHub(t);
  const s = new Site(t, hub, await startMyriota(t, hub));
  await s.start();
  const waiting = await s.meet('0001020304');
  const held = await s.meet('0001020305');
  let release;
  let arrived;
  const arrival = new Promise((resolve) => { arrived = resolve; });

  for (const body of ['01', '02', '03']) {
    await s.settled(waiting, await s.send(waiting, body), 'completed');
  }
  s.myriota.order({ before: arrived, hold: new Promise((resolve) => { release = resolve; }) });
  const message = await s.send(held, '0a');
  await arrival;
  await s.restart();
  release();
  await s.settled(held, message, 'completed');
  assert.deepEqual(s.myriota.takenOf(held), ['0a']);

  // Delivered while no gateway runs: a delivery takes minutes at least, a restart seconds.
  const other = await s.meet('0001020306');
  for (const count of [2, 3]) {
    await s.gateway.kill();
    s.myriota.deliver(waiting);
    await s.start(s.gateway.directory);
    await s.myriota.message(waiting, count);
    await eventually('the answer', () => s.gateway.log.find((entry) =>
      entry.id === 'COMMAND_FINISHED' && entry.outcome === 'delivered'));
    // Writes are in order: when a later command was settled, this outcome is on disk.
    await s.settled(other, await s.send(other, '0b'), 'completed');
    s.myriota.deliver(other);
  }
  assert.deepEqual(s.myriota.takenOf(waiting), ['01', '02', '03']);
  assert.deepEqual(s.myriota.takenOf(held), ['0a']);
  assert.deepEqual(s.myriota.faults, []);
});

test('switched off is an error to the caller, not success (D4)', async (t) => {
  const hub = await startHub(t);
  const s = new Site(t, hub, await startMyriota(t, hub), {
    myriota: { DownlinkEnabled: false }, azure: { Methods: methods },
  });
  await s.start();
  const id = await s.meet('0001020304');

  const answer = await s.call(id, 'Raw', '01');
  assert.equal(answer.status, 503);
  assert.match(answer.payload.message, /Myriota\.DownlinkEnabled/);
  const message = await s.send(id, '01');
  await s.settled(id, message, 'rejected');
  assert.match(s.reason(message), /Myriota\.DownlinkEnabled/);
  assert.deepEqual(s.myriota.requests, []);
});
