// SPDX-License-Identifier: MIT
// Azurite, Microsoft's emulator of Azure Storage, and the official client on it.
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { QueueServiceClient } from '@azure/storage-queue';

import { endWithTest, eventually, Program, temporaryDirectory } from './program.mjs';

const bin = fileURLToPath(new URL('../node_modules/.bin/', import.meta.url));

/** The emulator's account and key are public. */
export const accountKey =
  'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

export class Azurite {
  constructor(port) {
    this.connectionString = 'DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;' +
      `AccountKey=${accountKey};QueueEndpoint=http://127.0.0.1:${port}/devstoreaccount1;`;
    this.queues = QueueServiceClient.fromConnectionString(this.connectionString);
  }

  async create(name) {
    const queue = this.queues.getQueueClient(name);
    await queue.create();
    return queue;
  }

  /** Resolves when the queue has so many messages, visible or not. */
  async counts(name, count) {
    let found;
    try {
      await eventually(`${count} messages in ${name}`, async () => {
        const queue = this.queues.getQueueClient(name);
        if (!await queue.exists()) return count === 0;
        found = (await queue.getProperties()).approximateMessagesCount;
        return found === count;
      });
    } catch (error) {
      error.message += `; there are ${found}`;
      throw error;
    }
  }

  /** The texts that the queue shows. */
  async texts(name) {
    const { peekedMessageItems } =
      await this.queues.getQueueClient(name).peekMessages({ numberOfMessages: 32 });
    return peekedMessageItems.map((each) => each.messageText);
  }
}

/**
 * Starts one service with nothing in it, which ends with the test. With `tls`, a hub's folder, it
 * speaks https with the hub's certificate, and takes headers that it does not know.
 */
async function start(test, service, { port: wanted = 0, tls } = {}) {
  const files = tls ? ['--loose', '--cert', join(tls, 'server.pem'), '--key', join(tls, 'server-key.pem')] : [];
  const program = new Program(['--inMemoryPersistence', `--${service}Port`, String(wanted), `--${service}Host`,
    '127.0.0.1', '--skipApiVersionCheck', '--silent', '--disableTelemetry', ...files],
  { command: join(bin, `azurite-${service}`), cwd: await temporaryDirectory(test, 'azurite') });
  endWithTest(test, program);
  const port = await eventually('the port of Azurite', () => {
    program.assertRuns();
    return /listens on https?:\/\/127\.0\.0\.1:(\d+)/.exec(program.tail)?.[1];
  });
  return { program, port, scheme: tls ? 'https' : 'http' };
}

/** Starts the queue service. */
export async function startAzurite(test) {
  return new Azurite((await start(test, 'queue')).port);
}

/** A signature for the emulator's blobs, for an hour (learn.microsoft.com, "Create an account SAS"). */
function signature(permissions) {
  const expiry = new Date(Date.now() + 3600000).toISOString().replace(/\.\d+/, '');
  const text = ['devstoreaccount1', permissions, 'b', 'sco', '', expiry, '', '', '2021-12-02', '', ''].join('\n');
  const sig = createHmac('sha256', Buffer.from(accountKey, 'base64')).update(text).digest('base64');
  return new URLSearchParams({ sv: '2021-12-02', ss: 'b', srt: 'sco', sp: permissions, se: expiry, sig }).toString();
}

export class AzuriteBlobs {
  constructor({ program, port, scheme }) {
    this.program = program;
    this.endpoint = `${scheme}://127.0.0.1:${port}/devstoreaccount1`;
    this.connectionString = 'DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;' +
      `AccountKey=${accountKey};BlobEndpoint=${this.endpoint};`;
  }

  /** A connection string with a signature instead of the key. */
  connectionStringFor(permissions) {
    return `BlobEndpoint=${this.endpoint};SharedAccessSignature=${signature(permissions)}`;
  }

  /** Makes a container; gives its address with a signature. */
  async container(name) {
    const response = await fetch(`${this.endpoint}/${name}?restype=container&${signature('rwcl')}`,
      { method: 'PUT' });
    if (!response.ok) throw new Error(`container ${name}: ${response.status}`);
    return `${this.endpoint}/${name}?${signature('rwdl')}`;
  }

  /** Puts a blob, or with `text` undefined deletes it. */
  async put(container, name, text) {
    const response = await fetch(
      `${this.endpoint}/${container}/${encodeURIComponent(name)}?${signature('rwcd')}`,
      {
        method: text === undefined ? 'DELETE' : 'PUT',
        headers: text === undefined ? {} : { 'x-ms-blob-type': 'BlockBlob' },
        body: text,
      });
    if (!response.ok) throw new Error(`blob ${name}: ${response.status}`);
  }

  async #get(path, query = '') {
    const response = await fetch(`${this.endpoint}/${path}?${query}${signature('rltf')}`);
    return response.ok ? Buffer.from(await response.arrayBuffer()) : undefined;
  }

  /** What a container holds, by name: { bytes, tags }; nothing if there is no such container. */
  async held(container) {
    const list = await this.#get(container, 'restype=container&comp=list&') ?? '';
    const blobs = {};
    for (const [, name] of list.toString().matchAll(/<Name>([^<]*)<\/Name>/g)) {
      const tags = (await this.#get(`${container}/${name}`, 'comp=tags&')).toString();
      blobs[name] = {
        bytes: await this.#get(`${container}/${name}`),
        tags: Object.fromEntries([...tags.matchAll(/<Key>([^<]*)<\/Key><Value>([^<]*)<\/Value>/g)].map(([, key, value]) => [key, value])),
      };
    }
    return blobs;
  }
}

/** Starts the blob service; options as of start. */
export async function startAzuriteBlobs(test, options) {
  return new AzuriteBlobs(await start(test, 'blob', options));
}
