// Loaded before any test client (node -r ./loopback.js): nobody but this machine is spoken to.  A client that tries to,
// to report its usage for example, fails its test.
'use strict';

const net = require('net');

const connect = net.Socket.prototype.connect;

net.Socket.prototype.connect = function (...args) {
  const [options, second] = Array.isArray(args[0]) ? args[0] : args;
  const host = typeof options === 'object' ? options.host : second; // none: this machine, or a path
  if (typeof host === 'string' && !['127.0.0.1', '::1', 'localhost'].includes(host)) {
    process.stderr.write(`a client of this test wants to speak to ${host}\n`);
    process.exit(3);
  }
  return connect.apply(this, args);
};
