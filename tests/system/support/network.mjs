// SPDX-License-Identifier: MIT
// Sends this process's connections to a name and its standard ports to where a hub really listens,
// as a hosts file and a packet filter would: SDKs that know only the standard ports stay as they
// are, names in certificates are checked, and no test needs a port below 1024.
import net from 'node:net';

const places = new Map();
const connect = net.Socket.prototype.connect;

net.Socket.prototype.connect = function (...given) {
  const [options, ...rest] = Array.isArray(given[0]) ? given[0] : given;
  const port = places.get(`${options?.host}:${options?.port}`);
  if (port === undefined) return connect.apply(this, given);
  return connect.call(this, { ...options, host: '127.0.0.1', port }, ...rest.filter(Boolean));
};

/** `ports` says which port stands for a standard one: { 443: 40123 }. */
export function redirect(host, ports) {
  for (const [from, to] of Object.entries(ports)) places.set(`${host}:${from}`, to);
}
