// SPDX-License-Identifier: MIT
// Fine dust to an index, ES5: a table of break points as lists in lists.
var BREAKS = [
  [0, 12, 0, 50], [12, 35.5, 50, 100], [35.5, 55.5, 100, 150], [55.5, 150.5, 150, 200]
];

function index(value) {
  for (var i = 0; i < BREAKS.length; i++) {
    var row = BREAKS[i];
    if (value < row[1]) {
      return Math.round((value - row[0]) / (row[1] - row[0]) * (row[3] - row[2]) + row[2]);
    }
  }
  return 201;
}

function decodeUplink(input) {
  var pm25 = (input.bytes[0] * 256 + input.bytes[1]) / 10;
  return { data: { pm25: pm25, index: index(pm25), bad: index(pm25) > 100 } };
}
