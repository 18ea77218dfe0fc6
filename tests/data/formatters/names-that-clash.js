// SPDX-License-Identifier: MIT
// Members named like the gateway's own, and like those of every object: all are plain data here.
function decodeUplink({ bytes, fPort }) {
  return {
    data: {
      Port: 'harbour',
      PayloadRaw: bytes,
      TerminalId: 'mine',
      constructor: 'me',
      toString: 1,
      ['__proto__']: { inherited: true },
      port: fPort,
      '': 'nameless',
      'a "quoted" \u2028 name': true,
    },
  };
}
