// SPDX-License-Identifier: MIT
// The older interface, whose helpers are called through `this`.
function Decoder(bytes, port) {
  return { volts: this.toVolts(bytes[0]), port: port };
}

function toVolts(raw) {
  return raw / 10;
}

function Encoder(object, port) {
  var self = this;
  return [self.low(object.value), self.low(port)];
}

function low(n) {
  return n & 255;
}
