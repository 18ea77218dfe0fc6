// SPDX-License-Identifier: MIT
// A parking sensor from the time of version 2: Decoder and Encoder, as they stood then.
function Decoder(bytes, port) {
  var decoded = {};
  if (port === 1) {
    decoded.occupied = bytes[0] === 1;
    decoded.magneticField = [bytes[1] - 128, bytes[2] - 128, bytes[3] - 128];
  } else {
    decoded.raw = bytes.map(function (b) { return ('0' + b.toString(16)).slice(-2); }).join(' ');
  }
  return decoded;
}

function Encoder(object, port) {
  var bytes = [];
  bytes.push(object.led ? 1 : 0);
  bytes.push(port);
  return bytes;
}
