// SPDX-License-Identifier: MIT
// Jobs, configurations, import and export with Microsoft's service SDK against the local hub
// (rules W31 to W33).
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';

import { startAzuriteBlobs } from './support/azurite.mjs';
import { startHub } from './support/hub.mjs';
import { eventually } from './support/program.mjs';
import { openDevice, openJobs, openModule, openRegistry } from './support/sdk.mjs';

async function started(t, ids, options = {}) {
  const hub = await startHub(t, options);
  const { iothubowner } = hub.info.hubs[0];
  const registry = openRegistry(hub, iothubowner);

  for (const deviceId of ids) await registry.create({ deviceId });
  return { hub, registry, jobs: openJobs(hub, iothubowner) };
}

const statusOf = (jobs, id, wanted) => eventually(`job ${id} ${wanted}`, async () => {
  const { jobStatus } = await jobs.getJob(id);
  return jobStatus.status === wanted && jobStatus;
});

async function all(query) {
  const found = [];
  while (query.hasMoreResults) found.push(...(await query.next(query.continuationToken)).result);
  return found;
}

test('a job updates the twins that fit its condition', async (t) => {
  const { registry, jobs } = await started(t, ['a', 'b', 'c']);
  const id = randomUUID();
  const patch = { etag: '*', tags: { floor: 2 }, properties: { desired: { rate: 5 } } };

  await assert.rejects(jobs.scheduleTwinUpdate(id, 'deviceId ==', patch), (error) =>
    /'=' at character 39 of the query/.test(error.responseBody));
  const { jobStatus } = await jobs.scheduleTwinUpdate(id, "deviceId IN ['a', 'b']", patch,
    new Date(), 120);
  assert.equal(jobStatus.jobId, id);
  assert.equal(jobStatus.type, 'scheduleUpdateTwin');
  const done = await statusOf(jobs, id, 'completed');
  assert.deepEqual(done.deviceJobStatistics,
    { deviceCount: 2, failedCount: 0, succeededCount: 2, runningCount: 0, pendingCount: 0 });
  for (const [deviceId, rate] of [['a', 5], ['b', 5], ['c', undefined]]) {
    const { responseBody: twin } = await registry.getTwin(deviceId);
    assert.equal(twin.properties.desired.rate, rate, deviceId);
    assert.equal(twin.tags.floor, rate && 2, deviceId);
  }
  await assert.rejects(jobs.scheduleTwinUpdate(id, '*', patch), (error) =>
    /JobAlreadyExists/.test(error.responseBody));
  await assert.rejects(jobs.getJob('nothing'), (error) => /JobNotFound/.test(error.responseBody));
  const outcomes = await all(registry.createQuery(
    "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '" + id + "'", 1));
  assert.deepEqual(outcomes.map((one) => [one.deviceId, one.jobType, one.status]),
    [['a', 'scheduleUpdateTwin', 'completed'], ['b', 'scheduleUpdateTwin', 'completed']]);
});

test('a job of the future waits, and can be cancelled', async (t) => {
  const { registry, jobs } = await started(t, ['a']);
  const later = new Date(Date.now() + 3600000);
  const patch = { etag: '*', tags: { never: true } };
  const { jobStatus } = await jobs.scheduleTwinUpdate('later', "deviceId = 'a'", patch, later, 120);

  assert.equal(jobStatus.status, 'queued');
  assert.equal((await jobs.getJob('later')).jobStatus.status, 'scheduled');
  await jobs.scheduleTwinUpdate('now', "deviceId = 'a'", { etag: '*', tags: { x: 1 } });
  await statusOf(jobs, 'now', 'completed');
  assert.deepEqual((await all(jobs.createQuery(undefined, 'scheduled'))).map((job) => job.jobId),
    ['later']);
  assert.deepEqual((await all(jobs.createQuery('scheduleUpdateTwin', undefined, 1)))
    .map((job) => job.jobId), ['later', 'now']);
  await jobs.cancelJob('later');
  assert.equal((await jobs.getJob('later')).jobStatus.status, 'cancelled');
  await assert.rejects(jobs.cancelJob('later'), { name: 'ArgumentError' });
  const { responseBody: twin } = await registry.getTwin('a');
  assert.deepEqual(twin.tags, { x: 1 });
});

test('a job that is due soon runs when its time has come', async (t) => {
  const { jobs } = await started(t, ['a']);
  const due = Date.now() + 700;

  await jobs.scheduleTwinUpdate('soon', '*', { etag: '*', tags: { x: 1 } }, new Date(due), 60);
  const done = await statusOf(jobs, 'soon', 'completed');
  assert.ok(Date.parse(done.endTime) >= due, `${done.endTime} is not before its time`);
});

