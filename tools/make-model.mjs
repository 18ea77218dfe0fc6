#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// Makes a small ONNX model that finds red, green and blue shapes, in each of the layouts that the
// YOLO family has. It is no trained network, but a graph that really looks: from every window of
// the picture it takes the extent of what has a colour, and scores what lies whole and centred in
// it. So demos and tests need no weights of anybody else.
//
// usage: tools/make-model.mjs FILE [--layout v5|v8|end-to-end] [--size N] [--free]
//   --size N   pixels of the input's sides, a multiple of 32 (320)
//   --free     leaves the batch free, as exports with `dynamic` do
//
// The file format is that of onnx.proto (github.com/onnx/onnx); operators are those of opset 13.
import { writeFileSync } from 'node:fs';

import { Graph, INT64, model, FLOAT } from './onnx.mjs';

// --- the graph that looks ------------------------------------------------------------------------

const LABELS = ['red', 'green', 'blue'];
const STRIDES = [8, 16, 32];
const WINDOW = 5; // cells; what is larger than WINDOW - 1 of them is not found

/** How much each pixel is red, green, blue and nothing else: 0 to 1. */
function colours(graph, images) {
  const plane = (index) => graph.slice(images, 1, index, index + 1);
  return graph.concatenate(LABELS.map((_, index) => {
    const others = [0, 1, 2].filter((each) => each !== index).map(plane);
    const strongest = graph.apply('Max', others);
    const excess = graph.subtract(graph.subtract(plane(index), strongest), graph.constant([0.25]));
    return graph.clip(graph.scale(excess, 20));
  }), 1);
}

/** Places of pixels along one axis, from 1/size to 1; from the other end if `reversed`. */
function ramp(graph, size, axis, reversed) {
  const places = Array.from({ length: size }, (_, i) => (reversed ? size - i : i + 1) / size);
  return graph.constant(places, axis === 'x' ? [1, 1, 1, size] : [1, 1, size, 1]);
}

/** The middles of the cells of a grid, in pixels. */
function middles(graph, cells, stride, axis) {
  const places = Array.from({ length: cells }, (_, i) => (i + 0.5) * stride);
  return graph.constant(places, axis === 'x' ? [1, 1, 1, cells] : [1, 1, cells, 1]);
}

/** From where to where the colours reach in the window around each cell, in pixels. */
function extent(graph, mask, size, stride, axis) {
  const margin = ((WINDOW - 1) / 2) * stride;
  const pool = (reversed) => graph.apply('MaxPool', [graph.multiply(mask, ramp(graph, size, axis, reversed))],
    { kernel_shape: [WINDOW * stride, WINDOW * stride], strides: [stride, stride], pads: [margin, margin, margin, margin] });
  return {
    from: graph.subtract(graph.constant([size]), graph.scale(pool(true), size)),
    to: graph.scale(pool(false), size),
  };
}

/** 1 where a number is within [0, limit), else 0, with an edge half a pixel wide. */
function within(graph, value, limit) {
  return graph.clip(graph.scale(graph.subtract(graph.constant([limit]), graph.apply('Abs', [value])), 2));
}

/** For each colour and cell of one grid: cx, cy, w, h and a score; each [1, 3, cells, cells]. */
function grid(graph, mask, size, stride) {
  const cells = size / stride;
  const axes = ['x', 'y'].map((axis) => {
    const { from, to } = extent(graph, mask, size, stride, axis);
    const centre = graph.scale(graph.add(from, to), 0.5);
    const length = graph.subtract(to, from);
    const aside = graph.subtract(graph.subtract(centre, middles(graph, cells, stride, axis)), graph.constant([0.25]));
    const centred = within(graph, aside, stride / 2);
    const whole = within(graph, graph.apply('Max', [length, graph.constant([0])]), (WINDOW - 1) * stride);
    const large = graph.clip(graph.subtract(length, graph.constant([3])));
    return { centre, length, score: graph.multiply(graph.multiply(centred, whole), large) };
  });
  return {
    cells,
    places: [axes[0].centre, axes[1].centre, axes[0].length, axes[1].length],
    score: graph.scale(graph.multiply(axes[0].score, axes[1].score), 0.9),
  };
}

