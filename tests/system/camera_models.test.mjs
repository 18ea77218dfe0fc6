// SPDX-License-Identifier: MIT
// Models that can't be used are refused with what was found or is needed, and never end the program
// in any other way.
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { FLOAT, FLOAT16, Graph, INT64, model, UINT8 } from '../../tools/onnx.mjs';
import { isthmusCamera, makeCamera, makeModel, onnxRuntime } from './support/camera.mjs';
import { drawCounts } from './support/picture.mjs';
import { run, temporaryDirectory } from './support/program.mjs';

const bounded = { timeout: 240000 };
const side = 64;
const cells = 8 * 8 + 4 * 4 + 2 * 2;
const names = "{0: 'red', 1: 'green', 2: 'blue'}";
const images = { name: 'images', shape: [1, 3, side, side] };

/** A model of v8's layout that finds nothing, with changes. */
function changed({ inputs = [images], shape = [1, 7, cells], type = FLOAT, metadata = { names }, opset, operator = 'Identity', outputs } = {}) {
  const graph = new Graph();
  const shapes = outputs ?? [shape];
  const count = (each) => each.reduce((product, dimension) => product * dimension, 1);
  const ports = shapes.map((each, index) => {
    const name = `output${index}`;
    graph.apply(operator, [graph.constant(new Array(count(each)).fill(0), each, type)], {}, [name]);
    return { name, shape: each, type };
  });
  return model(graph, inputs, ports, metadata, opset);
}

/** A model that looks good, and fails as soon as it runs: it wants what its table does not hold. */
function failing() {
  const graph = new Graph();
  const table = graph.constant(new Array(7 * cells).fill(0), [1, 7, cells]);
  const nought = graph.apply('ReduceMin', [graph.scale('images', 0)], { keepdims: 0 });
  const place = graph.apply('Cast', [graph.add(nought, graph.constant([9]))], { to: INT64 });
  graph.apply('Gather', [table, graph.reshape(place, [1])], { axis: 0 }, ['output0']);
  return model(graph, [images], [{ name: 'output0', shape: [1, 7, cells] }], { names });
}

/** What is wrong with each, and what the refusal must name. */
const broken = {
  'an empty file': [() => Buffer.alloc(0)],
  'a text': [() => Buffer.from('this is no model\n')],
  'a picture': [() => drawCounts({ red: 1 })],
  'a PyTorch file': [() => Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(5000, 7)])],
  'zeros': [() => Buffer.alloc(100000)],
  'ones': [() => Buffer.alloc(100000, 0xff)],
  'half a model': [(good) => good.subarray(0, good.length / 2)],
  'a model without its last bytes': [(good) => good.subarray(0, good.length - 9)],
  'a model without its first bytes': [(good) => good.subarray(9)],
  'an error page': [() => Buffer.from('<!DOCTYPE html><html><body>404</body></html>')],
  'a model without a graph': [() => model(new Graph(), [], [])],
  'an operator that nobody knows': [() => changed({ operator: 'Divinate' })],
  'a newer set of operators': [() => changed({ opset: 9999 })],
  'half-precision input': [() => changed({ inputs: [{ ...images, type: FLOAT16 }] }), /float16/],
  'input of bytes': [() => changed({ inputs: [{ ...images, type: UINT8 }] }), /type 2, 1 \(float32\) is needed/],
  'input of three dimensions': [() => changed({ inputs: [{ ...images, shape: [3, side, side] }] }), /\[1, 3, height, width\]/],
  'four channels': [() => changed({ inputs: [{ ...images, shape: [1, 4, side, side] }] }), /\[1, 3, height, width\]/],
  'one channel': [() => changed({ inputs: [{ ...images, shape: [1, 1, side, side] }] }), /\[1, 3, height, width\]/],
  'channels last': [() => changed({ inputs: [{ ...images, shape: [1, side, side, 3] }] }), /\[1, 3, height, width\]/],
  'batches of eight': [() => changed({ inputs: [{ ...images, shape: [8, 3, side, side] }] }), /\[1, 3, height, width\]/],
  'an input of 100 pixels': [() => changed({ inputs: [{ ...images, shape: [1, 3, 100, 100] }] }), /100 pixels.*multiple of 32/],
  'an input of 16 pixels': [() => changed({ inputs: [{ ...images, shape: [1, 3, 16, 16] }] }), /16 pixels/],
  'an input of 8192 pixels': [() => changed({ inputs: [{ ...images, shape: [1, 3, 8192, 8192] }] }), /8192 pixels/],
  'no input': [() => changed({ inputs: [] }), /0 inputs, 1 is needed/],
  'two inputs': [() => changed({ inputs: [images, { ...images, name: 'more' }] }), /2 inputs, 1 is needed/],
  'an output of two dimensions': [() => changed({ shape: [7, cells] }), /output|shape|layout/],
  'outputs of five dimensions only': [() => changed({ outputs: [[1, 3, 8, 8, 8], [1, 3, 4, 4, 8], [1, 3, 2, 2, 8]] }), /output|shape|layout/],
  'an output of whole numbers': [() => changed({ type: INT64 }), /output|float/],
  'too few candidates': [() => changed({ shape: [1, 7, cells - 1] }), /83|layout|shape/],
  'more classes than labels': [() => changed({ shape: [1, 9, cells] }), /label|class|shape/],
  'labels of COCO for three classes': [() => changed({ metadata: {} }), /label|class|shape/],
  'labels that are none': [() => changed({ metadata: { names: '{0: person' } }), /label|names/i],
  'an empty list of labels': [() => changed({ metadata: { names: '{}' } }), /label|names|shape/i],
  'a model that fails when it runs': [failing, /ONNX Runtime says.*Gather/],
  'a model for segments': [() => changed({ metadata: { names, task: 'segment' } }), /"segment", "detect" is needed/],
  'a model for poses': [() => changed({ metadata: { names, task: 'pose' } }), /"pose", "detect" is needed/],
};

