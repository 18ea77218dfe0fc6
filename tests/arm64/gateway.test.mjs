// SPDX-License-Identifier: MIT
// The gateway for 64-bit ARM under an emulator: ISTHMUS is a program that runs it there, in its own
// process (tools/test-arm64). The system's tests know what it does; this knows that it does it there.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startGateway, uplinkOf } from '../system/support/gateway.mjs';
import { eventually, run, temporaryDirectory } from '../system/support/program.mjs';

/** Nobody listens there. */
const azure = {
  AzureIoTHub: {
    DeviceProvisioningService: {
      GlobalDeviceEndpoint: '127.0.0.1:9',
      IdScope: '0ne00123ABC',
      GroupEnrollmentKey: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=',
    },
  },
};

test('the emulated program says its version', async () => {
  assert.match((await run(['version'])).stdout, /^isthmus \d+\.\d+\.\d+$/m);
});

test('a webhook is stored, and waits when the gateway has ended and started again (P2)', async (t) => {
  const directory = await temporaryDirectory(t, 'arm64');
  const gateway = await startGateway(t, azure, {}, directory);
  assert.equal((await gateway.uplink(uplinkOf('app', 'd1'))).status, 202);
  assert.equal((await gateway.get('/readyz')).status, 200);
  await gateway.stop();
  const again = await startGateway(t, azure, {}, directory);
  const opened = await again.logged('STORE_OPENED');
  assert.equal(opened.events, 1);
  await eventually('the event waits', async () => await again.metric('isthmus_store_events') === 1);
  await again.stop();
});
