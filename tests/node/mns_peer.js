// One of the clients that write to queues and topics what another reads; see tests/e2e/sdk_test.py.
//
//   node -r ./loopback.js mns_peer.js CLIENT ENDPOINT ACCOUNT REGION KEY SECRET [--base64]
//        write QUEUE | publish TOPIC | read QUEUE COUNT
//
// CLIENT is `alicloud` (the official SDK) or `ali-mns`, which comes through http_proxy and always encodes.  Bodies come
// on standard input, or go to standard output, each with a NUL behind it.
'use strict';

const fs = require('fs');

const toBase64 = (text) => Buffer.from(text, 'utf8').toString('base64');
const fromBase64 = (text) => Buffer.from(text, 'base64').toString('utf8');

// What the official SDK leaves to its users.
const entities = {'&': '&amp;', '<': '&lt;', '>': '&gt;', '\r': '&#13;'};
const escape = (text) => text.replace(/[&<>\r]/g, (c) => entities[c]);

function alicloud({endpoint, account, region, key, secret, base64}) {
  const MNSClient = require('@alicloud/mns');
  const client = new MNSClient(account, {endpoint, region, accessKeyId: key, accessKeySecret: secret});
  const out = (text) => ({MessageBody: base64 ? toBase64(text) : escape(text)});
  return {
    send: (queue, body) => client.sendMessage(queue, out(body)),
    sendBatch: (queue, bodies) => client.batchSendMessage(queue, bodies.map(out)),
    publish: (topic, body) => client.publishMessage(topic, out(body)),
    async take(queue, count) {
      const batch = (await client.batchReceiveMessage(queue, count, 10)).body;
      await client.batchDeleteMessage(queue, batch.map((m) => m.ReceiptHandle));
      return batch.map((m) => (base64 ? fromBase64(m.MessageBody) : m.MessageBody));
    },
  };
}

function aliMns({account, key, secret}) {
  const AliMNS = require('ali-mns');
  const owner = new AliMNS.Account(account, key, secret);
  owner.setGA(false);
  const queueOf = (name) => new AliMNS.MQBatch(name, owner, 'hangzhou');
  return {
    send: (queue, body) => queueOf(queue).sendP(body),
    sendBatch: (queue, bodies) => queueOf(queue).sendP(bodies.map((body) => new AliMNS.Msg(body))),
    publish: (topic, body) => new AliMNS.Topic(topic, owner, 'hangzhou').publishP(body, true),
    async take(queue, count) {
      const batch = (await queueOf(queue).recvP(10, Math.max(count, 2))).Messages.Message;
      await queueOf(queue).deleteP(batch.map((m) => m.ReceiptHandle));
      return batch.map((m) => m.MessageBody);
    },
  };
}

const input = () => fs.readFileSync(0, 'utf8').split('\0').slice(0, -1);

// The first alone, the rest in batches, so that both ways are gone.
async function write(client, queue) {
  const [first, ...rest] = input();
  await client.send(queue, first);
  while (rest.length > 0) {
    await client.sendBatch(queue, rest.splice(0, 4));
  }
}

async function publish(client, topic) {
  for (const body of input()) {
    await client.publish(topic, body);
  }
}

async function read(client, queue, count) {
  for (let left = Number(count); left > 0;) {
    const bodies = await client.take(queue, Math.min(left, 16));
    process.stdout.write(bodies.map((body) => `${body}\0`).join(''));
    left -= bodies.length;
  }
}

async function main(args) {
  const base64 = args.includes('--base64');
  const [name, endpoint, account, region, key, secret, command, target, count] = args.filter((a) => a !== '--base64');
  const make = {alicloud, 'ali-mns': aliMns}[name];
  const client = make({endpoint, account, region, key, secret, base64});
  await {write, publish, read}[command](client, target, count);
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
