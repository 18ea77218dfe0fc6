// SPDX-License-Identifier: MIT
// The paths of docs/moving-over.md, rehearsed: from a configuration in the shape of each of the four
// earlier programs, by `config convert`, to telemetry at the local hub; where the program has a
// queue, that is the bridge.
import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { startAzurite, startAzuriteBlobs } from './support/azurite.mjs';
import { startGatewayOn, uplinkOf } from './support/gateway.mjs';
import { startHub } from './support/hub.mjs';
import { run, temporaryDirectory } from './support/program.mjs';
import { startVault } from './support/vault.mjs';

/** The key that the network's webhook already sends to the function. */
const functionKey = 'the-function-key-of-before-0123456789';

const base64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64');

/** Converts the old file as the page says, and starts a gateway on the new one. */
async function moveOver(t, hub, old, environment = {}) {
  const directory = await temporaryDirectory(t, 'moving');
  const before = join(directory, 'before.json');
  const after = join(directory, 'isthmus.json');
  const env = {
    ...process.env,
    Listen: '127.0.0.1:0',
    DataDirectory: join(directory, 'data'),
    WebhookKeys__0: functionKey,
    AzureIoT__TrustedCertificates: hub.info.certificate,
    ...environment,
  };
  await writeFile(before, JSON.stringify(old, null, 2));
  const converted = await run(['config', 'convert', '--config', before, '--output', after], { env });
  assert.equal(converted.status, 0, converted.output);
  assert.equal((await stat(after)).mode & 0o777, 0o600);
  const check = await run(['config', 'check', '--config', after], { env });
  assert.equal(check.status, 0, check.output);
  const gateway = await startGatewayOn(t, after, directory, env);
  return { gateway, directory, text: await readFile(after, 'utf8') };
}

const byWebhook = (gateway, body, path = '/things-stack') =>
  gateway.post(path, body, { 'x-api-key': 'none', 'x-functions-key': functionKey });

test('from TTIV3AzureIoTConnector: export of the portal, its queue, its webhooks', async (t) => {
  const [hub, azurite] = await Promise.all([startHub(t), startAzurite(t)]);
  const queue = await azurite.create('uplink');
  const device = await hub.device('pump-1');
  assert.ok(device);
  await hub.device('pump-2');
  const setting = (name, value) => ({ name, value, slotSetting: false });
  // Put there by the old functions before they were stopped.
  await queue.sendMessage(base64(uplinkOf('pumps', 'pump-1')));
  const { gateway, text } = await moveOver(t, hub, [
    setting('AzureIoT:IoTHub:IoTHubConnectionString', hub.info.hubs[0].device),
    setting('AzureIoT__IoTHub__Applications__pumps__DTDLModelId', 'dtmi:example:Pump;1'),
    setting('AzureWebJobsStorage', azurite.connectionString),
    setting('TheThingsIndustries:WebhookId', 'connector'),
    setting('FUNCTIONS_WORKER_RUNTIME', 'dotnet-isolated'),
    setting('WEBSITE_RUN_FROM_PACKAGE', '1'),
    setting('Logging:LogLevel:Default', 'Debug'),
  ], { Queues__uplink__Network: 'things-stack' });
  assert.match(text, /was: AzureIoT\.IoTHub\.IoTHubConnectionString\n/);
  assert.match(text, /\/\/ FUNCTIONS_WORKER_RUNTIME: has no effect/);
  await hub.telemetryOf('pump-1');
  await azurite.counts('uplink', 0);
  assert.equal((await byWebhook(gateway, uplinkOf('pumps', 'pump-2'))).status, 202);
  await hub.telemetryOf('pump-2');
});

test('from TTNV3AzureIoTConnector: its worker\'s settings, webhooks instead of MQTT', async (t) => {
  const hub = await startHub(t);
  const { gateway, text } = await moveOver(t, hub, {
    ProgramSettings: {
      TheThingsIndustries: {
        MqttServerName: 'example.eu1.cloud.thethings.industries', MqttClientId: 'connector',
        Tenant: 'example', Collaborator: 'someone', DeviceIntegrationDefault: true,
      },
      Applications: {
        'green.house': {
          AzureSettings: {
            DeviceProvisioningServiceSettings: {
              IdScope: hub.info.dps.idScope,
              GroupEnrollmentKey: hub.info.dps.groupEnrollmentKey,
            },
          },
          MQTTAccessKey: 'NNSXS.MQTT',
          MethodSettings: { value_0: { Port: 30, Confirmed: true } },
        },
      },
    },
  }, { AzureIoT__AzureIoTHub__DeviceProvisioningService__GlobalDeviceEndpoint: hub.info.dps.endpoint });
  assert.match(text, /MQTTAccessKey: has no effect/);
  assert.equal((await byWebhook(gateway, uplinkOf('green.house', 'climate-1'))).status, 202);
  await hub.telemetryOf('climate-1');
});

