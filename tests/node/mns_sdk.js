// The official MNS SDK for Node runs its queue and topic flow against mns-local, unchanged.
//
//   node mns_sdk.js ENDPOINT ACCOUNT REGION KEY SECRET
'use strict';

const assert = require('assert');
const MNSClient = require('@alicloud/mns');

async function rejects(promise, name) {
  await assert.rejects(promise, (error) => {
    assert.strictEqual(error.name, name);
    return true;
  });
}

async function queueFlow(client, queue) {
  assert.strictEqual((await client.createQueue(queue, {VisibilityTimeout: 30})).code, 201);
  assert.strictEqual((await client.createQueue(queue, {VisibilityTimeout: 30})).code, 204);
  await rejects(client.createQueue(queue, {VisibilityTimeout: 31}), 'MNSQueueAlreadyExistError');
  const attributes = (await client.getQueueAttributes(queue)).body;
  assert.strictEqual(attributes.QueueName, queue);
  assert.strictEqual(attributes.VisibilityTimeout, '30');

  const sent = await client.sendMessage(queue, {MessageBody: 'hello', Priority: 1, DelaySeconds: 0});
  assert.strictEqual(sent.code, 201);
  const peeked = await client.peekMessage(queue);
  assert.strictEqual(peeked.body.MessageId, sent.body.MessageId);
  const received = await client.receiveMessage(queue, 5);
  assert.strictEqual(received.body.MessageBody, 'hello');
  assert.strictEqual(received.body.MessageBodyMD5, sent.body.MessageBodyMD5);
  const changed = await client.changeMessageVisibility(queue, received.body.ReceiptHandle, 60);
  assert.notStrictEqual(changed.body.ReceiptHandle, received.body.ReceiptHandle);
  await rejects(client.deleteMessage(queue, received.body.ReceiptHandle), 'MNSReceiptHandleErrorError');
  assert.strictEqual((await client.deleteMessage(queue, changed.body.ReceiptHandle)).code, 204);

  const bodies = Array.from({length: 16}, (_, i) => ({MessageBody: `message ${i}`, Priority: 8, DelaySeconds: 0}));
  assert.strictEqual((await client.batchSendMessage(queue, bodies)).body.length, 16);
  const batch = await client.batchReceiveMessage(queue, 16, 5);
  assert.strictEqual(batch.body.length, 16);
  assert.strictEqual((await client.batchDeleteMessage(queue, batch.body.map((m) => m.ReceiptHandle))).code, 204);
  await rejects(client.receiveMessage(queue, 0), 'MNSMessageNotExistError');
}

async function topicFlow(client, topic) {
  assert.strictEqual((await client.createTopic(topic, {})).code, 201);
  const published = await client.publishMessage(topic, {MessageBody: 'news', MessageTag: '', MessageAttributes: ''});
  assert.strictEqual(published.code, 201);
  assert.match(published.body.MessageId, /^[0-9A-F]{32}$/);
}

async function main([endpoint, account, region, key, secret]) {
  const client = new MNSClient(account, {endpoint, region, accessKeyId: key, accessKeySecret: secret});
  await queueFlow(client, 'sdk-queue');
  await topicFlow(client, 'sdk-topic');
  assert.strictEqual((await client.deleteQueue('sdk-queue')).code, 204);
  await rejects(client.getQueueAttributes('sdk-queue'), 'MNSQueueNotExistError');

  const stranger = new MNSClient(account, {endpoint, region, accessKeyId: key, accessKeySecret: 'wrong'});
  await rejects(stranger.createQueue('other', {}), 'MNSSignatureDoesNotMatchError');
  console.log('sdk flows passed');
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
