// SPDX-License-Identifier: MIT
// An ultrasonic level sensor above a lying tank, ES5: a table of volumes, interpolated.
var TABLE = [
  { cm: 0, litres: 0 }, { cm: 20, litres: 410 }, { cm: 60, litres: 1800 },
  { cm: 100, litres: 3590 }, { cm: 120, litres: 4000 }
];
var HEIGHT = 120;

function litresAt(cm) {
  var i, low, high;
  for (i = 1; i < TABLE.length; i += 1) {
    low = TABLE[i - 1];
    high = TABLE[i];
    if (cm <= high.cm) {
      return low.litres + (cm - low.cm) / (high.cm - low.cm) * (high.litres - low.litres);
    }
  }
  return TABLE[TABLE.length - 1].litres;
}

function decodeUplink(input) {
  var distance = (input.bytes[0] << 8 | input.bytes[1]) / 10;
  var result = { data: { distance: distance }, warnings: [], errors: [] };
  if (distance > HEIGHT) {
    result.errors.push('the distance of ' + distance + ' cm is beyond the tank\'s bottom');
    return result;
  }
  result.data.level = HEIGHT - distance;
  result.data.litres = Math.round(litresAt(result.data.level));
  result.data.percent = Math.round(result.data.litres / 40);
  if (result.data.percent < 10) {
    result.warnings.push('less than a tenth is left');
  }
  return result;
}
