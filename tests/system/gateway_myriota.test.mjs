// SPDX-License-Identifier: MIT
// Myriota's webhooks (M1 to M9): signatures that this test makes itself, certificates from a
// stand-in for their host, telemetry in a local hub.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { makeKey } from './support/certificates.mjs';
import { provisionedBy, startGateway } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import {
  endpointRef, packetOf, realSubject, Signer, startCertificateHost,
} from './support/myriota.mjs';
import { eventually, temporaryDirectory } from './support/program.mjs';

const models = {
  tracker: 'dtmi:myriotaconnector:Tracker_2lb;1',
  [endpointRef]: 'dtmi:myriotaconnector:Founded;1',
};

// One hub, one certificate host and one gateway in the mode Require serve all tests but those
// that need a gateway of their own.
const cleanup = [];
const shared = { after: (work) => cleanup.unshift(work) };
let hub;
let host;
let bundle;
let gateway;
let signer;

before(async () => {
  hub = await startHub(shared);
  host = await startCertificateHost(shared);
  bundle = join(await temporaryDirectory(shared, 'trust'), 'trusted.pem');
  await writeFile(bundle, await readFile(hub.info.certificate, 'utf8') + host.root);
  signer = host.serve(new Signer({ from: -2000, to: -1000 }), '/data-1.crt');
  gateway = await startGateway(shared, azure(), myriota());
});

after(async () => {
  for (const work of cleanup) await work();
});

function azure() {
  return provisionedBy(hub, {
    TrustedCertificates: bundle, ApplicationToDtdlModelIdMapping: models,
  });
}

function myriota(settings = {}) {
  return { Myriota: { CertificateHost: `localhost:${host.port}`, ...settings } };
}

const fingerprint = (signer) => new X509Certificate(signer.certificate.pem).fingerprint256;

/** Asserts that a delivery is refused, with a reason, as a problem document. */
async function assertRefused(answer, status, reason) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'], /application\/problem\+json/);
  const problem = JSON.parse(answer.text);
  assert.equal(problem.status, status);
  assert.match(problem.detail, reason);
}

/** Sends one more packet of a terminal and asserts that the hub then has exactly `count` of it. */
async function assertTelemetry(terminal, count, by = gateway) {
  const marker = await by.post('/myriota/tracker', signer.delivery([packetOf(terminal, 'ff')]));
  assert.equal(marker.status, 202, marker.text);
  const messages = await hub.telemetryOf(terminal, count + 1);
  assert.equal(messages.length, count + 1);
  return messages.slice(0, count);
}

test('M1 M2 M3 M4 M5 one message per packet, as the device of its terminal', async () => {
  const packets = [
    packetOf('0001020304', '00ffCC', Date.UTC(2024, 4, 6, 7, 36, 43, 210)),
    packetOf('89883380001010376490', '', Date.UTC(2019, 6, 19, 1, 2, 3, 4)),
    packetOf('0001020304', 'DEcafBAD', Date.UTC(2024, 4, 6, 6, 0, 0)),
  ];
  const delivery = signer.delivery(packets, { Timestamp: 1714982405 });

  const answer = await gateway.post('/myriota/tracker', delivery);
  assert.equal(answer.status, 202, answer.text);
  const [first, second] = await hub.telemetryOf('0001020304', 2);
  const { PayloadArrivedAtUtc: arrived, ...body } = first.body;
  assert.deepEqual(body, {
    PayloadBytes: '00-FF-CC',
    PayloadId: delivery.Id,
    EndpointReference: endpointRef,
    TerminalId: '0001020304',
    PacketArrivedAtUtc: '2024-05-06T07:36:43.210Z',
    PayloadReceivedAtUtc: '2024-05-06T08:00:05.000Z',
  });
  assert.ok(Math.abs(Date.parse(arrived) - Date.now()) < 600000, arrived);
  assert.deepEqual(first.properties, {
    PayloadId: delivery.Id,
    EndpointReference: endpointRef,
    TerminalId: '0001020304',
    'iothub-creation-time-utc': '2024-05-06T07:36:43.210Z',
  });
  assert.equal(first.modelId, models.tracker);
  assert.equal(second.body.PayloadBytes, 'DE-CA-FB-AD');
  const [other] = await hub.telemetryOf('89883380001010376490');
  assert.equal(other.body.PayloadBytes, '');
  assert.equal(other.properties['iothub-creation-time-utc'], '2019-07-19T01:02:03.004Z');
});

test('M4 without an application in the path it is the one of the endpoint', async () => {
  const answer = await gateway.post('/myriota', signer.delivery([packetOf('founded-1')]));
  assert.equal(answer.status, 202, answer.text);
  const [message] = await hub.telemetryOf('founded-1');
  assert.equal(message.modelId, models[endpointRef]);
});

