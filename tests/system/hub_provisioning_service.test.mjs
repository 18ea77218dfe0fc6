// SPDX-License-Identifier: MIT
// Microsoft's provisioning service SDK against the local hub, unmodified (rule W25).
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import test from 'node:test';

import provisioning from 'azure-iot-provisioning-device';
import provisioningHttp from 'azure-iot-provisioning-device-http';
import provisioningService from 'azure-iot-provisioning-service';
import symmetricKey from 'azure-iot-security-symmetric-key';

import { makeCertificate, makeKey } from './support/certificates.mjs';
import { startHub } from './support/hub.mjs';
import { redirect } from './support/network.mjs';
import { within } from './support/program.mjs';

const HOST = 'global.azure-devices-provisioning.net';
const key = () => randomBytes(32).toString('base64');

async function start(t, { args = [], directory } = {}) {
  const hub = await startHub(t, { args: ['--host', 'hub.test', '--host', HOST, ...args], directory });
  redirect(HOST, { 443: hub.info.hubs[0].httpsPort });
  const string = (text) => text.replace(/HostName=[^;]*/, `HostName=${HOST}`);
  const service = provisioningService.ProvisioningServiceClient.fromConnectionString(
    string(hub.info.dps.provisioningserviceowner));
  return { hub, service, string };
}

function register(hub, id, deviceKey, payload = undefined) {
  const client = provisioning.ProvisioningDeviceClient.create(HOST, hub.info.dps.idScope,
    new provisioningHttp.Http(), new symmetricKey.SymmetricKeySecurityClient(id, deviceKey));
  if (payload) client.setProvisioningPayload(payload);
  return within('register', client.register());
}

const body = ({ responseBody }) => responseBody;
const individual = (registrationId, more = {}) => ({
  registrationId, attestation: { type: 'symmetricKey', symmetricKey: { primaryKey: key(),
    secondaryKey: key() } }, provisioningStatus: 'enabled', ...more,
});
/** The SDK's promise of this never ends; its callback is called. */
const bulk = (service, operation) => within('bulk', new Promise((resolve, reject) => {
  service.runBulkEnrollmentOperation(operation,
    (error, result) => (error ? reject(error) : resolve(result)));
}));
const statusOf = (status) => (error) => error.response.statusCode === status;

test('an enrollment is made, read, changed and removed, each with its ETag (W25)', async (t) => {
  const { hub, service } = await start(t);
  const wanted = individual('Dev1', { deviceId: 'device-1', iotHubHostName: 'hub.test',
    allocationPolicy: 'static', capabilities: { iotEdge: true },
    reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: false },
    optionalDeviceInformation: { floor: 3 } });
  const made = body(await within('create', service.createOrUpdateIndividualEnrollment(wanted)));

  assert.equal(made.deviceId, 'device-1');
  assert.deepEqual([made.allocationPolicy, made.iotHubHostName, made.capabilities,
    made.reprovisionPolicy, made.optionalDeviceInformation],
  ['static', hub.info.hubs[0].hostName, { iotEdge: true },
    { updateHubAssignment: true, migrateDeviceData: false }, { floor: 3 }]);
  assert.deepEqual(made.attestation, { type: 'symmetricKey' });
  const attestation = body(await within('attestation',
    service.getIndividualEnrollmentAttestationMechanism('dev1')));
  assert.deepEqual(attestation, wanted.attestation);
  await assert.rejects(service.createOrUpdateIndividualEnrollment(wanted), statusOf(409));

  made.provisioningStatus = 'disabled';
  const changed = body(await within('update', service.createOrUpdateIndividualEnrollment(made)));
  assert.equal(changed.provisioningStatus, 'disabled');
  await assert.rejects(service.createOrUpdateIndividualEnrollment(made), statusOf(412));
  await assert.rejects(service.deleteIndividualEnrollment(made), statusOf(412));
  await within('delete', service.deleteIndividualEnrollment(changed));
  await assert.rejects(service.getIndividualEnrollment('Dev1'), statusOf(404));
});

