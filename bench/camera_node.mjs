// SPDX-License-Identifier: MIT
// The same way from picture to tally, and to the marked-up picture, in JavaScript with the official
// onnxruntime-node and sharp. Prints medians in milliseconds as JSON.
// usage: node camera_node.mjs FOLDER-OF-NODE-MODULES MODEL PICTURE THREADS COUNT
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [folder, modelPath, picturePath, threads, count] = process.argv.slice(2);
const require = createRequire(join(folder, 'x.js'));
const ort = require('onnxruntime-node');
const sharp = require('sharp');

const CONFIDENCE = 0.25;
const OVERLAP = 0.45;

sharp.concurrency(Number(threads));
sharp.cache(false);
const session = await ort.InferenceSession.create(modelPath, {
  intraOpNumThreads: Number(threads), interOpNumThreads: 1, graphOptimizationLevel: 'all', logSeverityLevel: 3,
});
const [input] = session.inputNames;
const [output] = session.outputNames;
const jpeg = readFileSync(picturePath);
const side = 640;
const tensor = new Float32Array(3 * side * side);

async function fill() {
  const { data, info } = await sharp(jpeg).rotate().resize(side, side, { fit: 'contain', background: { r: 114, g: 114, b: 114 }, kernel: 'linear', fastShrinkOnLoad: false })
    .removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const plane = info.width * info.height;
  for (let i = 0, at = 0; i < plane; i += 1, at += 3) {
    tensor[i] = data[at] / 255;
    tensor[plane + i] = data[at + 1] / 255;
    tensor[2 * plane + i] = data[at + 2] / 255;
  }
}

async function infer() {
  const result = await session.run({ [input]: new ort.Tensor('float32', tensor, [1, 3, side, side]) });
  return result[output];
}

function overlap(a, b) {
  const width = Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1);
  const height = Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1);
  if (width <= 0 || height <= 0) return 0;
  const both = width * height;
  return both / ((a.x2 - a.x1) * (a.y2 - a.y1) + (b.x2 - b.x1) * (b.y2 - b.y1) - both);
}

/** Rows with objectness (v5), or columns (v8). */
function boxes({ data, dims }) {
  const isRows = dims[1] > dims[2];
  const candidates = isRows ? dims[1] : dims[2];
  const width = isRows ? dims[2] : dims[1];
  const first = isRows ? 5 : 4;
  const value = isRows ? (i, k) => data[i * width + k] : (i, k) => data[k * candidates + i];
  const found = [];
  for (let i = 0; i < candidates; i += 1) {
    const objectness = isRows ? value(i, 4) : 1;
    if (!(objectness > CONFIDENCE)) continue;
    let label = 0;
    for (let k = 1; k < width - first; k += 1) if (value(i, first + k) > value(i, first + label)) label = k;
    const score = value(i, first + label) * objectness;
    if (!(score > CONFIDENCE)) continue;
    const [x, y, w, h] = [0, 1, 2, 3].map((k) => value(i, k));
    found.push({ x1: x - w / 2, y1: y - h / 2, x2: x + w / 2, y2: y + h / 2, score, label });
  }
  found.sort((a, b) => b.score - a.score);
  const kept = [];
  for (const box of found) if (!kept.some((each) => each.label === box.label && overlap(each, box) > OVERLAP)) kept.push(box);
  return kept;
}

function tally(found) {
  const counts = {};
  for (const { label } of found) counts[label] = (counts[label] ?? 0) + 1;
  return JSON.stringify(counts);
}

async function markUp(found) {
  const { width, height } = await sharp(jpeg).metadata();
  const scale = Math.max(width, height) / side;
  const [left, top] = [(side - width / scale) / 2, (side - height / scale) / 2];
  const marks = found.map((box) => `<rect x="${(box.x1 - left) * scale}" y="${(box.y1 - top) * scale}" width="${(box.x2 - box.x1) * scale}" height="${(box.y2 - box.y1) * scale}" fill="none" stroke="red" stroke-width="4"/><text x="${(box.x1 - left) * scale}" y="${(box.y1 - top) * scale}" font-size="24" fill="red">${box.label} ${box.score.toFixed(2)}</text>`);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${marks.join('')}</svg>`;
  return sharp(jpeg).rotate().composite([{ input: Buffer.from(svg) }]).jpeg({ quality: 85 }).toBuffer();
}

const times = { bare: [], json: [], markedUp: [] };
await fill();
tally(boxes(await infer()));
if (Number(count) === 0) process.exit(0); // only the first result was wanted
for (let round = 0; round < Number(count); round += 1) {
  let mark = performance.now();
  await infer();
  times.bare.push(performance.now() - mark);
  mark = performance.now();
  await fill();
  const found = boxes(await infer());
  tally(found);
  times.json.push(performance.now() - mark);
  await markUp(found);
  times.markedUp.push(performance.now() - mark);
}
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
console.log(JSON.stringify({
  ...Object.fromEntries(Object.entries(times).map(([name, list]) => [name, Number(median(list).toFixed(3))])),
  rssMB: Number((process.memoryUsage().rss / 1e6).toFixed(1)),
  peakMB: Number((process.resourceUsage().maxRSS / 1e3).toFixed(1)),
}));
