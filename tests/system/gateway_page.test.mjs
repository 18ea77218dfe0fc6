// SPDX-License-Identifier: MIT
// The operator's page in a real browser.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SIZES, openBrowser, openPage, shoot, skip } from './support/browser.mjs';
import { provisionedBy, startGateway, uplinkOf } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { eventually } from './support/program.mjs';

const viewKey = 'who-may-look-at-the-page';
const controlKey = 'who-may-change-something';

const basic = (key) => ({ authorization: `Basic ${Buffer.from(`x:${key}`).toString('base64')}` });

/** A gateway with a page; `url` is where it is. */
async function site(t, page, settings = {}) {
  const hub = await startHub(t);
  const gateway = await startGateway(t, provisionedBy(hub),
    { Page: { Listen: '127.0.0.1:0', ...page }, Insights: { MetricsSeconds: 3600 }, ...settings });
  const { port } = await gateway.logged('PAGE_READY');
  return { hub, gateway, url: `http://127.0.0.1:${port}` };
}

/** A device whose uplinks are accepted, and one whose event is a dead letter with a strange reason. */
async function fill(s) {
  for (let i = 0; i < 5; i += 1) {
    await s.gateway.uplink(uplinkOf('herd', 'collar-17', { received_at: new Date(i * 1000).toISOString() }));
  }
  await s.gateway.uplink(uplinkOf('herd', 'collar-18', { decoded_payload: { large: 'x'.repeat(300000) } }));
  await eventually('five accepted and a dead letter', async () => (
    await s.gateway.metric('isthmus_events_accepted_total') === 5
    && await s.gateway.metric('isthmus_store_dead_letters') === 1));
}

for (const [name, options] of Object.entries(SIZES)) {
  test(`what waits, what is dead, who is held and a device live, on a ${name}`, { skip }, async (t) => {
    const s = await site(t, { ControlKey: controlKey });
    await fill(s);
    const page = await openPage(await openBrowser(t), s.url, options);
    await page.getByText('nothing waits').waitFor();
    await page.locator('#hubs tbody td').nth(4).waitFor();
    await page.locator('#letters tbody').getByText('collar-18').waitFor();
    await page.locator('.states button', { hasText: 'ready' }).click();
    await page.locator('#devices tbody').getByText('things-stack/herd/collar-17').click();
    await page.locator('#device tbody').getByText('accepted').first().waitFor();
    assert.equal(await page.locator('#device tbody tr').count(), 5);
    await s.gateway.uplink(uplinkOf('herd', 'collar-17', {
      received_at: new Date(99000).toISOString(),
      rx_metadata: [{ gateway_ids: { gateway_id: 'roof' }, rssi: -97, snr: 8.5 }],
      settings: { data_rate: { lora: { bandwidth: 125000, spreading_factor: 7 } } },
      last_battery_percentage: { value: 87.5 },
    }));
    await page.locator('#device').getByText('-97 dBm, SNR 8.5 dB, SF7BW125, at roof').waitFor();
    await page.locator('#device').getByText('87.5 %').waitFor();
    await eventually('a sixth event, live', async () => await page.locator('#device tbody tr').count() === 6);
    await page.locator('#log button', { hasText: 'EVENT_DEAD' }).first().click();
    await page.locator('#explanation .meaning').getByText(/./).waitFor();
    await shoot(page, `operator-${name}-explained`);
    await page.locator('#explanation button').click();
    await shoot(page, `operator-${name}`);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'it is too wide');
    assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll('td')]
      .filter((cell) => cell.getBoundingClientRect().right > window.innerWidth).map((cell) => cell.textContent)), [],
    'these cells can not be read without moving the table');
    assert.deepEqual(page.faults, []);
    assert.equal(await s.gateway.metric(`isthmus_hub_connected{hub="${s.hub.info.hubs[0].endpoint ?? ''}"}`) ?? 1, 1);
    await s.gateway.stop();
  });
}

test('dead letters are replayed by who has the control key', { skip }, async (t) => {
  const s = await site(t, { ControlKey: controlKey });
  await fill(s);
  const page = await openPage(await openBrowser(t), s.url);
  const replay = page.locator('#letters button', { hasText: 'Replay' });
  await replay.waitFor();
  assert.equal(await replay.isDisabled(), true);
  await page.locator('#control input').fill('not the control key');
  await page.locator('#control button').click();
  await page.getByText('this is not the control key').waitFor();
  await page.locator('#control input').fill(controlKey);
  await page.locator('#control button').click();
  await page.getByText('You may replay and cancel.').waitFor();
  const dead = await s.gateway.metric('isthmus_events_dead_lettered_total');
  await page.locator('#letters button:enabled', { hasText: 'Replay' }).click();
  await eventually('it was tried again, and is dead again', async () => (
    await s.gateway.metric('isthmus_events_dead_lettered_total') > dead));
  await s.gateway.stop();
});

test('who may see it, and who may change something', async (t) => {
  const s = await site(t, { Key: viewKey, ControlKey: controlKey });
  const status = async (path, headers = {}, method = 'GET') => (
    (await fetch(`${s.url}${path}`, { method, headers })).status);
  assert.equal(await status('/'), 401);
  assert.equal(await status('/api/status'), 401);
  assert.equal(await status('/', basic('wrong')), 401);
  assert.equal(await status('/', basic(viewKey)), 200);
  assert.equal(await status('/api/status', basic(controlKey)), 200);
  assert.equal(await status('/api/letters/replay?all=true', basic(viewKey), 'POST'), 403);
  assert.equal(await status('/api/letters/replay?all=true', { ...basic(viewKey), 'x-control-key': 'wrong' }, 'POST'), 403);
  assert.equal(await status('/api/letters/replay?all=true', { ...basic(viewKey), 'x-control-key': controlKey }, 'POST'), 200);
  assert.equal(await status('/api/status', { ...basic(viewKey), 'sec-fetch-site': 'cross-site' }), 403);
  assert.equal(await status('/api/nothing', basic(viewKey)), 404);
  assert.equal(await status('/nothing', basic(viewKey)), 404);
  const answer = await fetch(`${s.url}/`, { headers: basic(viewKey) });
  assert.match(answer.headers.get('content-security-policy'), /default-src 'none'/);
  await s.gateway.stop();
});

test('without keys only this machine\'s own page sees it, and nobody changes anything', async (t) => {
  const s = await site(t, {});
  const ask = (headers, method = 'GET', path = '/api/status') => fetch(`${s.url}${path}`, { method, headers });
  assert.equal((await ask({})).status, 200);
  assert.equal((await ask({ origin: 'http://evil.example' })).status, 401);
  assert.equal((await ask({}, 'POST', '/api/letters/drop?all=true')).status, 403);
  assert.equal((await ask({ 'x-control-key': '' }, 'POST', '/api/letters/drop?all=true')).status, 403);
  await s.gateway.stop();
});