test('groups have keys or certificates, which are told by what they say (W25)', async (t) => {
  const { service } = await start(t);
  const authority = makeCertificate({ key: makeKey(), subject: { CN: 'Test authority' },
    authority: true });
  const group = (enrollmentGroupId, attestation) => within('create',
    service.createOrUpdateEnrollmentGroup({ enrollmentGroupId, attestation,
      provisioningStatus: 'enabled' })).then(body);

  const keys = await group('keys', { type: 'symmetricKey' });
  const mechanism = body(await within('attestation',
    service.getEnrollmentGroupAttestationMechanism('keys')));
  assert.equal(Buffer.from(mechanism.symmetricKey.primaryKey, 'base64').length, 32);
  assert.equal(keys.allocationPolicy, 'hashed');
  const certified = await group('certified', { type: 'x509', x509: { signingCertificates: {
    primary: { certificate: authority.pem } } } });
  const { info } = certified.attestation.x509.signingCertificates.primary;
  assert.match(info.sha256Thumbprint, /^[0-9A-F]{64}$/);
  certified.provisioningStatus = 'disabled'; // without the certificate, as the service gave it
  await within('update', service.createOrUpdateEnrollmentGroup(certified));
  await assert.rejects(group('none', { type: 'x509' }), statusOf(400));
  await assert.rejects(group('odd', { type: 'tpm', tpm: { endorsementKey: 'AA==' } }),
    statusOf(400));
});

test('enrollments are made in bulk, and queried page by page (W25)', async (t) => {
  const { hub, service } = await start(t);
  const enrollments = Array.from({ length: 7 }, (_, i) => individual(`dev${i}`));
  assert.deepEqual(await bulk(service, { mode: 'create', enrollments }),
    { isSuccessful: true, errors: [] });
  const twice = await bulk(service, { mode: 'create', enrollments: enrollments.slice(6) });
  assert.equal(twice.isSuccessful, false);
  assert.deepEqual([twice.errors[0].registrationId, twice.errors[0].errorCode], ['dev6', 409201]);

  const query = service.createIndividualEnrollmentQuery({ query: 'SELECT * FROM enrollments' }, 3);
  const pages = [];
  // Without the token the SDK's promise is always of the first page.
  while (query.hasMoreResults && pages.length < 9)
    pages.push(body(await within('page', query.next(query.continuationToken))).length);
  assert.deepEqual(pages, [3, 3, 1]);
  await register(hub, 'dev1', enrollments[1].attestation.symmetricKey.primaryKey);
  assert.equal(body(await within('get', service.getIndividualEnrollment('dev1')))
    .registrationState.status, 'assigned');
  await bulk(service, { mode: 'delete', enrollments: enrollments.slice(0, 6) });
  const rest = service.createIndividualEnrollmentQuery({ query: '*' });
  assert.deepEqual(body(await within('rest', rest.next())).map((one) => one.registrationId),
    ['dev6']);
});

test('an enrollment may be for a TPM, whose keys are told as they were given (W25)', async (t) => {
  const { service } = await start(t);
  const tpm = { endorsementKey: 'AToAAQALAAMAsgAg', storageRootKey: 'AQAB' };
  const put = (attestation, etag = undefined) =>
    within('put', service.createOrUpdateIndividualEnrollment(individual('dev1', { attestation, etag })));
  const made = body(await put({ type: 'tpm', tpm: { ...tpm, other: 1 } }));
  assert.deepEqual(made.attestation, { type: 'tpm', tpm });
  assert.deepEqual(body(await within('get', service.getIndividualEnrollment('dev1'))).attestation, { type: 'tpm', tpm });
  assert.deepEqual(body(await within('mechanism', service.getIndividualEnrollmentAttestationMechanism('dev1'))), { type: 'tpm', tpm });
  for (const wrong of [{}, { endorsementKey: '' }, { endorsementKey: 'no base64!' }, { ...tpm, storageRootKey: '?' }]) {
    await assert.rejects(put({ type: 'tpm', tpm: wrong }, made.etag), statusOf(400), JSON.stringify(wrong));
  }
  const changed = body(await put(individual('dev1').attestation, made.etag));
  assert.deepEqual([changed.attestation.type, changed.attestation.tpm], ['symmetricKey', undefined]);
});

