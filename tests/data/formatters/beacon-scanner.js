// SPDX-License-Identifier: MIT
// A scanner of radio beacons: addresses as text, sorted by strength, the own vendor first.
const own = /^ac:23:3f/;

function decodeUplink({ bytes, fPort }) {
  if (bytes.length % 7 !== 0) return { errors: [`${bytes.length} bytes are no whole beacons`] };
  const beacons = Array.from({ length: bytes.length / 7 }, (_, i) => {
    const part = bytes.slice(i * 7, i * 7 + 7);
    return {
      mac: part.slice(0, 6).map((b) => b.toString(16).padStart(2, '0')).join(':'),
      rssi: part[6] - 256,
    };
  });
  beacons.sort((a, b) => own.test(b.mac) - own.test(a.mac) || b.rssi - a.rssi);
  return { data: { beacons, nearest: beacons.at(0)?.mac ?? null, port: fPort } };
}
