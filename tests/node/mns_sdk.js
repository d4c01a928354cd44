// The official MNS SDK for Node runs all it offers against mns-local, unchanged.
//
//   node -r ./loopback.js mns_sdk.js ENDPOINT ACCOUNT REGION KEY SECRET
'use strict';

const assert = require('assert');
const crypto = require('crypto');
const MNSClient = require('@alicloud/mns');

const md5 = (text) => crypto.createHash('md5').update(text).digest('hex').toUpperCase();

// The SDK's errors are named after the service's codes.
async function rejects(promise, code) {
  await assert.rejects(promise, (error) => {
    assert.strictEqual(error.name, `MNS${code}Error`);
    assert.match(error.message, /requestid: [0-9A-F]{24}, hostid: http:\/\/\d+\.mns\./);
    return true;
  });
}

async function queues(client, endpoint) {
  const created = await client.createQueue('sdk-queue', {VisibilityTimeout: 30});
  assert.strictEqual(created.code, 201);
  assert.strictEqual(created.headers.location, `${endpoint}/queues/sdk-queue`);
  assert.strictEqual((await client.createQueue('sdk-queue', {VisibilityTimeout: 30})).code, 204);
  await rejects(client.createQueue('sdk-queue', {VisibilityTimeout: 31}), 'QueueAlreadyExist');
  await rejects(client.createQueue('sdk_queue'), 'InvalidQueueName');
  await rejects(client.createQueue('q'.repeat(121)), 'QueueNameLengthError');
  await rejects(client.createQueue('other', {VisibilityTimeout: 0}), 'InvalidArgument');

  assert.strictEqual((await client.setQueueAttributes('sdk-queue', {DelaySeconds: 0, LoggingEnabled: true})).code, 204);
  await rejects(client.setQueueAttributes('none', {DelaySeconds: 0}), 'QueueNotExist');
  const attributes = (await client.getQueueAttributes('sdk-queue')).body;
  assert.deepStrictEqual(Object.keys(attributes).slice(0, 5), ['QueueName', 'DelaySeconds', 'MaximumMessageSize',
    'MessageRetentionPeriod', 'VisibilityTimeout']);
  assert.strictEqual(attributes.VisibilityTimeout, '30');
  assert.strictEqual(attributes.LoggingEnabled, 'True');
  await rejects(client.getQueueAttributes('none'), 'QueueNotExist');

  for (const name of ['sdk-list-a', 'sdk-list-b', 'sdk-list-c']) {
    assert.strictEqual((await client.createQueue(name)).code, 201);
  }
  const all = (await client.listQueue(undefined, 10, 'sdk-list-')).body;
  assert.deepStrictEqual(all.map((q) => q.QueueName).sort(), ['sdk-list-a', 'sdk-list-b', 'sdk-list-c']);
  assert.ok(all.every((q) => q.QueueURL === `${endpoint}/queues/${q.QueueName}`));
  assert.strictEqual((await client.listQueue(undefined, 2, 'sdk-list-')).body.length, 2);
  assert.deepStrictEqual((await client.listQueue('sdk-list-b', 10, 'sdk-list-')).body.map((q) => q.QueueName),
    ['sdk-list-c']);
  assert.ok((await client.listQueue()).body.length >= 4);
  await rejects(client.listQueue(undefined, 1001, ''), 'InvalidArgument');
  assert.strictEqual((await client.deleteQueue('sdk-list-a')).code, 204);
}

async function messages(client) {
  const queue = 'sdk-queue';
  const sent = await client.sendMessage(queue, {MessageBody: 'na\u00efve \u4e2d\u6587', Priority: 1, DelaySeconds: 0});
  assert.strictEqual(sent.code, 201);
  assert.strictEqual(sent.body.MessageBodyMD5, md5('na\u00efve \u4e2d\u6587'));
  const peeked = await client.peekMessage(queue);
  assert.strictEqual(peeked.body.MessageId, sent.body.MessageId);
  assert.strictEqual(peeked.body.ReceiptHandle, undefined);
  const received = await client.receiveMessage(queue, 5);
  assert.strictEqual(received.body.MessageBody, 'na\u00efve \u4e2d\u6587');
  assert.strictEqual(received.body.MessageBodyMD5, sent.body.MessageBodyMD5);
  assert.deepStrictEqual([received.body.DequeueCount, received.body.Priority], ['1', '1']);

  const changed = await client.changeMessageVisibility(queue, received.body.ReceiptHandle, 60);
  assert.strictEqual(changed.code, 200);
  assert.notStrictEqual(changed.body.ReceiptHandle, received.body.ReceiptHandle);
  await rejects(client.changeMessageVisibility(queue, changed.body.ReceiptHandle, 43201), 'InvalidArgument');
  await rejects(client.deleteMessage(queue, received.body.ReceiptHandle), 'ReceiptHandleError');
  assert.strictEqual((await client.deleteMessage(queue, changed.body.ReceiptHandle)).code, 204);
  await rejects(client.deleteMessage(queue, changed.body.ReceiptHandle), 'MessageNotExist');

  // taken back before it shows
  const delayed = await client.sendMessage(queue, {MessageBody: 'later', DelaySeconds: 60});
  assert.strictEqual((await client.deleteMessage(queue, delayed.body.ReceiptHandle)).code, 204);

  await rejects(client.receiveMessage(queue), 'MessageNotExist');
  await rejects(client.receiveMessage(queue, 1), 'MessageNotExist');
  await rejects(client.peekMessage(queue), 'MessageNotExist');
  await rejects(client.sendMessage('none', {MessageBody: 'x'}), 'QueueNotExist');
  await rejects(client.receiveMessage('none'), 'QueueNotExist');
  await rejects(client.sendMessage(queue, {MessageBody: 'x', Priority: 17}), 'InvalidArgument');
  await rejects(client.sendMessage(queue, {MessageBody: 'x'.repeat(65537)}), 'InvalidArgument');
  await rejects(client.sendMessage(queue, {MessageBody: 'x'.repeat(1000000)}), 'InvalidArgument');
  await rejects(client.sendMessage(queue, {MessageBody: 'a & b'}), 'MalformedXML'); // the SDK does not escape
  assert.strictEqual((await client.sendMessage(queue, {MessageBody: 'a &amp; b'})).code, 201);
  const escaped = await client.receiveMessage(queue);
  assert.strictEqual(escaped.body.MessageBody, 'a & b');
  await client.deleteMessage(queue, escaped.body.ReceiptHandle);
}

