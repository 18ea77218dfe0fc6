// SPDX-License-Identifier: MIT
// Asks the gateway how it is, again and again, and shows what it says; every text of it is shown as
// text.
'use strict';

const FAST_MS = 2000;
const SLOW_MS = 5000;
const ROWS = 100;
const STATES = ['held', 'connecting', 'registering', 'ready', 'new'];
const BYTES = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

const find = (selector, parent = document) => parent.querySelector(selector);

let chosenState = 'held';
let chosenDevice;
let controlKey = '';
let hasControlKey = false;
let before;
let explanations;

/* --- asking ------------------------------------------------------------------------------- */

async function ask(path, options = {}) {
  const headers = controlKey ? { 'X-Control-Key': controlKey } : {};
  const answer = await fetch(path, { ...options, headers });
  const isJson = (answer.headers.get('content-type') ?? '').includes('json');
  const body = isJson ? await answer.json() : await answer.text();
  if (!answer.ok) throw new Error(body.detail ?? body.title ?? `answered ${answer.status}`);
  return body;
}

/** Runs `work` now and again, each time after the last one has ended. */
function repeat(work, pause) {
  const step = async () => {
    try {
      await work();
    } catch (error) {
      say(`no answer: ${error.message}`, true);
    }
    setTimeout(step, pause);
  };
  step();
}

function say(text, isBad) {
  const state = find('#state');
  state.textContent = text;
  state.classList.toggle('bad', isBad);
}

/* --- showing ------------------------------------------------------------------------------ */

function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

function size(bytes) {
  let step = 0;
  for (; bytes >= 1024 && step < BYTES.length - 1; step += 1) bytes /= 1024;
  return `${step ? bytes.toFixed(1) : bytes} ${BYTES[step]}`;
}

const when = (text) => new Date(text).toLocaleTimeString([], { hour12: false });

function cell(content, name) {
  const td = document.createElement('td');
  td.append(content ?? '');
  if (name) td.className = name;
  return td;
}

function button(text, run, name = 'link') {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = text;
  made.className = name;
  made.addEventListener('click', run);
  return made;
}

function showRows(section, rows, nothing) {
  const body = find(`${section} tbody`);
  const columns = [...find(`${section} thead tr`).children].map((column) => column.textContent);
  if (rows.length === 0) {
    const td = cell(nothing, 'none');
    td.colSpan = columns.length;
    rows = [[td]];
  }
  body.replaceChildren(...rows.map((cells) => {
    const row = document.createElement('tr');
    // On a narrow screen a row is a list, and each cell says what it is.
    if (cells.length > 1) cells.forEach((each, index) => { each.dataset.column = columns[index]; });
    row.append(...cells);
    return row;
  }));
}

function showFacts(section, facts) {
  find(`${section} .facts`).replaceChildren(...facts.flatMap(([name, value, isBad]) => {
    const dt = document.createElement('dt');
    const dd = document.createElement('dd');
    dt.textContent = name;
    dd.textContent = value;
    dd.classList.toggle('bad', Boolean(isBad));
    return [dt, dd];
  }));
}

/** A button that changes something: only for who has the control key. */
function change(text, path, method) {
  const made = button(text, async () => {
    made.disabled = true;
    try {
      await ask(path, { method });
      await refresh();
    } catch (error) {
      say(error.message, true);
    }
  }, '');
  made.disabled = !controlKey;
  made.title = controlKey ? '' : 'needs the control key';
  return made;
}

/* --- the parts ---------------------------------------------------------------------------- */

