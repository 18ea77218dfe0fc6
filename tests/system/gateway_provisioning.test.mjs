// SPDX-License-Identifier: MIT
// How many devices register with the provisioning service: its pace, its quota, its connections.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import http2 from 'node:http2';
import https from 'node:https';
import { join } from 'node:path';
import test from 'node:test';

import { provisionedBy, startGateway, uplinkOf } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { startListings } from './support/listings.mjs';
import { eventually } from './support/program.mjs';
import { apiKey, webhookId } from './support/things_stack.mjs';

/** Settings under which the devices of application `orchard` are listed. */
function listedBy(listings) {
  return {
    TheThingsIndustries: {
      ApiBaseUrl: listings.thingsUrl,
      WebhookBaseURL: `${listings.thingsUrl}/as/applications`,
      Applications: { orchard: { ApiKey: apiKey, WebhookId: webhookId } },
    },
  };
}

function deviceList(count, prefix = 'tree') {
  return Array.from({ length: count }, (_, i) => ({ device_id: `${prefix}-${i}`, attributes: {} }));
}

/** Posts the first uplink of `count` devices, 32 at a time. */
async function postUplinks(gateway, count, prefix = 'd') {
  let next = 0;
  const sender = async () => {
    while (next < count) {
      const answer = await gateway.uplink(uplinkOf('herd', `${prefix}${next++}`));
      assert.equal(answer.status, 202, answer.text);
    }
  };
  await Promise.all(Array.from({ length: 32 }, sender));
}

function whenMetric(gateway, name, least, deadlineMs = 60000) {
  return eventually(`${name} >= ${least}`, async () => {
    gateway.program.assertRuns();
    return (await gateway.metric(name)) >= least;
  }, deadlineMs);
}

/**
 * A front of the hub's provisioning service that speaks HTTP/2. Counts its connections, and the
 * requests by version of HTTP. It leads to the service of the ID scope, if `others` are given.
 */
async function startFront(t, hub, others = []) {
  const [cert, key] = await Promise.all(['server.pem', 'server-key.pem']
    .map((name) => readFile(join(hub.directory, name))));
  const agent = new https.Agent({ keepAlive: true });
  const front = { connections: 0, requests: {} };
  const server = http2.createSecureServer({ cert, key, allowHTTP1: true }, (request, response) => {
    front.requests[request.httpVersion] = (front.requests[request.httpVersion] ?? 0) + 1;
    const headers = Object.fromEntries(Object.entries(request.headers)
      .filter(([name]) => !name.startsWith(':') && !['host', 'connection'].includes(name)));
    const serving = others.find(({ info }) => request.url.startsWith(`/${info.dps.idScope}/`)) ?? hub;
    const [host, port] = serving.info.dps.endpoint.split(':');
    const onward = https.request({
      host, port, method: request.method, path: request.url, headers, agent,
    }, (answer) => {
      const keep = ['content-type', 'retry-after', 'date'].filter((name) => answer.headers[name]);
      response.writeHead(answer.statusCode, Object.fromEntries(keep.map((name) => [name, answer.headers[name]])));
      answer.pipe(response);
    });
    onward.on('error', () => response.stream?.close());
    request.pipe(onward);
  });
  server.on('secureConnection', () => { front.connections += 1; });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    agent.destroy();
    server.close();
  });
  front.endpoint = `localhost:${server.address().port}`;
  return front;
}

for (const [kind, args] of [['a sliding window', []], ['a bucket of tokens', ['--dps-burst', '100']]]) {
  test(`the quota of a service is found, ${kind}: few are refused, all are registered`, { timeout: 120000 }, async (t) => {
    const hub = await startHub(t, { args: ['--dps-quota', '500', '--dps-quota-seconds', '6', ...args] });
    const gateway = await startGateway(t, provisionedBy(hub, { RegistrationWindowSeconds: 6 }));

    await postUplinks(gateway, 1500);
    await whenMetric(gateway, 'isthmus_events_accepted_total', 1500, 110000);
    const { provisioning } = await hub.control('GET', '/stats');
    assert.equal(provisioning.assigned, 1500);
    assert.ok(provisioning.throttled > 0);
    // The connections are full when the first 429 comes; later ones are few.
    assert.ok(provisioning.throttled <= 48 + 1500 / 20, `${provisioning.throttled} refused`);
    assert.equal(provisioning.registers, 1500 + provisioning.throttled);
    assert.ok((await gateway.metric('isthmus_dps_quota')) > 0);
    assert.equal(await gateway.metric('isthmus_dps_registrations_waiting'), 0);
    assert.equal(await gateway.metric('isthmus_dps_registrations_under_way'), 0);
  });
}

test('what a device is answered slows no other', { timeout: 120000 }, async (t) => {
  const hub = await startHub(t);
  const gateway = await startGateway(t, provisionedBy(hub));

  for (let i = 0; i < 40; i++)
    await hub.control('POST', '/faults', {
      kind: 'dps_status', device: `sick${i}`, status: i % 2 ? 500 : 401, retryAfterSeconds: 300,
    });
  await postUplinks(gateway, 40, 'sick');
  await postUplinks(gateway, 200, 'well');
  await whenMetric(gateway, 'isthmus_events_accepted_total', 200);
  assert.equal(await gateway.metric('isthmus_dps_throttled_total'), 0);
});