test('M1 M6 a bad packet is named and does not take its neighbours', async () => {
  const answer = await gateway.post('/myriota/tracker', signer.delivery([
    packetOf('beside-1', '0g'), packetOf('beside-2', '01'), packetOf('beside-1', '012'),
    packetOf('beside-3', '02'),
  ]));
  assert.equal(answer.status, 202, answer.text);
  await hub.telemetryOf('beside-2');
  await hub.telemetryOf('beside-3');
  assert.deepEqual(JSON.parse(answer.text), {
    stored: 2,
    notStored: [
      { device: 'beside-1', reason: 'packet 1 of terminal beside-1: Value is not hexadecimal' },
      { device: 'beside-1', reason: 'packet 3 of terminal beside-1: Value has an odd number of hex digits' },
    ],
  });
  await assertTelemetry('beside-1', 0);
});

test('a packet whose terminal can be no device is named in the answer, the log and a metric', async () => {
  const counted = 'isthmus_webhook_parts_not_stored_total';
  const before = await gateway.metric(counted);
  const answer = await gateway.post('/myriota/tracker', signer.delivery([
    packetOf('fit-1', '01'), packetOf('no id/for a hub', '02'),
  ]));
  assert.equal(answer.status, 202, answer.text);
  const told = JSON.parse(answer.text);
  assert.equal(told.stored, 1);
  assert.equal(told.notStored.length, 1);
  assert.equal(told.notStored[0].device, 'no id/for a hub');
  assert.match(told.notStored[0].reason, /can't be a device id in IoT Hub/);
  await hub.telemetryOf('fit-1');
  const logged = await eventually('its line in the log', () => gateway.log.find((entry) =>
    entry.id === 'WEBHOOK_PART_REFUSED' && entry.device === 'no id/for a hub'));
  assert.match(logged.reason, /can't be a device id/);
  assert.equal(await gateway.metric(counted), before + 1);
  const whole = await gateway.post('/myriota/tracker', signer.delivery([packetOf('fit-1', '03')]));
  assert.equal(whole.text, '');
});

test('M7 data that is no list of packets is 400, an empty list is 2xx', async () => {
  await assertRefused(await gateway.post('/myriota', signer.delivery([], { Data: 'no JSON' })),
    400, /Data/);
  await assertRefused(await gateway.post('/myriota', signer.delivery([], { Data: '{"a":1}' })),
    400, /Packets/);
  await assertRefused(await gateway.post('/myriota', 'no JSON'), 400, /body/);
  assert.equal((await gateway.post('/myriota', signer.delivery([]))).status, 200);
});

test('M9 the same packet again is 2xx and not sent again', async () => {
  const packet = packetOf('doubled-1', 'aB');

  for (const again of [packet, packet, { ...packet, Value: 'Ab' }]) {
    const answer = await gateway.post('/myriota/tracker', signer.delivery([again]));
    assert.equal(answer.status, 202, answer.text);
  }
  await assertTelemetry('doubled-1', 1);
});

test('M8 what Myriota has not signed is refused, and nothing of it is stored', async () => {
  const path = '/myriota/tracker';
  const good = signer.delivery([packetOf('forged-1')]);
  const stranger = new Signer({ url: signer.url });
  const { Signature: ignored, ...unsigned } = good;
  const changed = {
    Timestamp: good.Timestamp + 1, Id: 'another', EndpointRef: `${endpointRef}x`, Data: `${good.Data} `,
  };

  for (const [member, value] of Object.entries(changed)) {
    await assertRefused(await gateway.post(path, { ...good, [member]: value }), 403, /does not fit/);
  }
  await assertRefused(await gateway.post(path, stranger.delivery([packetOf('forged-1')])), 403, /does not fit/);
  await assertRefused(await gateway.post(path, unsigned), 403, /Signature is missing/);
  await assertRefused(await gateway.post(path, { ...good, Signature: '%%' }), 403, /not base64/);
  await assertRefused(await gateway.post(path, { ...good, CertificateUrl: undefined }), 403, /CertificateUrl/);
  assert.equal(await gateway.metric('isthmus_webhooks_total{answer="untrusted"}') > 0, true);
  await assertTelemetry('forged-1', 0);
});

test('M8 a certificate of another subject is refused', async () => {
  const key = makeKey('rsa');
  const subjects = [
    { ...realSubject, CN: 'security.myriota.com.example.net' },
    { ...realSubject, O: 'Somebody Else Ltd' },
    { CN: realSubject.CN },
  ];

  for (const [i, subject] of subjects.entries()) {
    const other = host.serve(new Signer({ key, subject }), `/foreign-${i}.crt`);
    await assertRefused(await gateway.post('/myriota', other.delivery([packetOf('foreign-1')])), 403, /subject/);
  }
  const nowhere = new Signer({ key, url: `https://localhost:${host.port}/nowhere.crt` });
  await assertRefused(await gateway.post('/myriota', nowhere.delivery([packetOf('foreign-1')])), 403, /no certificate/);
  host.files.set('/page.html', '<html></html>');
  nowhere.url = `https://localhost:${host.port}/page.html`;
  await assertRefused(await gateway.post('/myriota', nowhere.delivery([packetOf('foreign-1')])), 403, /no certificate/);
  await assertTelemetry('foreign-1', 0);
});

test('M8 a certificate from elsewhere is refused without a fetch', async () => {
  const before = host.requests.length;
  const port = host.port;
  const urls = [
    `http://localhost:${port}/data-1.crt`, `https://127.0.0.1:${port}/data-1.crt`,
    `https://localhost:${port}@example.net/x`, `https://example.net\\@localhost:${port}/x`,
    'https://security.myriota.com/data-1.crt', 'https://localhost/data-1.crt',
    'file:///etc/hostname', `https://localhost.example.net:${port}/x`,
    'https://169.254.169.254/latest/meta-data', '',
  ];

  for (const url of urls) {
    const forged = signer.delivery([packetOf('elsewhere-1')], { CertificateUrl: url });
    await assertRefused(await gateway.post('/myriota', forged), 403, /CertificateUrl/);
  }
  assert.equal(host.requests.length, before);
  await assertTelemetry('elsewhere-1', 0);
});

test('M8 deliveries that come together share one fetch, and a rotated certificate is fetched', async () => {
  const rotated = host.serve(new Signer({ key: makeKey('rsa') }), '/data-2.der', 'der');
  let open;
  host.gate = new Promise((resolve) => {
    open = resolve;
  });

  const answers = Array.from({ length: 20 }, () =>
    gateway.post('/myriota/tracker', rotated.delivery([packetOf('rotated-1')])));
  await eventually('a fetch', () => host.count('/data-2.der') > 0);
  const meanwhile = await gateway.post('/myriota/tracker', signer.delivery([packetOf('meanwhile-1')]));
  assert.equal(meanwhile.status, 202, 'others wait for a foreign fetch');
  host.gate = undefined;
  open();
  for (const answer of await Promise.all(answers)) assert.equal(answer.status, 202, answer.text);
  assert.equal((await hub.telemetryOf('rotated-1', 20)).length, 20);
  assert.equal(host.count('/data-2.der'), 1);
  assert.equal(host.count('/data-1.crt'), 1);
});

test('M8 a host that does not answer is not the sender\'s fault: 503, and later it works', async () => {
  const late = host.serve(new Signer({ key: makeKey('rsa') }), '/data-3.crt');
  const packet = packetOf('late-1');

  host.status = 500;
  const answer = await gateway.post('/myriota/tracker', late.delivery([packet]));
  await assertRefused(answer, 503, /answered 500/);
  assert.ok(Number(answer.headers['retry-after']) > 0);
  await assertRefused(await gateway.post('/myriota/tracker', late.delivery([packet])), 503, /answered 500/);
  assert.equal(host.count('/data-3.crt'), 1);
  host.status = undefined;
  await eventually('the delivery', async () =>
    (await gateway.post('/myriota/tracker', late.delivery([packet]))).status === 202);
  assert.equal((await hub.telemetryOf('late-1')).length, 1);
});

test('M8 a kept certificate needs no fetch after a restart, and a waiting delivery no patience', async (t) => {
  const first = await startGateway(t, azure(), myriota());
  const kept = host.serve(new Signer({ key: makeKey('rsa') }), '/data-4.crt');

  assert.equal((await first.post('/myriota/tracker', kept.delivery([packetOf('kept-1')]))).status, 202);
  await hub.telemetryOf('kept-1');
  await first.stop();
  host.status = 500;
  const second = await startGateway(t, azure(), myriota(), first.directory);
  assert.equal((await second.post('/myriota/tracker', kept.delivery([packetOf('kept-1')]))).status, 202);
  host.status = undefined;
  assert.equal(host.count('/data-4.crt'), 1);

  host.gate = new Promise((resolve) => {
    t.after(resolve);
  });
  const waiting = second.post('/myriota/tracker',
    host.serve(new Signer({ key: makeKey('rsa') }), '/data-5.crt').delivery([packetOf('kept-1')]));
  await eventually('the fetch', () => host.count('/data-5.crt') > 0);
  second.program.kill('SIGTERM');
  await assertRefused(await waiting, 503, /stopping/);
  await second.program.expectEnd(0);
  host.gate = undefined;
});

test('M8 Strict wants a certificate that is valid now and of a trusted root', async (t) => {
  const root = new Signer({ subject: { CN: 'Root of signers' }, authority: true }).certificate;
  const key = makeKey('rsa');
  const good = host.serve(new Signer({ key, issuer: root }), '/strict-good.crt');
  const bad = [
    host.serve(new Signer({ key, issuer: root, from: -20, to: -10 }), '/strict-expired.crt'),
    host.serve(new Signer({ key, issuer: root, from: 10, to: 20 }), '/strict-early.crt'),
    host.serve(new Signer({ key }), '/strict-self-signed.crt'),
  ];
  const trusted = join(await temporaryDirectory(t, 'strict'), 'trusted.pem');
  await writeFile(trusted, await readFile(bundle, 'utf8') + root.pem);
  const strict = await startGateway(t, { ...azure(), TrustedCertificates: trusted },
    myriota({ SignatureMode: 'Strict' }));

  assert.equal((await strict.post('/myriota/tracker', good.delivery([packetOf('strict-1')]))).status, 202);
  for (const each of bad) {
    await assertRefused(await strict.post('/myriota/tracker', each.delivery([packetOf('strict-1')])), 403, /strict/);
    assert.equal((await gateway.post('/myriota/tracker', each.delivery([packetOf('lenient-1')]))).status, 202);
  }
  assert.equal((await hub.telemetryOf('strict-1')).length, 1);
  await hub.telemetryOf('lenient-1', bad.length);
});

test('M8 Warn lets everything in and says so; Off does not look', async (t) => {
  const forged = () => ({ ...signer.delivery([packetOf('doubtful-1')]), Signature: 'AAAA' });
  const warn = await startGateway(t, azure(), myriota({ SignatureMode: 'Warn' }));

  assert.equal((await warn.post('/myriota/tracker', forged())).status, 202);
  assert.match((await warn.logged('SIGNATURE_DOUBTFUL')).reason, /does not fit/);
  await hub.telemetryOf('doubtful-1');
  await warn.stop();
  const before = host.requests.length;
  const off = await startGateway(t, azure(), myriota({ SignatureMode: 'Off' }));
  assert.equal((await off.post('/myriota/tracker', forged())).status, 202);
  assert.equal(host.requests.length, before);
  await hub.telemetryOf('doubtful-1', 2);
});

test('M8 configured certificates need no fetch; an old delivery is a repetition', async (t) => {
  const folder = await temporaryDirectory(t, 'pinned');
  const [first, second] = [new Signer({ url: signer.url }), new Signer({ url: signer.url })];
  await writeFile(join(folder, 'first.pem'), first.certificate.pem);
  await writeFile(join(folder, 'second.der'), second.certificate.der);
  const before = host.requests.length;
  const pinned = await startGateway(t, azure(), myriota({
    CertificateFiles: [join(folder, 'first.pem'), join(folder, 'second.der')],
    CertificateFingerprints: [fingerprint(first), fingerprint(second).replaceAll(':', '').toLowerCase()],
    MaximumAgeMinutes: 60,
  }));

  for (const each of [first, second]) {
    const answer = await pinned.post('/myriota/tracker', each.delivery([packetOf('pinned-1')]));
    assert.equal(answer.status, 202, answer.text);
  }
  await assertRefused(await pinned.post('/myriota/tracker', signer.delivery([packetOf('pinned-1')])),
    403, /does not fit/);
  for (const minutes of [-61, 61]) {
    const Timestamp = Math.floor(Date.now() / 1000) + minutes * 60;
    await assertRefused(await pinned.post('/myriota/tracker', first.delivery([packetOf('pinned-1')], { Timestamp })),
      403, /Timestamp/);
  }
  assert.equal(host.requests.length, before);
  await hub.telemetryOf('pinned-1', 2);
});

test('M8 fingerprints restrict what is fetched', async (t) => {
  const [own, other] = ['own', 'other'].map((name) =>
    host.serve(new Signer({ key: makeKey('rsa') }), `/pinned-${name}.crt`));
  const pinned = await startGateway(t, azure(), myriota({
    CertificateFingerprints: [fingerprint(own)],
  }));

  const answer = await pinned.post('/myriota/tracker', own.delivery([packetOf('pinned-2')]));
  assert.equal(answer.status, 202, answer.text);
  await assertRefused(await pinned.post('/myriota/tracker', other.delivery([packetOf('pinned-2')])),
    403, new RegExp(fingerprint(other).replaceAll(':', '').toLowerCase()));
  await hub.telemetryOf('pinned-2', 1);
});
