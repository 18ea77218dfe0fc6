// SPDX-License-Identifier: MIT
// `isthmus provision`: many devices at once, with a gateway that runs and without one.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { provisionedBy, startGatewayOn, uplinkOf, writeConfiguration } from './support/gateway.mjs';
import { clockOf, startOldHub } from './support/clock.mjs';
import { startHub } from './support/hub.mjs';
import { startListings } from './support/listings.mjs';
import { eventually, Program, run, temporaryDirectory } from './support/program.mjs';
import { apiKey, webhookId } from './support/things_stack.mjs';

function listedBy(listings) {
  return {
    TheThingsIndustries: {
      ApiBaseUrl: listings.thingsUrl,
      WebhookBaseURL: `${listings.thingsUrl}/as/applications`,
      DevicePageSize: 10,
      Applications: {
        orchard: { ApiKey: apiKey, WebhookId: webhookId },
        herd: { ApiKey: apiKey, WebhookId: webhookId },
      },
    },
  };
}

/** The lines of a run: { outcomes by device, summary }. */
function reportOf(text) {
  const lines = text.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  const { summary } = lines.pop();
  const outcomes = {};
  for (const line of lines) {
    assert.equal(outcomes[line.device], undefined, `${line.device} is told twice`);
    outcomes[line.device] = line;
  }
  return { outcomes, summary };
}

async function provision(file, args = [], status = 0, environment = {}) {
  const result = await run(['provision', '--config', file, ...args],
    { deadlineMs: 100000, env: { ...process.env, ...environment } });
  assert.equal(result.status, status, result.output);
  return reportOf(result.stdout);
}

async function registers(hub) {
  return (await hub.control('GET', '/stats')).provisioning.registers;
}

test('devices of a file register without a gateway, and again only when asked for', { timeout: 120000 }, async (t) => {
  const hub = await startHub(t);
  const directory = await temporaryDirectory(t, 'provision');
  const file = await writeConfiguration(directory, provisionedBy(hub));
  const devices = join(directory, 'devices.csv');
  const report = join(directory, 'report');
  const args = ['--devices', devices, '--network', 'things-stack', '--application', 'herd'];

  await writeFile(devices, 'device,modelId\ncow-1,dtmi:herd:Cow;1\ncow-2,\nbad id,\ncow-1,\nsick,\n');
  await hub.control('POST', '/faults', { kind: 'dps_failed', device: 'sick', errorCode: 400208, times: 1 });

  // A dry run does nothing.
  const dry = await provision(file, [...args, '--dry-run'], 1);
  assert.equal(dry.summary.would, 3);
  assert.equal(dry.summary.failed, 1);
  assert.equal(await registers(hub), 0);

  const first = await provision(file, [...args, '--report', report], 1);
  assert.equal(first.outcomes['things-stack/herd/cow-1'].result, 'assigned');
  assert.equal(first.outcomes['things-stack/herd/cow-1'].hub, hub.info.hubs[0].hostName);
  assert.equal(first.outcomes['things-stack/herd/cow-2'].result, 'assigned');
  assert.equal(first.outcomes['things-stack/herd/sick'].errorCode, 400208);
  assert.match(first.outcomes['things-stack/herd/bad%20id'].reason, /character/);
  assert.equal(first.summary.assigned, 2);
  assert.equal(first.summary.failed, 2);
  assert.deepEqual(reportOf(await readFile(report, 'utf8')), first);
  const { registrations } = await hub.control('GET', '/registrations');
  assert.equal(registrations.find((each) => each.registrationId === 'cow-1').modelId, 'dtmi:herd:Cow;1');

  // Only what failed is asked about again.
  const asked = await registers(hub);
  const second = await provision(file, args, 1);
  assert.equal(second.summary.known, 2);
  assert.equal(second.outcomes['things-stack/herd/sick'].result, 'assigned');
  assert.equal(await registers(hub), asked + 1);
  const third = await provision(file, [...args, '--again', '--limit', '1'], 1);
  assert.equal(third.summary.confirmed, 1);
  assert.equal(third.summary.beyondLimit, 2);
  assert.equal(await registers(hub), asked + 2);
});

