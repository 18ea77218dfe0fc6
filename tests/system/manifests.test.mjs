// SPDX-License-Identifier: MIT
// The manifests for Kubernetes fit the image, the gateway and each other. They are read by the YAML
// library of Debian (python3-yaml), by the rules of YAML 1.1, as Kubernetes reads them.
import assert from 'node:assert/strict';
import child from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { startGatewayOn } from './support/gateway.mjs';
import { isthmus, temporaryDirectory } from './support/program.mjs';

const project = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const folder = join(project, 'packaging', 'container');
const reader = 'import json, sys, yaml; json.dump(list(yaml.safe_load_all(sys.stdin)), sys.stdout)';

const alone = 'kubernetes.yaml';
const several = 'kubernetes-replicas.yaml';

/** What the API takes as members of what the manifests have; a slip in a name is none of them. */
const members = {
  statefulSet: ['replicas', 'serviceName', 'podManagementPolicy', 'updateStrategy', 'selector', 'template',
    'volumeClaimTemplates'],
  pod: ['serviceAccountName', 'terminationGracePeriodSeconds', 'topologySpreadConstraints', 'securityContext',
    'containers', 'volumes'],
  spread: ['maxSkew', 'topologyKey', 'whenUnsatisfiable', 'labelSelector'],
  budget: ['maxUnavailable', 'selector'],
  podSecurity: ['runAsNonRoot', 'runAsUser', 'runAsGroup', 'fsGroup', 'seccompProfile'],
  container: ['name', 'image', 'args', 'ports', 'env', 'securityContext', 'startupProbe', 'livenessProbe',
    'readinessProbe', 'resources', 'volumeMounts'],
  security: ['allowPrivilegeEscalation', 'readOnlyRootFilesystem', 'capabilities'],
  probe: ['httpGet', 'failureThreshold', 'periodSeconds', 'timeoutSeconds', 'initialDelaySeconds'],
  mount: ['name', 'mountPath', 'readOnly'],
  claim: ['accessModes', 'storageClassName', 'resources'],
  service: ['selector', 'ports'],
  port: ['name', 'port', 'targetPort', 'containerPort'],
};

function assertMembers(object, kind) {
  for (const name of Object.keys(object)) assert.ok(members[kind].includes(name), `${kind}.${name}`);
}

/** The manifest's objects by kind, of each of which there is one, and the image's recipe. */
async function load(file = alone) {
  const text = await readFile(join(folder, file), 'utf8');
  const { status, stdout, stderr } = child.spawnSync('/usr/bin/python3', ['-c', reader], { input: text, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const objects = JSON.parse(stdout);
  const recipe = (await readFile(join(folder, 'Containerfile'), 'utf8')).split('\n');
  const said = (word) => recipe.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1)).at(-1);
  const kinds = Object.fromEntries(objects.map((object) => [object.kind, object]));
  assert.equal(Object.keys(kinds).length, objects.length);
  const { spec } = kinds.StatefulSet;
  const pod = spec.template.spec;
  return {
    kinds, said, spec, pod, container: pod.containers[0], configuration: JSON.parse(kinds.ConfigMap.data['isthmus.json']),
  };
}

const portOf = (listen) => Number(listen.split(':').at(-1));
const mountOf = ({ container }, name) => container.volumeMounts.find((mount) => mount.name === name);
const isBelow = (path, place) => path === place || path.startsWith(`${place}/`);

for (const file of [alone, several]) {
  test(`each object has the version and the members of its kind: ${file}`, async () => {
    const { kinds, spec, pod, container } = await load(file);
    const versions = Object.values(kinds).map(({ kind, apiVersion }) => `${kind} ${apiVersion}`);
    assert.deepEqual(versions.sort(), ['ConfigMap v1', ...(file === several ? ['PodDisruptionBudget policy/v1'] : []),
      'Service v1', 'ServiceAccount v1', 'StatefulSet apps/v1']);
    for (const { metadata } of Object.values(kinds)) assert.match(metadata.name, /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/);
    assertMembers(spec, 'statefulSet');
    assertMembers(pod, 'pod');
    assertMembers(pod.securityContext, 'podSecurity');
    assert.equal(pod.containers.length, 1);
    assertMembers(container, 'container');
    assertMembers(container.securityContext, 'security');
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) assertMembers(container[probe], 'probe');
    for (const mount of container.volumeMounts) assertMembers(mount, 'mount');
    for (const claim of spec.volumeClaimTemplates) assertMembers(claim.spec, 'claim');
    assertMembers(kinds.Service.spec, 'service');
    for (const port of [...container.ports, ...kinds.Service.spec.ports]) assertMembers(port, 'port');
  });
}