test('a query of enrollments selects columns, counts, and stops at TOP (W25)', async (t) => {
  const { service } = await start(t);
  const enrollments = ['a1', 'a2', 'b1'].map((id, i) =>
    ({ ...individual(id), provisioningStatus: i % 2 ? 'disabled' : 'enabled' }));
  await bulk(service, { mode: 'create', enrollments });
  const found = async (query, size = undefined) => {
    const asked = service.createIndividualEnrollmentQuery({ query }, size);
    const all = [];
    for (let i = 0; asked.hasMoreResults && i < 9; i += 1)
      all.push(...body(await within('page', asked.next(asked.continuationToken))));
    return all;
  };

  assert.deepEqual(await found('SELECT registrationId, provisioningStatus AS is FROM enrollments', 2),
    [{ registrationId: 'a1', is: 'enabled' }, { registrationId: 'a2', is: 'disabled' }, { registrationId: 'b1', is: 'enabled' }]);
  assert.deepEqual((await found('SELECT TOP 2 * FROM enrollments', 1)).map((one) => one.registrationId), ['a1', 'a2']);
  assert.deepEqual(await found('SELECT COUNT() AS n FROM enrollments'), [{ n: 3 }]);
  assert.deepEqual(await found('SELECT provisioningStatus, COUNT() AS n FROM enrollments GROUP BY provisioningStatus'),
    [{ provisioningStatus: 'enabled', n: 2 }, { provisioningStatus: 'disabled', n: 1 }]);
});

test('enrollments and registrations are asked for by condition (W25)', async (t) => {
  const { hub, service } = await start(t);
  const enrollments = ['a1', 'a2', 'b1', 'b2', 'b3'].map((id, i) =>
    ({ ...individual(id), provisioningStatus: i % 2 ? 'disabled' : 'enabled' }));
  await bulk(service, { mode: 'create', enrollments });
  const found = async (query, size = undefined) => {
    const asked = service.createIndividualEnrollmentQuery({ query }, size);
    const pages = [];
    while (asked.hasMoreResults && pages.length < 9)
      pages.push(body(await within('page', asked.next(asked.continuationToken))).map((one) => one.registrationId));
    return pages;
  };
  assert.deepEqual(await found("SELECT * FROM enrollments WHERE STARTSWITH(registrationId, 'b')", 2), [['b1', 'b2'], ['b3']]);
  assert.deepEqual(await found("SELECT * FROM enrollments WHERE provisioningStatus = 'disabled' AND registrationId != 'a2'"), [['b2']]);
  assert.deepEqual(await found("* WHERE registrationId IN ['a1', 'nobody']"), [['a1']]);
  assert.deepEqual(await found("SELECT * FROM enrollments WHERE registrationId = 'nobody'"), [[]]);
  for (const wrong of ['SELECT registrationId FROM devices', 'SELECT * FROM devices', 'SELECT * WHERE', '']) {
    await assert.rejects(found(wrong), statusOf(400), wrong);
  }
  for (const id of ['dev1', 'dev2']) await register(hub, id, hub.deviceKey(id));
  const states = service.createEnrollmentGroupDeviceRegistrationStateQuery(
    { query: "SELECT * FROM registrations WHERE deviceId = 'dev2'" }, 'default');
  assert.deepEqual(body(await within('query', states.next())).map((one) => one.registrationId), ['dev2']);
});

test('registrations are read, listed by their group and forgotten (W25)', async (t) => {
  const { hub, service } = await start(t);
  for (const id of ['dev1', 'dev2']) await register(hub, id, hub.deviceKey(id));

  const state = body(await within('get', service.getDeviceRegistrationState('dev1')));
  assert.deepEqual([state.status, state.deviceId], ['assigned', 'dev1']);
  const query = service.createEnrollmentGroupDeviceRegistrationStateQuery(
    { query: '*' }, 'default');
  assert.deepEqual(body(await within('query', query.next())).map((one) => one.registrationId),
    ['dev1', 'dev2']);
  await within('delete', service.deleteDeviceRegistrationState('dev1'));
  await assert.rejects(service.getDeviceRegistrationState('dev1'), statusOf(404));
});