/** The columns of v8, [1, 4 + 3, cells of all grids]: only the coarsest grid finds anything. */
function columns(graph, mask, size) {
  const coarse = grid(graph, mask, size, 32);
  const count = coarse.cells ** 2;
  const flat = (value) => graph.reshape(value, [1, 3, count]);
  const score = flat(coarse.score);
  /* A cell has one place: that of its strongest colour. */
  const strongest = graph.apply('ReduceMax', [score], { axes: [1], keepdims: 1 });
  const isStrongest = graph.apply('Cast', [graph.apply('Equal', [score, strongest])], { to: FLOAT });
  const place = (value) => graph.apply('ReduceMax', [graph.multiply(flat(value), isStrongest)], { axes: [1], keepdims: 1 });
  const found = graph.concatenate([...coarse.places.map(place), score], 1);
  const fine = STRIDES.slice(0, -1).reduce((sum, stride) => sum + (size / stride) ** 2, 0);
  const nothing = graph.constant(new Array(7 * fine).fill(0), [1, 7, fine]);
  return { value: graph.concatenate([nothing, found], 2), cells: fine + count };
}

const layouts = {
  v8: (graph, { value, cells }) => {
    graph.apply('Identity', [value], {}, ['output0']);
    return [1, 7, cells];
  },
  /** Three candidates a cell, the first of which is the one; objectness 1. */
  v5: (graph, { value, cells }) => {
    const rows = graph.transpose(value, [0, 2, 1]);
    const ones = graph.constant(new Array(cells).fill(1), [1, cells, 1]);
    const whole = graph.concatenate([graph.slice(rows, 2, 0, 4), ones, graph.slice(rows, 2, 4, 7)], 2);
    const empty = graph.constant(new Array(2 * cells * 8).fill(0), [1, 2 * cells, 8]);
    graph.apply('Concat', [whole, empty], { axis: 1 }, ['output0']);
    return [1, 3 * cells, 8];
  },
  /** The best cells, with corners and a class. */
  'end-to-end': (graph, { value, cells }) => {
    const best = Math.min(300, cells);
    const rows = graph.transpose(value, [0, 2, 1]);
    const scores = graph.slice(rows, 2, 4, 7);
    const label = graph.apply('Cast', [graph.apply('ArgMax', [scores], { axis: 2, keepdims: 1 })], { to: FLOAT });
    const score = graph.apply('ReduceMax', [scores], { axes: [2], keepdims: 1 });
    const half = graph.scale(graph.slice(rows, 2, 2, 4), 0.5);
    const centre = graph.slice(rows, 2, 0, 2);
    const all = graph.concatenate([graph.subtract(centre, half), graph.add(centre, half), score, label], 2);
    const values = graph.name();
    const places = graph.name();
    graph.apply('TopK', [graph.reshape(score, [1, cells]), graph.constant([best], [1], INT64)], { axis: 1 }, [values, places]);
    graph.apply('Gather', [all, graph.reshape(places, [best])], { axis: 1 }, ['output0']);
    return [1, best, 6];
  },
};

// --- command line --------------------------------------------------------------------------------

function fail(words) {
  console.error(`tools/make-model.mjs: ${words}\nusage: tools/make-model.mjs FILE [--layout v5|v8|end-to-end] [--size N] [--free]`);
  process.exit(2);
}

const options = { layout: 'v8', size: 320, free: false };
let file;
for (let words = process.argv.slice(2); words.length > 0;) {
  const word = words.shift();
  if (word === '--free') options.free = true;
  else if (word === '--layout') options.layout = words.shift();
  else if (word === '--size') options.size = Number(words.shift());
  else if (!word.startsWith('-') && !file) file = word;
  else fail(`what is ${word}?`);
}
if (!file) fail('where shall the model go?');
if (!layouts[options.layout]) fail(`there is no layout ${options.layout}`);
if (!(options.size >= 64 && options.size % 32 === 0)) fail(`${options.size} is no multiple of 32 from 64 upwards`);

const graph = new Graph();
const shape = layouts[options.layout](graph, columns(graph, colours(graph, 'images'), options.size));
if (options.free) shape[0] = 'batch';
writeFileSync(file, model(graph,
  [{ name: 'images', shape: [options.free ? 'batch' : 1, 3, options.size, options.size] }],
  [{ name: 'output0', shape }],
  { names: `{${LABELS.map((label, index) => `${index}: '${label}'`).join(', ')}}`, stride: '32', task: 'detect' }));