test('a job calls a method of many devices', async (t) => {
  const { hub, registry, jobs } = await started(t, ['off', 'refuses', 'works']);

  for (const [id, transport] of [['works', 'amqp'], ['refuses', 'mqtt']]) {
    const client = await openDevice(t, await hub.stringOf(id, transport), transport);
    client.onDeviceMethod('reboot', (request, response) => {
      response.send(id === 'works' ? 200 : 500, { got: request.payload }, () => {});
    });
  }
  await eventually('both take methods', async () => {
    await jobs.scheduleDeviceMethod(randomUUID(), '*', { methodName: 'reboot', payload: 1 });
    const outcomes = await all(registry.createQuery('SELECT * FROM devices.jobs'));
    return outcomes.filter((one) => one.outcome.deviceMethodResponse).length >= 2;
  });
  await jobs.scheduleDeviceMethod('reboot', '*', { methodName: 'reboot', payload: { in: 3 } });
  const done = await statusOf(jobs, 'reboot', 'completed');
  assert.equal(done.cloudToDeviceMethod.methodName, 'reboot');
  assert.equal(done.deviceJobStatistics.succeededCount, 2);
  assert.equal(done.deviceJobStatistics.failedCount, 1);
  const outcomes = await all(registry.createQuery(
    "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'reboot'"));
  assert.deepEqual(outcomes.map((one) => [one.deviceId, one.outcome.deviceMethodResponse?.status,
    one.error?.code]), [['off', undefined, 404103], ['refuses', 500, undefined],
    ['works', 200, undefined]]);
  assert.deepEqual(outcomes[2].outcome.deviceMethodResponse.payload, { got: { in: 3 } });
});

test('configurations are created, read, changed and removed', async (t) => {
  const { registry } = await started(t, []);
  const configuration = {
    id: 'one', content: { deviceContent: { 'properties.desired': { prop1: 'foo' } } },
    targetCondition: '', priority: 20,
  };

  await registry.addConfiguration(configuration);
  await assert.rejects(registry.addConfiguration(configuration), (error) =>
    /ConfigurationAlreadyExists/.test(error.responseBody));
  const { responseBody: found } = await registry.getConfiguration('one');
  assert.deepEqual(found.content, configuration.content);
  assert.equal(found.schemaVersion, '1.0');
  assert.deepEqual((await registry.getConfigurations()).responseBody.map(({ id }) => id), ['one']);
  await registry.updateConfiguration({ ...found, priority: 99 });
  await assert.rejects(registry.updateConfiguration({ ...found, priority: 98 }),
    { name: 'InvalidEtagError' });
  await registry.updateConfiguration({ ...found, priority: 97 }, true);
  assert.equal((await registry.getConfiguration('one')).responseBody.priority, 97);
  await assert.rejects(registry.addConfiguration({ ...configuration, id: 'two',
    targetCondition: 'tags.x = ' }), (error) => /character 38/.test(error.responseBody));
  await registry.removeConfiguration('one');
  await assert.rejects(registry.getConfiguration('one'), (error) =>
    /ConfigurationNotFound/.test(error.responseBody));
});