test('429 to one device alone is no quota', { timeout: 120000 }, async (t) => {
  const hub = await startHub(t);
  const gateway = await startGateway(t, provisionedBy(hub));

  await hub.control('POST', '/faults', { kind: 'dps_status', device: 'sick0', status: 429, retryAfterSeconds: 1 });
  await postUplinks(gateway, 1, 'sick');
  await whenMetric(gateway, 'isthmus_dps_throttled_total', 1);
  for (let round = 0; round < 3; round++) {
    const throttled = await gateway.metric('isthmus_dps_throttled_total');
    await postUplinks(gateway, 50, `well${round}-`);
    await whenMetric(gateway, 'isthmus_events_accepted_total', 50 * (round + 1));
    await whenMetric(gateway, 'isthmus_dps_throttled_total', throttled + 1);
    assert.equal(await gateway.metric('isthmus_dps_quota'), 0);
  }
});

test('registrations share a connection where the server has HTTP/2', { timeout: 120000 }, async (t) => {
  const hub = await startHub(t, { args: ['--dps-delay', '10', '--dps-retry-after', '1'] });
  const front = await startFront(t, hub);
  const azure = provisionedBy(hub);

  azure.AzureIoTHub.DeviceProvisioningService.GlobalDeviceEndpoint = front.endpoint;
  const gateway = await startGateway(t, azure);
  await postUplinks(gateway, 300);
  await whenMetric(gateway, 'isthmus_events_accepted_total', 300);
  assert.deepEqual(Object.keys(front.requests), ['2.0']);
  assert.equal(front.requests['2.0'], 600);
  assert.ok(front.connections <= 3, `${front.connections} connections`);
});

test('listed devices register in the background, whose uplink waits first', { timeout: 180000 }, async (t) => {
  const hub = await startHub(t, { args: ['--dps-quota', '100', '--dps-quota-seconds', '5'] });
  const listings = await startListings(t, hub);
  const waiting = async (gateway) => gateway.metric('isthmus_dps_registrations_waiting');

  listings.applications.set('orchard', deviceList(700));
  const gateway = await startGateway(t, provisionedBy(hub, { RegistrationWindowSeconds: 5 }), listedBy(listings));
  await whenMetric(gateway, 'isthmus_dps_registrations_total{result="assigned"}', 150);
  await whenMetric(gateway, 'isthmus_dps_registrations_waiting', 300);
  // One that nobody listed, and the last one of the list.
  await gateway.uplink(uplinkOf('orchard', 'stranger'));
  await gateway.uplink(uplinkOf('orchard', 'tree-699'));
  await hub.telemetryOf('stranger');
  await hub.telemetryOf('tree-699');
  assert.ok((await waiting(gateway)) > 100, `${await waiting(gateway)} wait`);
  await whenMetric(gateway, 'isthmus_devices_connected', 701);
  const { provisioning } = await hub.control('GET', '/stats');
  assert.equal(provisioning.assigned, 701);

  // What is known asks nothing after a restart, and is connected at once.
  await gateway.stop();
  const again = await startGateway(t, provisionedBy(hub), listedBy(listings), gateway.directory);
  await again.uplink(uplinkOf('orchard', 'tree-0'));
  await hub.telemetryOf('tree-0');
  await whenMetric(again, 'isthmus_devices_connected', 701);
  await again.logged('DEVICE_LIST_READ');
  assert.equal((await hub.control('GET', '/stats')).provisioning.registers, provisioning.registers);
});

test('DeviceMove moves a device to another ID scope, where it stays', { timeout: 180000 }, async (t) => {
  const home = await startHub(t);
  const away = await startHub(t, { args: ['--group-key', home.info.dps.groupEnrollmentKey] });
  const front = await startFront(t, home, [away]);
  const listings = await startListings(t, home);
  const azure = provisionedBy(home);
  const trusted = join(home.directory, 'both.pem');

  await writeFile(trusted, (await readFile(home.info.certificate)) + (await readFile(away.info.certificate)));
  azure.TrustedCertificates = trusted;
  azure.AzureIoTHub.DeviceProvisioningService.GlobalDeviceEndpoint = front.endpoint;
  listings.applications.set('orchard', deviceList(2));
  const gateway = await startGateway(t, azure, listedBy(listings));
  const move = (scope) => home.control('POST', '/devices/tree-0/methods/DeviceMove', { payload: scope });
  await gateway.uplink(uplinkOf('orchard', 'tree-0'));
  await home.telemetryOf('tree-0');
  await whenMetric(gateway, 'isthmus_devices_connected', 2);

  assert.equal((await move({ idScope: 'x' })).status, 400);
  assert.equal((await move('0neNOBODY')).status, 200);
  await gateway.logged('DEVICE_NOT_MOVED');
  assert.equal((await move(away.info.dps.idScope)).status, 200);
  await eventually('the new hub', async () => {
    const device = await away.control('GET', '/devices/tree-0').catch(() => undefined);
    return device?.connectionState === 'Connected';
  });
  await gateway.uplink(uplinkOf('orchard', 'tree-0'));
  await away.telemetryOf('tree-0');
  await gateway.uplink(uplinkOf('orchard', 'tree-1'));
  await home.telemetryOf('tree-1');

  await gateway.stop();
  const asked = (await away.control('GET', '/stats')).provisioning.registers;
  const again = await startGateway(t, azure, listedBy(listings), gateway.directory);
  await again.uplink(uplinkOf('orchard', 'tree-0'));
  await away.telemetryOf('tree-0', 2);
  assert.equal((await away.control('GET', '/stats')).provisioning.registers, asked);
  await again.logged('DEVICE_LIST_READ');
});
