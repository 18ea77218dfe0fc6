// SPDX-License-Identifier: MIT
// Webhooks without a break, and a book of what was acknowledged, to compare with what arrived.
import assert from 'node:assert/strict';

import { uplinkOf } from './gateway.mjs';
import { eventually } from './program.mjs';

const PAUSE_MS = 5;
// How long a number of webhooks may take on a machine that has much else to do.
const DEADLINE_MS = 30000;
const DEADLINE_EACH_MS = 200;

function pause(ms = PAUSE_MS) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Senders take turns over devices. Each webhook of a device has the next `sequence`, and is posted
 * after the one before was answered or failed; none is posted twice.
 */
export class Load {
  /** The gateway that is posted to; may be replaced at any time, undefined: none. */
  gateway;
  failed = 0;
  unavailable = 0;
  /**
   * Set while replicas keep what they take on disks of their own: what comes to one may then change places
   * with what comes to another. It must arrive all the same.
   */
  isLoose = false;

  #acknowledged = new Map();
  #next = new Map();
  #loose = new Set();
  #idle;
  #padding;
  #stopping = false;
  #senders = [];

  /** `padding` makes webhooks longer by so many characters. */
  constructor({ devices, prefix = 'load', padding = 0 }) {
    this.devices = Array.from({ length: devices }, (_, i) => `${prefix}-${i}`);
    for (const device of this.devices) this.#acknowledged.set(device, []);
    this.#idle = [...this.devices];
    this.#padding = padding;
  }

  /** How many webhooks were answered 202. */
  get acknowledged() {
    let count = 0;
    for (const sequences of this.#acknowledged.values()) count += sequences.length;
    return count;
  }

  /** Posts the next webhook of a device; resolves to its answer, or undefined without one. */
  async post(device, gateway = this.gateway) {
    const sequence = (this.#next.get(device) ?? 0) + 1;
    const decoded = { sequence };
    if (this.#padding > 0) decoded.padding = 'x'.repeat(this.#padding);
    this.#next.set(device, sequence);
    const wasLoose = this.isLoose;
    let answer;
    try {
      answer = await gateway.uplink(uplinkOf('application1', device, { decoded_payload: decoded }));
    } catch {
      this.failed += 1;
      return undefined;
    }
    assert.ok([202, 503].includes(answer.status), `${answer.status}: ${answer.text}`);
    if (wasLoose || this.isLoose) this.#loose.add(`${device} ${sequence}`);
    if (answer.status === 202) this.#acknowledged.get(device).push(sequence);
    else this.unavailable += 1;
    return answer;
  }

  /** One webhook of each device, `senders` at the same time; all must be taken. */
  async round(senders = 16) {
    const waiting = [...this.devices];
    await Promise.all(Array.from({ length: senders }, async () => {
      for (let device = waiting.pop(); device; device = waiting.pop()) {
        assert.equal((await this.post(device))?.status, 202);
      }
    }));
  }

  /** Begins to post. `pauseMs` is how long a sender rests between two webhooks. */
  start(senders = 16, pauseMs = 0) {
    this.#stopping = false;
    this.#senders = Array.from({ length: senders }, async () => {
      while (!this.#stopping) {
        const device = this.gateway && this.#idle.shift();
        const answer = device && (await this.post(device));
        if (device) this.#idle.push(device);
        if (answer?.status !== 202 || pauseMs > 0) await pause(pauseMs || PAUSE_MS);
      }
    });
  }

  /** Ends posting; resolves when every webhook was answered or has failed. */
  async stop() {
    this.#stopping = true;
    await Promise.all(this.#senders);
    this.#senders = [];
  }

  /** Waits until at least `count` more webhooks were acknowledged. */
  async goesOn(count = 100) {
    const goal = this.acknowledged + count;
    await eventually(`${count} webhooks more`, () => this.acknowledged >= goal, DEADLINE_MS + count * DEADLINE_EACH_MS);
  }

  /**
   * Fails unless everything acknowledged is in `messages`, with each device's webhooks in order
   * once doubles are dropped by message id; returns how many there were.
   */
  check(messages) {
    const seen = new Set();
    const arrived = new Map(this.devices.map((device) => [device, []]));
    let doubles = 0;
    for (const { deviceId, messageId, body } of messages) {
      if (!arrived.has(deviceId)) continue;
      if (seen.has(messageId)) {
        doubles += 1;
        continue;
      }
      seen.add(messageId);
      arrived.get(deviceId).push(body.sequence);
    }
    for (const device of this.devices) this.#checkDevice(device, arrived.get(device));
    assert.ok(this.#loose.size < this.acknowledged, 'no webhook came in a time in which order counts');
    return { acknowledged: this.acknowledged, arrived: seen.size, doubles, loose: this.#loose.size };
  }

  #checkDevice(device, arrived) {
    const acknowledged = this.#acknowledged.get(device);
    const wanted = new Set(acknowledged);
    // What failed without an answer may have arrived, too.
    const found = arrived.filter((sequence) => wanted.has(sequence));
    const missing = acknowledged.filter((sequence) => !found.includes(sequence));
    assert.deepEqual(missing, [], `${device}: acknowledged and lost`);
    const isStrict = (sequence) => !this.#loose.has(`${device} ${sequence}`);
    assert.deepEqual(found.filter(isStrict), acknowledged.filter(isStrict), `${device}: out of order`);
  }
}

/** Waits until everything stored was accepted by a hub. */
export async function drained(gateway, deadlineMs = 30000) {
  let waiting;
  try {
    await eventually('an empty store', async () => {
      gateway.program.assertRuns();
      waiting = await gateway.metric('isthmus_store_events');
      return waiting === 0;
    }, deadlineMs);
  } catch (error) {
    error.message += `; ${waiting} events wait\n${gateway.program.tail.slice(-3000)}`;
    throw error;
  }
}