for (const file of [alone, several]) {
  test(`what an object names is there: ${file}`, async () => {
    const all = await load(file);
    const { kinds, spec, pod, container } = all;
    const labels = spec.template.metadata.labels;
    for (const selector of [spec.selector.matchLabels, kinds.Service.spec.selector]) {
      assert.ok(Object.keys(selector).length > 0);
      for (const [name, value] of Object.entries(selector)) assert.equal(labels[name], value);
    }
    assert.equal(spec.serviceName, kinds.Service.metadata.name);
    assert.equal(pod.serviceAccountName, kinds.ServiceAccount.metadata.name);
    assert.equal(labels['azure.workload.identity/use'], 'true');
    assert.ok(kinds.ServiceAccount.metadata.annotations['azure.workload.identity/client-id']);
    const volumes = [...pod.volumes, ...spec.volumeClaimTemplates.map(({ metadata }) => metadata)].map(({ name }) => name);
    assert.deepEqual(container.volumeMounts.map(({ name }) => name).sort(), volumes.sort());
    assert.equal(pod.volumes.find(({ configMap }) => configMap).configMap.name, kinds.ConfigMap.metadata.name);
  });
}

test('three gateways on a database, never two on one machine, never two away', async () => {
  const { kinds, spec, pod, container, configuration } = await load(several);
  assert.equal(spec.replicas, 3);
  assert.equal(configuration.Store.Backend, 'postgresql');
  const [spread] = pod.topologySpreadConstraints;
  assertMembers(spread, 'spread');
  assert.deepEqual([spread.maxSkew, spread.topologyKey, spread.whenUnsatisfiable], [1, 'kubernetes.io/hostname', 'DoNotSchedule']);
  const budget = kinds.PodDisruptionBudget.spec;
  assertMembers(budget, 'budget');
  assert.equal(budget.maxUnavailable, 1);
  const { app } = spec.template.metadata.labels;
  for (const selector of [spread.labelSelector, budget.selector, spec.selector]) assert.equal(selector.matchLabels.app, app);
  assert.equal(container.env.find(({ name }) => name === 'Store__PostgreSql__MemberName').valueFrom.fieldRef.fieldPath, 'metadata.name');
  const home = mountOf({ container }, 'secrets').mountPath;
  assert.ok(isBelow(configuration.Store.PostgreSql.Password.File, home));
});

test('one gateway alone, whose store is on a disk of its own', async () => {
  const all = await load();
  const { spec, said, configuration } = all;
  assert.equal(spec.replicas, 1);
  assert.equal(configuration.DataDirectory, said('VOLUME'));
  assert.equal(mountOf(all, 'data').mountPath, said('VOLUME'));
  assert.equal(mountOf(all, 'data').readOnly, undefined);
  const [claim] = spec.volumeClaimTemplates;
  assert.deepEqual(claim.spec.accessModes, ['ReadWriteOnce']);
  assert.doesNotMatch(claim.spec.storageClassName, /file/);
});

for (const file of [alone, several]) {
  test(`ports are those of the configuration and of the image: ${file}`, async () => {
    const { kinds, spec, said, container, configuration } = await load(file);
    const [port] = container.ports;
    assert.equal(port.containerPort, portOf(configuration.Listen));
    assert.equal(String(port.containerPort), said('EXPOSE'));
    assert.match(said('ENV'), new RegExp(`Listen=${configuration.Listen}( |$)`));
    for (const { targetPort } of kinds.Service.spec.ports) assert.equal(targetPort, port.name);
    assert.equal(spec.template.metadata.annotations['prometheus.io/port'], String(port.containerPort));
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
      assert.equal(container[probe].httpGet.port, port.name);
    }
  });
}

