// SPDX-License-Identifier: MIT
// Secrets of cameras that a Key Vault keeps, or files: at the start, when they change, and when the
// vault is away (rules K4 to K6, K9).
import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { isthmusCamera, makeCamera, provisionedBy } from './support/camera.mjs';
import { startHub } from './support/hub.mjs';
import { drawCounts } from './support/picture.mjs';
import { eventually, run } from './support/program.mjs';
import { startSnapshots } from './support/snapshots.mjs';
import { startVault, token } from './support/vault.mjs';

const password = 'the-first-password-of-the-gate';
const pageKey = 'the-first-key-of-the-page';

const asked = (camera, path, key) => fetch(`http://127.0.0.1:${camera.port}${path}`, {
  headers: key ? { authorization: `Basic ${Buffer.from(`anyone:${key}`).toString('base64')}` } : {},
});

/** Two cameras: one looks at a file, and one needs a password, which a vault keeps as the group's key. */
async function site(t, settings = {}) {
  const [hub, vault] = await Promise.all([startHub(t), startVault(t)]);
  const gate = await startSnapshots(t, () => drawCounts({ blue: 1 }), { user: 'viewer', password });
  const azure = provisionedBy(hub);
  const groupKey = azure.AzureIoTHubDPS.GroupEnrollmentKey;
  vault.set('group-key', groupKey);
  vault.set('gate-password', password);
  azure.AzureIoTHubDPS.GroupEnrollmentKey =
    '@Microsoft.KeyVault(VaultName=one;SecretName=group-key)';
  const camera = await makeCamera(t, azure, {
    KeyVaultURI: 'https://two.vault.azure.net',
    Application: { DeviceID: undefined },
    Cameras: {
      yard: { Source: {} },
      gate: { SecurityCamera: { CameraUrl: gate.url, CameraUserName: 'viewer', CameraUserPassword: { KeyVault: 'gate-password' } } },
    },
    ...settings,
  });
  camera.settings.Cameras.yard.Source.File = camera.picture;
  await camera.show({ red: 2 });
  const environment = { ...vault.environment, no_proxy: 'localhost,127.0.0.1' };
  return { hub, vault, gate, groupKey, camera, environment, start: () => camera.start({ environment }) };
}

async function cameraNamed(camera, name) {
  return (await camera.health()).cameras.find((each) => each.name === name);
}

function assertSilent(text, s) {
  for (const secret of [password, s.gate.password, s.groupKey, token, pageKey]) {
    assert.ok(!text.includes(secret), `${secret} is in the log`);
  }
}

test('a vault that is away stops no pictures, and is asked again (K4, K5, K9)', async (t) => {
  const s = await site(t);
  s.vault.failure = { status: 503, code: 'ServiceUnavailable' };
  await s.start();
  await s.camera.ready();
  await eventually('tallies of the camera that needs no secret', async () => (await cameraNamed(s.camera, 'yard')).told >= 3);
  const away = await eventually('the other one', async () => {
    const found = await cameraNamed(s.camera, 'gate');
    return found.trouble && found;
  });
  assert.match(away.trouble, /the password is not known yet: its Key Vault has not given it/);
  assert.equal(s.gate.requests, 0, 'it was asked without the password');
  const [held] = await eventually('a device that waits', () => {
    const lines = s.camera.logged('DEVICE_HELD');
    return lines.length > 0 && lines;
  });
  assert.match(held.reason, /GroupEnrollmentKey is not known yet: its Key Vault has not given it/);

  s.vault.failure = undefined;
  assert.deepEqual((await s.hub.telemetryOf('yard'))[0].body, { red: 2 });
  assert.deepEqual((await s.hub.telemetryOf('gate'))[0].body, { blue: 1 });
  const failed = s.camera.logged('SECRET_FAILED').map((line) => line.setting);
  assert.equal(failed.length, new Set(failed).size, 'more than one line for a setting');
  assertSilent(s.camera.program.tail, s);
  await s.camera.program.stop();
});