function showStatus(status) {
  const { store, devices, hubs } = status;
  const share = store.maximumBytes ? store.bytes / store.maximumBytes : 0;
  const away = hubs.filter((hub) => hub.devices > 0 && hub.ready === 0);
  showFacts('#waiting', [
    ['events', store.events, false],
    ['the oldest', store.events ? duration(store.oldestSeconds) : 'none waits', store.oldestSeconds > 900],
    ['store', `${size(store.bytes)} of ${size(store.maximumBytes)} (${(share * 100).toFixed(1)} %)`, share > 0.5],
    ['dead letters', store.deadLetters, store.deadLetters > 0],
    ['commands', Object.values(status.commands).reduce((a, b) => a + b, 0), false],
  ]);
  showRows('#hubs', hubs.map((hub) => [cell(hub.hub), cell(hub.ready, hub.devices && !hub.ready ? 'bad' : ''),
    cell(hub.devices), cell(hub.refused, hub.refused ? 'bad' : ''), cell(hub.connections)]), 'no device has a hub yet');
  find('.states').replaceChildren(...STATES.map((state) => {
    const made = button(`${devices[state] ?? 0} ${state}`, () => { chosenState = state; refresh(); }, '');
    made.setAttribute('aria-pressed', String(state === chosenState));
    return made;
  }));
  find('#version').textContent = `${status.version}, since ${new Date(status.started).toLocaleString()}`;
  if (away.length > 0) say(`no device is ready at ${away[0].hub}`, true);
  else if (store.full) say('the store is full: webhooks are refused', true);
  else if (store.oldestSeconds > 900) say(`an event has waited for ${duration(store.oldestSeconds)}`, true);
  else if (devices.held > 0) say(`${devices.held} devices are held; everything else flows`, true);
  else say(store.events > 0 ? `${store.events} events are on their way` : 'nothing waits', false);
}

let graphs;

function makeGraphs() {
  const parent = find('.graphs');
  const rate = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)}/s`;
  graphs = {
    webhooks: new Graph(parent, 'webhooks', rate),
    accepted: new Graph(parent, 'accepted by a hub', rate),
    latency: new Graph(parent, 'webhook to hub, on average', duration),
    waiting: new Graph(parent, 'events waiting', (value) => String(Math.round(value))),
  };
}

function showMetrics(text) {
  const now = { at: performance.now() / 1000, values: readMetrics(text) };
  if (before) {
    const seconds = now.at - before.at;
    const grown = (family) => sumOf(now.values, family) - sumOf(before.values, family);
    const count = grown('isthmus_webhook_to_accepted_seconds_count');
    graphs.webhooks.add(grown('isthmus_webhooks_total') / seconds);
    graphs.accepted.add(grown('isthmus_events_accepted_total') / seconds);
    graphs.latency.add(count ? grown('isthmus_webhook_to_accepted_seconds_sum') / count : 0);
    graphs.waiting.add(sumOf(now.values, 'isthmus_store_events'));
  }
  before = now;
}

const reasonOf = (device) => device.heldBecause ?? device.clash ?? device.lastError ?? '';

async function showDevices() {
  const list = await ask(`api/devices?state=${chosenState}&limit=${ROWS}`);
  showRows('#devices', list.devices.map((device) => [
    cell(button(device.device, () => { chosenDevice = device.device; showDevice(); })), cell(device.state),
    cell(`${device.eventsInMemory}${device.moreInStore ? '+' : ''}`), cell(reasonOf(device), 'bad')]),
  `no device is ${chosenState}`);
  find('#devices .more').textContent = list.matching > ROWS ? `${list.matching - ROWS} more` : '';
}

const told = (parts) => parts.filter(Boolean).join(', ') || '–';
const signalOf = ({ signal = {} }) => told([signal.rssi !== undefined && `${signal.rssi} dBm`,
  signal.snr !== undefined && `SNR ${signal.snr} dB`, signal.dataRate, signal.gateway && `at ${signal.gateway}`]);
const batteryOf = ({ battery = {} }) => told([battery.percent !== undefined && `${battery.percent} %`,
  battery.externalPower && 'external power']);

async function showDevice() {
  const section = find('#device');
  section.hidden = !chosenDevice;
  if (!chosenDevice) return;
  const key = encodeURIComponent(chosenDevice);
  const [device, recent] = await Promise.all([
    ask(`api/devices/${chosenDevice.split('/').map(encodeURIComponent).join('/')}`),
    ask(`api/recent?device=${key}&limit=25`)]);
  find('h2', section).textContent = device.device;
  showFacts('#device', [['state', device.state, device.state === 'held'], ['why', reasonOf(device) || '–'],
    ['id in IoT Hub', device.hubDeviceId ?? '–'], ['hub', device.hub ?? '–'], ['model', device.modelId ?? '–'],
    ['signal', signalOf(device)], ['battery', batteryOf(device)],
    ['waits', `${device.eventsInMemory} events, ${device.commands} commands`]]);
  showRows('#device', recent.events.map((event) => [cell(when(event.time), 'time'),
    cell(event.outcome, event.outcome === 'accepted' ? '' : 'bad'),
    cell(event.tookMs === undefined ? '' : duration(event.tookMs / 1000)), cell(event.port), cell(event.messageId)]),
  'none since the gateway started');
}

async function showLetters() {
  const list = await ask(`api/letters?limit=${ROWS}`);
  showRows('#letters', list.letters.map((letter) => [cell(when(letter.died), 'time'), cell(letter.device),
    cell(letter.reason, 'bad'), cell(change('Replay', `api/letters/replay?ids=${letter.id}`, 'POST'))]), 'none');
  find('#letters .more').textContent = list.more ? 'more of them: isthmus queue dead' : '';
}

async function showCommands() {
  const list = await ask(`api/commands?limit=${ROWS}`);
  showRows('#commands', list.commands.map((command) => [cell(command.device), cell(command.name ?? command.kind),
    cell(command.state), cell(command.reason),
    cell(change('Cancel', `api/commands/${encodeURIComponent(command.reference)}`, 'DELETE'))]), 'none');
  find('#commands .more').textContent = list.matching > ROWS ? `${list.matching - ROWS} more` : '';
}

/* --- the log ------------------------------------------------------------------------------ */

/** Rows of docs/log-events.md: id to what it means and what to do. */
async function readExplanations() {
  const text = await ask('log-events.md');
  explanations = new Map();
  for (const line of text.split('\n')) {
    const [, id, meaning, todo] = /^\| `([A-Z0-9_]+)` \| \w+ \| (.*) \| (.*) \|$/.exec(line) ?? [];
    if (id) explanations.set(id, { meaning, todo });
  }
}

const plain = (text) => text.replace(/`/g, '').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');

