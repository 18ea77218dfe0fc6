// SPDX-License-Identifier: MIT
// `make bench-hub`: the local hub's start, memory for a connected device, and messages a second by
// protocol, beside what a developer would have stubbed it with: aedes (MQTT) and rhea (AMQP), and
// beside its floors (bench/floor_hub.c), each in a process of its own, over TLS with the same
// certificate and the same client, which opens the same links.
//   node bench/hub.mjs [DEVICES [MESSAGES [KNOWN]]]
import { fork, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';

import { connectPacket, packet } from '../tests/system/support/mqtt_wire.mjs';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('..', import.meta.url));
const rhea = require(join(root, 'tests/system/node_modules/rhea'));
const [devices, messages, known] = [1000, 20000, 10000].map((usual, i) => Number(process.argv[2 + i] ?? usual));
const BODY = JSON.stringify({ temperature: 21.5, humidity: 48, battery: 3.61, sequence: 12345, place: 'roof' });

const ms = () => Number(process.hrtime.bigint() / 1000n) / 1000;
const sleep = (time) => new Promise((resolve) => { setTimeout(resolve, time); });
/** Of all its threads. */
const processorNs = (pid) => readdirSync(`/proc/${pid}/task`)
  .reduce((sum, task) => sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]), 0);
/** What it has made itself, so without what it shares with its file. */
const memoryKiB = (pid) => Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`);

/* --- servers --------------------------------------------------------------------------------- */

async function startHub(directory) {
  const begin = ms();
  const child = spawn(join(root, 'build/isthmus'), ['hub', '--data', directory, '--quiet', '--amqp-port', '0',
    '--mqtt-port', '0', '--https-port', '0', '--control-port', '0'], { stdio: 'inherit' });
  for (;;) {
    try {
      const info = JSON.parse(readFileSync(join(directory, 'hub.json'), 'utf8'));
      if (info.pid === child.pid) return { child, info, pid: child.pid, readyMs: ms() - begin };
    } catch { /* not there yet */ }
    await sleep(2);
  }
}

const ended = (child) => new Promise((resolve) => { child.on('exit', resolve); child.kill('SIGTERM'); });

/** What a row of the table needs of a server. */
const asServer = (hub, port) => ({ child: hub.child, pid: hub.pid, port });

async function startFloor(protocol, directory) {
  const child = spawn(join(root, 'build/bench/floor_hub'), [protocol.toLowerCase(), join(directory, 'server.pem'),
    join(directory, 'server-key.pem')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise((resolve) => { child.stdout.once('data', (text) => resolve(Number(text))); });
  return { child, pid: child.pid, port };
}

/** This file again, as a server of another make; resolves to its port. */
async function startOther(kind, directory) {
  const child = fork(fileURLToPath(import.meta.url), ['serve', kind, directory]);
  const port = await new Promise((resolve) => { child.once('message', resolve); });
  return { child, pid: child.pid, port };
}

function serve(kind, directory) {
  const options = { key: readFileSync(join(directory, 'server-key.pem')), cert: readFileSync(join(directory, 'server.pem')) };
  let server;
  if (kind === 'aedes') {
    const aedes = require(join(root, 'build/bench-node/node_modules/aedes'))();
    server = tls.createServer(options, aedes.handle).listen(0, '127.0.0.1', () => process.send(server.address().port));
  } else {
    const container = rhea.create_container();
    container.on('message', (context) => context.delivery.accept());
    server = container.listen({ port: 0, host: '127.0.0.1', transport: 'tls', ...options });
    server.on('listening', () => process.send(server.address().port));
  }
}

/* --- clients --------------------------------------------------------------------------------- */

function register(hub, id) {
  return new Promise((resolve, reject) => {
    const request = http.request(`${hub.info.control}/devices/${id}`, { method: 'PUT', agent: register.agent }, (answer) => {
      let text = '';
      answer.on('data', (part) => { text += part; });
      answer.on('end', () => resolve(JSON.parse(text)));
    });
    request.on('error', reject);
    request.end('{}');
  });
}
register.agent = new http.Agent({ keepAlive: true, maxSockets: 8 });

async function registerAll(hub, ids) {
  const made = [];
  for (let i = 0; i < ids.length; i += 64) {
    made.push(...await Promise.all(ids.slice(i, i + 64).map((id) => register(hub, id))));
  }
  return made;
}

function token(resource, key) {
  const sr = encodeURIComponent(resource);
  const se = Math.floor(Date.now() / 1000) + 3600;
  const sig = createHmac('sha256', Buffer.from(key, 'base64')).update(`${sr}\n${se}`).digest('base64');
  return `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sig)}&se=${se}`;
}

/** A client of bare bytes, which counts acknowledgements by their size. */
function mqttConnect(port, { deviceId, primaryKey }) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false });
    socket.on('error', reject);
    socket.write(connectPacket({ clientId: deviceId, userName: `localhost/${deviceId}/?api-version=2021-04-12`,
      password: token(`localhost/devices/${deviceId}`, primaryKey), flags: 2 }));
    socket.once('data', (data) => (data[3] === 0 ? resolve(socket) : reject(new Error(`CONNACK ${data[3]}`))));
  });
}

async function mqttSend(socket, deviceId, count, window) {
  let acknowledged = 0;
  let sent = 0;
  const begin = ms();
  await new Promise((resolve) => {
    const more = () => {
      const parts = [];
      for (; sent < count && sent - acknowledged < window; sent++) {
        const id = (sent % 65535) + 1;
        parts.push(packet(0x32, `devices/${deviceId}/messages/events/`, [id >> 8, id & 255], Buffer.from(BODY)));
      }
      if (parts.length) socket.write(Buffer.concat(parts));
    };
    const take = (data) => {
      acknowledged += data.length / 4;
      if (acknowledged < count) {
        more();
        return;
      }
      socket.off('data', take);
      resolve();
    };
    socket.on('data', take);
    more();
  });
  return count / (ms() - begin) * 1000;
}

/** With the links for its token and for telemetry; only the hub is told the token. */
function amqpConnect(port, { deviceId, primaryKey }) {
  const container = rhea.create_container();
  const connection = container.connect({ port, host: '127.0.0.1', hostname: 'localhost', servername: 'localhost', transport: 'tls', rejectUnauthorized: false, reconnect: false });
  return new Promise((resolve, reject) => {
    connection.on('disconnected', () => reject(new Error('disconnected')));
    const open = () => {
      const sender = connection.open_sender(`/devices/${deviceId}/messages/events`);
      sender.once('sendable', () => resolve({ connection, sender }));
    };
    const cbs = connection.open_sender('$cbs');
    connection.open_receiver('$cbs').on('message', open);
    cbs.once('sendable', () => (primaryKey ? cbs.send({
      message_id: 'm', reply_to: 'cbs', to: '$cbs', body: token(`localhost/devices/${deviceId}`, primaryKey),
      application_properties: { operation: 'put-token', type: 'servicebus.windows.net:sastoken', name: `localhost/devices/${deviceId}` },
    }) : open()));
  });
}

async function amqpSend({ sender }, count, window) {
  let accepted = 0;
  let sent = 0;
  const body = rhea.message.data_section(Buffer.from(BODY));
  const begin = ms();
  await new Promise((resolve) => {
    const more = () => { for (; sent < count && sent - accepted < window && sender.sendable(); sent++) sender.send({ body }); };
    const take = () => {
      accepted += 1;
      if (accepted < count) {
        more();
        return;
      }
      sender.removeAllListeners();
      resolve();
    };
    sender.on('sendable', more);
    sender.on('accepted', take);
    more();
  });
  return count / (ms() - begin) * 1000;
}

/* --- measuring ------------------------------------------------------------------------------- */

const protocols = {
  MQTT: { connect: mqttConnect, send: (client, { deviceId }, ...how) => mqttSend(client, deviceId, ...how), end: (client) => client.destroy() },
  AMQP: { connect: amqpConnect, send: (client, _device, ...how) => amqpSend(client, ...how), end: ({ connection }) => connection.close() },
};

/**
 * A row of the table: memory for a device, then messages a second on one connection. What the first
 * hundred loaded is no device's. They come one by one: how many handshakes are under way at once
 * on a busy machine would be seen in the heap.
 */
async function measure(name, protocol, server, made) {
  const { connect, send, end } = protocols[protocol];
  const clients = [];
  const more = async (count) => {
    for (let i = 0; i < count; i++) clients.push(await connect(server.port, made[clients.length]));
  };
  await more(100);
  const before = memoryKiB(server.pid);
  await more(devices);
  const each = (memoryKiB(server.pid) - before) / devices;
  const told = [name, protocol, each.toFixed(1)];
  const cpuUs = async (count, work) => {
    const begin = processorNs(server.pid);
    await work();
    return ((processorNs(server.pid) - begin) / 1000 / count).toFixed(1);
  };
  if (name !== 'OpenSSL alone') {
    const rates = [];
    const part = messages / 5;
    const cost = await cpuUs(messages, async () => { for (let i = 0; i < 5; i++) rates.push(await send(clients[0], made[0], part, 500)); });
    const alone = await cpuUs(part, () => send(clients[0], made[0], part, 1));
    told.push(Math.round(rates.sort((x, y) => x - y)[2]), cost, alone);
  }
  clients.forEach(end);
  row(...told);
  await ended(server.child);
}

async function measureStarts(directory) {
  const hub = await startHub(directory);
  await ended(hub.child);
  const second = await startHub(directory);
  const made = await registerAll(second, [...Array(Math.max(known, devices + 100)).keys()].map((i) => `device-${i}`));
  await ended(second.child);
  const third = await startHub(directory);
  await ended(third.child);
  console.log('| start | ms |\n|---|---|');
  row('first, with a new certificate', Math.round(hub.readyMs));
  row('second', Math.round(second.readyMs));
  row(`with ${made.length} known devices`, Math.round(third.readyMs));
  return made;
}

async function main() {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-bench-'));
  const made = await measureStarts(directory);
  const unknown = made.map(({ deviceId }) => ({ deviceId }));
  console.log('\n| server | protocol | KiB a device | messages/s on one connection | its CPU a message, us | ... one by one |\n|---|---|---|---|---|---|');
  for (const protocol of ['MQTT', 'AMQP']) {
    const hub = await startHub(directory);
    await measure('isthmus hub', protocol, asServer(hub, hub.info.hubs[0][`${protocol.toLowerCase()}Port`]), made);
    await measure(protocol === 'MQTT' ? 'OpenSSL alone' : 'proton over OpenSSL', protocol, await startFloor(protocol, directory),
      protocol === 'MQTT' ? made : unknown);
    const other = protocol === 'MQTT' ? 'aedes' : 'rhea';
    await measure(`${other} (npm)`, protocol, await startOther(other, directory), protocol === 'MQTT' ? made : unknown);
  }
  rmSync(directory, { recursive: true });
}

if (process.argv[2] === 'serve') serve(process.argv[3], process.argv[4]);
else await main().then(() => process.exit(0));
