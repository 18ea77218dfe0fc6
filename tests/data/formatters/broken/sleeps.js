// SPDX-License-Identifier: MIT
// Waits without using any time of the processor, where the engine lets it.
function decodeUplink() {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  return { data: {} };
}
