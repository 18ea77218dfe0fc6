// SPDX-License-Identifier: MIT
// Each kind of bad input has its answer, says why, and stores nothing.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';

import { provisionedBy, startGateway, uplinkOf, webhookKey } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { within } from './support/program.mjs';

const cleanups = [];
const suite = { after: (run) => cleanups.unshift(run) };
let hub;
let gateway;

before(async () => {
  hub = await startHub(suite);
  gateway = await startGateway(suite, provisionedBy(hub), {
    Limits: { BodyBytes: 1048576, RequestTimeoutSeconds: 2 },
  });
});

after(async () => {
  for (const run of cleanups) await run();
});

/** Sends bytes, and more of them each `gapMs`; resolves to what came back until the end. */
function talk(parts, gapMs = 0) {
  return within('the end of the connection', new Promise((resolve) => {
    const socket = net.connect(gateway.port, '127.0.0.1');
    let answer = '';
    let timer;
    const send = () => {
      if (parts.length === 0 || socket.destroyed) return;
      socket.write(parts.shift());
      timer = setTimeout(send, gapMs);
    };
    socket.on('connect', send);
    socket.on('data', (data) => { answer += data.toString('latin1'); });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(answer);
    });
  }));
}

async function refused(body, reason) {
  const answer = await gateway.uplink(body);
  assert.equal(answer.status, 400, answer.text);
  assert.match(answer.headers['content-type'], /^application\/problem\+json/);
  const problem = JSON.parse(answer.text);
  assert.equal(problem.status, 400);
  assert.match(problem.detail, reason);
}

const good = JSON.stringify(uplinkOf('application1', 'good-1'));