test('who may not manage enrollments is refused (W25)', async (t) => {
  const { hub, service, string } = await start(t);
  const open = (text) =>
    provisioningService.ProvisioningServiceClient.fromConnectionString(text);
  const text = string(hub.info.dps.provisioningserviceowner);

  for (const wrong of [text.replace(/SharedAccessKey=.*/, `SharedAccessKey=${key()}`),
    text.replace('provisioningserviceowner', 'iothubowner')])
    await assert.rejects(open(wrong).getEnrollmentGroup('default'), statusOf(401));
  await assert.rejects(service.createOrUpdateIndividualEnrollment(individual('a b')),
    statusOf(400));
  await assert.rejects(service.createOrUpdateIndividualEnrollment(individual('dev1',
    { iotHubHostName: 'other.test' })), statusOf(400));
  await assert.rejects(service.createOrUpdateIndividualEnrollment(individual('dev1',
    { allocationPolicy: 'custom' })), statusOf(400));
});

test('enrollments outlive the hub (W25)', async (t) => {
  const first = await start(t);
  const made = body(await within('create', first.service.createOrUpdateIndividualEnrollment(
    individual('dev1', { allocationPolicy: 'custom', customAllocationDefinition: {
      webhookUrl: 'http://localhost:1/', apiVersion: '2019-03-31' }, initialTwin: {
      tags: { a: 1 }, properties: { desired: { b: 2 } } } }))));
  await first.hub.program.stop();
  const second = await start(t, { directory: first.hub.directory });
  assert.deepEqual(body(await within('get', second.service.getIndividualEnrollment('dev1'))), made);
});

/** Two hubs, and what registers an individual enrollment of one id again and again. */
async function startTwo(t) {
  const { hub, service } = await start(t, { args: ['--host', 'two.test', '--dps-retry-after', '1'] });
  const [one, two] = hub.info.hubs.map(({ hostName }) => hostName);
  const enroll = async (id, more) => {
    const known = await service.getIndividualEnrollment(id).then(body, () => ({}));
    const wanted = { ...individual(id), ...known, ...more };
    if (!known.etag) keys.set(id, wanted.attestation.symmetricKey.primaryKey);
    return body(await within('enroll', service.createOrUpdateIndividualEnrollment(wanted)));
  };
  const keys = new Map();
  return { hub, service, one, two, enroll,
    register: (id, payload) => register(hub, id, keys.get(id), payload) };
}

test('a new device has its enrollment\'s twin and capabilities (W25)', async (t) => {
  const { hub, enroll, register: registerAs } = await startTwo(t);
  await enroll('dev1', { capabilities: { iotEdge: true }, initialTwin: { tags: { floor: 1 },
    properties: { desired: { interval: 5 } } } });
  await registerAs('dev1');

  const twin = await hub.control('GET', '/devices/dev1/twin');
  assert.deepEqual([twin.tags, twin.desired.interval], [{ floor: 1 }, 5]);
  await hub.control('PATCH', '/devices/dev1/twin/desired', { interval: 6 });
  await registerAs('dev1');
  assert.equal((await hub.control('GET', '/devices/dev1/twin')).desired.interval, 6);
});

test('allocation policies say to which hub a device goes (W25)', async (t) => {
  const { one, two, enroll, register: registerAs } = await startTwo(t);
  const cases = [[{ allocationPolicy: 'static', iotHubHostName: two }, two],
    [{ allocationPolicy: 'hashed', iotHubs: [two] }, two],
    [{ allocationPolicy: 'geoLatency' }, one], [{ allocationPolicy: 'static', iotHubs: [two] }, two]];

  for (const [index, [more, wanted]] of cases.entries()) {
    await enroll(`dev${index}`, more);
    assert.equal((await registerAs(`dev${index}`)).assignedHub, wanted, JSON.stringify(more));
  }
});

