// SPDX-License-Identifier: MIT
// A weather station with a normalizer: wind as a table of directions, rain as a list of records.
const compass = 'N NNE NE ENE E ESE SE SSE S SSW SW WSW W WNW NW NNW'.split(' ');

function decodeUplink({ bytes: [status, tHigh, tLow, humidity, pHigh, pLow, wind, gust, ...rain] }) {
  const temperature = (((tHigh << 8) | tLow) << 16 >> 16) / 10;
  return {
    data: {
      temperature,
      humidity,
      pressure: ((pHigh << 8) | pLow) / 10,
      wind: { from: compass[status & 15], speed: wind / 2, gust: gust / 2 },
      rain: rain.map((tips) => tips * 0.25),
    },
    warnings: status & 0x80 ? ['the anemometer is frozen'] : [],
  };
}

function normalizeUplink({ data }) {
  const { temperature, humidity: relativeHumidity, pressure, wind, rain } = data;
  const now = {
    air: { temperature, relativeHumidity, pressure },
    wind: { speed: wind.speed, direction: compass.indexOf(wind.from) * 22.5 },
  };
  return { data: [now, ...rain.map((cumulative) => ({ rain: { cumulative } }))] };
}
