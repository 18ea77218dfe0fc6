// SPDX-License-Identifier: MIT
// The tracker of Myriota's examples: several fixes in a message, little-endian. The hub shall show
// the time of the last fix, not that of the satellite's pass.
function decodeUplink(input) {
  const view = new DataView(new Uint8Array(input.bytes).buffer);
  const count = view.getUint8(2);
  const locations = [];
  for (let i = 0; i < count; i++) {
    const at = 3 + i * 12;
    locations.push({
      lat: view.getInt32(at, true) / 1e7,
      lon: view.getInt32(at + 4, true) / 1e7,
      alt: 0,
      FixAtUtc: new Date(view.getUint32(at + 8, true) * 1000).toISOString(),
    });
  }
  const last = locations[locations.length - 1];
  if (!last) return { errors: [`terminal ${input.terminalId} sent no fix`] };
  return {
    data: {
      Terminal: input.terminalId,
      SequenceNumber: view.getUint16(0, true),
      Locations: locations,
      DeviceLocation: { lat: last.lat, lon: last.lon, alt: last.alt },
      FixAtUtc: last.FixAtUtc,
    },
    properties: { 'iothub-creation-time-utc': last.FixAtUtc },
  };
}
