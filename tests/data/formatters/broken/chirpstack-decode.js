// SPDX-License-Identifier: MIT
// What ChirpStack called before it took over decodeUplink.
function Decode(fPort, bytes, variables) {
  return { temperature: bytes[0] };
}

function Encode(fPort, obj, variables) {
  return [obj.value];
}
