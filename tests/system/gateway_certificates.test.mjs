// SPDX-License-Identifier: MIT
// Devices that prove themselves by certificates instead of keys (rule W21).
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'node:test';

import { keyText, makeCertificate, makeKey } from './support/certificates.mjs';
import { provisionedBy, startGateway, startGatewayOn, uplinkOf, writeConfiguration } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { eventually, isthmus, run, temporaryDirectory } from './support/program.mjs';

const bounded = { timeout: 120000 };

function make(name, options = {}) {
  return makeCertificate({ key: makeKey(), subject: { CN: name }, ...options });
}

/** Files of an authority in the middle, whose certificate is the enrolment group's. */
async function makeAuthority(directory, from = -1) {
  const root = make('root', { authority: true, from, to: 100 });
  const middle = make('middle', { authority: true, issuer: root, from, to: 100 });
  const files = { CertificateAuthority: join(directory, 'middle.pem'), CertificateAuthorityKey: join(directory, 'middle-key.pem') };
  await mkdir(directory, { recursive: true });
  await writeFile(files.CertificateAuthority, middle.pem);
  await writeFile(files.CertificateAuthorityKey, keyText(middle.key));
  return { ...middle, files };
}

/** Settings for devices with certificates in `folder`. */
function certified(hub, folder, azure = {}) {
  const settings = provisionedBy(hub, { DeviceCertificates: folder, ...azure });

  delete settings.AzureIoTHub.DeviceProvisioningService.GroupEnrollmentKey;
  return settings;
}

async function certificateOf(folder, id) {
  return new X509Certificate(await readFile(join(folder, `${id}.pem`)));
}

test('a group by an intermediate: certificates are made, and nobody asks again after a restart (W21)', bounded, async (t) => {
  const hub = await startHub(t);
  const home = await temporaryDirectory(t, 'gateway');
  const folder = join(home, 'certificates');
  const authority = await makeAuthority(join(home, 'authority'));
  await mkdir(folder);
  await hub.control('PUT', '/enrollments/group/certified', { certificate: authority.pem });

  const azure = certified(hub, folder, authority.files);
  const first = await startGateway(t, azure, {}, home);
  const devices = ['cow-1', 'cow-2', 'cow-3'];
  for (const device of devices) await first.uplink(uplinkOf('herd', device));
  for (const device of devices) {
    await hub.telemetryOf(device, 1);
    const own = await certificateOf(folder, device);
    assert.equal(own.subject, `CN=${device}`);
    assert.ok(own.verify(new X509Certificate(authority.pem).publicKey));
    assert.equal((await stat(join(folder, `${device}-key.pem`))).mode & 0o777, 0o600);
  }
  const shown = await run(['device', 'show', 'cow-1', '--json', '--data', join(home, 'data')]);
  assert.equal(JSON.parse(shown.stdout).certificateEnds, new Date((await certificateOf(folder, 'cow-1')).validTo).toISOString().slice(0, 19));
  assert.equal(await first.metric('isthmus_devices_connected'), 3);
  assert.equal(await first.metric('isthmus_hub_connections'), 3);
  assert.equal(await first.metric('isthmus_hub_tokens_total'), 0);
  await first.stop();

  const before = await hub.control('GET', '/stats');
  const second = await startGateway(t, azure, {}, home);
  await second.uplink(uplinkOf('herd', 'cow-1'));
  await hub.telemetryOf('cow-1', 2);
  const after = await hub.control('GET', '/stats');
  assert.equal(after.provisioning.registers, before.provisioning.registers);
});

test('a certificate near its end is replaced, and DPS is told; without an authority it is warned of', bounded, async (t) => {
  const hub = await startHub(t);
  const home = await temporaryDirectory(t, 'gateway');
  const folder = join(home, 'certificates');
  const authority = await makeAuthority(join(home, 'authority'));
  const put = async (id, type = 'ec') => {
    const own = make(id, { key: makeKey(type), from: -10, to: 1, issuer: authority });
    await writeFile(join(folder, `${id}.pem`), own.pem + authority.pem);
    await writeFile(join(folder, `${id}-key.pem`), keyText(own.key));
    return own;
  };
  await mkdir(folder);
  await hub.control('PUT', '/enrollments/group/certified', { certificate: authority.pem });
  const old = await put('cow-1');
  await put('cow-2', 'rsa');

  // Nobody can make another one here: the old one is used as long as it holds.
  const first = await startGateway(t, certified(hub, folder), {}, home);
  for (const id of ['cow-1', 'cow-2', 'cow-1']) await first.uplink(uplinkOf('herd', id));
  await hub.telemetryOf('cow-1', 2);
  await hub.telemetryOf('cow-2', 1);
  assert.equal((await certificateOf(folder, 'cow-1')).fingerprint256, new X509Certificate(old.pem).fingerprint256);
  await first.stop();

  const second = await startGateway(t, certified(hub, folder, authority.files), {}, home);
  await second.uplink(uplinkOf('herd', 'cow-1'));
  await hub.telemetryOf('cow-1', 3);
  const made = await certificateOf(folder, 'cow-1');
  assert.notEqual(made.fingerprint256, new X509Certificate(old.pem).fingerprint256);
  assert.ok(Date.parse(made.validTo) > Date.now() + 80 * 86400000);
  assert.equal(await second.metric('isthmus_dps_registrations_total{result="assigned"}'), 1);
});

