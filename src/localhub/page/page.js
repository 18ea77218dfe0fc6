// SPDX-License-Identifier: MIT
// The local hub's page, on its control API. Nothing comes from elsewhere.
'use strict';

const ASK_MS = 2000;
const SHOWN_MAX = 200;
const DEVICES_MAX = 1000;
/** What each kind of fault needs besides a device and how often. */
const FAULTS = {
  drop: [], detach_now: ['condition'], connect: [], open: ['condition'], token: ['status'], attach: ['condition'],
  credit: [], reject: ['condition'], detach: ['condition'], disposition: [], slow: ['delayMs'], cut: [],
  dps_status: ['status', 'errorCode'], dps_failed: ['errorCode'], dps_slow: ['delayMs'],
};

const byId = (id) => document.getElementById(id);
const device = byId('device');
const inDevice = (selector) => device.querySelector(selector);
let devices = [];
let selected;
let paused = false;
let received = [];
let seen = 0;

/* --- the control API ------------------------------------------------------------------------- */

const headers = () => {
  const token = sessionStorage.getItem('token');
  return token ? { Authorization: `Bearer ${token}` } : {};
};

async function request(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: { ...headers(), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  byId('login').hidden = answer.status !== 401;
  const text = await answer.text();
  const json = text ? JSON.parse(text) : undefined;
  if (!answer.ok) throw new Error(json?.error?.message ?? `the hub answered ${answer.status}`);
  return json;
}

const path = (rest = '') =>
  `devices/${encodeURIComponent(selected.deviceId)}${rest}?hub=${encodeURIComponent(selected.hub)}`;

/** Runs what somebody has asked for, and says what became of it. */
async function act(result, done, work) {
  try {
    await work();
    result.textContent = done;
    result.classList.remove('bad');
  } catch (error) {
    result.textContent = error.message;
    result.classList.add('bad');
  }
}

/* --- drawing --------------------------------------------------------------------------------- */

function made(name, text, className) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function facts(list, entries) {
  const text = JSON.stringify(entries);
  if (list.dataset.text === text) return;
  list.dataset.text = text;
  list.replaceChildren(...Object.entries(entries).flatMap(([name, value]) =>
    [made('dt', name), made('dd', value)]));
}

/** A list whose entries have a button each; keeps what is there while nothing has changed. */
function entries(list, items, nothing, show) {
  const text = JSON.stringify(items);
  if (list.dataset.text === text) return;
  list.dataset.text = text;
  list.replaceChildren(...items.map(show));
  if (items.length === 0) list.append(made('li', nothing, 'empty'));
}

function removable(text, name, remove) {
  const entry = made('li', undefined);
  const button = made('button', name);
  button.type = 'button';
  button.addEventListener('click', remove);
  entry.append(made('span', text), button);
  return entry;
}

const pretty = (value) => JSON.stringify(value, null, 2);

/* --- devices --------------------------------------------------------------------------------- */

function showDevices() {
  const wanted = byId('find').value.toLowerCase();
  const found = devices.filter(({ deviceId }) => deviceId.toLowerCase().includes(wanted));
  const items = found.map(({ deviceId, hub, status, connectionState }) =>
    ({ deviceId, hub, status, connectionState, current: deviceId === selected?.deviceId && hub === selected?.hub }));
  entries(byId('device-list'), items, devices.length ? 'none of this name' : 'no devices yet', (item) => {
    const entry = made('li');
    const button = made('button', item.deviceId);
    button.type = 'button';
    entry.classList.toggle('on', item.connectionState === 'Connected');
    entry.classList.toggle('off', item.status === 'disabled');
    button.title = `${item.connectionState}, ${item.status}, in ${item.hub}`;
    if (item.current) button.setAttribute('aria-current', 'true');
    button.addEventListener('click', () => select(item));
    entry.append(button);
    return entry;
  });
}

async function select({ deviceId, hub }) {
  selected = { deviceId, hub };
  device.hidden = false;
  setText(inDevice('h2'), deviceId);
  inDevice('.result').textContent = '';
  inDevice('.answer').hidden = true;
  inDevice('.messages').replaceChildren();
  for (const message of received.filter(isSelected)) inDevice('.messages').prepend(drawMessage(message));
  showDevices();
  await showDevice();
  if (matchMedia('(max-width: 48rem)').matches) device.scrollIntoView();
}

async function showDevice() {
  const asked = selected;
  const [found, twin] = await Promise.all([request('GET', path()), request('GET', path('/twin'))]);
  if (asked !== selected) return;
  selected.found = found;
  facts(inDevice('.facts'), {
    State: `${found.connectionState}, ${found.status}`,
    Hub: `${found.hub} (${found.hostName})`,
    Model: found.modelId || 'none announced',
    'Last seen': found.lastActivityTimeUtc ? new Date(found.lastActivityTimeUtc).toLocaleString() : 'never',
  });
  setText(inDevice('.toggle'), found.status === 'enabled' ? 'Disable' : 'Enable');
  setText(inDevice('.desired'), pretty(twin.desired));
  setText(inDevice('.reported'), pretty(twin.reported));
  setText(inDevice('.tags'), pretty(twin.tags));
}

function onDevice(selector, type, done, work) {
  inDevice(selector).addEventListener(type, (event) => {
    event.preventDefault();
    act(inDevice('.result'), done, () => work(event.target)).then(ask);
  });
}

function properties(text) {
  const found = {};
  for (const line of text.split('\n').filter((one) => one.trim())) {
    const [, name, value] = /^([^=]+)=(.*)$/.exec(line) ?? [];
    if (!name) throw new Error(`'${line}' is not name=value`);
    found[name.trim()] = value.trim();
  }
  return found;
}

onDevice('.copy', 'click', 'copied', () => navigator.clipboard.writeText(selected.found.connectionString));
onDevice('.toggle', 'click', 'changed', () =>
  request('PUT', path(), { status: selected.found.status === 'enabled' ? 'disabled' : 'enabled' }));
onDevice('.drop', 'click', 'its connection was cut', () =>
  request('POST', 'faults', { kind: 'drop', hub: selected.hub, device: selected.deviceId }));
onDevice('.remove', 'click', 'deleted', async () => {
  if (!confirm(`Delete ${selected.deviceId}?`)) throw new Error('not deleted');
  await request('DELETE', path());
  selected = undefined;
  device.hidden = true;
});
onDevice('.edit', 'submit', 'the desired properties are merged', (form) =>
  request('PATCH', path('/twin/desired'), JSON.parse(form.elements.patch.value)));
onDevice('.replace', 'click', 'the desired properties are replaced', (button) =>
  request('PUT', path('/twin/desired'), JSON.parse(button.form.elements.patch.value)));
onDevice('.send', 'submit', 'the message waits for the device', (form) =>
  request('POST', path('/messages'),
    { bodyText: form.elements.body.value, properties: properties(form.elements.properties.value) }));
onDevice('.invoke', 'submit', 'the device has answered', async (form) => {
  const answer = inDevice('.answer');
  answer.hidden = true;
  const got = await request('POST', path(`/methods/${encodeURIComponent(form.elements.name.value)}`),
    { payload: JSON.parse(form.elements.payload.value || 'null') });
  answer.textContent = pretty(got);
  answer.hidden = false;
});
byId('find').addEventListener('input', showDevices);
byId('add').addEventListener('submit', (event) => {
  event.preventDefault();
  const deviceId = event.target.elements.id.value;
  act(byId('state'), '', async () => {
    const added = await request('PUT', `devices/${encodeURIComponent(deviceId)}`, {});
    event.target.reset();
    await ask();
    await select(added);
  });
});

/* --- telemetry ------------------------------------------------------------------------------- */

const isSelected = ({ deviceId, hub }) => deviceId === selected?.deviceId && hub === selected?.hub;

function drawMessage(message) {
  const entry = made('li');
  const time = new Date(message.enqueuedTimeUtc).toLocaleTimeString();
  const more = Object.entries(message.properties ?? {}).map(([name, value]) => `${name}=${value}`).join(', ');
  const body = 'body' in message ? JSON.stringify(message.body) : message.bodyText ?? message.bodyBase64 ?? '';
  entry.append(made('div', `${time} · ${message.deviceId}${message.component ? `/${message.component}` : ''}${more ? ` · ${more}` : ''}`, 'who'),
    made('code', body || '(empty)'));
  for (const warning of message.warnings ?? []) entry.append(made('div', warning, 'warning'));
  return entry;
}

function addTo(list, message) {
  list.prepend(drawMessage(message));
  while (list.childElementCount > SHOWN_MAX) list.lastElementChild.remove();
}

function take(message) {
  seen += 1;
  received.push(message);
  received = received.slice(-SHOWN_MAX);
  setText(byId('count'), `${seen} messages since this page was opened`);
  if (isSelected(message)) addTo(inDevice('.messages'), message);
  if (!paused) addTo(byId('messages'), message);
}

/** Follows until the hub goes, then begins again. */
async function follow() {
  try {
    const answer = await fetch('telemetry?from=latest&follow=1', { headers: headers() });
    if (!answer.ok) return;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split('\n');
      rest = lines.pop();
      for (const line of lines.filter(Boolean)) take(JSON.parse(line));
    }
  } catch {
    // The hub has gone; the state says so.
  } finally {
    setTimeout(follow, ASK_MS);
  }
}

