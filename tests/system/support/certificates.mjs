// SPDX-License-Identifier: MIT
// X.509 certificates made on the spot (RFC 5280), for signers and servers that exist in a test
// only; Node.js can read them but not make them.
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';

const day = 24 * 60 * 60 * 1000;
const oids = {
  C: [2, 5, 4, 6],
  O: [2, 5, 4, 10],
  CN: [2, 5, 4, 3],
  subjectAltName: [2, 5, 29, 17],
  basicConstraints: [2, 5, 29, 19],
  rsa: [1, 2, 840, 113549, 1, 1, 11],
  ec: [1, 2, 840, 10045, 4, 3, 2],
};

function tlv(tag, ...parts) {
  const body = Buffer.concat(parts);
  const length = [];
  for (let rest = body.length; rest > 0; rest >>= 8) length.unshift(rest & 0xff);
  const head = body.length < 128 ? [body.length] : [0x80 | length.length, ...length];
  return Buffer.concat([Buffer.from([tag, ...head]), body]);
}

const sequence = (...parts) => tlv(0x30, ...parts);

function oid(numbers) {
  const bytes = [numbers[0] * 40 + numbers[1]];
  for (const number of numbers.slice(2)) {
    const digits = [number & 0x7f];
    for (let rest = number >> 7; rest > 0; rest >>= 7) digits.unshift(0x80 | (rest & 0x7f));
    bytes.push(...digits);
  }
  return tlv(0x06, Buffer.from(bytes));
}

function nameOf(subject) {
  return sequence(...Object.entries(subject).map(([key, value]) =>
    tlv(0x31, sequence(oid(oids[key]), tlv(0x0c, Buffer.from(value))))));
}

/** GeneralizedTime where the year asks for it. */
function timeOf(time) {
  const digits = new Date(time).toISOString().replace(/[-:T]|\..*/g, '');
  return digits < '2050'
    ? tlv(0x17, Buffer.from(`${digits.slice(2)}Z`))
    : tlv(0x18, Buffer.from(`${digits}Z`));
}

function algorithmOf(key) {
  return key.asymmetricKeyType === 'rsa'
    ? sequence(oid(oids.rsa), tlv(0x05))
    : sequence(oid(oids.ec));
}

function extensionsOf({ hosts, authority }) {
  const list = [];
  if (authority) {
    list.push(sequence(oid(oids.basicConstraints), tlv(0x01, Buffer.from([0xff])),
      tlv(0x04, sequence(tlv(0x01, Buffer.from([0xff]))))));
  }
  if (hosts) {
    list.push(sequence(oid(oids.subjectAltName),
      tlv(0x04, sequence(...hosts.map((host) => tlv(0x82, Buffer.from(host)))))));
  }
  return list.length > 0 ? tlv(0xa3, sequence(...list)) : Buffer.alloc(0);
}

let serial = 1;

/** A private key: 'rsa' of 2048 bits, or 'ec'. */
export function makeKey(type = 'ec') {
  return type === 'rsa'
    ? generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
    : generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

/**
 * A certificate: { key, subject, from and to in days from now, hosts, authority, issuer }. The
 * issuer is such a result; without one it is self-signed. Gives { key, subject, der, pem }.
 */
export function makeCertificate({ key, subject, from = -1, to = 1, hosts, authority, issuer }) {
  const signer = issuer ?? { key, subject };
  serial += 1;
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.from([1, serial & 0xff])),
    algorithmOf(signer.key),
    nameOf(signer.subject),
    sequence(timeOf(Date.now() + from * day), timeOf(Date.now() + to * day)),
    nameOf(subject),
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
    extensionsOf({ hosts, authority }),
  );
  const der = sequence(body, algorithmOf(signer.key),
    tlv(0x03, Buffer.from([0]), sign('sha256', body, signer.key)));
  const lines = der.toString('base64').match(/.{1,64}/g).join('\n');
  const pem = `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
  return { key, subject, der, pem };
}

/** The key as PEM, for a server. */
export function keyText(key) {
  return key.export({ type: 'pkcs8', format: 'pem' });
}
