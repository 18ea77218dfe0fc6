// SPDX-License-Identifier: MIT
// Payload formatters that are kept as blobs (rules B1 to B4). The blobs are Microsoft's emulator's.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';

import { startAzuriteBlobs } from './support/azurite.mjs';
import { provisionedBy, startGateway, uplinkOf } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { eventually, temporaryDirectory } from './support/program.mjs';

/** A formatter that tells its own version. */
const formatter = (version) => `function decodeUplink(input) { return { data: { version: '${version}' } }; }`;

async function site(t) {
  const [hub, storage, directory] =
    await Promise.all([startHub(t), startAzuriteBlobs(t), temporaryDirectory(t, 'blobs')]);
  await storage.container('uplinks');
  let counter = 0;
  const s = {
    hub, storage, directory,
    copies: join(directory, 'data', 'formatters', 'uplink'),
    put: (name, text) => storage.put('uplinks', name, text),
    async start(application, settings = {}) {
      s.gateway = await startGateway(t, provisionedBy(hub), {
        ConnectionStrings: { PayloadFormattersStorage: storage.connectionString },
        PayloadFormatters: {
          UplinkContainer: 'uplinks', RefreshSeconds: 1, Applications: application, ...settings,
        },
      }, directory);
    },
    /** What the hub gets of a new device's uplink. */
    async decoded(application) {
      counter += 1;
      const device = `d${counter}`;
      const body = uplinkOf(application, device, { decoded_payload: undefined });
      assert.equal((await s.gateway.uplink(body)).status, 202);
      return (await s.hub.telemetryOf(device))[0].body;
    },
    copied: (name, text) => eventually(`the copy ${name}`, async () => {
      try {
        return await readFile(join(s.copies, name), 'utf8') === text;
      } catch {
        return false;
      }
    }),
  };
  return s;
}

test('blobs come, change and go; the storage goes, and yesterday\'s run (B1, B2)', async (t) => {
  const s = await site(t);
  await s.put('tracker.js', formatter('one'));
  await s.put('other.js', formatter('other'));
  await s.start({ herd: { UplinkFormatter: 'tracker.js' }, local: { UplinkFormatter: 'local' } });
  await s.copied('tracker.js', formatter('one'));
  assert.equal((await s.decoded('herd')).version, 'one');

  await s.put('tracker.js', formatter('two'));
  await s.copied('tracker.js', formatter('two'));
  await eventually('the new one', async () => (await s.decoded('herd')).version === 'two');
  // What did not change was read once.
  const reads = s.gateway.log.filter((each) => each.id === 'FORMATTER_COPIED' && each.blob === 'other.js');
  assert.equal(reads.length, 1);

  // A file of the folder wins.
  const folder = join(s.directory, 'formatters');
  await mkdir(folder);
  await s.put('local.js', formatter('blob'));
  await s.copied('local.js', formatter('blob'));
  assert.equal((await s.decoded('local')).version, 'blob');
  await writeFile(join(folder, 'local.js'), formatter('file'));
  await eventually('the file', async () => (await s.decoded('local')).version === 'file');

  await s.put('other.js', undefined);
  await eventually('the end of other.js', async () => !(await readdir(s.copies)).includes('other.js'));

  await s.storage.program.stop();
  await s.gateway.logged('FORMATTER_MIRROR_FAILED');
  assert.equal((await s.decoded('herd')).version, 'two');
  await s.gateway.stop();
  await s.start({ herd: { UplinkFormatter: 'tracker.js' } });
  assert.equal((await s.decoded('herd')).version, 'two');
  assert.equal((await s.gateway.get('/readyz')).status, 200);
});

const blobOf = (name) => `<Blob><Name>${name}</Name><Properties><Content-Length>1</Content-Length>` +
  '<Etag>0x1</Etag></Properties></Blob>';
const listOf = (names, next) => '<?xml version="1.0"?><EnumerationResults><Blobs>' +
  `${names.map(blobOf).join('')}</Blobs><NextMarker>${next}</NextMarker></EnumerationResults>`;

