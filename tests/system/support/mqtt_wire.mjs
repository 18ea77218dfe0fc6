// SPDX-License-Identifier: MIT
// An MQTT client of bare bytes, for what no library would send.
import tls from 'node:tls';

import { within } from './program.mjs';

const text = (string) => {
  const bytes = Buffer.from(string);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
};

/** A packet: its first byte, and its body of texts and bytes; a string has its length before it. */
export function packet(first, ...parts) {
  const body = Buffer.concat(parts.map((part) =>
    (typeof part === 'string' ? text(part) : Buffer.from(part))));
  const length = [];
  let rest = body.length;
  do {
    length.push((rest & 127) | (rest > 127 ? 128 : 0));
    rest >>= 7;
  } while (rest > 0);
  return Buffer.concat([Buffer.from([first, ...length]), body]);
}

/** CONNECT; `flags` beyond user name and password, `will` as [topic, body]. */
export function connectPacket({ clientId, userName, password, flags = 0, keepAlive = 60, will = [],
  level = 4, protocol = 'MQTT' }) {
  return packet(0x10, protocol, [level, 0xc0 | flags, keepAlive >> 8, keepAlive & 255], clientId,
    ...will, userName, password);
}

export class MqttWire {
  #received = Buffer.alloc(0);
  #wanted = () => {};

  constructor(port) {
    this.closed = false;
    this.socket = tls.connect({ host: '127.0.0.1', port, servername: 'localhost' });
    this.socket.on('data', (data) => {
      this.#received = Buffer.concat([this.#received, data]);
      this.#wanted();
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.closed = true;
      this.#wanted();
    });
  }

  send(bytes) {
    this.socket.write(bytes);
  }

  end() {
    this.socket.destroy();
  }

  /** The next packet as hexadecimal digits; 'closed' when the hub has ended the connection. */
  next() {
    return within('a packet', (async () => {
      for (;;) {
        const whole = this.#take();
        if (whole) return whole.toString('hex');
        if (this.closed) return 'closed';
        await new Promise((resolve) => {
          this.#wanted = resolve;
        });
      }
    })());
  }

  #take() {
    let length = 0;
    let at = 1;
    for (let shift = 0; ; shift += 7, at++) {
      if (at >= this.#received.length) return undefined;
      length |= (this.#received[at] & 127) << shift;
      if (this.#received[at] < 128) break;
    }
    at += 1;
    if (this.#received.length < at + length) return undefined;
    const whole = this.#received.subarray(0, at + length);
    this.#received = this.#received.subarray(whole.length);
    return whole;
  }
}
