// SPDX-License-Identifier: MIT
// What is returned runs on: a getter, toJSON, and a proxy that invents members.
function decodeUplink(input) {
  const spin = () => { for (;;); };
  return [
    { get data() { return spin(); } },
    { data: { toJSON: spin } },
    { data: new Proxy({}, { ownKeys: spin }) },
  ][input.fPort - 1];
}
