// SPDX-License-Identifier: MIT
// Trusts further certificate authorities in this process, as NODE_EXTRA_CA_CERTS does for
// authorities that exist when Node starts. Verification stays on.
import tls from 'node:tls';

const authorities = new Set();
const createSecureContext = tls.createSecureContext;

tls.createSecureContext = (options) => {
  const context = createSecureContext(options);
  for (const authority of authorities) context.context.addCACert(authority);
  return context;
};

/** Trusts a certificate (PEM) from now on. */
export function trust(authority) {
  authorities.add(authority);
}
