// SPDX-License-Identifier: MIT
// An irrigation controller: a week of windows in both directions; sets of days as bits.
const days = ['mo', 'tu', 'we', 'th', 'fr', 'sa', 'su'];

const clock = (quarter) => `${String(quarter >> 2).padStart(2, '0')}:${String((quarter & 3) * 15).padStart(2, '0')}`;
const quarter = (text) => {
  const [, hours, minutes] = /^(\d\d):(00|15|30|45)$/.exec(text) ?? [];
  if (hours === undefined || hours > 23) throw new Error(`"${text}" is no quarter of an hour`);
  return hours * 4 + minutes / 15;
};

const unpack = (bytes) => {
  const windows = [];
  for (let i = 0; i + 2 < bytes.length; i += 3) {
    const [set, from, until] = bytes.slice(i);
    windows.push({ days: days.filter((_, d) => set >> d & 1), from: clock(from), until: clock(until) });
  }
  return { data: { windows } };
};

const decodeUplink = ({ bytes }) => unpack(bytes);
const decodeDownlink = ({ bytes }) => unpack(bytes);

function encodeDownlink({ data: { windows = [] } }) {
  return {
    fPort: 20,
    bytes: windows.flatMap(({ days: on, from, until }) => [
      on.reduce((set, day) => set | 1 << days.indexOf(day), 0), quarter(from), quarter(until),
    ]),
  };
}
