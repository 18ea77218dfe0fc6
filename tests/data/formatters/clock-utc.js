// SPDX-License-Identifier: MIT
// A device with a clock of its own, ES5: what depends on place and language is that of UTC.
function decodeUplink(input) {
  var b = input.bytes;
  var local = new Date(2000 + b[0], b[1] - 1, b[2], b[3], b[4]);
  var weekdays = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
  return {
    data: {
      time: local.toISOString(),
      offset: local.getTimezoneOffset(),
      weekday: weekdays[local.getDay()],
      late: Math.round((input.recvTime - local) / 1000)
    }
  };
}
