// SPDX-License-Identifier: MIT
// An edge camera for a test: the program, a configuration of its own, the model of tools/make-model.mjs,
// and a file that it takes its pictures from.
import { execFile } from 'node:child_process';
import { rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { drawCounts } from './picture.mjs';
import { endWithTest, eventually, isthmus, Program, temporaryDirectory } from './program.mjs';

const project = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/** Beside the program under test. */
export const isthmusCamera = join(dirname(isthmus), 'isthmus-camera');

/** tools/setup-onnxruntime of this tree has put it there. */
export const onnxRuntime = join(project, '.cache', 'libonnxruntime.so.1');

const run = promisify(execFile);

export async function makeModel(path, ...options) {
  await run(join(project, 'tools', 'make-model.mjs'), [path, ...options]);
}

/** Settings of a camera that a local hub's provisioning service assigns. */
export function provisionedBy(hub) {
  return {
    AzureIoTHubDPS: {
      GlobalDeviceEndpoint: hub.info.dps.endpoint,
      IDScope: hub.info.dps.idScope,
      GroupEnrollmentKey: hub.info.dps.groupEnrollmentKey,
    },
    AzureIoT: { TrustedCertificates: hub.info.certificate },
  };
}

export class Camera {
  constructor(directory, settings) {
    this.directory = directory;
    this.settings = settings;
    this.config = join(directory, 'camera.json');
    this.picture = join(directory, 'picture.jpg');
  }

  /** Puts another picture where the camera finds it, as a whole. */
  async show(counts) {
    await this.put(Buffer.isBuffer(counts) ? counts : drawCounts(counts));
  }

  async put(bytes, path = this.picture) {
    await writeFile(`${path}.new`, bytes);
    await rename(`${path}.new`, path);
  }

  async start({ environment = {} } = {}) {
    await writeFile(this.config, JSON.stringify(this.settings), { mode: 0o600 });
    this.program = new Program(['--config', this.config],
      { command: isthmusCamera, env: { ...process.env, ...environment } });
    this.program.name = 'isthmus-camera';
    this.log = [];
    endWithTest(this.test, this.program);
  }

  /** Lines of the log with this id. */
  logged(id) {
    return this.program.tail.split('\n').filter((line) => line.includes(`"${id}"`)).map((line) => JSON.parse(line));
  }

  async ready() {
    const [line] = await eventually('CAMERAS_READY', () => {
      this.program.assertRuns();
      const lines = this.logged('CAMERAS_READY');
      return lines.length > 0 && lines;
    });
    this.port = line.port;
    return this;
  }

  get(path) {
    return fetch(`http://127.0.0.1:${this.port}${path}`);
  }

  async health() {
    return (await this.get('/healthz')).json();
  }
}

/** A camera with settings of its own; its pictures come from a file unless they say something else. */
export async function makeCamera(test, azure, settings = {}) {
  const directory = await temporaryDirectory(test, 'camera');
  const { Application = {}, ...others } = settings;
  const camera = new Camera(directory, {
    Listen: '127.0.0.1:0',
    DataDirectory: join(directory, 'data'),
    Application: {
      DeviceID: 'yard',
      ImageTimerDue: '00:00:00',
      ImageTimerPeriod: '00:00:00.2',
      YoloV5ModelPath: join(directory, 'model.onnx'),
      OnnxRuntimePath: onnxRuntime,
      PredictionScoreThreshold: 0.4,
      ...Application,
    },
    ...azure,
    ...others,
  });
  camera.test = test;
  if (!settings.Cameras && !settings.SecurityCamera && !settings.Source) camera.settings.Source = { File: camera.picture };
  await makeModel(join(directory, 'model.onnx'));
  return camera;
}

/** The same, with a picture, started and at work. */
export async function startCamera(test, azure, settings = {}, counts = { red: 2, green: 1 }) {
  const camera = await makeCamera(test, azure, settings);
  await camera.show(counts);
  await camera.start();
  return camera.ready();
}