test('a clock that is two hours behind: it is told, and the next run registers each once', { timeout: 120000 }, async (t) => {
  const hub = await startOldHub(t);
  const directory = await temporaryDirectory(t, 'provision');
  const file = await writeConfiguration(directory, provisionedBy(hub));
  const devices = join(directory, 'devices');
  const args = ['--devices', devices, '--network', 'things-stack', '--application', 'herd'];
  const clock = await clockOf(t, -7200);

  await writeFile(devices, 'cow-0\n');
  await provision(file, args);
  await writeFile(devices, Array.from({ length: 50 }, (_, i) => `cow-${i}\n`).join(''));
  const wrong = await provision(file, args, 1, clock.environment);
  assert.equal(wrong.summary.failed, 49);
  assert.equal(wrong.summary.known, 1, 'what is known is not asked again, whatever the clock');
  for (const outcome of Object.values(wrong.outcomes).filter((entry) => entry.result === 'failed')) {
    assert.match(outcome.reason, /this machine's clock/);
  }
  const before = await registers(hub);
  await clock.set(0);
  const right = await provision(file, args, 0, clock.environment);
  assert.equal(right.summary.assigned, 49);
  assert.equal(await registers(hub), before + 49);
});

test('listed devices register, those of one application or all', { timeout: 120000 }, async (t) => {
  const hub = await startHub(t);
  const listings = await startListings(t, hub);
  const directory = await temporaryDirectory(t, 'provision');
  const file = await writeConfiguration(directory, provisionedBy(hub), listedBy(listings));

  listings.applications.set('orchard', Array.from({ length: 25 }, (_, i) => ({ device_id: `tree-${i}` })));
  listings.applications.set('herd', [{ device_id: 'cow' }, { device_id: 'bull', attributes: { azureintegration: 'false' } }]);
  const herd = await provision(file, ['--application', 'herd']);
  assert.equal(herd.outcomes['things-stack/herd/cow'].result, 'assigned');
  assert.equal(herd.outcomes['things-stack/herd/bull'].result, 'skipped');
  assert.equal(Object.keys(herd.outcomes).length, 2);
  const all = await provision(file);
  assert.equal(all.summary.assigned, 25);
  assert.equal(all.summary.known, 1);
  assert.equal(await registers(hub), 26);

  // A list that can't be read is a failure, and the others are done.
  listings.order({ status: 403 });
  const half = await provision(file, ['--again'], 1);
  assert.equal(half.summary.failed, 1);
  assert.ok(half.summary.confirmed >= 1);
});

test('a running gateway does it: what has moved is connected anew, and nothing is lost', { timeout: 120000 }, async (t) => {
  const hub = await startHub(t, { args: ['--hubs', '2'] });
  const directory = await temporaryDirectory(t, 'provision');
  const file = await writeConfiguration(directory, provisionedBy(hub));
  const gateway = await startGatewayOn(t, file, directory);
  const devices = join(directory, 'devices');
  const ids = Array.from({ length: 20 }, (_, i) => `cow-${i}`);

  await writeFile(devices, ids.map((id) => `{"device":"${id}","application":"herd"}\n`).join(''));
  assert.equal((await provision(file, ['--devices', devices, '--network', 'things-stack'])).summary.assigned, 20);
  const asked = await registers(hub);
  for (const id of ids) await gateway.uplink(uplinkOf('herd', id));
  for (const id of ids) await hub.telemetryOf(id);
  assert.equal(await registers(hub), asked);

  // All enrolments lead to the second hub from now on.
  const [, second] = hub.info.hubs;
  for (const id of ids)
    await hub.control('PUT', `/enrollments/individual/${id}`, { hub: second.id, primaryKey: hub.deviceKey(id) });
  const moved = await provision(file, ['--devices', devices, '--network', 'things-stack', '--again']);
  assert.ok(moved.summary.moved > 0, JSON.stringify(moved.summary));
  assert.equal(moved.summary.moved + moved.summary.confirmed, 20);
  for (const id of ids) assert.equal(moved.outcomes[`things-stack/herd/${id}`].hub, second.hostName);
  const listed = await run(['device', 'list', '--moved', '--json', '--config', file]);
  const views = listed.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  assert.equal(views.length, moved.summary.moved, listed.output);
  for (const view of views) {
    assert.equal(view.movedFrom, hub.info.hubs[0].hostName);
    assert.match(view.lastUplink, /^20/);
    assert.ok(view.movedAt <= new Date().toISOString());
  }
  for (const id of ids) await gateway.uplink(uplinkOf('herd', id));
  for (const id of ids) {
    const messages = await hub.telemetryOf(id, 2);
    assert.equal(messages.length, 2);
    assert.equal(messages[1].hub, second.id);
  }
});

test('an interrupted run goes on with the next one', { timeout: 120000 }, async (t) => {
  const hub = await startHub(t, { args: ['--dps-quota', '50', '--dps-quota-seconds', '200'] });
  const directory = await temporaryDirectory(t, 'provision');
  const file = await writeConfiguration(directory, provisionedBy(hub));
  const devices = join(directory, 'devices');

  await writeFile(devices, Array.from({ length: 80 }, (_, i) => `cow-${i}\n`).join(''));
  for (const signal of ['SIGINT', 'SIGKILL']) {
    const program = new Program(['provision', '--config', file, '--devices', devices, '--network', 'things-stack', '--application', 'herd']);
    t.after(() => program.kill('SIGKILL'));
    await eventually('429', async () => {
      const { provisioning } = await hub.control('GET', '/stats');
      return provisioning.assigned === 50 && provisioning.throttled > 0;
    });
    await eventually('50 outcomes', () => program.stdout.split('\n').length > 50);
    program.kill(signal);
    await program.ended;
    if (signal === 'SIGINT') {
      const { summary } = reportOf(program.stdout);
      assert.equal(summary.interrupted, true);
      assert.equal(summary.assigned, 50);
    }
  }
  const dry = await provision(file, ['--devices', devices, '--network', 'things-stack', '--application', 'herd', '--dry-run']);
  assert.equal(dry.summary.known, 50);
  assert.equal(dry.summary.would, 30);
});
