// SPDX-License-Identifier: MIT
// What /metrics says, and small graphs of how it changes.
'use strict';

const POINTS = 120;

/** The text form of Prometheus as an object: full name with labels to number. */
function readMetrics(text) {
  const values = {};
  for (const line of text.split('\n')) {
    const end = line.lastIndexOf(' ');
    if (end > 0 && line[0] !== '#') values[line.slice(0, end)] = Number(line.slice(end + 1));
  }
  return values;
}

/** The sum of a family over all of its labels. */
function sumOf(values, family) {
  return Object.entries(values).reduce((sum, [name, value]) => (
    name === family || name.startsWith(`${family}{`) ? sum + value : sum), 0);
}

class Graph {
  constructor(parent, title, format) {
    this.format = format;
    this.points = [];
    const figure = document.createElement('figure');
    this.caption = document.createElement('figcaption');
    this.title = title;
    this.svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    this.svg.setAttribute('viewBox', `0 0 ${POINTS - 1} 100`);
    this.svg.setAttribute('preserveAspectRatio', 'none');
    this.svg.setAttribute('role', 'img');
    this.path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    this.svg.append(this.path);
    figure.append(this.caption, this.svg);
    parent.append(figure);
  }

  add(value) {
    this.points.push(value);
    if (this.points.length > POINTS) this.points.shift();
    const most = Math.max(...this.points, 1e-9);
    const first = POINTS - this.points.length;
    this.path.setAttribute('d', this.points.map((each, i) => (
      `${i ? 'L' : 'M'}${first + i} ${(97 - 94 * each / most).toFixed(1)}`)).join(''));
    const now = document.createElement('b');
    now.textContent = this.format(value);
    this.caption.replaceChildren(`${this.title}: `, now, ` (at most ${this.format(most)})`);
    this.svg.setAttribute('aria-label', `${this.title}, now ${this.format(value)}`);
  }
}
