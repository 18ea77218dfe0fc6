// SPDX-License-Identifier: MIT
// The gateway is killed between every two steps of a command's way: before each write to the store,
// each sync and each write to a socket. It starts again, the stack plays on, and in the end no
// command was pushed twice, the hub has the right outcome of each, and none is lost: one that may
// have been pushed at the moment of the kill is rejected with that reason, and its sender sends it
// again.
//
// ISTHMUS_KILL_EVERY: kill before every n-th step only (default 5; 1 = before each).
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { Gateway, provisionedBy, uplinkOf, writeConfiguration } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { eventually, isthmus, Program, temporaryDirectory } from './support/program.mjs';
import { apiKey, startThingsStack, webhookId } from './support/things_stack.mjs';

const every = Number(process.env.ISTHMUS_KILL_EVERY ?? 5);

/** About so many steps a gateway makes from its start until it has taken everything up again. */
const RECOVERY_STEPS = 60;

const devices = ['plain', 'confirmed', 'replaced', 'called'];

class Sweep {
  constructor(test, hub, stack, file, directory) {
    Object.assign(this, { test, hub, stack, file, directory });
    this.trigger = join(directory, 'trigger');
    this.run = 0;
    this.ended = []; // what gateways logged before they were killed
    this.unknown = 0;
  }

  /**
   * Starts a gateway that is killed before a step, counted from its start (`armed`) or from when
   * the trigger exists. One that is killed before it is ready is followed by another.
   */
  async start(step, armed = false) {
    if (armed) await writeFile(this.trigger, '');
    else await rm(this.trigger, { force: true });
    const program = new Program(['gateway', '--config', this.file], {
      env: {
        ...process.env,
        LD_PRELOAD: join(dirname(isthmus), 'tests', 'kill_at.so'),
        ISTHMUS_KILL_AT: String(step),
        ISTHMUS_KILL_TRIGGER: this.trigger,
      },
    });
    this.test.after(() => program.kill('SIGKILL'));
    const port = await eventually('GATEWAY_READY', () => {
      const ready = /"id":"GATEWAY_READY".*"port":(\d+)/.exec(program.tail);
      return program.end ? 'ended' : ready && Number(ready[1]);
    });
    this.gateway?.agent.destroy();
    if (this.gateway) this.ended = this.ended.concat(this.gateway.log).slice(-1000);
    this.gateway = new Gateway(program, this.directory, port);
  }

  /** Sends the commands of one run: each has a payload of its own, by which it is known. */
  async send() {
    this.run += 1;
    this.events = new Map();
    this.plain = await this.message('plain', 'p');
    this.confirmed = await this.message('confirmed', 'c', { Confirmed: 'true' });
    this.replaced = await this.message('replaced', 'o');
    this.replacing = await this.message('replaced', 'n', { Queue: 'replace' });
    this.messages = [this.plain, this.confirmed, this.replaced, this.replacing];
    this.called = { device: 'called', payload: Buffer.from(`m${this.run}`).toString('base64') };
    this.call = this.hub.control('POST', '/devices/called/methods/Text', {
      connectTimeoutSeconds: 10, responseTimeoutSeconds: 10, payload: this.called.payload,
    }).then((answer) => answer.status, (error) => error.status);
    this.call.then((status) => (this.callStatus = status));
  }

  async message(device, letter, properties = {}) {
    const payload = Buffer.from(`${letter}${this.run}`).toString('base64');
    const { messageId } = await this.hub.control('POST', `/devices/${device}/messages`, {
      bodyText: payload, properties: { Port: '10', ...properties },
    });
    return { device, payload, id: messageId };
  }

  taken({ device, payload }) {
    return this.stack.takenOf(device).filter((item) =>
      item.frm_payload === payload || item.decoded_payload?.Text === payload);
  }

  /** What the stack tells of a downlink; an event that was not answered is told again later. */
  async play(command, kinds) {
    const [item] = this.taken(command);
    const told = this.events.get(command) ?? 0;
    if (!item || told === kinds.length) return told === kinds.length;
    try {
      await this.stack.tell(this.gateway, kinds[told], command.device, item);
      this.events.set(command, told + 1);
    } catch (error) {
      if (error instanceof assert.AssertionError) assert.match(error.message, /: 503/);
    }
    return false;
  }

  /** One that was rejected because it is not known whether the network had it is sent again. */
  async sendAgain() {
    for (const [name, letter, properties] of [['plain', 'p', {}],
      ['confirmed', 'c', { Confirmed: 'true' }], ['replacing', 'n', { Queue: 'replace' }]]) {
      if (await this.state(this[name]) !== 'rejected') continue;
      assert.match(this.reason(this[name]), /not known/);
      assert.deepEqual(this.taken(this[name]), []);
      this[name] = await this.message(this[name].device, letter, properties);
      this.unknown += 1;
    }
    this.messages = [this.plain, this.confirmed, this.replaced, this.replacing];
  }

