// SPDX-License-Identifier: MIT
// Microsoft's SDKs, unmodified, as promises and pointed at a local hub.
import https from 'node:https';

import common from 'azure-iot-common';
import device from 'azure-iot-device';
import deviceAmqp from 'azure-iot-device-amqp';
import deviceMqtt from 'azure-iot-device-mqtt';
import httpBase from 'azure-iot-http-base';
import provisioning from 'azure-iot-provisioning-device';
import provisioningHttp from 'azure-iot-provisioning-device-http';
import symmetricKey from 'azure-iot-security-symmetric-key';
import service from 'azure-iothub';
import serviceWs from 'azure-iothub/dist/amqp_ws.js';

import { within } from './program.mjs';

export const { Message } = common;

/** A token for a resource, as the SDKs write it; `lifetime` in seconds. */
export function sharedAccessSignature(resource, key, lifetime = 3600, keyName = undefined) {
  const expiry = Math.floor(Date.now() / 1000) + lifetime;
  return common.SharedAccessSignature.create(encodeURIComponent(resource), keyName, key, expiry)
    .toString();
}

async function open(test, client) {
  client.on('error', () => {});
  // One attempt: a refusal is an answer, not something to be tried again for minutes.
  client.setRetryPolicy(new common.NoRetry());
  try {
    await within('open', client.open());
  } finally {
    test.after(() => within('close', client.close()).catch(() => {}));
  }
  return client;
}

/** By name, what Microsoft's packages speak to a hub. */
export const transports = {
  amqp: deviceAmqp.Amqp, amqpWs: deviceAmqp.AmqpWs, mqtt: deviceMqtt.Mqtt, mqttWs: deviceMqtt.MqttWs,
};

/** A device client that is not open yet; `modelId` only where the SDK announces one. */
export function makeDevice(connectionString, transport = 'amqp', modelId = undefined) {
  const client = device.Client.fromConnectionString(connectionString, transports[transport]);
  if (modelId) client.setOptions({ modelId });
  return client;
}

/** An opened device client, closed at the end of the test. */
export function openDevice(test, connectionString, transport = 'amqp', modelId = undefined) {
  return open(test, makeDevice(connectionString, transport, modelId));
}

/** An opened client of a module. */
export function openModule(test, connectionString, transport = 'amqp') {
  return open(test, device.ModuleClient.fromConnectionString(connectionString, transports[transport]));
}

/** An opened device client that has a token instead of a key. */
export function openDeviceWithToken(test, token, transport = 'amqp') {
  return open(test, device.Client.fromSharedAccessSignature(token, transports[transport]));
}

// The service side's REST API is on the port of the provisioning service; the SDK knows only port
// 443, so its agent is told where to go.
function redirect(hub, restApiClient) {
  const [host, port] = hub.info.dps.endpoint.split(':');
  restApiClient.setOptions({ http: { agent: new https.Agent({ host, port: Number(port) }) } });
}

/** An opened service client, closed at the end of the test. */
export async function openService(test, hub, connectionString, transport = 'amqp') {
  const client = service.Client.fromConnectionString(connectionString,
    transport === 'amqpWs' ? serviceWs.AmqpWs : undefined);
  redirect(hub, client._restApiClient);
  await within('open', client.open());
  test.after(() => within('close', client.close()).catch(() => {}));
  return client;
}

/** The registry of a hub. */
export function openRegistry(hub, connectionString) {
  const registry = service.Registry.fromConnectionString(connectionString);
  redirect(hub, registry._restApiClient);
  return registry;
}

/** The service's client for jobs. */
export function openJobs(hub, connectionString) {
  const jobs = service.JobClient.fromConnectionString(connectionString);
  redirect(hub, jobs._restApiClient);
  return jobs;
}

/**
 * The events `name` of an emitter, one after the other. It listens from the start and goes on:
 * the SDK gives up its link when the last listener goes.
 */
export class Inbox {
  #events = [];
  #waiting = [];

  constructor(emitter, name) {
    this.name = name;
    emitter.on(name, (event) => {
      const waiting = this.#waiting.shift();
      if (waiting) waiting(event);
      else this.#events.push(event);
    });
  }

  next() {
    if (this.#events.length > 0) return Promise.resolve(this.#events.shift());
    return within(this.name, new Promise((resolve) => {
      this.#waiting.push(resolve);
    }));
  }
}

/**
 * Registers at the provisioning service over HTTPS; resolves to the registration's result. The
 * HTTP transport knows only port 443, so its agent is told where to go.
 */
export function provision(hub, { registrationId, key, idScope = hub.info.dps.idScope, payload }) {
  const [host, port] = hub.info.dps.endpoint.split(':');
  const http = new httpBase.Http();
  const transport = new provisioningHttp.Http(http);
  const security = new symmetricKey.SymmetricKeySecurityClient(registrationId, key);
  const client = provisioning.ProvisioningDeviceClient.create(host, idScope, transport, security);

  http.setOptions({ http: { agent: new https.Agent({ host, port: Number(port) }) } });
  if (payload) client.setProvisioningPayload(payload);
  return within('register', new Promise((resolve, reject) => {
    client.register((error, result) => (error ? reject(error) : resolve(result)));
  }));
}