const malformed = [
  ['not JSON', 'hello', /JSON/],
  ['empty', '', /empty/],
  ['JSON null', 'null', /./],
  ['an array', '[]', /object/],
  ['truncated', good.slice(0, good.length / 2), /too early|JSON/],
  ['more behind the value', `${good}x`, /./],
  ['10,000-deep nesting', `{"a":${'['.repeat(10000)}${']'.repeat(10000)}}`, /./],
  ['a megabyte of empty objects', `{"a":[{}${',{}'.repeat(333000)}]}`, /more than 20000 values, which is the limit/],
  ['a megabyte of digits', `{"a":[0${',0'.repeat(500000)}]}`, /more than 20000 values, which is the limit/],
  ['invalid UTF-8', Buffer.concat([Buffer.from('{"end_device_ids":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]), /UTF-8/i],
  ['a zero byte', Buffer.from('{"a":1}\0{}'), /./],
  ['no ids (U16)', JSON.stringify({ uplink_message: { f_port: 1 } }), /end_device_ids/],
  ['no device_id (U16)', JSON.stringify({ ...uplinkOf('application1', 'x-1'), end_device_ids: { application_ids: { application_id: 'application1' } } }), /device_id/],
  ['no application_id (U16)', JSON.stringify({ ...uplinkOf('application1', 'x-1'), end_device_ids: { device_id: 'x-1' } }), /application_id/],
  ['ids of a wrong type (U16)', JSON.stringify({ ...uplinkOf('application1', 'x-1'), end_device_ids: { device_id: 7, application_ids: 'a' } }), /device_id|application_ids/],
  ['no body member (U16)', JSON.stringify({ end_device_ids: uplinkOf('application1', 'x-1').end_device_ids }), /./],
  ['two body members (U16)', JSON.stringify({ ...uplinkOf('application1', 'x-1'), join_accept: {} }), /./],
  ['a port beyond a byte', JSON.stringify(uplinkOf('application1', 'x-1', { f_port: 256 })), /f_port/],
  ['an id that IoT Hub forbids', JSON.stringify(uplinkOf('application1', 'with blank')), /device id/],
  ['an id that is too long', JSON.stringify(uplinkOf('application1', 'x'.repeat(129))), /128/],
];

for (const [name, body, reason] of malformed) {
  test(`400 with the reason: ${name}`, () => refused(body, reason));
}

test('duplicate keys and numbers beyond 64 bits are no failure (U11, U15)', async () => {
  const body = JSON.stringify(uplinkOf('application1', 'odd-1', { decoded_payload: { marker: 1 } }))
    .replace('"marker":1', '"a":1,"a":2,"huge":123456789012345678901234567890');

  assert.equal((await gateway.uplink(body)).status, 202);
  const [message] = await hub.telemetryOf('odd-1');
  assert.equal(message.body.a, 2);
  assert.equal(message.body.huge, 123456789012345678901234567890);
});

test('413: a body of 10 MB, announced or in chunks', async () => {
  const large = `{"a":"${'x'.repeat(10 * 1024 * 1024)}"}`;
  const announced = await talk([
    `POST /things-stack HTTP/1.1\r\nHost: a\r\nX-Api-Key: ${webhookKey}\r\nContent-Length: ${large.length}\r\n\r\n`]);
  assert.match(announced, /^HTTP\/1\.1 413 /);
  const chunked = await talk([
    `POST /things-stack HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Api-Key: ${webhookKey}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    `${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`]);
  assert.match(chunked, /^HTTP\/1\.1 413 /);
});

test('401: no key or a wrong one; header, basic authentication and code are taken', async () => {
  for (const headers of [{ 'x-api-key': '' }, { 'x-api-key': 'wrong' }, { 'x-api-key': webhookKey.slice(0, -1) },
    { 'x-api-key': '', authorization: 'Basic !!!' },
    { 'x-api-key': '', authorization: `Basic ${Buffer.from('user:wrong').toString('base64')}` }]) {
    assert.equal((await gateway.uplink(good, headers)).status, 401);
  }
  const basic = `Basic ${Buffer.from(`gateway:${webhookKey}`).toString('base64')}`;
  assert.equal((await gateway.uplink(good, { 'x-api-key': '', authorization: basic })).status, 202);
  assert.equal((await gateway.post(`/things-stack?code=${webhookKey}`, good, { 'x-api-key': '' })).status, 202);
});

test('404 and 405: another path, another method; more path below the route is taken', async () => {
  assert.equal((await gateway.post('/elsewhere', good)).status, 404);
  assert.equal((await gateway.post('/things-stackx', good)).status, 404);
  assert.equal((await gateway.get('/things-stack')).status, 405);
  assert.equal((await gateway.post('/things-stack/application1/up', good)).status, 202);
});

test('408: a sender that is too slow, in its headers or in its body', async () => {
  const head = `POST /things-stack HTTP/1.1\r\nHost: a\r\nX-Api-Key: ${webhookKey}\r\n`;
  const drip = (text) => [...text].map((character) => character);

  assert.match(await talk([head, ...drip('X-Slow: '.padEnd(400, 'a'))], 50), /^HTTP\/1\.1 408 /);
  assert.match(await talk([`${head}Content-Length: 1000\r\n\r\n`, ...drip('a'.repeat(400))], 50), /^HTTP\/1\.1 408 /);
  assert.match(await talk([`${head}Content-Length: 1000\r\n\r\n{`]), /^HTTP\/1\.1 408 /);
});

test('pipelined rubbish ends the connection, and what came before it is answered', async () => {
  const request = `POST /things-stack HTTP/1.1\r\nHost: a\r\nX-Api-Key: ${webhookKey}\r\nContent-Length: ${good.length}\r\n\r\n${good}`;
  const answer = await talk([`${request}${request}rubbish\r\n\r\n`]);

  assert.equal(answer.match(/HTTP\/1\.1 202 /g).length, 2);
  assert.equal(answer.match(/HTTP\/1\.1 /g).length, 2);
});

test('after all of that the gateway works, and stored nothing of it', async () => {
  await gateway.uplink(uplinkOf('application1', 'last-1'));
  await hub.telemetryOf('last-1');
  const devices = new Set((await hub.telemetry()).map((message) => message.deviceId));
  assert.deepEqual([...devices].sort(), ['good-1', 'last-1', 'odd-1']);
});
