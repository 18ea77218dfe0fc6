// SPDX-License-Identifier: MIT
// Properties beside the data: for routing in the hub. Values that are no texts become texts.
function decodeUplink({ bytes, deviceId, applicationId, fPort }) {
  const alarm = bytes[0] > 0;
  return {
    data: { alarm },
    properties: { alarm, level: bytes[0], source: `${applicationId}/${deviceId}`, port: fPort },
  };
}
