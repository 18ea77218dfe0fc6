// SPDX-License-Identifier: MIT
// Compiling for the processor is switched off.
function decodeUplink() {
  const module = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
  return { data: { module: typeof module } };
}