byId('pause').addEventListener('click', ({ target }) => {
  paused = !paused;
  target.textContent = paused ? 'Go on' : 'Pause';
  if (!paused) byId('messages').replaceChildren(...received.map(drawMessage).reverse());
});

/* --- faults ---------------------------------------------------------------------------------- */

const order = byId('order');

function showNeeds() {
  const needs = FAULTS[order.elements.kind.value];
  for (const label of order.querySelectorAll('[data-for]')) label.hidden = !needs.includes(label.dataset.for);
}

order.elements.kind.append(...Object.keys(FAULTS).map((kind) => made('option', kind)));
order.elements.kind.addEventListener('change', showNeeds);
order.addEventListener('submit', (event) => {
  event.preventDefault();
  const { kind, device: whose, times } = order.elements;
  const fault = { kind: kind.value };
  if (whose.value) fault.device = whose.value;
  if (times.value && !['drop', 'detach_now'].includes(kind.value)) fault.times = Number(times.value);
  for (const name of FAULTS[kind.value]) {
    const { type, value } = order.elements[name];
    fault[name] = type === 'number' ? Number(value) : value;
  }
  act(byId('faults').querySelector('.result'), 'ordered', () => request('POST', 'faults', fault)).then(ask);
});
byId('clear').addEventListener('click', () => request('DELETE', 'faults').then(ask));

