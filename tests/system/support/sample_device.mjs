// SPDX-License-Identifier: MIT
// A device as its developer writes it: nothing but the SDK and a connection string.
import common from 'azure-iot-common';
import device from 'azure-iot-device';
import amqp from 'azure-iot-device-amqp';

const client = device.Client.fromConnectionString(process.argv[2], amqp.Amqp);
client.setRetryPolicy(new common.NoRetry());
await client.open();
await client.sendEvent(new device.Message(JSON.stringify({ hello: 'world' })));
await client.close();