for (const file of [alone, several]) {
  test(`the image's user, who may do nothing but its work: ${file}`, async () => {
    const { pod, said, container } = await load(file);
    const { runAsNonRoot, runAsUser, runAsGroup, fsGroup, seccompProfile } = pod.securityContext;
    assert.equal(`${runAsUser}:${runAsGroup}`, said('USER'));
    assert.equal(fsGroup, runAsGroup);
    assert.equal(runAsNonRoot, true);
    assert.equal(seccompProfile.type, 'RuntimeDefault');
    assert.deepEqual(container.securityContext,
      { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
    // The group of the user may read them, and nobody else.
    assert.equal(pod.volumes.find(({ secret }) => secret).secret.defaultMode, 0o440);
  });
}

for (const file of [alone, several]) {
  test(`the image is this version's: ${file}`, async () => {
    const { container } = await load(file);
    const [, version] = child.execFileSync(isthmus, ['--version'], { encoding: 'utf8' }).trim().split(' ');
    assert.ok(container.image.endsWith(`/isthmus:${version}`), container.image);
  });
}

test('the gateway takes the configuration, and answers what the probes and Prometheus ask', async (t) => {
  const all = await load();
  const { spec, container, configuration, said } = all;
  const home = await temporaryDirectory(t, 'manifest');
  const secrets = mountOf(all, 'secrets').mountPath;
  const place = (path) => {
    assert.ok(isBelow(path, secrets), `${path} is in no volume`);
    return join(home, path.slice(secrets.length));
  };
  const file = join(home, 'isthmus.json');
  assert.ok(JSON.stringify(said('ENTRYPOINT')).includes('/usr/bin/isthmus'));
  assert.deepEqual(container.args, ['gateway', '--config', join(mountOf(all, 'config').mountPath, 'isthmus.json')]);
  const key = configuration.WebhookKeys[0].File;
  const group = configuration.AzureIoT.AzureIoTHub.DeviceProvisioningService.GroupEnrollmentKey.File;
  for (const [path, text] of [[key, 'webhook-key-of-the-manifest'], [group, Buffer.alloc(32, 7).toString('base64')]]) {
    await mkdir(dirname(place(path)), { recursive: true });
    await writeFile(place(path), text, { mode: 0o440 });
  }
  configuration.WebhookKeys[0].File = place(key);
  configuration.AzureIoT.AzureIoTHub.DeviceProvisioningService.GroupEnrollmentKey.File = place(group);
  await writeFile(file, JSON.stringify({ ...configuration, Listen: '127.0.0.1:0', DataDirectory: join(home, 'data') }));
  const gateway = await startGatewayOn(t, file, home);
  for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
    assert.equal((await gateway.get(container[probe].httpGet.path)).status, 200, probe);
  }
  const metrics = await gateway.get(spec.template.metadata.annotations['prometheus.io/path']);
  assert.match(await metrics.text(), /isthmus_build_info/);
});

/** Does the file keep a path from those who build an image? The last pattern that fits it says so. */
function ignores(patterns, path) {
  const fits = (pattern) => {
    const form = pattern.replace(/^!/, '').replace(/[.+]/g, '\\$&').replace(/\*\*\//g, '(.*/)?')
      .replace(/(?<![.)])\*/g, '[^/]*');
    return new RegExp(`^${form}(/.*)?$`).test(path);
  };
  return patterns.filter(fits).at(-1)?.startsWith('!') === false;
}

test('what the recipes copy is there for who builds the images', async () => {
  for (const name of ['.containerignore', '.dockerignore']) {
    const patterns = (await readFile(join(project, name), 'utf8')).split('\n').filter(Boolean);
    assert.ok(ignores(patterns, 'build/isthmus') && ignores(patterns, 'tests/system/node_modules/a'));
    for (const recipe of [join(project, 'Containerfile'), join(folder, 'Containerfile')]) {
      const copies = (await readFile(recipe, 'utf8')).split('\n').filter((line) => /^COPY (?!--from)/.test(line));
      assert.ok(copies.length > 0);
      for (const source of copies.flatMap((line) => line.split(/ +/).slice(1, -1))) {
        assert.ok(!ignores(patterns, source.replaceAll('*', '0.2.0_amd64')), `${name} hides ${source} from ${recipe}`);
      }
    }
  }
});
