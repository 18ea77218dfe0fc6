// SPDX-License-Identifier: MIT
function decodeUplink() {
  let text = 'x';
  for (;;) text += text;
}
