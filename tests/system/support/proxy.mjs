// SPDX-License-Identifier: MIT
// A proxy between two programs: what passes it can be held back, delayed or cut.
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';

import { eventually } from './program.mjs';

export class Proxy {
  #target;
  #sockets = new Set();
  #held = new Set();
  #delayMs = 0;
  #refuses = false;
  #opened = [];

  constructor(target) {
    this.#target = target;
  }

  /** Holds back what goes `there` (to the target) and `back`; nobody is told, as when a cable is pulled. */
  hold(...ways) {
    this.#held = new Set(ways.length > 0 ? ways : ['there', 'back']);
  }

  /** Each piece is late by so much. */
  delay(ms) {
    this.#delayMs = ms;
  }

  /** Ends all connections, and every new one. */
  cut() {
    this.#refuses = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** All passes again, also what was held back. */
  pass() {
    this.#held.clear();
    this.#delayMs = 0;
    this.#refuses = false;
    for (const go of this.#opened.splice(0)) go();
  }

  async #carry(from, to, way) {
    for await (const piece of from) {
      while (this.#held.has(way)) await new Promise((resolve) => this.#opened.push(resolve));
      if (this.#delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#delayMs));
      if (!to.write(piece)) await once(to, 'drain');
    }
    to.end();
  }

  take(client) {
    const server = createConnection(this.#target);
    const both = [client, server];
    const end = () => both.forEach((socket) => socket.destroy());
    for (const socket of both) {
      this.#sockets.add(socket);
      socket.on('error', end).on('close', () => {
        this.#sockets.delete(socket);
        // Whoever waits until it is written would wait for ever.
        socket.emit('drain');
      });
    }
    if (this.#refuses) {
      end();
      return;
    }
    this.#carry(client, server, 'there').catch(end);
    this.#carry(server, client, 'back').catch(end);
  }

  end() {
    this.pass();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** A proxy in front of `target`, at `place`: both a port of this machine or the path of a Unix socket. */
export async function startProxy(test, target, place = 0) {
  const proxy = new Proxy(typeof target === 'number' ? { host: '127.0.0.1', port: target } : { path: target });
  const server = createServer({ allowHalfOpen: true }, (client) => proxy.take(client));
  if (typeof place === 'number') server.listen(place, '127.0.0.1');
  else server.listen({ path: place, readableAll: true, writableAll: true });
  await eventually('the proxy', () => server.listening);
  proxy.port = server.address().port;
  test.after(() => {
    server.close();
    proxy.end();
  });
  return proxy;
}