async function batches(client) {
  const queue = 'sdk-queue';
  const bodies = Array.from({length: 16}, (_, i) => ({MessageBody: `message ${i}`, Priority: 8, DelaySeconds: 0}));
  const sent = await client.batchSendMessage(queue, bodies);
  assert.strictEqual(sent.code, 201);
  assert.deepStrictEqual(sent.body.map((m) => m.MessageBodyMD5), bodies.map((m) => md5(m.MessageBody)));
  assert.strictEqual((await client.batchPeekMessage(queue, 5)).body.length, 5);
  const batch = (await client.batchReceiveMessage(queue, 16, 5)).body;
  assert.deepStrictEqual(batch.map((m) => m.MessageBody), bodies.map((m) => m.MessageBody));

  const handles = batch.map((m) => m.ReceiptHandle);
  const partly = await client.batchDeleteMessage(queue, [...handles.slice(0, 15), 'no-handle']);
  assert.strictEqual(partly.code, 404);
  assert.deepStrictEqual(partly.body.map((e) => [e.ErrorCode, e.ReceiptHandle]), [['ReceiptHandleError', 'no-handle']]);
  assert.strictEqual((await client.batchDeleteMessage(queue, handles.slice(15))).code, 204);
  await rejects(client.batchReceiveMessage(queue, 16), 'MessageNotExist');
  await rejects(client.batchPeekMessage(queue, 16), 'MessageNotExist');
  await rejects(client.batchReceiveMessage(queue, 17), 'InvalidArgument');
  await rejects(client.batchSendMessage(queue, [...bodies, ...bodies]), 'InvalidArgument');
  await rejects(client.batchDeleteMessage('none', ['no-handle']), 'QueueNotExist');
}

async function topics(client, endpoint) {
  const created = await client.createTopic('sdk-topic', {MaximumMessageSize: 2048});
  assert.strictEqual(created.code, 201);
  assert.strictEqual(created.headers.location, `${endpoint}/topics/sdk-topic`);
  assert.strictEqual((await client.createTopic('sdk-topic', {MaximumMessageSize: 2048})).code, 204);
  await rejects(client.createTopic('sdk-topic'), 'TopicAlreadyExist');
  await rejects(client.createTopic('sdk_topic'), 'TopicNameInvalid');
  assert.strictEqual((await client.setTopicAttributes('sdk-topic', {MaximumMessageSize: 4096})).code, 204);
  const attributes = (await client.getTopicAttributes('sdk-topic')).body;
  assert.deepStrictEqual([attributes.TopicName, attributes.MaximumMessageSize, attributes.MessageRetentionPeriod],
    ['sdk-topic', '4096', '86400']);
  await rejects(client.getTopicAttributes('none'), 'TopicNotExist');
  assert.deepStrictEqual((await client.listTopic(undefined, 10, 'sdk-')).body.map((t) => t.TopicName), ['sdk-topic']);

  const news = {MessageBody: 'news', MessageTag: '', MessageAttributes: ''};
  const published = await client.publishMessage('sdk-topic', news);
  assert.strictEqual(published.code, 201);
  assert.match(published.body.MessageId, /^[0-9A-F]{32}$/);
  assert.strictEqual(published.body.MessageBodyMD5, md5('news'));
  await rejects(client.publishMessage('none', {MessageBody: 'news'}), 'TopicNotExist');
  await rejects(client.publishMessage('sdk-topic', {MessageBody: 'x'.repeat(4097)}), 'InvalidArgument');
}

async function strangers(account, options) {
  const wrong = new MNSClient(account, {...options, accessKeySecret: 'wrong'});
  await rejects(wrong.createQueue('other'), 'SignatureDoesNotMatch');
  const unknown = new MNSClient(account, {...options, accessKeyId: 'nobody'});
  await rejects(unknown.listQueue(), 'InvalidAccessKeyId');
  const temporary = new MNSClient(account, {...options, securityToken: 'CAIS/token+of/an+hour=='});
  assert.strictEqual((await temporary.getQueueAttributes('sdk-queue')).code, 200);
  const slash = new MNSClient(account, {...options, endpoint: `${options.endpoint}/`}); // targets begin with //
  assert.strictEqual((await slash.getQueueAttributes('sdk-queue')).code, 200);
}

async function main([endpoint, account, region, key, secret]) {
  const options = {endpoint, region, accessKeyId: key, accessKeySecret: secret};
  const client = new MNSClient(account, options);
  await queues(client, endpoint);
  await messages(client);
  await batches(client);
  await topics(client, endpoint);
  await strangers(account, options);
  assert.strictEqual((await client.deleteQueue('sdk-queue')).code, 204);
  await rejects(client.getQueueAttributes('sdk-queue'), 'QueueNotExist');
  console.log('sdk flows passed');
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
