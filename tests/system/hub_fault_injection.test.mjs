// SPDX-License-Identifier: MIT
// Microsoft's fault injection (rule W35): a message of the device itself orders what happens to it.
import assert from 'node:assert/strict';
import test from 'node:test';

import { startHub } from './support/hub.mjs';
import { eventually, within } from './support/program.mjs';
import { Inbox, makeDevice, Message, openDevice } from './support/sdk.mjs';

const faults = [
  ['amqp', 'KillTcp'], ['amqp', 'KillAmqpConnection'],
  ['amqp', 'KillAmqpSession'], ['amqp', 'KillAmqpCBSLinkReq'], ['amqp', 'KillAmqpCBSLinkResp'],
  ['amqp', 'KillAmqpD2CLink'], ['amqp', 'ShutDownAmqp'],
  ['mqtt', 'KillTcp'], ['mqtt', 'ShutDownMqtt'],
];

/** The message that orders a fault, as the SDKs' own tests write it. */
function order(type, properties = {}) {
  const message = new Message('');
  const all = { Type: type, CloseReason: ' boom ', DelayInSecs: 0, ...properties };
  for (const [name, value] of Object.entries(all)) {
    message.properties.add(`AzIoTHub_FaultOperation${name}`, value);
  }
  return message;
}

for (const [transport, type] of faults) {
  test(`${type} over ${transport} is noticed by the SDK (W35)`, async (t) => {
    const hub = await startHub(t);
    const client = await openDevice(t, await hub.stringOf('dev1', transport), transport);
    const gone = new Inbox(client, 'disconnect');

    await within('sendEvent', client.sendEvent(new Message('first')));
    client.sendEvent(order(type)).catch(() => {});
    await gone.next();
    await within('open again', client.open());
    await within('sendEvent', client.sendEvent(new Message('second')));
    const messages = await hub.telemetryOf('dev1', 2);
    assert.deepEqual(messages.map(({ bodyText }) => bodyText), ['first', 'second']);
  });
}

for (const transport of ['amqp', 'mqtt']) {
  test(`the SDK comes back by itself after KillTcp over ${transport} (W35)`, async (t) => {
    const hub = await startHub(t);
    const client = makeDevice(await hub.stringOf('dev1', transport), transport);

    client.on('error', () => {});
    await within('open', client.open());
    t.after(() => within('close', client.close()).catch(() => {}));
    client.sendEvent(order('KillTcp')).catch(() => {});
    await within('sendEvent', client.sendEvent(new Message('after')));
    await hub.telemetryOf('dev1');
  });
}

for (const [type, name] of [['InvokeThrottling', 'ThrottlingError'],
  ['InvokeMaxMessageQuota', 'IotHubQuotaExceededError'],
  ['InvokeAuthError', 'UnauthorizedError']]) {
  test(`${type} refuses telemetry for a while (W35)`, async (t) => {
    const hub = await startHub(t);
    const client = await openDevice(t, await hub.stringOf('dev1', 'amqp'));

    await within('order', client.sendEvent(order(type, { DurationInSecs: 1 })));
    await assert.rejects(within('refused', client.sendEvent(new Message('no'))), { name });
    await eventually('telemetry is taken again', async () => {
      try {
        await within('sendEvent', client.sendEvent(new Message('yes')));
        return true;
      } catch {
        return false;
      }
    });
    const messages = await hub.telemetryOf('dev1');
    assert.equal(messages[0].bodyText, 'yes');
  });
}

test('a message with another fault is telemetry', async (t) => {
  const hub = await startHub(t);
  const client = await openDevice(t, await hub.stringOf('dev1', 'amqp'));

  await within('sendEvent', client.sendEvent(order('Nonsense')));
  await hub.telemetryOf('dev1');
});
