// SPDX-License-Identifier: MIT
// The services' units: what they let the programs do, and where their secrets come from.
import assert from 'node:assert/strict';
import child from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { isthmus, temporaryDirectory } from './support/program.mjs';

const built = dirname(isthmus);
const documents = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'docs');
/** Each service's unit, and where its documents name its credentials. */
const units = { 'isthmus-gateway': 'operating.md', 'isthmus-camera': 'camera.md' };

/** The values of a unit's setting, in the order of its lines. */
async function valuesOf(name, setting) {
  return (await readFile(join(built, `${name}.service`), 'utf8')).split('\n')
    .filter((line) => line.startsWith(`${setting}=`)).map((line) => line.slice(setting.length + 1));
}

/** What systemd says of a unit; skips the test where it is not. */
function analyse(t, ...args) {
  const { error, status, stdout, stderr } = child.spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  if (error?.code === 'ENOENT') t.skip('systemd-analyze is not there');
  else assert.equal(status, 0, `${stdout}${stderr}`);
}

for (const [name, document] of Object.entries(units)) {
  test(`${name}.service loads the credentials that the documents name`, async () => {
    const text = await readFile(join(documents, document), 'utf8');
    const named = [...text.matchAll(/`(isthmus\.[a-z-]+-(?:key|string|token|password))`/g)].map(([, credential]) => credential);
    assert.ok(named.length > 0);
    assert.deepEqual((await valuesOf(name, 'LoadCredential')).sort(), [...new Set(named)].sort());
  });

  test(`${name}.service: no core, and bounds for memory and tasks`, async () => {
    assert.deepEqual(await valuesOf(name, 'LimitCORE'), ['0']);
    assert.deepEqual(await valuesOf(name, 'UMask'), ['0077']);
    assert.equal((await valuesOf(name, 'MemoryMax')).length, 1);
    assert.equal((await valuesOf(name, 'TasksMax')).length, 1);
  });

  test(`systemd understands all of ${name}.service`, async (t) => {
    // It wants to see the program, which is not installed here.
    const text = await readFile(join(built, `${name}.service`), 'utf8');
    const copy = join(await temporaryDirectory(t, 'unit'), `${name}.service`);
    await writeFile(copy, text.replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`));
    analyse(t, 'verify', '--man=no', copy);
  });

  test(`systemd finds little that ${name}.service may do beyond its work`, (t) => {
    analyse(t, 'security', '--offline=true', '--no-pager', '--threshold=20', join(built, `${name}.service`));
  });
}

test('the camera\'s service sees what ONNX Runtime and the clock need of /proc', async () => {
  assert.deepEqual(await valuesOf('isthmus-camera', 'ProcSubset'), []);
});

test('the container has the libraries that the local hub is linked with', async (t) => {
  const file = await readFile(join(documents, '..', 'Containerfile'), 'utf8');
  const needed = child.spawnSync('objdump', ['-p', isthmus], { encoding: 'utf8' }).stdout;
  const libraries = [...needed.matchAll(/NEEDED +(\S+)/g)].map(([, name]) => name);
  const named = new Set(file.match(/\bz?lib[a-z0-9.+-]+/g));

  if (libraries.length === 0 || child.spawnSync('dpkg', ['--version']).status !== 0) {
    t.skip('objdump or dpkg is not there');
    return;
  }
  for (const library of libraries.filter((name) => !/^(libc|libm|ld-linux.*)\.so/.test(name))) {
    const { stdout } = child.spawnSync('dpkg', ['-S', `*/${library}`], { encoding: 'utf8' });
    const packages = [...stdout.matchAll(/^([^:]+):/gm)].map(([, name]) => name);
    assert.ok(packages.some((name) => named.has(name.replace(/t64$/, ''))),
      `${library} is in ${packages}`);
  }
});

test('the local hub has a unit for users, which says what the page says', async () => {
  const text = await readFile(join(dirname(isthmus), 'isthmus-hub.service'), 'utf8');

  assert.match(text, /^ExecStart=\/.*\/isthmus hub --quiet$/m);
  assert.match(text, /^WantedBy=default.target$/m);
});
