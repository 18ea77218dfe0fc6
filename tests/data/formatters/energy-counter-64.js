// SPDX-License-Identifier: MIT
// A counter of 64 bits: BigInt, sent as text where a double would lose digits.
function decodeUplink({ bytes }) {
  const view = new DataView(Uint8Array.from(bytes).buffer);
  const wattHours = view.getBigUint64(0);
  const balance = view.getBigInt64(8);
  const exact = wattHours <= BigInt(Number.MAX_SAFE_INTEGER);
  return {
    data: {
      wattHours: exact ? Number(wattHours) : wattHours.toString(),
      kiloWattHours: Number(wattHours / 1000n),
      balance: balance.toString(),
    },
  };
}