test('from AzureIoTTheThingsNetworkIntegration: flat names, keys in a vault', async (t) => {
  const [hub, vault] = await Promise.all([startHub(t), startVault(t)]);
  vault.set('DPSEnrollmentGroupSymmetricKey-Default', hub.info.dps.groupEnrollmentKey);
  const { gateway, text } = await moveOver(t, hub, {
    IsEncrypted: false,
    Values: {
      'DPSIDScope-Default': hub.info.dps.idScope,
      'DPSEnrollmentGroupSymmetricKey-Default':
        '@Microsoft.KeyVault(VaultName=example;SecretName=DPSEnrollmentGroupSymmetricKey-Default)',
      DPSGlobaDeviceEndpoint: hub.info.dps.endpoint,
      DeviceProvisioningPollingDelay: '500',
      FUNCTIONS_WORKER_RUNTIME: 'dotnet',
    },
  }, { ...vault.environment, no_proxy: '127.0.0.1,localhost' });
  assert.match(text, /was: DPSIDScope-Default\n/);
  assert.ok(!text.includes(hub.info.dps.groupEnrollmentKey));
  assert.equal((await byWebhook(gateway, uplinkOf('building', 'lift-1'))).status, 202);
  await hub.telemetryOf('lift-1');
});

test('from myriotaAzureIoTConnector: its queue, its containers, then its destination', async (t) => {
  const [hub, azurite, blobs] =
    await Promise.all([startHub(t), startAzurite(t), startAzuriteBlobs(t)]);
  const queue = await azurite.create('uplink');
  await blobs.container('uplinkformatter');
  await blobs.put('uplinkformatter', 'tracker.js',
    'function decodeUplink(input) { return { data: { first: input.bytes[0] } }; }');
  const entry = (terminal) => base64({
    Application: 'tracker', EndpointRef: 'ref', PayloadReceivedAtUtc: '2023-12-05T23:38:41Z',
    PayloadArrivedAtUtc: '2023-12-05T23:38:43.1234567Z', Id: terminal, CertificateUrl: '', Signature: '',
    Data: { Packets: [{ TerminalId: terminal, Timestamp: '2023-12-05T23:38:36.521Z', Value: '2A' }] },
  });
  const { gateway } = await moveOver(t, hub, {
    Logging: { LogLevel: { Default: 'Information', 'Microsoft.AspNetCore': 'Warning' } },
    ConnectionStrings: {
      UplinkQueueStorage: azurite.connectionString,
      PayloadFormattersStorage: blobs.connectionString,
    },
    UplinkQueueName: 'uplink',
    AzureIoT: {
      IoTHub: {
        ConnectionType: 'DeviceProvisioningService',
        DeviceProvisioningService: {
          GlobalDeviceEndpoint: hub.info.dps.endpoint,
          IdScope: hub.info.dps.idScope,
          GroupEnrollmentKey: hub.info.dps.groupEnrollmentKey,
        },
      },
      ApplicationToDtdlModelIdMapping: { tracker: 'dtmi:example:Tracker;1' },
    },
    PayloadFormatters: { UplinkContainer: 'uplinkformatter', UplinkFormatterDefault: 'tracker.cs' },
    Myriota: { DownlinkEnabled: false },
  }, { Myriota__SignatureMode: 'Off' });
  // The formatter is copied before the first message is there.
  await gateway.logged('FORMATTER_COPIED');
  await queue.sendMessage(entry('0001020304'));
  const [message] = await hub.telemetryOf('0001020304');
  assert.equal(message.body.first, 0x2a);
  await azurite.counts('uplink', 0);
  assert.equal((await byWebhook(gateway, {
    EndpointRef: 'ref', Timestamp: 1701819521, Id: 'x',
    Data: JSON.stringify({ Packets: [{ Timestamp: 1701819516521, TerminalId: '0001020305', Value: '01' }] }),
  }, '/myriota/tracker')).status, 202);
  await hub.telemetryOf('0001020305');
});
