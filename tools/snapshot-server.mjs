#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// A network camera for trying isthmus-camera: answers each GET /snapshot.jpg with the next picture, with
// digest authentication. The pictures are those of a folder, or drawn here. Ends with its standard input.
// usage: tools/snapshot-server.mjs --user NAME --password WORD --ready FILE [--images FOLDER]
//
// FILE appears when it is ready and holds { url, pictures }: what is in each picture, if that is known.
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { drawCounts } from '../tests/system/support/picture.mjs';
import { Snapshots } from '../tests/system/support/snapshots.mjs';

const drawn = [
  { red: 1 },
  { red: 2, green: 1 },
  { red: 3, green: 2, blue: 1 },
  { green: 4 },
  { red: 1, green: 1, blue: 3 },
  { blue: 2 },
];

const options = {};
for (let words = process.argv.slice(2); words.length > 0;) {
  const word = words.shift();
  if (!/^--(user|password|ready|images)$/.test(word) || words.length === 0) {
    console.error('usage: tools/snapshot-server.mjs --user NAME --password WORD --ready FILE [--images FOLDER]');
    process.exit(2);
  }
  options[word.slice(2)] = words.shift();
}

let pictures;
if (options.images) {
  const files = readdirSync(options.images).filter((file) => /\.jpe?g$/i.test(file)).sort();
  if (files.length === 0) {
    console.error(`tools/snapshot-server.mjs: there is no *.jpg in ${options.images}`);
    process.exit(1);
  }
  pictures = files.map((file) => readFileSync(join(options.images, file)));
} else {
  pictures = drawn.map((counts) => drawCounts(counts));
}

const server = await new Snapshots((index) => pictures[index % pictures.length], options).listen();
writeFileSync(`${options.ready}.new`, JSON.stringify({ url: server.url, pictures: options.images ? undefined : drawn }));
renameSync(`${options.ready}.new`, options.ready);
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