test('the configuration with the highest priority is applied to those that fit', async (t) => {
  const { hub, registry } = await started(t, ['near', 'far']);
  const content = (desired) => ({ deviceContent: desired });
  const desiredOf = async (id) => {
    const { desired } = (await registry.getTwin(id)).responseBody.properties;
    return Object.fromEntries(Object.entries(desired).filter(([key]) => !key.startsWith('$')));
  };
  const becomes = (id, wanted) => eventually(`${id} has ${JSON.stringify(wanted)}`, async () => {
    try {
      assert.deepEqual(await desiredOf(id), wanted);
      return true;
    } catch {
      return false;
    }
  });

  await registry.updateTwin('near', { tags: { place: 'here' } }, '*');
  await registry.addConfiguration({ id: 'low', priority: 1, targetCondition: '*',
    content: content({ 'properties.desired.a.b': 1, 'properties.desired.c': 1 }) });
  await registry.addConfiguration({ id: 'high', priority: 9, targetCondition: "tags.place = 'here'",
    content: content({ 'properties.desired.a': { b: 2 } }),
    metrics: { queries: { near: "SELECT deviceId FROM devices WHERE configurations.[[high]].status = 'Applied'" } } });
  await becomes('far', { a: { b: 1 }, c: 1 });
  await becomes('near', { a: { b: 2 } });
  const { responseBody: high } = await eventually('the metrics', async () => {
    const answer = await registry.getConfiguration('high');
    return answer.responseBody.metrics.results.near === 1 && answer;
  });
  assert.deepEqual(high.systemMetrics.results, { targetedCount: 1, appliedCount: 1 });
  const { result } = await registry.createQuery(high.systemMetrics.queries.appliedCount).next();
  assert.deepEqual(result, [{ deviceId: 'near' }]);
  // It does not fit any more: what was written is taken back, the other takes its place.
  await registry.updateTwin('near', { tags: { place: 'there' } }, '*');
  await becomes('near', { a: { b: 1 }, c: 1 });
  // A configuration that is removed leaves what it wrote.
  await registry.removeConfiguration('low');
  await registry.updateTwin('near', { tags: { place: 'here' } }, '*');
  await becomes('near', { a: { b: 2 }, c: 1 });
  assert.deepEqual(await desiredOf('far'), { a: { b: 1 }, c: 1 });
  await registry.applyConfigurationContentOnDevice('far', content({ 'properties.desired.c': 3 }));
  assert.deepEqual(await desiredOf('far'), { a: { b: 1 }, c: 3 });
  // They are kept.
  await hub.program.stop();
  const again = await startHub(t, { directory: hub.directory });
  const { responseBody: kept } =
    await openRegistry(again, again.info.hubs[0].iothubowner).getConfiguration('high');
  assert.equal(kept.priority, 9);
});

test('configurations reach modules, and the modules of an edge device (W33)', async (t) => {
  const { hub, registry } = await started(t, ['gw']);
  const desiredOf = async (module) => {
    const { $metadata, $version, ...rest } =
      (await registry.getModuleTwin('gw', module)).responseBody.properties.desired;
    return rest;
  };
  const becomes = (module, wanted) => eventually(`${module} has ${JSON.stringify(wanted)}`, async () => {
    try {
      assert.deepEqual(await desiredOf(module), wanted);
      return true;
    } catch {
      return false;
    }
  });
  const agent = { schemaVersion: '1.1', modules: { camera: { version: '1.0' } } };

  await registry.applyConfigurationContentOnDevice('gw', { modulesContent: {
    $edgeAgent: { 'properties.desired': agent }, $edgeHub: { 'properties.desired.routes': { all: 'FROM /*' } },
    camera: { 'properties.desired': { rate: 1 } },
  } });
  assert.deepEqual(await desiredOf('$edgeAgent'), agent);
  assert.deepEqual(await desiredOf('$edgeHub'), { routes: { all: 'FROM /*' } });
  assert.deepEqual((await registry.getModulesOnDevice('gw')).responseBody.map(({ moduleId }) => moduleId).sort(),
    ['$edgeAgent', '$edgeHub', 'camera']);
  await assert.rejects(registry.applyConfigurationContentOnDevice('gw', { modulesContent: { camera: 1 } }),
    (error) => /camera/.test(error.responseBody));

  await registry.addConfiguration({ id: 'of-modules', priority: 1,
    targetCondition: "FROM devices.modules WHERE moduleId = 'camera'",
    content: { moduleContent: { 'properties.desired.zoom': 2 } } });
  await becomes('camera', { rate: 1, zoom: 2 });
  assert.deepEqual(await desiredOf('$edgeAgent'), agent);
  await registry.addConfiguration({ id: 'deployment', priority: 1, targetCondition: "deviceId = 'gw'",
    content: { modulesContent: { camera: { 'properties.desired': { rate: 5 } }, added: { 'properties.desired': { a: 1 } } } } });
  await becomes('added', { a: 1 });
  await becomes('camera', { rate: 5 });
});

/** A device with two modules, of which `camera` is connected and answers methods. */
async function withModules(t) {
  const { hub, registry, jobs } = await started(t, ['gw', 'other']);
  const strings = {};
  for (const moduleId of ['camera', 'idle']) {
    await registry.addModule({ deviceId: 'gw', moduleId });
    const { authentication } = (await registry.getModule('gw', moduleId)).responseBody;
    const { hostName, mqttPort } = hub.info.hubs[0];
    strings[moduleId] = `HostName=${hostName.replace(/:.*/, '')}:${mqttPort};DeviceId=gw;` +
      `ModuleId=${moduleId};SharedAccessKey=${authentication.symmetricKey.primaryKey}`;
  }
  return { hub, registry, jobs, strings };
}

