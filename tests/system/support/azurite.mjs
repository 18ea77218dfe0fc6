// SPDX-License-Identifier: MIT
// Azurite, Microsoft's emulator of Azure Storage, and the official client on it.
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

/** Starts the queue service with nothing in it; it ends with the test. */
export async function startAzurite(test) {
  const program = new Program(['--inMemoryPersistence', '--queuePort', '0', '--queueHost',
    '127.0.0.1', '--skipApiVersionCheck', '--silent', '--disableTelemetry'],
  { command: join(bin, 'azurite-queue'), cwd: await temporaryDirectory(test, 'azurite') });
  endWithTest(test, program);
  const port = await eventually('the port of Azurite', () => {
    program.assertRuns();
    return /listens on http:\/\/127\.0\.0\.1:(\d+)/.exec(program.tail)?.[1];
  });
  return new Azurite(port);
}
