// SPDX-License-Identifier: MIT
// A device that sends JSON as text, ES5; broken text is an error with the engine's own words.
function decodeUplink(input) {
  var text = decodeURIComponent(escape(String.fromCharCode.apply(null, input.bytes)));
  var parsed = JSON.parse(text);
  return { data: Array.isArray(parsed) ? { values: parsed } : parsed };
}
