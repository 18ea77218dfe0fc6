// SPDX-License-Identifier: MIT
// Draining a storage queue: the gateway (messages to events on disk, then deleted) beside the official
// JavaScript client, which only gets and deletes, 32 at once; they take turns at the same Azurite.
// On two cores that others used as well (load 13), 30 November 2026, three rounds of 1,000: the gateway 154
// messages a second, from its start on, the client 93. The emulator, which serves one after the other, limits both.
// usage: node queue.mjs [MESSAGES] [ROUNDS]
import { startAzurite } from '../tests/system/support/azurite.mjs';
import { connectedTo, startGateway } from '../tests/system/support/gateway.mjs';
import { startHub } from '../tests/system/support/hub.mjs';
import { eventually } from '../tests/system/support/program.mjs';

const messages = Number(process.argv[2] ?? 500);
const rounds = Number(process.argv[3] ?? 3);
const cleanups = [];
const suite = { after: (work) => cleanups.unshift(work) };

let counter = 0;
const uplink = () => {
  counter += 1;
  const received = new Date(Date.UTC(2026, 0, 1) + counter).toISOString();
  return Buffer.from(JSON.stringify({
    end_device_ids: { device_id: `d${counter % 50}`, application_ids: { application_id: 'bench' } },
    received_at: received,
    uplink_message: { f_port: 1, f_cnt: counter, frm_payload: 'AQID', received_at: received },
  })).toString('base64');
};

async function fill(queue) {
  for (let left = messages; left > 0; left -= 50) {
    await Promise.all(Array.from({ length: Math.min(50, left) }, () => queue.sendMessage(uplink())));
  }
}

/** Messages a second of the official client. */
async function client(queue) {
  const begun = performance.now();
  let done = 0;
  while (done < messages) {
    const { receivedMessageItems: items } =
      await queue.receiveMessages({ numberOfMessages: 32, visibilityTimeout: 300 });
    await Promise.all(items.map((each) => queue.deleteMessage(each.messageId, each.popReceipt)));
    done += items.length;
  }
  return messages / ((performance.now() - begun) / 1000);
}

/** Messages a second of the gateway: from its start, which counts, until the queue is empty. */
async function gateway(hub, azurite, queue) {
  const begun = performance.now();
  const running = await startGateway(suite, connectedTo(hub), {
    ConnectionStrings: { UplinkQueueStorage: azurite.connectionString },
    UplinkQueueName: queue.name,
  });
  await eventually('the empty queue', async () =>
    (await queue.getProperties()).approximateMessagesCount === 0, 600000);
  const rate = messages / ((performance.now() - begun) / 1000);
  await running.stop();
  return rate;
}

const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];

try {
  const [hub, azurite] = [await startHub(suite), await startAzurite(suite)];
  const rates = { gateway: [], client: [] };
  for (let round = 0; round < rounds; round++) {
    const queue = await azurite.create(`bench-${round}`);
    await fill(queue);
    rates.client.push(await client(queue));
    await fill(queue);
    rates.gateway.push(await gateway(hub, azurite, queue));
  }
  console.log(`messages a second, median of ${rounds} rounds of ${messages}`);
  for (const [name, list] of Object.entries(rates)) console.log(`  ${name.padEnd(8)} ${median(list).toFixed(0)}`);
} finally {
  for (const work of cleanups) await work();
}
