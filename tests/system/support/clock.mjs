// SPDX-License-Identifier: MIT
// Programs whose wall clock is wrong, by clock_step.c.
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { startHub } from './hub.mjs';
import { isthmus, temporaryDirectory } from './program.mjs';

/** Variables that let a program's clock stand as many seconds ahead as the file says. */
export async function clockOf(t, seconds) {
  const file = join(await temporaryDirectory(t, 'clock'), 'step');
  await writeFile(file, String(seconds));
  return {
    set: (ahead) => writeFile(file, String(ahead)),
    environment: {
      LD_PRELOAD: join(dirname(isthmus), 'tests', 'clock_step.so'), ISTHMUS_CLOCK_STEP: file,
    },
  };
}

/** A hub whose certificate is valid for a clock that is two hours behind, too. */
export async function startOldHub(t) {
  const directory = await temporaryDirectory(t, 'hub');
  const { environment } = await clockOf(t, -3 * 86400);

  await (await startHub(t, { directory, environment })).program.stop();
  return startHub(t, { directory });
}
