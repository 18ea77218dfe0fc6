// SPDX-License-Identifier: MIT
// The local hub's page in a real browser.
import assert from 'node:assert/strict';
import test from 'node:test';

import { SIZES, assertFits, openBrowser, openPage, shoot, skip } from './support/browser.mjs';
import { startHub } from './support/hub.mjs';
import { within } from './support/program.mjs';
import { Inbox, Message, openDevice } from './support/sdk.mjs';

for (const [size, options] of Object.entries(SIZES)) {
  test(`the page shows a device, its twin and telemetry, and acts on it (${size})`, { skip }, async (t) => {
    const hub = await startHub(t);
    const client = await openDevice(t, await hub.stringOf('dev1', 'mqtt'), 'mqtt', 'dtmi:com:example:Thing;1');
    const commands = new Inbox(client, 'message');
    const twin = await within('twin', client.getTwin());
    const desired = new Inbox(twin, 'properties.desired');
    client.onDeviceMethod('reboot', (request, response) => response.send(200, { in: request.payload.delay }, () => {}));
    await hub.device('<b>other</b>'.replace(/[<>/]/g, '-'));
    const page = await openPage(await openBrowser(t), hub.info.control, options);

    await page.getByRole('button', { name: 'dev1' }).click();
    const device = page.locator('#device');
    await device.getByText('dtmi:com:example:Thing;1').waitFor();
    await device.getByText('Connected, enabled').waitFor();
    await client.sendEvent(new Message(JSON.stringify({ temperature: '<img src=x>' })));
    await device.locator('.messages code', { hasText: '"temperature"' }).waitFor();
    await within('reported', new Promise((resolve, reject) => {
      twin.properties.reported.update({ state: 'idle' }, (error) => (error ? reject(error) : resolve()));
    }));
    await device.locator('.reported', { hasText: '"state": "idle"' }).waitFor();

    await device.locator('.edit textarea').fill('{"interval": 5}');
    await device.getByRole('button', { name: 'Merge' }).click();
    await device.locator('.desired', { hasText: '"interval": 5' }).waitFor();
    while ((await desired.next()).interval !== 5);
    await device.locator('.edit textarea').fill('{"interval": ');
    await device.getByRole('button', { name: 'Merge' }).click();
    await device.locator('.result.bad').waitFor();

    await device.getByText('Send a message').click();
    await device.locator('.send textarea').first().fill('hello');
    await device.locator('.send textarea').last().fill('a=1');
    await device.getByRole('button', { name: 'Send', exact: true }).click();
    const message = await commands.next();
    assert.equal(message.data.toString(), 'hello');
    assert.equal(message.properties.propertyList[0].value, '1');

    await device.getByText('Invoke a method').click();
    await device.locator('.invoke input').fill('reboot');
    await device.locator('.invoke textarea').fill('{"delay": 3}');
    await device.getByRole('button', { name: 'Invoke', exact: true }).click();
    await device.locator('.answer', { hasText: '"in": 3' }).waitFor();
    await assertFits(page);
    await shoot(page, `hub-device-${size}`);

    await page.getByRole('link', { name: 'Telemetry' }).click();
    await page.locator('#messages code', { hasText: '"temperature"' }).waitFor();
    await assertFits(page);
    await shoot(page, `hub-telemetry-${size}`);
    assert.deepEqual(page.faults, []);
  });

  test(`the page adds devices, orders faults and shows enrollments (${size})`, { skip }, async (t) => {
    const hub = await startHub(t);
    const page = await openPage(await openBrowser(t), hub.info.control, options);

    await page.locator('#add input').fill('added');
    await page.getByRole('button', { name: 'Add' }).first().click();
    await page.locator('#device h2', { hasText: 'added' }).waitFor();
    assert.equal((await hub.control('GET', '/devices/added')).status, 'enabled');
    await page.getByRole('button', { name: 'Disable' }).click();
    await page.getByText('Disconnected, disabled').waitFor();

    await page.getByRole('link', { name: 'Faults' }).click();
    await page.locator('#order select').selectOption('reject');
    await page.locator('#order [name=times]').fill('2');
    await page.getByRole('button', { name: 'Order' }).click();
    await page.locator('#rules li', { hasText: 'reject' }).waitFor();
    const { faults } = await hub.control('GET', '/faults');
    assert.equal(faults[0].condition, 'amqp:link:detach-forced');
    assert.equal(faults[0].times, 2);
    await assertFits(page);
    await shoot(page, `hub-faults-${size}`);
    await page.locator('#rules').getByRole('button').click();
    await page.locator('#rules li', { hasText: 'none' }).waitFor();

    await page.getByRole('link', { name: 'Provisioning' }).click();
    await page.locator('#enrollments li', { hasText: 'group default' }).waitFor();
    await page.locator('#enroll input').fill('mine');
    await page.locator('#enroll button').click();
    await page.locator('#enrollments li', { hasText: 'group mine' }).waitFor();
    await assertFits(page);
    await shoot(page, `hub-provisioning-${size}`);
    assert.deepEqual(page.faults, []);
  });
}

test('with a token the page asks for it', { skip }, async (t) => {
  const token = 'a-token-of-sixteen-characters';
  const hub = await startHub(t, { args: ['--control-token', token, '--with-device', 'dev1'] });
  const page = await openPage(await openBrowser(t), hub.info.control);

  await page.locator('#login input').fill(token);
  await page.getByRole('button', { name: 'Use it' }).click();
  await page.getByRole('button', { name: 'dev1' }).waitFor();
  assert.ok(await page.locator('#login').isHidden());
});

test('the page of another site may not call', async (t) => {
  const hub = await startHub(t);
  const { host } = new URL(hub.info.control);
  const page = await fetch(hub.info.control);
  assert.match(page.headers.get('content-security-policy'), /default-src 'none'.* img-src data:;/);
  const status = async (headers) =>
    (await fetch(`${hub.info.control}/devices/x`, { method: 'PUT', body: '{}', headers })).status;

  assert.equal(await status({ Origin: 'http://example.com' }), 403);
  assert.equal(await status({ Origin: `https://${host}` }), 403);
  assert.equal(await status({ Origin: hub.info.control.replace(/\d+$/, '1') }), 403);
  assert.equal(await status({ Origin: hub.info.control, 'Sec-Fetch-Site': 'cross-site' }), 403);
  assert.equal(await status({ Origin: hub.info.control }), 201);
});