test('what changes in a vault or a file is in force without a restart (K6)', async (t) => {
  const s = await site(t);
  const file = join(s.camera.directory, 'page.key');
  const newKey = 'the-second-key-of-the-page';
  await writeFile(file, pageKey);
  await chmod(file, 0o600);
  s.camera.settings.PageKey = { File: file };
  await s.start();
  await s.camera.ready();
  await s.hub.telemetryOf('gate');
  assert.equal((await asked(s.camera, '/healthz')).status, 401);
  assert.equal((await asked(s.camera, '/healthz', pageKey)).status, 200);

  // The camera refuses the old one, so the vault is asked.
  s.gate.password = 'the-second-password-of-the-gate';
  s.vault.set('gate-password', s.gate.password);
  let given = s.gate.given;
  await eventually('pictures by the new password', () => s.gate.given > given + 1);
  // Not again within minutes, but when it is told to.
  s.gate.password = 'the-third-password-of-the-gate';
  s.vault.set('gate-password', s.gate.password);
  given = s.gate.given;
  await writeFile(file, `${newKey}\n`);
  s.camera.program.kill('SIGHUP');
  await eventually('pictures by the third password', () => s.gate.given > given + 1);
  await eventually('the page by its new key', async () => (await asked(s.camera, '/healthz', newKey)).status === 200);
  assert.equal((await asked(s.camera, '/healthz', pageKey)).status, 401);

  // A refresh that fails keeps what is in force.
  s.vault.failure = { status: 403, code: 'Forbidden' };
  await writeFile(file, '');
  s.camera.program.kill('SIGHUP');
  await eventually('the failures', () => s.camera.logged('SECRET_FAILED').length > 0 && s.camera.logged('SECRET_NOT_RELOADED').length > 0);
  given = s.gate.given;
  await eventually('pictures all the same', () => s.gate.given > given + 1);
  assert.equal((await asked(s.camera, '/healthz', newKey)).status, 200);
  assert.deepEqual(await s.camera.logged('DEVICE_HELD'), []);
  assertSilent(s.camera.program.tail, s);
  await s.camera.program.stop();
});

test('nobody sees the page whose key is in a vault that is away (K5)', async (t) => {
  const s = await site(t, { PageKey: { KeyVault: 'page-key' } });
  await s.start();
  await s.camera.ready();
  const refused = await asked(s.camera, '/healthz');
  assert.equal(refused.status, 503);
  assert.match(await refused.text(), /PageKey is not known yet/);
  assert.equal((await asked(s.camera, '/', '')).status, 503);
  s.vault.set('page-key', pageKey);
  s.camera.program.kill('SIGHUP');
  await eventually('the page', async () => (await asked(s.camera, '/', pageKey)).status === 200);
  assert.equal((await asked(s.camera, '/', 'another-key-of-the-page')).status, 401);
  await s.camera.program.stop();
});

test('config check of a camera asks a vault only when it is told to (K4)', async (t) => {
  const s = await site(t);
  const check = async (action = 'check', ...options) => {
    await writeFile(s.camera.config, JSON.stringify(s.camera.settings), { mode: 0o600 });
    return run(['config', action, '--config', s.camera.config, ...options],
      { command: isthmusCamera, env: { ...process.env, ...s.environment } });
  };
  const plain = await check();
  assert.equal(plain.status, 0, plain.output);
  assert.deepEqual(s.vault.requests, []);
  const all = await check('check', '--secrets');
  assert.equal(all.status, 0, all.output);
  assert.match(all.stdout, /Cameras\.gate\.SecurityCamera\.CameraUserPassword: https:\/\/two\.vault\.azure\.net\/secrets\/gate-password is there, version 0+1 of 2023-11-14T22:13:20Z/);
  assert.match(all.stdout, /GroupEnrollmentKey: https:\/\/one\.vault\.azure\.net\/secrets\/group-key is there/);
  assertSilent(all.output, s);
  const shown = await check('show');
  assert.match(shown.stdout, /\*\*\* \(line \d+, Key Vault https:\/\/two\.vault\.azure\.net\/secrets\/gate-password\)/);
  s.vault.secrets.delete('gate-password');
  const failing = await check('check', '--secrets');
  assert.equal(failing.status, 2);
  assert.match(failing.stdout, /gate-password can't be read: SecretNotFound/);
  s.camera.settings.Cameras.gate.SecurityCamera.CameraUserPassword = '@Microsoft.KeyVault(VaultName=one)';
  const wrong = await check();
  assert.equal(wrong.status, 2);
  assert.match(wrong.stdout, /CameraUserPassword: .*SecretName/);
});
