// SPDX-License-Identifier: MIT
// The door to the internet: who connects without a key, says too little, too much or two things
// at once, must not keep out those who have one.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import tls from 'node:tls';

import { keyText, makeCertificate, makeKey } from './support/certificates.mjs';
import { startGateway, startGatewayOn, uplinkOf, webhookKey, writeConfiguration } from './support/gateway.mjs';
import { eventually, run, temporaryDirectory, within } from './support/program.mjs';

/** A hub that nobody can reach: what is posted is stored. */
const azure = {
  AzureIoTHub: {
    ConnectionString: 'HostName=localhost;SharedAccessKeyName=device;SharedAccessKey=c2VjcmV0',
  },
  AmqpPort: 1,
};

const good = () => JSON.stringify(uplinkOf('application1', 'tracker-07'));

/** A whole request with a key. */
function requestOf(body, lines = []) {
  return ['POST /things-stack HTTP/1.1', 'Host: localhost', `X-Api-Key: ${webhookKey}`, ...lines,
    `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n');
}

/** Sends text on a connection of its own; resolves to all that came back until its end. */
function talk(port, text, connect = net.connect) {
  return within('the end of the connection', new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, allowHalfOpen: true });
    let answer = '';
    socket.on('data', (data) => { answer += data.toString('latin1'); });
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(answer));
    socket.write(text);
  }));
}

/**
 * Keeps `count` connections open, which say a byte of a header each `everyMs` (0 = nothing), and
 * are opened again `againMs` after they were cut.
 */
function besiege(t, port, count, { everyMs = 0, againMs = 5000 } = {}) {
  const sockets = new Set();
  const siege = { cut: 0, opened: 0, over: false };
  const open = () => {
    if (siege.over) return;
    const socket = net.connect(port, '127.0.0.1');
    let timer;
    siege.opened += 1;
    sockets.add(socket);
    socket.on('connect', () => {
      if (everyMs === 0) return;
      socket.write('POST /things-stack HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
      timer = setInterval(() => socket.write('a'), everyMs);
    });
    socket.on('data', () => {});
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(timer);
      sockets.delete(socket);
      siege.cut += 1;
      setTimeout(open, againMs).unref();
    });
  };
  for (let i = 0; i < count; i += 1) open();
  t.after(() => {
    siege.over = true;
    for (const socket of sockets) socket.destroy();
  });
  return siege;
}

for (const [kind, everyMs] of [['are silent', 0], ['trickle their headers', 100]]) {
  test(`webhooks are taken beside 2,000 connections that ${kind}`, async (t) => {
    const gateway = await startGateway(t, azure, { Limits: { ConnectionsPerAddress: 0 } });
    const siege = besiege(t, gateway.port, 2000, { everyMs });
    await eventually('connections are cut', () => siege.cut > 1000);
    for (let i = 0; i < 20; i += 1) {
      gateway.agent.destroy();
      assert.equal((await gateway.uplink(good())).status, 202);
    }
    const status = await run(['status', '--data', join(gateway.directory, 'data')]);
    assert.equal(status.status, 0, status.output);
    assert.ok(await gateway.metric('isthmus_webhook_connections') <= 1016);
    assert.ok(await gateway.metric('isthmus_webhook_connections_cut_total{reason="crowded"}') > 0);
    const warning = await gateway.logged('WEBHOOK_PLACES_USED_UP');
    assert.equal(warning.connections, 1000);
  });
}

test('a connection that has shown a key is never cut for newcomers', async (t) => {
  const gateway = await startGateway(t, azure, { Limits: { Connections: 20, ConnectionsPerAddress: 0 } });
  const trusted = net.connect(gateway.port, '127.0.0.1');
  let answers = '';
  trusted.on('data', (data) => { answers += data; });
  t.after(() => trusted.destroy());
  for (let round = 1; round <= 3; round += 1) {
    trusted.write(requestOf(good()));
    await eventually('an answer', () => answers.split('HTTP/1.1 202').length === round + 1);
    const siege = besiege(t, gateway.port, 60, { againMs: 20 });
    await eventually('connections are cut', () => siege.cut > 100);
    siege.over = true;
  }
});

test('one address has so many connections without a key, and any number with one', async (t) => {
  const gateway = await startGateway(t, azure, { Limits: { ConnectionsPerAddress: 5, HeaderTimeoutSeconds: 600 } });
  const strangers = [];
  t.after(() => strangers.forEach((socket) => socket.destroy()));
  for (let i = 0; i < 8; i += 1) {
    const socket = net.connect(gateway.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.on('data', () => {});
    strangers.push(socket);
    await within('a connection', new Promise((resolve) => { socket.once('connect', resolve); }));
  }
  await eventually('the three oldest are cut', () => strangers.slice(0, 3).every((socket) => socket.destroyed));
  assert.ok(strangers.slice(3).every((socket) => !socket.destroyed));
  const cut = await gateway.logged('WEBHOOK_ADDRESS_FULL');
  assert.equal(cut.peer, '127.0.0.1');
  assert.equal(cut.setting, 'Limits.ConnectionsPerAddress');

  const keyed = [];
  t.after(() => keyed.forEach((socket) => socket.destroy()));
  for (let i = 0; i < 10; i += 1) {
    const socket = net.connect(gateway.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (data) => { answer += data; });
    keyed.push(socket);
    socket.write(requestOf(good()));
    await eventually('an answer', () => answer.startsWith('HTTP/1.1 202 '));
  }
  assert.ok(keyed.every((socket) => !socket.destroyed));
});

test('headers have a shorter time than bodies', async (t) => {
  const gateway = await startGateway(t, azure, { Limits: { HeaderTimeoutSeconds: 1, RequestTimeoutSeconds: 600 } });
  const slow = net.connect(gateway.port, '127.0.0.1');
  let answer = '';
  slow.on('data', (data) => { answer += data; });
  t.after(() => slow.destroy());
  const body = good();
  const text = requestOf(body);
  slow.write(text.slice(0, -body.length));
  assert.match(await talk(gateway.port, 'POST /things-stack HTTP/1.1\r\nX: '), /^HTTP\/1\.1 408 /);
  assert.match(await talk(gateway.port, ''), /^(HTTP\/1\.1 408 |$)/);
  slow.write(body);
  await eventually('the body in time', () => answer.startsWith('HTTP/1.1 202 '));
  assert.equal((await gateway.logged('WEBHOOK_TOO_SLOW')).peer, '127.0.0.1');
});

const body = good();
const length = `Content-Length: ${body.length}`;
const chunked = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
const ambiguous = [
  ['two lengths', ['Host: a', length, 'Content-Length: 3'], body],
  ['the same length twice', ['Host: a', length, length], body],
  ['a length and chunks', ['Host: a', length, 'Transfer-Encoding: chunked'], chunked],
  ['an unknown coding', ['Host: a', 'Transfer-Encoding: gzip'], body],
  ['two codings', ['Host: a', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], chunked],
  ['a coding before chunked', ['Host: a', 'Transfer-Encoding: gzip, chunked'], chunked],
  ['no host', [length], body],
  ['two hosts', ['Host: a', 'Host: b', length], body],
  ['a blank before the colon', ['Host: a', 'X-Odd : b', length], body],
  ['a first header that goes on', [' Host: a', length], body],
  ['a length with a sign', ['Host: a', `Content-Length: +${body.length}`], body],
  ['a zero byte in the query', ['Host: a', length], body, '?code=a%00b'],
];

test('requests that can be read in two ways get 400, and the connection ends', async (t) => {
  const gateway = await startGateway(t, azure);
  for (const [what, lines, content, query = ''] of ambiguous) {
    const text = [`POST /things-stack${query} HTTP/1.1`, `X-Api-Key: ${webhookKey}`, ...lines, '', content].join('\r\n');
    const answer = await talk(gateway.port, `${text}${requestOf(good())}`);
    assert.match(answer, /^HTTP\/1\.1 400 /, what);
    assert.doesNotMatch(answer, /HTTP\/1\.1 202 /, what);
  }
  assert.equal((await gateway.uplink(good())).status, 202);
});

test('a length beyond all numbers is refused at once', async (t) => {
  const gateway = await startGateway(t, azure, { Limits: { RequestTimeoutSeconds: 600 } });
  for (const number of ['9223372036854775808', '18446744073709551615', '99999999999999999999999']) {
    const text = requestOf('').replace('Content-Length: 0', `Content-Length: ${number}`);
    assert.match(await talk(gateway.port, text), /^HTTP\/1\.1 413 /, number);
  }
});

/** A certificate and its key as files; gives the settings and what to compare with. */
async function writeTls(folder, names = {}) {
  const key = makeKey();
  const made = makeCertificate({ key, subject: { CN: names.subject ?? 'localhost' }, hosts: ['localhost'] });
  const files = { Certificate: join(folder, 'tls.pem'), Key: join(folder, 'tls.key') };
  await writeFile(files.Certificate, made.pem);
  await writeFile(files.Key, keyText(key), { mode: 0o600 });
  return { files, subject: names.subject ?? 'localhost' };
}

/** The subject of the certificate that is shown; rejects if the handshake fails. */
function shake(port, options = {}) {
  return within('a handshake', new Promise((resolve, reject) => {
    const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options }, () => {
      resolve({
        subject: socket.getPeerCertificate().subject.CN,
        protocol: socket.getProtocol(),
        cipher: socket.getCipher().name,
      });
      socket.destroy();
    });
    socket.on('error', reject);
  }));
}

test('413 reaches a sender that is still sending, announced or in chunks, also over TLS', async (t) => {
  const folder = await temporaryDirectory(t, 'tls');
  const plain = await startGateway(t, azure);
  const secret = await startGateway(t, azure, { Tls: (await writeTls(folder)).files });
  const large = 'x'.repeat(24 * 1024 * 1024);
  const announced = requestOf(large);
  const inChunks = announced.replace(/Content-Length: \d+/, 'Transfer-Encoding: chunked')
    .replace('\r\n\r\n', `\r\n\r\n${large.length.toString(16)}\r\n`);
  for (const [gateway, connect] of [[plain, net.connect], [secret, tls.connect]]) {
    for (const text of [announced, inChunks]) {
      const answer = await talk(gateway.port, text, connect);
      assert.match(answer, /^HTTP\/1\.1 413 /);
      assert.match(answer, /larger than the limit of 1048576 bytes/);
    }
    assert.match(await talk(gateway.port, requestOf(large).replace(webhookKey, 'wrong'), connect), /^HTTP\/1\.1 401 /);
  }
});

test('TLS: only 1.2 and 1.3, with forward secrecy and authenticated encryption', async (t) => {
  const folder = await temporaryDirectory(t, 'tls');
  const gateway = await startGateway(t, azure, { Tls: (await writeTls(folder)).files });
  const weak = { ciphers: 'ALL:@SECLEVEL=0' };
  for (const version of ['TLSv1', 'TLSv1.1']) {
    await assert.rejects(shake(gateway.port, { ...weak, minVersion: version, maxVersion: version }), version);
  }
  for (const ciphers of ['AES256-GCM-SHA384', 'AES128-GCM-SHA256', 'AES128-SHA', 'ECDHE-ECDSA-AES128-SHA256',
    'ECDHE-ECDSA-AES256-SHA', 'DHE-RSA-AES128-GCM-SHA256']) {
    await assert.rejects(shake(gateway.port, { ciphers: `${ciphers}:@SECLEVEL=0`, maxVersion: 'TLSv1.2' }), ciphers);
  }
  const two = await shake(gateway.port, { ...weak, maxVersion: 'TLSv1.2' });
  assert.equal(two.protocol, 'TLSv1.2');
  assert.match(two.cipher, /^ECDHE-ECDSA-(AES\d+-GCM|CHACHA20-POLY1305)/);
  assert.equal((await shake(gateway.port)).protocol, 'TLSv1.3');
});

test('SIGHUP: new connections get the new certificate; a broken one changes nothing', async (t) => {
  const folder = await temporaryDirectory(t, 'tls');
  const first = await writeTls(folder, { subject: 'first' });
  const gateway = await startGateway(t, azure, { Tls: first.files });
  const old = tls.connect({ port: gateway.port, host: '127.0.0.1', rejectUnauthorized: false });
  let answers = '';
  old.on('data', (data) => { answers += data; });
  t.after(() => old.destroy());
  assert.equal((await shake(gateway.port)).subject, 'first');

  await writeTls(folder, { subject: 'second' });
  gateway.program.kill('SIGHUP');
  await gateway.logged('TLS_RELOADED');
  assert.equal((await shake(gateway.port)).subject, 'second');
  old.write(requestOf(good()));
  await eventually('the old connection goes on', () => answers.startsWith('HTTP/1.1 202 '));

  for (const [content, reason] of [['rubbish', /certificate can't be used/],
    [makeCertificate({ key: makeKey(), subject: { CN: 'third' } }).pem, /does not belong/]]) {
    await writeFile(first.files.Certificate, content);
    gateway.program.kill('SIGHUP');
    await eventually('the refusal', () => gateway.log.some((entry) =>
      entry.id === 'TLS_NOT_RELOADED' && reason.test(entry.reason)));
    assert.equal((await shake(gateway.port)).subject, 'second');
  }
});

test('refusals name the peer, are cut, and are limited with a count', async (t) => {
  const gateway = await startGateway(t, azure, { TrustedProxyHeader: 'X-Forwarded-For' });
  const path = `/${'\u00e4'.repeat(1000)}`;
  assert.equal((await gateway.post(encodeURI(path), '{}', {
    'x-forwarded-for': '203.0.113.5, 198.51.100.7',
  })).status, 404);
  const line = await gateway.logged('WEBHOOK_REFUSED');
  assert.equal(line.peer, '198.51.100.7');
  assert.ok(line.path.startsWith('/\u00e4\u00e4') && Buffer.byteLength(line.path) <= 200);

  for (let i = 0; i < 300; i += 1) {
    assert.equal((await gateway.post('/things-stack', '{}', { 'x-api-key': 'wrong' })).status, 401);
  }
  const rest = await gateway.logged('WEBHOOK_UNLOGGED');
  assert.equal(rest.status, 401);
  await eventually('the sum', () => {
    const lines = gateway.log.filter((entry) => entry.status === 401);
    const logged = lines.filter((entry) => entry.id === 'WEBHOOK_REFUSED');
    const counted = lines.filter((entry) => entry.id === 'WEBHOOK_UNLOGGED');
    return logged.length + counted.reduce((sum, entry) => sum + entry.count, 0) === 300;
  });
  assert.ok(gateway.log.every((entry) => entry.status !== 401 || entry.id === 'WEBHOOK_UNLOGGED' || entry.peer === '127.0.0.1'));
});

test('a gateway without keys answers programs on this machine, and no web page', async (t) => {
  const gateway = await startGateway(t, azure, { WebhookKeys: [] });
  const ask = (headers, method = 'POST', path = '/things-stack') => talk(gateway.port, [`${method} ${path} HTTP/1.1`,
    'Connection: close', ...headers, ...(method === 'POST' ? [length] : []), '', method === 'POST' ? body : ''].join('\r\n'));
  const local = `Host: localhost:${gateway.port}`;
  assert.match(await ask([local]), /^HTTP\/1\.1 202 /);
  assert.match(await ask([`Host: 127.0.0.1:${gateway.port}`, 'Sec-Fetch-Site: none']), /^HTTP\/1\.1 202 /);
  for (const headers of [[local, 'Origin: http://evil.example'], [local, 'Sec-Fetch-Site: cross-site'],
    [local, 'Sec-Fetch-Site: same-site'], ['Host: evil.example:8080'], ['Host: localhost.evil.example'],
    ['Host: localhost:80@evil.example']]) {
    assert.match(await ask(headers), /^HTTP\/1\.1 403 /, headers.join(', '));
    assert.match(await ask(headers, 'GET', '/metrics'), /^HTTP\/1\.1 403 /, headers.join(', '));
  }
});

test('too few open files mean fewer connections, said in the log', async (t) => {
  const folder = await temporaryDirectory(t, 'gateway');
  const file = await writeConfiguration(folder, azure, { Limits: { ConnectionsPerAddress: 0 } });
  const limited = await startGatewayOn(t, file, folder, {}, 400);
  const line = await limited.logged('CONNECTIONS_LOWERED');
  assert.equal(line.files, 400);
  assert.equal(line.configured, 1000);
  assert.ok(line.connections <= 400 - 128);
  besiege(t, limited.port, 600);
  await eventually('places run out', () => limited.log.find((entry) => entry.id === 'WEBHOOK_PLACES_USED_UP'));
  assert.equal((await limited.uplink(good())).status, 202);
  assert.equal((await run(['status', '--data', join(folder, 'data')])).status, 0);
});

test('half requests on the control socket keep nobody out', async (t) => {
  const gateway = await startGateway(t, azure);
  const path = join(gateway.directory, 'data', 'control.sock');
  const sockets = [];
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  for (let i = 0; i < 97; i += 1) {
    const socket = net.connect(path);
    socket.on('error', () => {});
    socket.write('GET /status HTTP/1.1\r\nHost: ');
    sockets.push(socket);
  }
  const status = await run(['status', '--data', join(gateway.directory, 'data')]);
  assert.equal(status.status, 0, status.output);
});

test('status does not wait for ever for a gateway that takes its connection and says nothing', async (t) => {
  const folder = await temporaryDirectory(t, 'silent');
  const silent = net.createServer((socket) => socket.on('error', () => {}));
  await new Promise((resolve) => { silent.listen(join(folder, 'control.sock'), resolve); });
  t.after(() => silent.close());
  const status = await run(['status', '--data', folder]);
  assert.notEqual(status.status, 0);
  assert.match(status.output, /time|slow|took/i);
});