test('re-provisioning moves a device with its twin, without it, or never (W25)', async (t) => {
  const { hub, one, two, enroll, register: registerAs } = await startTwo(t);
  const move = async (id, reprovisionPolicy) => {
    await enroll(id, { allocationPolicy: 'static', iotHubHostName: one, reprovisionPolicy,
      initialTwin: { tags: {}, properties: { desired: { n: 1 } } } });
    assert.equal((await registerAs(id)).substatus, 'initialAssignment');
    await hub.control('PATCH', `/devices/${id}/twin/desired`, { n: 2 });
    await enroll(id, { iotHubHostName: two });
    const { assignedHub, substatus } = await registerAs(id);
    const twin = await hub.control('GET', `/devices/${id}/twin`);
    return [assignedHub, substatus, twin.desired.n];
  };

  assert.deepEqual(await move('moved', { updateHubAssignment: true, migrateDeviceData: true }),
    [two, 'deviceDataMigrated', 2]);
  assert.deepEqual(await move('reset', { updateHubAssignment: true, migrateDeviceData: false }),
    [two, 'deviceDataReset', 1]);
  assert.deepEqual(await move('stays', { updateHubAssignment: false, migrateDeviceData: true }),
    [one, 'initialAssignment', 2]);
});

/** A function that allocates on `server`; returns what of an enrollment names it. */
async function startFunction(t, server, answerTo) {
  server.on('request', (request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const [status, answer] = answerTo(JSON.parse(Buffer.concat(parts)));
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer));
    });
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  t.after(() => server.close());
  const scheme = server instanceof https.Server ? 'https://localhost' : 'http://127.0.0.1';
  return { allocationPolicy: 'custom', customAllocationDefinition: {
    webhookUrl: `${scheme}:${server.address().port}/where`, apiVersion: '2019-03-31' } };
}

test('a function may say where a device goes, and with what (W25)', async (t) => {
  const { hub, one, two, enroll, register: registerAs } = await startTwo(t);
  const asked = [];
  let answer = [200, { iotHubHostName: two, payload: { hello: 1 },
    initialTwin: { tags: { chosen: true }, properties: { desired: {} } } }];
  const custom = await startFunction(t, http.createServer(), (question) => {
    asked.push(question);
    return answer;
  });

  await enroll('dev1', custom);
  const result = await registerAs('dev1', { floor: 3 });
  assert.deepEqual([result.assignedHub, result.payload], [two, { hello: 1 }]);
  assert.deepEqual((await hub.control('GET', '/devices/dev1/twin')).tags, { chosen: true });
  assert.deepEqual([asked[0].deviceRuntimeContext, asked[0].linkedHubs,
    asked[0].individualEnrollment.registrationId],
  [{ registrationId: 'dev1', payload: { floor: 3 } }, [one, two], 'dev1']);

  for (const wrong of [[500, {}], [200, {}], [200, { iotHubHostName: 'nowhere' }]]) {
    answer = wrong;
    await enroll('dev2', custom);
    await assert.rejects(registerAs('dev2'), (error) =>
      [400207, 400208].includes(error.result.registrationState.errorCode));
  }
});

test('a function behind the certificate of the hub is trusted', async (t) => {
  const { hub, two, enroll, register: registerAs } = await startTwo(t);
  const [cert, secret] = await Promise.all(['server.pem', 'server-key.pem']
    .map((name) => readFile(join(hub.directory, name))));
  const custom = await startFunction(t, https.createServer({ cert, key: secret }),
    () => [200, { iotHubHostName: two }]);

  await enroll('dev1', custom);
  assert.equal((await registerAs('dev1')).assignedHub, two);
});

test('a registration is the same whatever its case is (W3)', async (t) => {
  const { hub } = await start(t);
  assert.equal((await register(hub, 'Dev-A', hub.deviceKey('Dev-A'))).deviceId, 'Dev-A');
  assert.equal((await register(hub, 'dev-a', hub.deviceKey('dev-a'))).deviceId, 'Dev-A');
  assert.deepEqual((await hub.control('GET', '/devices')).devices.map((one) => one.deviceId),
    ['Dev-A']);
});

test('by default a registration takes its time, and says how long to wait', async (t) => {
  const hub = await startHub(t, { quick: false, args: ['--host', 'hub.test', '--host', HOST] });
  redirect(HOST, { 443: hub.info.hubs[0].httpsPort });
  assert.equal((await register(hub, 'dev1', hub.deviceKey('dev1'))).status, 'assigned');
  assert.ok((await hub.control('GET', '/stats')).provisioning.polls >= 1);
});
