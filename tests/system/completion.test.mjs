// SPDX-License-Identifier: MIT
// bash completes commands, actions, options and files, with the file that is installed.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

import { run } from './support/program.mjs';

const project = fileURLToPath(new URL('../..', import.meta.url));
const script = `
source "packaging/completion/$1"
COMP_WORDS=("$@")
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
"_\${1//-/_}"
printf '%s\\n' "\${COMPREPLY[@]}"`;

/** What bash offers for the last word. */
async function offeredBy(program, ...words) {
  const { status, stdout, output } =
    await run(['-c', script, 'bash', program, ...words], { command: 'bash', cwd: project });
  assert.equal(status, 0, output);
  return stdout.split('\n').filter(Boolean);
}

const offered = (...words) => offeredBy('isthmus', ...words);

test('bash completes commands, actions, options and files', async () => {
  assert.deepEqual(await offered('con'), ['config']);
  assert.ok((await offered('')).includes('gateway'));
  assert.deepEqual(await offered('config', 'c'), ['check', 'convert']);
  assert.deepEqual(await offered('config', 'check', '--sec'), ['--secrets']);
  assert.deepEqual(await offered('hub', 'w'), ['wait', 'watch']);
  assert.ok((await offered('hub', 'watch', '--')).includes('--count'));
  assert.ok(!(await offered('hub', 'watch', '--')).includes('--hubs'));
  assert.deepEqual(await offered('gateway', '--config', 'packaging/comp'), ['packaging/completion']);
  assert.deepEqual(await offered('formatter', 'test', 'packaging/comp'), ['packaging/completion']);
});

test('bash completes the camera\'s options, actions and files', async () => {
  const camera = (...words) => offeredBy('isthmus-camera', ...words);
  assert.deepEqual(await camera('con'), ['config']);
  assert.deepEqual(await camera('--on'), ['--once', '--onnxruntime']);
  assert.deepEqual(await camera('--once', '--im'), ['--image']);
  assert.deepEqual(await camera('--once', '--image', 'packaging/comp'), ['packaging/completion']);
  assert.deepEqual(await camera('config', 'sh'), ['show']);
  assert.ok(!(await camera('config', '--')).includes('--once'));
});