async function look(directory, model) {
  return run(['--once', '--image', join(directory, 'picture.jpg'), '--model', model, '--onnxruntime', onnxRuntime],
    { command: isthmusCamera });
}

async function place(t) {
  const directory = await temporaryDirectory(t, 'models');
  const good = join(directory, 'good.onnx');
  await writeFile(join(directory, 'picture.jpg'), drawCounts({ red: 1 }));
  await makeModel(good, '--size', String(side));
  assert.equal((await look(directory, good)).status, 0);
  return { directory, good: await readFile(good) };
}

test(`${Object.keys(broken).length} kinds of broken models are refused with a reason`, bounded, async (t) => {
  const { directory, good } = await place(t);
  // What is changed is good otherwise.
  await writeFile(join(directory, 'unchanged.onnx'), changed());
  const unchanged = await look(directory, join(directory, 'unchanged.onnx'));
  assert.equal(unchanged.status, 0, unchanged.output);
  for (const [name, [make, reason = /./]] of Object.entries(broken)) {
    const path = join(directory, 'broken.onnx');
    await writeFile(path, make(good));
    const { status, output, stdout } = await look(directory, path);
    assert.equal(status, 1, `${name}: ${status}\n${output}`);
    assert.equal(stdout, '', name);
    assert.match(output, /broken\.onnx/, `${name}: ${output}`);
    assert.match(output, reason, `${name}: ${output}`);
  }
});

// The first run is that of a picture that comes soon enough, or of an empty one.
for (const [when, due] of [['at once', '00:00:00'], ['later', '01:00:00']]) {
  test(`a model that fails when it runs is refused at the start, with a first picture ${when}`, bounded, async (t) => {
    const camera = await makeCamera(t, { AzureIoTHub: { ConnectionString: 'HostName=127.0.0.1;DeviceId=yard;SharedAccessKey=a2V5' } },
      { Application: { ImageTimerDue: due } });
    await camera.show({ red: 1 });
    await writeFile(camera.settings.Application.YoloV5ModelPath, failing());
    await camera.start();
    await camera.program.expectEnd(1);
    assert.match(camera.logged('CAMERAS_NOT_STARTED')[0].reason, /model\.onnx can't be used: ONNX Runtime says/);
  });
}

test('a folder or nothing in the place of a model is refused', bounded, async (t) => {
  const { directory } = await place(t);
  await mkdir(join(directory, 'folder.onnx'));
  for (const name of ['folder.onnx', 'nothing.onnx']) {
    const { status, output } = await look(directory, join(directory, name));
    assert.equal(status, 1, output);
    assert.match(output, new RegExp(name));
  }
});

test('a model with bytes changed here and there is used or refused, and nothing else', bounded, async (t) => {
  const { directory, good } = await place(t);
  let state = 20261130;
  const random = (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % limit;
  };
  let refused = 0;
  for (let round = 0; round < 60; round += 1) {
    const bytes = Buffer.from(good);
    // The structure is where the names are: most of the rest are numbers, which change little.
    for (let i = 0; i < 4; i += 1) bytes[random(round % 2 ? bytes.length : 3000)] = random(256);
    const path = join(directory, 'mutant.onnx');
    await writeFile(path, bytes);
    const { status, output } = await look(directory, path);
    assert.ok(status === 0 || status === 1, `round ${round}: ${status}\n${output}`);
    refused += status;
  }
  assert.ok(refused > 0);
});
