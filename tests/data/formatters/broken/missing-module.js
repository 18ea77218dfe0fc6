// SPDX-License-Identifier: MIT
import { decode } from './codec.js';

function decodeUplink(input) {
  return { data: decode(input.bytes) };
}