  reason({ id }) {
    return [...this.ended, ...this.gateway.log].findLast((entry) =>
      entry.id === 'COMMAND_FINISHED' && entry.message_id === id)?.reason ?? 'not in the log';
  }

  async state({ device, id }) {
    return (await this.hub.control('GET', `/devices/${device}/messages/${id}`)).state;
  }

  async isOver() {
    await Promise.all([
      this.play(this.plain, ['queued', 'sent']),
      this.play(this.confirmed, ['queued', 'sent', 'ack']),
      this.play(this.replaced, ['queued']),
      this.play(this.replacing, ['queued', 'sent']),
      this.play(this.called, ['queued', 'sent']),
    ]);
    await this.sendAgain();
    const states = await Promise.all(this.messages.map((each) => this.state(each)));
    return this.callStatus !== undefined
      && states.join() === 'completed,completed,rejected,completed';
  }

  /**
   * Plays until everything has its outcome. A gateway that was killed is followed by one that is
   * killed while it recovers, and that by one for the next run. Resolves to the number of kills.
   */
  async playThrough(recoveryStep, nextStep) {
    let kills = 0;
    try {
      await eventually('the outcomes', async () => {
        if (!this.gateway.program.end) return this.isOver();
        assert.equal(this.gateway.program.end.signal, 'SIGKILL', this.gateway.program.tail);
        kills += 1;
        if (kills === 1) await this.start(recoveryStep, true);
        else await this.start(nextStep);
        return false;
      }, 120000);
    } catch (error) {
      const states = await Promise.all(this.messages.map((each) => this.state(each)));
      error.message += `; ${states}, the call ${this.callStatus}\n${this.gateway.program.tail}`;
      throw error;
    }
    if (kills < 2) {
      await this.gateway.kill();
      await this.start(nextStep);
    }
    return kills;
  }

  /** Once each, and in order. */
  check(step) {
    const isKnown = this.taken(this.replaced).length > 0;
    const kept = [this.plain, this.confirmed, this.replacing, ...(isKnown ? [this.replaced] : [])];

    for (const command of kept) {
      assert.equal(this.taken(command).length, 1, `killed before step ${step}: ${command.device}`);
    }
    if (!isKnown) assert.match(this.reason(this.replaced), /not known/);
    assert.deepEqual(this.stack.takenOf('replaced').map((item) => item.frm_payload),
      [...(isKnown ? [this.replaced.payload] : []), this.replacing.payload]);
    const pushes = this.taken(this.called).length;
    assert.ok(pushes === 1 || (pushes === 0 && this.callStatus !== 200),
      `killed before step ${step}: ${pushes} pushes of a method answered ${this.callStatus}`);
    assert.deepEqual(this.stack.faults, []);
    this.stack.requests.length = 0;
    this.stack.taken.length = 0;
  }
}

test('killed before each step, and again while it recovers: nothing is lost in silence, nothing is pushed twice, the outcomes are right', async (t) => {
  const hub = await startHub(t, { args: ['--lock-seconds', '10'] });
  const stack = await startThingsStack(t, hub);
  const directory = await temporaryDirectory(t, 'gateway');
  const file = await writeConfiguration(directory, provisionedBy(hub, {
    Methods: { Text: { Port: 4, Queue: 'Push' } },
  }), {
    TheThingsIndustries: {
      WebhookBaseURL: stack.baseUrl,
      Applications: { application1: { ApiKey: apiKey, WebhookId: webhookId } },
    },
  });
  const sweep = new Sweep(t, hub, stack, file, directory);

  await sweep.start(1);
  for (const device of devices) {
    await sweep.gateway.uplink(uplinkOf('application1', device));
    await hub.telemetryOf(device);
  }
  let step = 1;
  let killed = 0;
  for (let misses = 0; misses < 2; step += every) {
    await writeFile(sweep.trigger, '');
    await sweep.send();
    const kills = await sweep.playThrough(1 + ((step * 7) % RECOVERY_STEPS), step + every);
    sweep.check(step);
    if (kills === 0) misses += 1;
    killed += kills;
  }
  assert.ok(killed >= 10, 'nothing was killed: is tests/kill_at.so built?');
  t.diagnostic(`${killed} kills, before each ${every}th of ${step} steps and while recovering; ${sweep.unknown} sent again`);
});
