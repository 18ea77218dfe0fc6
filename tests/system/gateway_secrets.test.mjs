// SPDX-License-Identifier: MIT
// Secrets that a Key Vault keeps, and secrets in files: at the start, when they change, and when
// the vault is away (rules K4 to K9).
import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';

import { provisionedBy, startGateway, uplinkOf, writeConfiguration } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { eventually, run, temporaryDirectory } from './support/program.mjs';
import { startVault, token } from './support/vault.mjs';

const firstKey = 'the-first-webhook-key-0123456789';
const secondKey = 'the-second-webhook-key-0123456789';
const fileKey = 'a-webhook-key-in-a-file-0123456789';
const reference = '@microsoft.keyvault(SecretUri=https://one.vault.azure.net/secrets/webhook-key/)';

const withKey = (key) => ({ 'x-api-key': key });

/** A gateway whose group key and one webhook key are in the vault, another one in a file. */
async function site(t, { before = () => {} } = {}) {
  const [hub, vault, directory] =
    await Promise.all([startHub(t), startVault(t), temporaryDirectory(t, 'secrets')]);
  const azure = provisionedBy(hub);
  const groupKey = azure.AzureIoTHub.DeviceProvisioningService.GroupEnrollmentKey;
  const file = join(directory, 'webhook.key');
  azure.AzureIoTHub.DeviceProvisioningService.GroupEnrollmentKey = { KeyVault: 'group-key' };
  vault.set('webhook-key', firstKey);
  vault.set('group-key', groupKey);
  await writeFile(file, `${fileKey}\n`);
  await chmod(file, 0o600);
  before(vault);
  const settings = {
    KeyVaultURI: 'https://two.vault.azure.net/',
    WebhookKeys: [{ Env: 'WEBHOOK_KEY' }, { File: file }],
  };
  const environment = { ...vault.environment, WEBHOOK_KEY: reference };
  return {
    hub, vault, directory, file, groupKey, settings, azure, environment,
    start: () => startGateway(t, azure, settings, directory, environment),
  };
}

/** Asks on the agent's one connection; was it there before? */
function isReused(agent, port) {
  return new Promise((resolve, reject) => {
    const request = http.get({ agent, host: '127.0.0.1', port, path: '/healthz' }, (answer) => {
      answer.resume().on('end', () => resolve(request.reusedSocket));
    });
    request.on('error', reject);
  });
}

function assertSilent(text, s) {
  for (const secret of [firstKey, secondKey, s.groupKey, token]) {
    assert.ok(!text.includes(secret), `${secret} is in the log`);
  }
}

test('secrets in a vault are read at the start, with one token (K4, K7, K9)', async (t) => {
  const s = await site(t);
  const gateway = await s.start();
  assert.equal((await gateway.uplink(uplinkOf('app', 'd1'), withKey(firstKey))).status, 202);
  assert.equal((await gateway.uplink(uplinkOf('app', 'd1'), withKey(reference))).status, 401);
  assert.equal((await gateway.uplink(uplinkOf('app', 'd1'), withKey(''))).status, 401);
  await s.hub.telemetryOf('d1');
  assert.equal(s.vault.tokenRequests, 1);
  assert.deepEqual([...s.vault.requests].sort(), [
    'GET one.vault.azure.net/secrets/webhook-key?api-version=7.4',
    'GET two.vault.azure.net/secrets/group-key?api-version=7.4',
  ]);
  assertSilent(gateway.program.tail, s);
});

test('a vault that is away stops nothing, and is asked again (K5, K8)', async (t) => {
  const s = await site(t, {
    before: (vault) => { vault.failure = { status: 500, code: 'InternalServerError' }; },
  });
  const gateway = await s.start();
  const ready = await gateway.get('/readyz');
  assert.equal(ready.status, 503);
  assert.match(await ready.text(), /WebhookKeys is not known yet/);
  assert.equal((await gateway.get('/healthz')).status, 200);
  assert.equal((await gateway.uplink(uplinkOf('app', 'd1'), withKey(firstKey))).status, 503);
  // The one that is known is good for what it is good for; the device waits.
  assert.equal((await gateway.uplink(uplinkOf('app', 'd1'), withKey(fileKey))).status, 202);
  const held = await gateway.logged('DEVICE_HELD');
  assert.match(held.reason, /is not known yet: its Key Vault has not given it/);
  const failed = await gateway.logged('SECRET_FAILED');
  assert.equal(failed.code, 'InternalServerError');

  s.vault.failure = undefined;
  await eventually('readiness', async () => (await gateway.get('/readyz')).status === 200);
  assert.equal((await gateway.uplink(uplinkOf('app', 'd2'), withKey(firstKey))).status, 202);
  await s.hub.telemetryOf('d1');
  await s.hub.telemetryOf('d2');
  const failures = gateway.log.filter((each) => each.id === 'SECRET_FAILED');
  assert.equal(failures.length, 2, 'one line for each secret');
  assertSilent(gateway.program.tail, s);
});