/** A blob service that answers by a function; its connection string. */
async function startService(t, answer) {
  const server = http.createServer((request, response) => {
    answer(new URL(request.url, 'http://localhost'), response);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return 'DefaultEndpointsProtocol=http;AccountName=account;AccountKey=a2V5;' +
    `BlobEndpoint=http://127.0.0.1:${server.address().port}`;
}

/** A blob service whose list has two pages; the emulator takes minutes to be given so much. */
async function startPages(t) {
  const notes = Array.from({ length: 4998 }, (_, i) => `note-${i}.txt`);
  return startService(t, (url, response) => {
    if (!url.searchParams.has('comp')) response.end(formatter('last'));
    else if (url.searchParams.get('marker') === 'a+b/=') response.end(listOf(['z-last.js'], ''));
    else response.end(listOf(['..', '../escape.js', ...notes], 'a+b/='));
  });
}

test('a list of more than one page is read whole, and leads nowhere else (B1, B4)', async (t) => {
  const s = await site(t);
  s.storage.connectionString = await startPages(t);
  await s.start({ herd: { UplinkFormatter: 'z-last' } });
  await s.copied('z-last.js', formatter('last'));
  assert.equal((await s.decoded('herd')).version, 'last');
  const skipped = s.gateway.log.filter((each) => each.id === 'FORMATTER_BLOB_SKIPPED');
  assert.deepEqual(skipped.map((each) => each.blob), ['..', '../escape.js']);
  assert.deepEqual(await readdir(s.copies), ['z-last.js']);
});

test('what is not what its Content-MD5 says is read again (B1)', async (t) => {
  const s = await site(t);
  const whole = formatter('whole');
  const md5 = createHash('md5').update(whole).digest('base64');
  const texts = [whole.slice(1), whole];
  s.storage.connectionString = await startService(t, (url, response) => {
    if (url.searchParams.has('comp')) response.end(listOf(['tracker.js'], ''));
    else response.setHeader('content-md5', md5).end(texts.shift() ?? whole);
  });
  await s.start({ herd: { UplinkFormatter: 'tracker.js' } });
  await s.copied('tracker.js', whole);
  const failures = s.gateway.log.filter((each) => each.id === 'FORMATTER_MIRROR_FAILED');
  assert.equal(failures.length, 1);
  assert.match(failures[0].reason, /Content-MD5/);
  assert.equal(s.gateway.log.filter((each) => each.id === 'FORMATTER_COPIED').length, 1);
});

test('a name in C# means its translation, or no formatter; nothing dies (B3)', async (t) => {
  const s = await site(t);
  await s.put('tracker.js', formatter('translated'));
  await s.put('tracker.cs', '// C#');
  await s.start({
    herd: { UplinkFormatter: 'tracker.cs' },
    bees: { UplinkFormatter: 'bees.cs' },
    plain: { UplinkFormatter: 'default.cs' },
  });
  await s.copied('tracker.js', formatter('translated'));
  assert.equal((await s.decoded('herd')).version, 'translated');
  for (const application of ['bees', 'bees', 'plain', 'plain']) {
    const body = await s.decoded(application);
    assert.equal(body.version, undefined);
    assert.equal(body.PayloadRaw, 'AQI=');
  }
  const warnings = s.gateway.log.filter((each) => each.id === 'FORMATTER_NOT_TRANSLATED');
  assert.deepEqual(warnings.map((each) => each.formatter), ['bees.cs']);
  assert.ok(!s.gateway.log.some((each) => each.id === 'EVENT_DEAD'));
  assert.deepEqual(await readdir(s.copies), ['tracker.js']);
});

test('odd names and great blobs are skipped, and nothing is written elsewhere (B4)', async (t) => {
  const s = await site(t);
  const odd = ['folder/x.js', 'a b.js', '.hidden.js', '%2e%2e%2fescape.js', 'ünïcode.js'];
  for (const name of odd) await s.put(name, formatter('odd'));
  await s.put('huge.js', `// ${'x'.repeat(2 * 1024 * 1024)}`);
  await s.put('good.js', formatter('good'));
  await s.start({});
  await s.copied('good.js', formatter('good'));
  // Another list has been read when this one is there.
  await s.put('later.js', formatter('later'));
  await s.copied('later.js', formatter('later'));
  assert.deepEqual((await readdir(s.copies)).sort(), ['good.js', 'later.js']);
  assert.deepEqual((await readdir(join(s.directory, 'data', 'formatters'))), ['uplink']);
  const skipped = s.gateway.log.filter((each) => each.id === 'FORMATTER_BLOB_SKIPPED').map((each) => each.blob);
  assert.equal(new Set(skipped).size, skipped.length, 'one warning each');
  assert.ok(skipped.includes('folder/x.js') && skipped.includes('huge.js') && skipped.includes('a b.js'));
});
