// SPDX-License-Identifier: MIT
// Whose key is it: a key that is for some applications or networks changes nothing of others.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { provisionedBy, startGateway, uplinkOf } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { eventually } from './support/program.mjs';

const herdKey = 'the-key-of-the-herd-0123456789';
const fieldKey = 'the-key-of-two-fields-0123456789';
const stackKey = 'the-key-of-one-network-0123456789';
const everyKey = 'the-key-of-everything-0123456789';
const cleanups = [];
const suite = { after: (run) => cleanups.unshift(run) };
let hub;
let gateway;

before(async () => {
  hub = await startHub(suite);
  gateway = await startGateway(suite, provisionedBy(hub), {
    WebhookKeys: [
      { Key: herdKey, Applications: ['herd'] },
      { Key: fieldKey, Applications: ['field-1', 'field-2'], Networks: ['things-stack'] },
      { Key: { Env: 'STACK_KEY' }, Networks: ['things-stack'] },
      everyKey,
    ],
    Myriota: { SignatureMode: 'Off' },
  }, undefined, { STACK_KEY: stackKey });
});

after(async () => {
  for (const run of cleanups) await run();
});

const withKey = (key) => ({ 'x-api-key': key });

const back = {
  'x-downlink-apikey': 'NNSXS.SOMEBODY',
  'x-downlink-push': 'https://attacker.eu1.cloud.thethings.industries/api/v3/as/applications/herd/webhooks/w/devices/collar-1/down/push',
  'x-downlink-replace': 'https://attacker.eu1.cloud.thethings.industries/api/v3/as/applications/herd/webhooks/w/devices/collar-1/down/replace',
};

async function forbidden(answer, reason) {
  assert.equal(answer.status, 403, answer.text);
  assert.match(answer.headers['content-type'], /^application\/problem\+json/);
  assert.match(JSON.parse(answer.text).detail, reason);
}

test("a key of one application can't store, claim, name a way back or settle in another", async () => {
  const refusals = await gateway.metric('isthmus_webhooks_total{answer="forbidden"}');
  const stored = await gateway.metric('isthmus_events_stored_total');
  const uplink = uplinkOf('herd', 'collar-1');

  await forbidden(await gateway.uplink(uplink, { ...withKey(fieldKey), ...back }), /application 'herd'/);
  await forbidden(await gateway.uplink({
    end_device_ids: uplink.end_device_ids,
    correlation_ids: ['isthmus:command:1'],
    received_at: uplink.received_at,
    downlink_ack: { session_key_id: 'AA==', f_port: 1, f_cnt: 1, frm_payload: 'AA==' },
  }, withKey(fieldKey)), /application 'herd'/);
  // Names of applications are exact.
  await forbidden(await gateway.uplink(uplinkOf('FIELD-1', 'd'), withKey(fieldKey)), /'FIELD-1'/);
  assert.equal(await gateway.metric('isthmus_events_stored_total'), stored);
  assert.equal(await gateway.metric('isthmus_devices'), 0);
  assert.equal(await gateway.metric('isthmus_webhooks_total{answer="forbidden"}'), refusals + 3);
  assert.ok(!gateway.log.some((entry) => entry.id === 'DOWNLINK_WAY_LEARNED'));

  // What is squatted is said once, with the key's place and no key.
  const said = await gateway.logged('WEBHOOK_KEY_MISUSED');
  assert.equal(said.key, 'WebhookKeys.1');
  assert.equal(said.application, 'herd');
  assert.equal(gateway.log.filter((entry) => entry.id === 'WEBHOOK_KEY_MISUSED').length, 1);
  assert.ok(!gateway.program.tail.includes(fieldKey));
});

test('each key sends what is its own', async () => {
  for (const [key, application] of [
    [herdKey, 'herd'], [fieldKey, 'field-1'], [fieldKey, 'field-2'], [stackKey, 'yard'], [everyKey, 'yard']]) {
    const answer = await gateway.uplink(uplinkOf(application, `${application}-1`), withKey(key));
    assert.equal(answer.status, 202, answer.text);
  }
  const basic = Buffer.from(`anybody:${herdKey}`).toString('base64');
  assert.equal((await gateway.uplink(uplinkOf('herd', 'collar-2'),
    { 'x-api-key': 'none', authorization: `Basic ${basic}` })).status, 202);
  assert.equal((await gateway.post(`/things-stack?code=${fieldKey}`, uplinkOf('herd', 'collar-3'),
    { 'x-api-key': 'none' })).status, 403);
  await eventually('the devices', async () => (await gateway.metric('isthmus_devices')) === 5);
});

test('a key of one network is refused at another before the body is read', async () => {
  await forbidden(await gateway.post('/myriota/herd', 'not even JSON', withKey(stackKey)), /this network/);
  await forbidden(await gateway.post('/myriota/field-1', '{}', withKey(fieldKey)), /this network/);
  assert.equal((await gateway.post('/myriota/herd', 'not even JSON', withKey(herdKey))).status, 400);
});

test('a wrong key stays a wrong key', async () => {
  assert.equal((await gateway.uplink(uplinkOf('herd', 'collar-1'), withKey('none'))).status, 401);
  assert.equal((await gateway.uplink(uplinkOf('herd', 'collar-1'), withKey(herdKey.slice(1)))).status, 401);
});

test('no core is written of a gateway, and root is advised against', async () => {
  const limits = await readFile(`/proc/${gateway.program.pid}/limits`, 'utf8');
  assert.match(limits, /^Max core file size +0 +0 /m);
  assert.equal(gateway.log.some((entry) => entry.id === 'RUNNING_AS_ROOT'), process.getuid() === 0);
});
