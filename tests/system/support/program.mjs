// SPDX-License-Identifier: MIT
// Built programs as children: started with free ports and data of their own, ended by process id
// with their exit status checked, their last words printed when something fails.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/** The program under test: ISTHMUS, else the release build of this tree. */
export const isthmus = process.env.ISTHMUS ?? join(project, 'build', 'isthmus');

const TAIL_CHARACTERS = 20000;
const DEFAULT_DEADLINE_MS = 30000;

/** A new directory that is removed at the end of the test, when nobody writes into it any more. */
export async function temporaryDirectory(test, name = 'test') {
  const path = await mkdtemp(join(tmpdir(), `isthmus-${name}-`));
  test.after(() => rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }));
  return path;
}

/** Asks until `ask` gives something that is neither undefined, null nor false. */
export async function eventually(what, ask, deadlineMs = DEFAULT_DEADLINE_MS) {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== null && answer !== false) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The promise's value, or an error that names what did not come in time. */
export async function within(what, promise, deadlineMs = DEFAULT_DEADLINE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export class Program {
  #child;
  #kept;
  #tail = '';

  /** Resolves to { status, signal } when the program has ended. */
  ended;
  stdout = '';

  /**
   * `command` runs the arguments instead of the program under test; `kept` is how many characters
   * of what it says are remembered.
   */
  constructor(args, { command = isthmus, kept = TAIL_CHARACTERS, ...options } = {}) {
    this.#kept = kept;
    this.name = `isthmus ${args[0]}`;
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    this.#child.stdout.setEncoding('utf8').on('data', (text) => {
      this.stdout = (this.stdout + text).slice(-this.#kept);
      this.#remember(text);
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text) => this.#remember(text));
    this.ended = new Promise((resolve, reject) => {
      this.#child.on('error', reject);
      this.#child.on('close', (status, signal) => resolve({ status, signal }));
    });
    this.ended.then((end) => (this.end = end), () => {});
  }

  #remember(text) {
    this.#tail = (this.#tail + text).slice(-this.#kept);
  }

  get pid() {
    return this.#child.pid;
  }

  /** What the program said last, on both outputs. */
  get tail() {
    return this.#tail;
  }

  kill(signal) {
    if (!this.end) process.kill(this.pid, signal);
  }

  /** Throws if the program has ended, with its last words. */
  assertRuns() {
    if (this.end) {
      throw new Error(`${this.name} ended: ${JSON.stringify(this.end)}\n${this.tail}`);
    }
  }

  /** Waits for the end by itself; throws unless the status is the expected one. */
  async expectEnd(status, deadlineMs = DEFAULT_DEADLINE_MS) {
    let end;
    try {
      end = await within(`the end of ${this.name}`, this.ended, deadlineMs);
    } catch (error) {
      this.kill('SIGKILL');
      error.message += `\n${this.tail}`;
      throw error;
    }
    if (end.status !== status) {
      throw new Error(`${this.name} ended with ${JSON.stringify(end)}, not ${status}\n${this.tail}`);
    }
  }

  /** SIGTERM; a program that does not end in time, or not with status 0, is an error. */
  async stop() {
    this.kill('SIGTERM');
    await this.expectEnd(0);
  }
}

/** Runs a program to its end; resolves to { status, stdout, output }. */
export async function run(args, options = {}) {
  const { deadlineMs = DEFAULT_DEADLINE_MS, ...spawnOptions } = options;
  const program = new Program(args, spawnOptions);
  try {
    const { status } = await within(program.name, program.ended, deadlineMs);
    return { status, stdout: program.stdout, output: program.tail };
  } catch (error) {
    program.kill('SIGKILL');
    error.message += `\n${program.tail}`;
    throw error;
  }
}

/** Runs a Node.js script with further environment variables; as `run`. */
export async function runNode(args, environment = {}) {
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output = (output + text).slice(-TAIL_CHARACTERS);
    });
  }
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve(status));
  });
  try {
    return { status: await within(`node ${args[0]}`, ended), output };
  } catch (error) {
    child.kill('SIGKILL');
    error.message += `\n${output}`;
    throw error;
  }
}

/** What is to end with a test. */
const started = new WeakMap();

/** Ends the program when the test ends, with its status checked. */
export function endWithTest(test, program) {
  const programs = started.get(test) ?? [];
  started.set(test, [...programs, program]);
  test.after(async () => {
    if (program.end) return;
    try {
      await program.stop();
    } catch (error) {
      // Steps behind one that fails are not taken, and what still runs would hold up the end for ever.
      for (const other of started.get(test)) other.kill('SIGKILL');
      throw error;
    }
  });
}
