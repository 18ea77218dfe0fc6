// SPDX-License-Identifier: MIT
// The samples of Myriota in tests/data/samples, byte for byte: their certificates are on
// security.myriota.com, for which a stand-in answers behind the environment's proxy. The real
// messages are not part of the project: they are in the folder that ISTHMUS_TEST_DATA names.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { provisionedBy, startGateway } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { startCertificateHost, startProxy } from './support/myriota.mjs';
import { temporaryDirectory } from './support/program.mjs';

const samples = join(dirname(fileURLToPath(import.meta.url)), '..', 'data', 'samples', 'myriota');
const data = process.env.ISTHMUS_TEST_DATA;
const real = data ? join(data, 'myriota', 'real') : undefined;
const realCertificate = 'data-13f7751f3c5df569a6c9c42a9ce73a8a.crt';
const skip = real ? false : 'the real messages are where ISTHMUS_TEST_DATA says';

/** What each sample, by the start of its name, is answered in the modes Require and Strict. */
const expectations = [
  [/^signature-valid-self-signed-expired/, 202, 403, /strict/],
  [/^signature-valid/, 202, 202],
  [/^signature-strict-only-/, 202, 403, /strict/],
  [/^signature-bad-wrong-(common-name|organization)/, 403, 403, /subject/],
  [/^signature-bad-not-base64/, 403, 403, /not base64/],
  [/^signature-bad-/, 403, 403, /does not fit/],
  [/^signature-missing/, 403, 403, /Signature is missing/],
  [/^certificate-url-bad-/, 403, 403, /CertificateUrl/],
  [/^uplink-data-(not-json|no-packets)/, 400, 400, /Data/],
  [/^uplink-empty-packets/, 200, 200],
  [/^uplink-/, 202, 202],
  [/^real\/valid-/, 202, 403, /strict/],
  [/^real\/invalid-/, 403, 403, /does not fit/],
];

const cleanup = [];
const shared = { after: (work) => cleanup.unshift(work) };
let hub;
let host;
let proxy;
let bundle;
let names;

before(async () => {
  const bodies = async (folder) => (await readdir(folder)).filter((name) => name.endsWith('.json'));
  names = (await bodies(samples)).sort();
  if (real) names.push(...(await bodies(real)).sort().map((name) => `real/${name}`));
  hub = await startHub(shared);
  host = await startCertificateHost(shared);
  proxy = await startProxy(shared, host.port);
  const folder = join(samples, 'certificates');
  const { comment, ...index } = JSON.parse(await readFile(join(folder, 'index.json'), 'utf8'));
  for (const [url, file] of Object.entries(index)) {
    host.files.set(new URL(url).pathname, await readFile(join(folder, file)));
  }
  if (real) host.files.set(`/${realCertificate}`, await readFile(join(real, realCertificate)));
  bundle = join(await temporaryDirectory(shared, 'trust'), 'trusted.pem');
  await writeFile(bundle, [await readFile(hub.info.certificate, 'utf8'), host.root,
    await readFile(join(folder, 'test-root.crt'), 'utf8')].join('\n'));
});

after(async () => {
  for (const work of cleanup) await work();
});

function start(t, settings, environment) {
  return startGateway(t, provisionedBy(hub, { TrustedCertificates: bundle }),
    { Myriota: settings }, undefined, environment);
}

/** Where the sample of that name is. */
function fileOf(name) {
  return name.startsWith('real/') ? join(data, 'myriota', name) : join(samples, name);
}

async function assertAnswers(gateway, column) {
  for (const name of names) {
    const expected = expectations.find(([pattern]) => pattern.test(name));
    assert.ok(expected, `nothing is expected of ${name}`);
    const body = await readFile(fileOf(name));
    const asked = host.requests.length;
    const answer = await gateway.post('/myriota/samples', body);
    assert.equal(answer.status, expected[column], `${name}: ${answer.text}`);
    if (answer.status >= 400) assert.match(JSON.parse(answer.text).detail, expected[3], name);
    if (name.startsWith('certificate-url-bad-')) assert.equal(host.requests.length, asked, name);
  }
}

const behindProxy = () => ({ https_proxy: proxy.url, no_proxy: 'localhost,127.0.0.1' });

test('M1 to M9 every sample is answered as it should be in the mode Require', async (t) => {
  const gateway = await start(t, { SignatureMode: 'Require' }, behindProxy());

  await assertAnswers(gateway, 1);
  assert.ok(proxy.asked.length > 0);
  assert.ok(proxy.asked.every((each) => each === 'security.myriota.com:443'), proxy.asked.join());
  assert.equal(new Set(host.requests).size, host.requests.length, 'a certificate was fetched twice');
  if (real) {
    const [message] = await hub.telemetryOf('89883380001010376490');
    assert.match(message.body.PayloadBytes, /^DE-CA-FB-AD-/);
  }
  // Packets of the samples that are taken, without doubles.
  const packets = new Set();
  for (const name of names) {
    if (expectations.find(([pattern]) => pattern.test(name))[1] !== 202) continue;
    const { Data } = JSON.parse(await readFile(fileOf(name), 'utf8'));
    for (const { TerminalId, Timestamp, Value } of JSON.parse(Data).Packets) {
      if (/^([0-9a-f]{2})*$/i.test(Value)) packets.add(`${TerminalId} ${Timestamp} ${Value.toLowerCase()}`);
    }
  }
  for (const terminal of new Set([...packets].map((each) => each.split(' ')[0]))) {
    const count = [...packets].filter((each) => each.startsWith(`${terminal} `)).length;
    assert.equal((await hub.telemetryOf(terminal, count)).length, count, terminal);
  }
});

test('M8 every sample is answered as it should be in the mode Strict', async (t) => {
  await assertAnswers(await start(t, { SignatureMode: 'Strict' }, behindProxy()), 2);
});

test('M8 real messages are verified with the real certificate in a file, without a fetch', { skip }, async (t) => {
  const asked = host.requests.length;
  const file = join(real, realCertificate);
  const fingerprint = new X509Certificate(await readFile(file)).fingerprint256;
  const gateway = await start(t, {
    CertificateFiles: [file],
    CertificateFingerprints: ['01:23'.padEnd(95, ':45'), fingerprint],
  }, { https_proxy: 'http://127.0.0.1:1', no_proxy: 'localhost,127.0.0.1' });

  for (const [name, status] of [['valid-2026', 202], ['valid-support-article-2019', 202],
    ['invalid-tampered-2019', 403], ['invalid-edited-blog-2023', 403]]) {
    const answer = await gateway.post('/myriota', await readFile(join(real, `${name}.json`)));
    assert.equal(answer.status, status, `${name}: ${answer.text}`);
  }
  assert.equal(host.requests.length, asked);
});