test('a job reaches modules (W31)', async (t) => {
  const { registry, jobs, strings } = await withModules(t);
  const outcomesOf = async (id) => (await all(registry.createQuery(
    `SELECT * FROM devices.jobs WHERE devices.jobs.jobId = '${id}'`)))
    .map((one) => [one.deviceId, one.moduleId, one.status, one.outcome?.deviceMethodResponse?.payload ?? one.error?.code]);

  await jobs.scheduleTwinUpdate('twins', "FROM devices.modules WHERE moduleId = 'camera'",
    { etag: '*', tags: { floor: 2 }, properties: { desired: { rate: 5 } } });
  assert.equal((await statusOf(jobs, 'twins', 'completed')).deviceJobStatistics.succeededCount, 1);
  const { responseBody: twin } = await registry.getModuleTwin('gw', 'camera');
  assert.deepEqual([twin.tags.floor, twin.properties.desired.rate], [2, 5]);
  assert.equal((await registry.getModuleTwin('gw', 'idle')).responseBody.tags?.floor, undefined);
  assert.equal((await registry.getTwin('gw')).responseBody.tags?.floor, undefined);
  assert.deepEqual(await outcomesOf('twins'), [['gw', 'camera', 'completed', undefined]]);

  const client = await openModule(t, strings.camera, 'mqtt');
  client.onMethod('reboot', (request, response) => response.send(200, { got: request.payload }, () => {}));
  await eventually('the module takes methods', async () => {
    const id = randomUUID();
    await jobs.scheduleDeviceMethod(id, "FROM devices.modules WHERE deviceId = 'gw'",
      { methodName: 'reboot', payload: 7, responseTimeoutInSeconds: 20 });
    await statusOf(jobs, id, 'completed');
    const outcomes = await outcomesOf(id);
    assert.deepEqual(outcomes.map(([deviceId, moduleId]) => [deviceId, moduleId]), [['gw', 'camera'], ['gw', 'idle']]);
    assert.deepEqual(outcomes[1].slice(2), ['failed', 404103]);
    return outcomes[0][2] === 'completed' && assert.deepEqual(outcomes[0][3], { got: 7 }) === undefined;
  });
  await assert.rejects(jobs.scheduleTwinUpdate('none', 'FROM devices.jobs', { etag: '*' }), (error) =>
    /devices.modules/.test(error.responseBody));
});

test('modules are exported and imported, and twins are changed in bulk (W32)', async (t) => {
  const { registry } = await withModules(t);
  const address = await (await startAzuriteBlobs(t)).container('modules');
  const finished = async (asked) => eventually('the job', async () =>
    (await registry.getJob(asked.jobId)).status === 'completed');
  const bulk = (entries) => new Promise((resolve, reject) => {
    registry._restApiClient.executeApiCall('POST', '/devices?api-version=2021-04-12',
      { 'Content-Type': 'application/json; charset=utf-8' }, entries, (error, body) =>
        (error ? reject(error) : resolve(body)));
  });

  await registry.updateModuleTwin('gw', 'camera', { tags: { kept: 1 } }, '*');
  await finished(await registry.exportDevicesToBlob(address, false));
  const blob = await (await fetch(address.replace('/modules?', '/modules/devices.txt?'))).text();
  const lines = blob.trim().split('\r\n').map((line) => JSON.parse(line));
  assert.deepEqual(lines.map(({ id, moduleId }) => [id, moduleId]),
    [['gw', undefined], ['gw', 'camera'], ['gw', 'idle'], ['other', undefined]]);
  await registry.removeModule('gw', 'camera');
  await finished(await registry.importDevicesFromBlob(address, address));
  const { responseBody: again } = await registry.getModule('gw', 'camera');
  assert.equal(again.authentication.symmetricKey.primaryKey, lines[1].authentication.symmetricKey.primaryKey);

  const { isSuccessful, errors } = await bulk([
    { id: 'gw', moduleId: 'camera', importMode: 'updateTwin', tags: { added: 2 } },
    { id: 'other', importMode: 'updateTwinIfMatchETag', twinETag: 'old', tags: { never: 1 } },
    { id: 'gone', importMode: 'updateTwin', tags: { never: 1 } },
    { id: 'fresh', importMode: 'create', tags: { a: 1 }, properties: { desired: { b: 2 } } },
  ]);
  assert.equal(isSuccessful, false);
  assert.deepEqual(errors.map(({ deviceId, errorCode }) => [deviceId, errorCode]), [['other', 412001], ['gone', 404001]]);
  assert.deepEqual((await registry.getModuleTwin('gw', 'camera')).responseBody.tags, { kept: 1, added: 2 });
  const { responseBody: fresh } = await registry.getTwin('fresh');
  assert.deepEqual([fresh.tags, fresh.properties.desired.b], [{ a: 1 }, 2]);
});

