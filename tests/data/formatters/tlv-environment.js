// SPDX-License-Identifier: MIT
// Tag, length, value, ES5: known tags are read, others skipped with a warning.
var TAGS = {
  0x01: { name: 'temperature', read: function (v) { return (((v[0] << 8) | v[1]) << 16 >> 16) / 100; } },
  0x02: { name: 'humidity', read: function (v) { return v[0]; } },
  0x03: { name: 'light', read: function (v) { return (v[0] << 16) | (v[1] << 8) | v[2]; } },
  0x0a: { name: 'label', read: function (v) { return String.fromCharCode.apply(null, v); } }
};

function decodeUplink(input) {
  var bytes = input.bytes.slice();
  var data = {};
  var warnings = [];
  while (bytes.length) {
    var tag = bytes.shift();
    var length = bytes.shift();
    var value = bytes.splice(0, length);
    if (length === undefined || value.length < length) {
      return { data: data, errors: ['tag ' + tag + ' is cut off'] };
    }
    if (TAGS.hasOwnProperty(tag)) {
      data[TAGS[tag].name] = TAGS[tag].read(value);
    } else {
      warnings.push('unknown tag ' + tag);
    }
  }
  return { data: data, warnings: warnings };
}