test('what changes in a vault or a file is in force after SIGHUP (K6)', async (t) => {
  const s = await site(t);
  const gateway = await s.start();
  const newFileKey = 'another-webhook-key-in-a-file-0123456789';
  assert.equal((await gateway.uplink(uplinkOf('app', 'd1'), withKey(firstKey))).status, 202);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  assert.equal(await isReused(agent, gateway.port), false);
  s.vault.set('webhook-key', secondKey);
  await writeFile(s.file, newFileKey);
  gateway.program.kill('SIGHUP');
  await eventually('the new keys', async () =>
    (await gateway.uplink(uplinkOf('app', 'd2'), withKey(secondKey))).status === 202 &&
    (await gateway.uplink(uplinkOf('app', 'd3'), withKey(newFileKey))).status === 202);
  assert.equal((await gateway.uplink(uplinkOf('app', 'd4'), withKey(firstKey))).status, 401);
  assert.equal((await gateway.uplink(uplinkOf('app', 'd4'), withKey(fileKey))).status, 401);
  assert.equal(await isReused(agent, gateway.port), true, 'the connection was dropped');
  for (const device of ['d1', 'd2', 'd3']) await s.hub.telemetryOf(device);

  // A refresh that fails keeps what is in force.
  s.vault.failure = { status: 403, code: 'Forbidden' };
  await writeFile(s.file, '');
  gateway.program.kill('SIGHUP');
  const failed = await gateway.logged('SECRET_FAILED');
  assert.equal(failed.code, 'Forbidden');
  assert.match(failed.reason, /Key Vault Secrets User/);
  assert.equal(failed.kept, 1);
  await gateway.logged('SECRET_NOT_RELOADED');
  assert.equal((await gateway.get('/readyz')).status, 200);
  assert.equal((await gateway.uplink(uplinkOf('app', 'd5'), withKey(secondKey))).status, 202);
  assert.equal((await gateway.uplink(uplinkOf('app', 'd6'), withKey(newFileKey))).status, 202);
  assertSilent(gateway.program.tail, s);
});

test('a vault is asked again, once, when a hub refuses what came of a secret (K6)', async (t) => {
  const s = await site(t, {
    // A key that looks like one.
    before: (vault) => {
      vault.set('group-key', Buffer.alloc(32, 7).toString('base64'));
    },
  });
  const gateway = await s.start();
  assert.equal((await gateway.uplink(uplinkOf('app', 'd1'), withKey(firstKey))).status, 202);
  await gateway.logged('DEVICE_HELD');
  const questions = () => s.vault.requests.filter((each) => each.includes('/group-key')).length;
  await eventually('another question to the vault', () => questions() === 2);
  // The second refusal within five minutes asks nobody; SIGHUP does.
  s.vault.set('group-key', s.groupKey);
  assert.equal((await gateway.uplink(uplinkOf('app', 'd2'), withKey(firstKey))).status, 202);
  await eventually('the refusal of the second device', () =>
    gateway.log.filter((each) => each.id === 'DEVICE_HELD').length >= 2);
  assert.equal(questions(), 2);
  gateway.program.kill('SIGHUP');
  await s.hub.telemetryOf('d1');
  await s.hub.telemetryOf('d2');
});

test('config check asks a vault only when it is told to (K4)', async (t) => {
  const s = await site(t);
  const file = await writeConfiguration(s.directory, s.azure, s.settings);
  const check = (...options) => run(['config', 'check', '--config', file, ...options],
    { env: { ...process.env, ...s.environment } });
  const plain = await check();
  assert.equal(plain.status, 0, plain.output);
  assert.deepEqual(s.vault.requests, []);
  const asked = await check('--secrets');
  assert.equal(asked.status, 0, asked.output);
  assert.match(asked.stdout, /WebhookKeys\.0: https:\/\/one\.vault\.azure\.net\/secrets\/webhook-key is there, version 0+1 of 2023-11-14T22:13:20Z/);
  assert.match(asked.stdout, /GroupEnrollmentKey: https:\/\/two\.vault/);
  assertSilent(asked.output, s);
  s.vault.set('group-key', 'no key');
  s.vault.secrets.delete('webhook-key');
  const failing = await check('--secrets');
  assert.equal(failing.status, 2);
  assert.match(failing.stdout, /webhook-key can't be read: SecretNotFound: there is no such secret/);
  assert.match(failing.stdout, /group-key can't be read: value: this is no key/);
  const shown = await run(['config', 'show', '--config', file],
    { env: { ...process.env, ...s.environment } });
  assert.equal(shown.status, 0, shown.output);
  assert.match(shown.stdout, /\*\*\* \(line \d+, Key Vault https:\/\/two\.vault\.azure\.net\/secrets\/group-key\)/);
});
