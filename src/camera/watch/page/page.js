// SPDX-License-Identifier: MIT
// The cameras' page: asks every two seconds what is new, and draws it. Nothing comes from elsewhere.
'use strict';

const ASK_MS = 2000;
const POINTS_MAX = 720;
const CORNERS_MAX = 64;
// Told apart also by the colour-blind (Okabe and Ito), and to be seen on white and on black.
const COLOURS = ['#0a7cc4', '#e69f00', '#009e73', '#d55e00', '#cc79a7', '#56b4e9', '#999999'];
const DASHES = ['none', '7 4', '2 3'];
const SVG = 'http://www.w3.org/2000/svg';

const cards = new Map();
const styles = new Map();

/** Labels in the telemetry's spelling have the colour of those in the picture; the next seven are dashed. */
function styleOf(text) {
  const label = text.replace(/[^A-Za-z0-9]+/g, '_');
  if (!styles.has(label)) {
    const index = styles.size;
    styles.set(label, {
      stroke: COLOURS[index % COLOURS.length],
      'stroke-dasharray': DASHES[Math.floor(index / COLOURS.length) % DASHES.length],
    });
  }
  return styles.get(label);
}

function drawn(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function percent(fraction) {
  return `${(fraction * 100).toFixed(2)}%`;
}

/** With its date, unless that is today's. */
function timeOf(ms) {
  const time = new Date(ms);
  return time.toDateString() === new Date().toDateString() ? time.toLocaleTimeString() : time.toLocaleString();
}

/** The middle of a polygon's box, where its name disturbs least. */
function middleOf(points) {
  const middle = (axis) => (Math.min(...points.map((point) => point[axis])) + Math.max(...points.map((point) => point[axis]))) / 2;
  return [middle(0), middle(1)];
}

/** A count holds until the next picture; what there is none of has no line. */
function stairs(steps) {
  let path = '';
  let isDown = true;
  steps.forEach(([x, y, isThere], index) => {
    if (!isDown) path += `H${x.toFixed(1)}`;
    if (isThere || !isDown) path += isDown ? `M${x.toFixed(1)} ${y.toFixed(1)}` : `V${y.toFixed(1)}`;
    if (isThere && index === steps.length - 1) path += 'h2';
    isDown = !isThere;
  });
  return path;
}

/** One camera's part of the page. */
class Card {
  constructor(index) {
    this.index = index;
    this.history = [];
    this.corners = [];
    this.root = document.getElementById('camera').content.cloneNode(true).firstElementChild;
    this.picture = this.find('.picture');
    document.getElementById('cameras').append(this.root);
    this.listen();
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  listen() {
    const zone = this.find('.zone');
    zone.addEventListener('toggle', () => {
      this.root.classList.toggle('drawing', zone.open);
      if (zone.open) this.picture.scrollIntoView({ block: 'nearest' });
      this.showThings();
    });
    // A picture that stands is no higher than the window.
    this.find('img').addEventListener('load', ({ target }) => {
      this.picture.style.maxWidth = `calc(75vh * ${(target.naturalWidth / target.naturalHeight).toFixed(4)})`;
    });
    this.picture.addEventListener('pointerdown', (event) => this.addCorner(event));
    this.find('.undo').addEventListener('click', () => { this.corners.pop(); this.showZone(); });
    this.find('.clear').addEventListener('click', () => { this.corners = []; this.showZone(); });
    this.find('.copy').addEventListener('click', () => this.copy());
    this.find('input').addEventListener('input', () => this.showZone());
  }

  show(camera) {
    this.camera = camera;
    this.receivedMs = performance.now();
    this.find('h2').textContent = camera.name;
    const trouble = [camera.health.trouble, camera.health.cloudTrouble].filter(Boolean).join('; ');
    this.find('.trouble').textContent = trouble;
    this.find('.trouble').hidden = !trouble;
    const last = this.history.at(-1)?.[0] ?? 0;
    this.history = this.history.concat(camera.history.filter(([ms]) => ms > last)).slice(-POINTS_MAX);
    if (camera.takenAt && camera.takenAt !== this.takenAt) this.showPicture();
    this.showThings();
    this.showTally();
    this.showGraph();
    this.showNext();
    this.showHealth();
  }

  showPicture() {
    this.takenAt = this.camera.takenAt;
    const tally = Object.entries(this.camera.tally).map(([label, count]) => `${count} ${label}`).join(', ');
    const image = this.find('img');
    image.src = `picture?camera=${this.index}&at=${this.takenAt}`;
    image.alt = `${this.camera.name} at ${timeOf(this.takenAt)}: ${tally || 'nothing that counts'}`;
    this.find('figcaption').textContent = `taken at ${timeOf(this.takenAt)}`;
  }

  addName(text, className = '') {
    const name = document.createElement('span');
    name.textContent = text;
    name.className = className;
    this.find('.names').append(name);
    return name.style;
  }

  /** Above its frame, where there is room; a thing at the right edge has it flush right. */
  nameThing({ label, score, box: [x1, y1, x2] }) {
    const style = this.addName(`${label} ${score.toFixed(2)}`);
    if (x1 > 0.6) style.right = percent(1 - x2);
    else style.left = percent(x1);
    style.top = percent(y1);
    if (y1 > 0.06) style.transform = 'translateY(-100%)';
    style.borderLeft = `4px solid ${styleOf(label).stroke}`;
  }

  nameZone(name, points) {
    const [x, y] = middleOf(points);
    const style = this.addName(name, 'zone-name');
    style.left = percent(x);
    style.top = percent(y);
    style.transform = 'translate(-50%, -50%)';
  }

  showThings() {
    const svg = this.find('.things');
    svg.replaceChildren();
    this.find('.names').replaceChildren();
    for (const [name, points] of Object.entries(this.camera.zones)) {
      svg.append(drawn('polygon', { class: 'area', points: points.join(' ') }));
      this.nameZone(name, points);
    }
    for (const thing of this.camera.things) {
      const [x1, y1, x2, y2] = thing.box;
      const { stroke } = styleOf(thing.label);
      svg.append(drawn('rect', { x: x1, y: y1, width: x2 - x1, height: y2 - y1, stroke }));
      this.nameThing(thing);
    }
    if (this.root.classList.contains('drawing')) this.drawCorners(svg);
  }

  drawCorners(svg) {
    svg.append(drawn('polygon', { class: 'drawn', points: this.corners.join(' ') }));
    for (const [x, y] of this.corners) {
      const style = this.addName('', 'dot');
      style.left = percent(x);
      style.top = percent(y);
    }
  }

  addCorner(event) {
    if (!this.root.classList.contains('drawing') || this.corners.length === CORNERS_MAX) return;
    const frame = this.find('img').getBoundingClientRect();
    if (frame.width === 0 || frame.height === 0) return;
    const round = (part) => Math.min(1, Math.max(0, Math.round(part * 1000) / 1000));
    this.corners.push([round((event.clientX - frame.left) / frame.width), round((event.clientY - frame.top) / frame.height)]);
    event.preventDefault();
    this.showZone();
  }

  showZone() {
    const name = this.find('input').value || 'zone';
    const corners = this.corners.map((corner) => `[${corner.join(', ')}]`).join(', ');
    this.find('textarea').value = this.corners.length < 3
      ? '' : `"Zones": {\n  ${JSON.stringify(name)}: { "Polygon": [${corners}] }\n}`;
    this.showThings();
  }

  async copy() {
    const text = this.find('textarea');
    try {
      await navigator.clipboard.writeText(text.value);
    } catch {
      // A page that did not come by TLS may have no clipboard: then the user's own copying is left.
      text.select();
    }
  }

  showTally() {
    this.find('.tally').replaceChildren(...Object.entries(this.camera.tally).map(([label, count]) => {
      const item = document.createElement('li');
      const number = document.createElement('b');
      number.textContent = count;
      item.append(number, ` ${label}`);
      item.style.borderLeftColor = styleOf(label).stroke;
      return item;
    }));
  }

  showGraph() {
    const svg = this.find('.graph');
    const points = this.history;
    const labels = [...new Set(points.flatMap(([, tally]) => Object.keys(tally).filter((label) => tally[label] > 0)))];
    const most = Math.max(1, ...points.flatMap(([, tally]) => Object.values(tally)));
    this.find('.history').hidden = points.length < 2;
    if (points.length < 2) return;
    const [from, to] = [points[0][0], points.at(-1)[0]];
    const x = (ms) => 28 + (568 * (ms - from)) / Math.max(1, to - from);
    const y = (count) => 144 - (128 * count) / most;
    const lines = [...new Set([0, Math.round(most / 2), most])].flatMap((count) => {
      const text = drawn('text', { x: 0, y: y(count) + 4 });
      text.textContent = count;
      return [drawn('line', { x1: 28, x2: 596, y1: y(count), y2: y(count) }), text];
    });
    // Equal counts would hide one another.
    const shift = (index) => Math.min(2.5, 12 / labels.length) * (index - (labels.length - 1) / 2);
    svg.replaceChildren(...lines, ...labels.map((label, index) => drawn('path', {
      ...styleOf(label),
      d: stairs(points.map(([ms, tally]) => [x(ms), y(tally[label] ?? 0) + shift(index), tally[label] > 0])),
    })));
    svg.setAttribute('aria-label', `counts of ${labels.join(', ') || 'nothing'}, at most ${most}`);
    this.showLegend(labels);
    this.find('.range').textContent = `${timeOf(from)} to ${timeOf(to)}, ${points.length} pictures`;
  }

  showLegend(labels) {
    this.find('.legend').replaceChildren(...labels.map((label) => {
      const item = document.createElement('li');
      const line = drawn('svg', { viewBox: '0 0 28 12' });
      line.append(drawn('path', { ...styleOf(label), d: 'M0 6H28' }));
      item.append(line, label);
      return item;
    }));
  }

  showNext() {
    const { timerStarted, nextInMs } = this.camera.health;
    const left = (nextInMs ?? 0) - (performance.now() - this.receivedMs);
    let text = `next picture in ${Math.max(0, Math.ceil(left / 1000))} s`;
    if (!timerStarted) text = 'the timer is stopped';
    else if (nextInMs === undefined) text = 'no further picture is due';
    this.find('.next').textContent = text;
  }

  showHealth() {
    const { health } = this.camera;
    const rows = {
      'IoT Hub': [health.cloud, health.hub].filter(Boolean).join(', '),
      pictures: health.pictures,
      failed: health.failed,
      'too old': health.tooOld,
      skipped: health.skipped,
      'tallies stored': health.told,
      'tallies lost': health.lost,
      'pictures uploaded': health.uploaded,
      'not uploaded': health.uploadsFailed,
    };
    this.find('dl').replaceChildren(...Object.entries(rows).flatMap(([name, value]) => {
      const [term, said] = [document.createElement('dt'), document.createElement('dd')];
      term.textContent = name;
      said.textContent = value;
      return [term, said];
    }));
  }
}

let since = 0;

async function ask() {
  const state = document.getElementById('state');
  try {
    const answer = await fetch(`cameras?since=${since}`, { cache: 'no-store' });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const { now, version, cameras } = await answer.json();
    cameras.forEach((camera, index) => {
      if (!cards.has(index)) cards.set(index, new Card(index));
      cards.get(index).show(camera);
    });
    since = now;
    const bad = cameras.filter((camera) => camera.health.trouble || camera.health.cloudTrouble).length;
    state.classList.toggle('bad', bad > 0);
    state.textContent = `isthmus-camera ${version}: ${bad > 0 ? `${bad} of ${cameras.length} in trouble` : 'all is well'}`;
  } catch (error) {
    state.classList.add('bad');
    state.textContent = `no answer from isthmus-camera (${error.message}); asking again`;
  }
  setTimeout(ask, ASK_MS);
}

setInterval(() => cards.forEach((card) => card.showNext()), 500);
ask();
