// A subscriber written from docs/protocol.md alone, with zeromq and @msgpack/msgpack.
//
//   node subscriber.js FEED COUNT PREFIX...
//
// Prints `joined` once its subscriptions are in force, then each event as one line of JSON:
// {"topic", "header": {...}, "number", "event"}; what JSON cannot tell from others is wrapped: integers of 64 bits
// as {"$int": "digits"}, times as {"$time": [seconds, nanoseconds]}.
'use strict';

const {randomBytes} = require('crypto');
const {Subscriber} = require('zeromq');
const {decode, ExtensionCodec, decodeTimestampToTimeSpec, EXT_TIMESTAMP} = require('@msgpack/msgpack');

const extensionCodec = new ExtensionCodec();
extensionCodec.register({
  type: EXT_TIMESTAMP,
  decode: (data) => {
    const {sec, nsec} = decodeTimestampToTimeSpec(data);
    return {$time: [sec, nsec]};
  },
});
const options = {extensionCodec, useBigInt64: true};
const plain = (key, value) => (typeof value === 'bigint' ? {$int: value.toString()} : value);

function decodeBatch(topic, rawHeader, body) {
  const [version, stream, prev, first, count, timeNs, encoding, ends, sum, ext] = decode(rawHeader, options);
  if (BigInt(version) !== 1n || encoding !== null) {
    throw new Error('a version or an encoding from the future');
  }
  const header = {stream, prev, first, count, timeNs, sum, ext};
  const events = [];
  const offsets = new DataView(ends.buffer, ends.byteOffset, ends.byteLength);
  let start = 0;
  for (let i = 0; i < Number(count); i++) {
    const end = offsets.getUint32(4 * i, true);
    events.push(decode(body.subarray(start, end), options));
    start = end;
  }
  if (start !== (Number(count) ? body.length : 0)) {
    throw new Error('ends do not end at the body\'s end');
  }
  return {header, events};
}

async function main([feed, count, ...prefixes]) {
  const socket = new Subscriber({receiveHighWaterMark: 0, linger: 0});
  const sync = `~sync.${randomBytes(8).toString('hex')}`;
  socket.connect(feed);
  socket.subscribe(...prefixes, '$tick', sync);
  let left = Number(count);
  for await (const [topic, rawHeader, body] of socket) {
    const name = topic.toString();
    const {header, events} = decodeBatch(name, rawHeader, body);
    if (name === sync) {
      console.log('joined');
    }
    if (name.startsWith('$') || name.startsWith('~')) {
      continue;
    }
    events.forEach((event, i) => {
      const number = BigInt(header.first) + BigInt(i);
      console.log(JSON.stringify({topic: name, header, number, event}, plain));
    });
    left -= events.length;
    if (left <= 0) {
      break;
    }
  }
  socket.close();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