test('a certificate that comes near its end while the gateway runs is replaced, and nothing is lost', bounded, async (t) => {
  // The clock stands back when the certificate is made, and is set when it is due.
  const days = 86400;
  const clock = join(await temporaryDirectory(t, 'clock'), 'step');
  const environment = { LD_PRELOAD: join(dirname(isthmus), 'tests', 'clock_step.so'), ISTHMUS_CLOCK_STEP: clock };
  const directory = await temporaryDirectory(t, 'hub');
  await writeFile(clock, String(-100 * days));
  await (await startHub(t, { directory, environment })).program.stop();
  const hub = await startHub(t, { directory });
  const home = await temporaryDirectory(t, 'gateway');
  const folder = join(home, 'certificates');
  const authority = await makeAuthority(join(home, 'authority'), -100);
  await mkdir(folder);
  await hub.control('PUT', '/enrollments/group/certified', { certificate: authority.pem });

  await writeFile(clock, String(-65 * days));
  const gateway = await startGateway(t, certified(hub, folder, authority.files), {}, home, environment);
  await gateway.uplink(uplinkOf('herd', 'cow-1'));
  await hub.telemetryOf('cow-1', 1);
  const old = await certificateOf(folder, 'cow-1');
  await writeFile(clock, '0');
  await eventually('another certificate', async () =>
    (await certificateOf(folder, 'cow-1')).fingerprint256 !== old.fingerprint256);
  await eventually('the service to know it', async () =>
    (await gateway.metric('isthmus_dps_registrations_total{result="assigned"}')) === 2);
  await gateway.uplink(uplinkOf('herd', 'cow-1'));
  await hub.telemetryOf('cow-1', 2);
  assert.equal(await gateway.metric('isthmus_events_dead_lettered_total'), 0);
});

test('individual enrolments by `isthmus device certificate`; others have keys; one has none', bounded, async (t) => {
  const hub = await startHub(t);
  const home = await temporaryDirectory(t, 'gateway');
  const folder = join(home, 'certificates');
  const made = await run(['device', 'certificate', 'cow-1', '--folder', folder, '--json']);
  assert.equal(made.status, 0, made.output);
  const { thumbprint } = JSON.parse(made.stdout);
  const own = await certificateOf(folder, 'cow-1');
  assert.equal(own.fingerprint256.replaceAll(':', '').toLowerCase(), thumbprint);
  assert.equal((await run(['device', 'certificate', 'cow-1', '--folder', folder])).status, 1);
  assert.equal((await certificateOf(folder, 'cow-1')).fingerprint256, own.fingerprint256);
  await hub.control('PUT', '/enrollments/individual/cow-1', { certificate: own.toString() });

  const file = await writeConfiguration(home, provisionedBy(hub, {
    Applications: { herd: { DeviceCertificates: folder } },
  }));
  const gateway = await startGatewayOn(t, file, home);
  await gateway.uplink(uplinkOf('herd', 'cow-2'));
  await gateway.uplink(uplinkOf('herd', 'cow-1'));
  await gateway.uplink(uplinkOf('orchard', 'tree-1'));
  await hub.telemetryOf('cow-1', 1);
  await hub.telemetryOf('tree-1', 1);
  assert.equal(await gateway.metric('isthmus_hub_tokens_total'), 1);
  const held = await gateway.logged('DEVICE_HELD');
  assert.match(held.device, /cow-2$/);
  assert.match(held.reason, /cow-2\.pem/);

  // A new certificate that DPS and hub do not know is that device's own matter.
  assert.equal((await run(['device', 'certificate', 'cow-1', '--folder', folder, '--force'])).status, 0);
  await gateway.stop();
  const second = await startGatewayOn(t, file, home);
  await second.uplink(uplinkOf('herd', 'cow-1'));
  await second.uplink(uplinkOf('orchard', 'tree-1'));
  await hub.telemetryOf('tree-1', 2);
  await eventually('cow-1 is held', () => second.log.find(({ id, device }) => id === 'DEVICE_HELD' && device.endsWith('cow-1')));
});