test('devices are exported to a blob and imported from it (W32)', async (t) => {
  const { hub, registry } = await started(t, ['one', 'two']);
  const address = await (await startAzuriteBlobs(t)).container('devices');
  const finished = (id) => eventually(`job ${id}`, async () => {
    const job = await registry.getJob(id);
    return ['completed', 'failed'].includes(job.status) && job;
  });
  const blob = async (name) => (await fetch(address.replace('/devices?', `/devices/${name}?`))).text();

  await registry.updateTwin('one', { tags: { x: 1 }, properties: { desired: { y: 2 } } }, '*');
  const asked = await registry.exportDevicesToBlob(address, false);
  assert.equal(asked.type, 'export');
  assert.equal((await finished(asked.jobId)).status, 'completed');
  const lines = (await blob('devices.txt')).trim().split('\r\n').map((line) => JSON.parse(line));
  assert.deepEqual(lines.map(({ id }) => id), ['one', 'two']);
  const keyOf = async (id) =>
    (await registry.get(id)).responseBody.authentication.symmetricKey.primaryKey;
  assert.equal(lines[0].authentication.symmetricKey.primaryKey, await keyOf('one'));
  assert.equal(lines[0].tags.x, 1);
  assert.equal((await registry.listJobs()).responseBody.length, 1);

  const other = await startHub(t);
  const second = openRegistry(other, other.info.hubs[0].iothubowner);
  const text = [...lines, { id: 'not allowed' }].map((line) => JSON.stringify(line)).join('\r\n') +
    '\r\n\r\n{"id": "broken", \r\n' +
    '{"id": "absent", "moduleId": "camera", "importMode": "updateTwin", "tags": {"a": 1}}\n';
  const put = await fetch(address.replace('/devices?', '/devices/devices.txt?'), {
    method: 'PUT', body: text, headers: { 'x-ms-blob-type': 'BlockBlob' },
  });
  assert.equal(put.status, 201);
  const importing = await second.importDevicesFromBlob(address, address);
  await eventually('the import', async () =>
    (await second.getJob(importing.jobId)).status === 'completed');
  const { responseBody: imported } = await second.getTwin('one');
  assert.equal(imported.tags.x, 1);
  assert.equal(imported.properties.desired.y, 2);
  assert.equal((await second.get('one')).responseBody.authentication.symmetricKey.primaryKey,
    await keyOf('one'));
  const told = (await blob('importErrors.log')).trim().split('\r\n').map((line) => JSON.parse(line));
  assert.deepEqual(told.map(({ deviceId, moduleId, errorCode }) => [deviceId, moduleId, errorCode]), [
    ['not allowed', undefined, 400004], [undefined, undefined, 400012], ['absent', 'camera', 404001],
  ]);
  assert.match(told[0].errorStatus, /^The device in line 3 of devices\.txt: ./);
  assert.match(told[1].errorStatus, /^Invalid device format in line 5 of devices\.txt: .*line 1 column/);
  assert.match(told[2].errorStatus, /^The device in line 6 of devices\.txt: ./);
  const nowhere =
    await second.exportDevicesToBlob(address.replace('/devices?', '/nothing?'), true);
  const failed = await eventually('the refusal', async () => {
    const job = await second.getJob(nowhere.jobId);
    return job.status === 'failed' && job;
  });
  assert.match(failed.failureReason, /the blob container answered 40[34]/);
});

test('connected devices are counted', async (t) => {
  const { hub, registry } = await started(t, ['one', 'two']);
  const count = () => new Promise((resolve, reject) => {
    registry._restApiClient.executeApiCall('GET', '/statistics/service?api-version=2021-04-12',
      null, null, (error, body) => (error ? reject(error) : resolve(body)));
  });

  assert.deepEqual(await count(), { connectedDeviceCount: 0 });
  await openDevice(t, await hub.stringOf('one', 'mqtt'), 'mqtt');
  assert.deepEqual(await count(), { connectedDeviceCount: 1 });
});

test('containers behind the certificate of the hub are trusted', async (t) => {
  const { hub, registry } = await started(t, ['one']);
  const address = await (await startAzuriteBlobs(t, { tls: hub.directory })).container('devices');
  const { jobId } = await registry.exportDevicesToBlob(address, true);
  const ended = await eventually('the export', async () => {
    const job = await registry.getJob(jobId);
    return ['completed', 'failed'].includes(job.status) && job;
  });

  assert.equal(ended.status, 'completed', ended.failureReason);
});
