// SPDX-License-Identifier: MIT
// The service's unit: what it lets the gateway do, and where its secrets come from.
import assert from 'node:assert/strict';
import child from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { isthmus } from './support/program.mjs';

const unit = join(dirname(isthmus), 'isthmus-gateway.service');
const documents = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'docs');

/** The values of a setting, in the order of its lines. */
async function valuesOf(setting) {
  return (await readFile(unit, 'utf8')).split('\n')
    .filter((line) => line.startsWith(`${setting}=`)).map((line) => line.slice(setting.length + 1));
}

test('the unit loads the credentials that the documents name', async () => {
  const text = await readFile(join(documents, 'operating.md'), 'utf8');
  const named = [...text.matchAll(/`(isthmus\.[a-z-]+-(?:key|string|token))`/g)].map(([, name]) => name);
  assert.ok(named.length > 0);
  assert.deepEqual((await valuesOf('LoadCredential')).sort(), [...new Set(named)].sort());
});

test('no core, and bounds for memory and tasks', async () => {
  assert.deepEqual(await valuesOf('LimitCORE'), ['0']);
  assert.deepEqual(await valuesOf('UMask'), ['0077']);
  assert.equal((await valuesOf('MemoryMax')).length, 1);
  assert.equal((await valuesOf('TasksMax')).length, 1);
});

test('systemd finds little that the service may do beyond its work', (t) => {
  const { error, status, stdout, stderr } = child.spawnSync('systemd-analyze',
    ['security', '--offline=true', '--no-pager', '--threshold=20', unit], { encoding: 'utf8' });
  if (error?.code === 'ENOENT') {
    t.skip('systemd-analyze is not there');
    return;
  }
  assert.equal(status, 0, `${stdout}${stderr}`);
});