function showRule({ id, kind, ...rest }) {
  const details = Object.entries(rest).filter(([, value]) => value !== '').map(([name, value]) => `${name} ${value}`).join(', ');
  return removable(`${kind}: ${details}`, 'Remove', () => request('DELETE', `faults/${id}`).then(ask));
}

/* --- provisioning ---------------------------------------------------------------------------- */

byId('enroll').addEventListener('submit', (event) => {
  event.preventDefault();
  const { kind, id } = event.target.elements;
  act(byId('provisioning').querySelector('.result'), 'added', () =>
    request('PUT', `enrollments/${kind.value}/${encodeURIComponent(id.value)}`, {})).then(ask);
});

async function showProvisioning() {
  const [found, { registrations }] = await Promise.all([request('GET', 'enrollments'), request('GET', 'registrations')]);
  facts(byId('dps'), { 'ID scope': found.idScope });
  entries(byId('enrollments'), found.enrollments, 'none', ({ kind, id, status, primaryKey }) =>
    removable(`${kind} ${id}, ${status}${primaryKey ? `, key ${primaryKey}` : ''}`, 'Remove', () =>
      request('DELETE', `enrollments/${kind}/${encodeURIComponent(id)}`).then(ask)));
  entries(byId('registrations'), registrations, 'no device has registered', ({ registrationId, assignedHub, modelId }) =>
    removable(`${registrationId} → ${assignedHub}${modelId ? `, ${modelId}` : ''}`, 'Forget', () =>
      request('DELETE', `registrations/${encodeURIComponent(registrationId)}`).then(ask)));
}

/* --- the parts ------------------------------------------------------------------------------- */

const part = () => (byId(location.hash.slice(1))?.classList.contains('part') ? location.hash.slice(1) : 'devices');

async function ask() {
  try {
    const { devices: found } = await request('GET', `devices?limit=${DEVICES_MAX}`);
    devices = found;
    const connected = devices.filter(({ connectionState }) => connectionState === 'Connected').length;
    setText(byId('state'), `${devices.length} ${devices.length === 1 ? 'device' : 'devices'}, ${connected} connected`);
    byId('state').classList.remove('bad');
    showDevices();
    if (selected) await showDevice();
    if (part() === 'faults') entries(byId('rules'), (await request('GET', 'faults')).faults, 'none', showRule);
    if (part() === 'provisioning') await showProvisioning();
  } catch (error) {
    setText(byId('state'), error instanceof TypeError ? 'the hub does not answer' : error.message);
    byId('state').classList.add('bad');
  }
}

function showPart() {
  for (const section of document.querySelectorAll('.part')) section.hidden = section.id !== part();
  for (const link of document.querySelectorAll('nav a')) {
    if (link.hash === `#${part()}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  ask();
}

async function askAgain() {
  await ask();
  setTimeout(askAgain, ASK_MS);
}

byId('login').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem('token', event.target.elements.token.value);
  ask();
});
addEventListener('hashchange', showPart);
showNeeds();
showPart();
askAgain();
follow();