async function explain(id) {
  if (!explanations) await readExplanations();
  const found = explanations.get(id);
  const dialog = find('#explanation');
  find('h2', dialog).textContent = id;
  find('.meaning', dialog).textContent = found ? plain(found.meaning) : 'There is no explanation.';
  find('.todo', dialog).textContent = found ? plain(found.todo) : '';
  dialog.showModal();
}

async function showLog() {
  const { lines } = await ask('api/log');
  find('#log ol').replaceChildren(...lines.slice(0, 30).map(({ time, level, id, message, ...values }) => {
    const item = document.createElement('li');
    const at = document.createElement('time');
    at.textContent = when(time);
    item.append(at, ' ', button(id, () => explain(id).catch((error) => say(error.message, true))), ` ${message} `);
    item.append(Object.entries(values).map(([name, value]) => `${name}=${value}`).join(' '));
    item.classList.toggle('bad', level === 'error');
    return item;
  }));
  if (lines.length === 0) find('#log ol').textContent = 'none since the gateway started';
}

/* --- control ------------------------------------------------------------------------------ */

async function showAccess() {
  const access = await ask('api/access');
  hasControlKey = access.hasControlKey;
  if (!access.mayChange && controlKey) {
    controlKey = '';
    throw new Error('this is not the control key');
  }
  find('#control .access').textContent = controlKey ? 'You may replay and cancel.'
    : hasControlKey ? 'This page only shows. With the control key you may replay and cancel.'
      : 'This page only shows; Page.ControlKey of the configuration would let you replay and cancel.';
  find('#control form').hidden = !hasControlKey || Boolean(controlKey);
}

find('#control form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const input = find('#control input');
  controlKey = input.value;
  input.value = '';
  try {
    await showAccess();
    await refresh();
  } catch (error) {
    find('#control .access').textContent = error.message;
  }
});

find('#device .close').addEventListener('click', () => { chosenDevice = undefined; showDevice(); });

async function refresh() {
  await Promise.all([showDevices(), showLetters(), showCommands(), showLog()]);
}

makeGraphs();
repeat(async () => {
  const [status, metrics] = await Promise.all([ask('api/status'), ask('api/metrics')]);
  showStatus(status);
  showMetrics(metrics);
  await showDevice();
}, FAST_MS);
repeat(refresh, SLOW_MS);
showAccess().catch((error) => say(error.message, true));
