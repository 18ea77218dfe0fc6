// SPDX-License-Identifier: MIT
// What a gateway knows of devices that are another's: their commands, and what a listing says of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startCluster } from '../system/support/cluster.mjs';
import { uplinkOf } from '../system/support/gateway.mjs';
import { startListings } from '../system/support/listings.mjs';
import { lacksPostgres } from '../system/support/postgres.mjs';
import { eventually, run } from '../system/support/program.mjs';
import { apiKey, startThingsStack, webhookId } from '../system/support/things_stack.mjs';

const options = { timeout: 120000, skip: lacksPostgres };
const device = 'tracker-07';

test('a command is shown at each gateway, and cancelled at that of its device', options, async (t) => {
  let stack;
  const cluster = await startCluster(t, {
    more: async (hub) => {
      stack = await startThingsStack(t, hub);
      return { TheThingsIndustries: {
        WebhookBaseURL: stack.baseUrl,
        Applications: { application1: { ApiKey: apiKey, WebhookId: webhookId } },
      } };
    },
  });
  if (!cluster) return;
  await cluster.uplink(uplinkOf('application1', device));
  await cluster.hub.telemetryOf(device);
  await cluster.hub.control('POST', `/devices/${device}/messages`, {
    bodyText: 'AAE=', properties: { Port: '10', Confirmed: 'true' },
  });
  const item = await stack.downlink(device, 1);
  const reference = item.correlation_ids[0].slice('isthmus:'.length);
  const owner = await cluster.ownerOf(device);
  const other = cluster.replicas.find((replica) => replica !== owner);
  const command = (replica, ...args) => run(['command', ...args, '--config', replica.file]);

  await stack.tell(other.gateway, 'queued', device, item);
  const shown = await eventually('the news at another gateway', async () => {
    const said = await command(other, 'show', reference);
    return /queued/.test(said.output) && said;
  });
  assert.equal(shown.status, 0);
  const refused = await command(other, 'cancel', reference, '--force');
  assert.notEqual(refused.status, 0);
  assert.match(refused.output, new RegExp(`another gateway's: that of ${owner.name} at 127\\.0\\.0\\.1:\\d+`));
  const cancelled = await command(owner, 'cancel', reference, '--force');
  assert.equal(cancelled.status, 0, cancelled.output);
  await Promise.all(cluster.replicas.map((replica) => replica.stop()));
});

test('what one gateway reads in a listing, each of them knows', options, async (t) => {
  let listings;
  const cluster = await startCluster(t, {
    more: async (hub) => {
      listings = await startListings(t, hub);
      listings.applications.set('orchard', [
        { device_id: 'soil-1', attributes: { azureintegration: 'false' } }, { device_id: 'soil-2' },
      ]);
      return { TheThingsIndustries: {
        ApiBaseUrl: listings.thingsUrl,
        WebhookBaseURL: `${listings.thingsUrl}/as/applications`,
        Applications: { orchard: { ApiKey: apiKey } },
      } };
    },
  });
  if (!cluster) return;
  for (const replica of cluster.replicas) {
    await eventually(`${replica.name} drops what is switched off`, async () =>
      (await replica.gateway.uplink(uplinkOf('orchard', 'soil-1'))).status === 200, 30000);
  }
  const reads = cluster.replicas.filter(({ gateway }) => gateway.log.some(({ id }) => id === 'DEVICE_LIST_READ'));
  assert.equal(reads.length, 1);
  await eventually('the listed device is connected', () =>
    cluster.hub.control('GET', '/devices/soil-2').then((known) => known.connectionState === 'Connected', () => false));
  assert.deepEqual(listings.faults, []);
  await Promise.all(cluster.replicas.map((replica) => replica.stop()));
});
