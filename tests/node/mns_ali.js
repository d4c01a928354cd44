// The community's client for Node, ali-mns, runs all it offers against mns-local, unchanged.  Its host is built in, so
// it comes through http_proxy, with absolute targets; its reports of usage are switched off, and loopback.js sees to it
// that none leave.
//
//   http_proxy=ENDPOINT node -r ./loopback.js mns_ali.js ACCOUNT KEY SECRET
'use strict';

const assert = require('assert');
const AliMNS = require('ali-mns');

async function rejects(promise, code) {
  await assert.rejects(Promise.resolve(promise), (reason) => {
    assert.strictEqual(reason.Error && reason.Error.Code, code, JSON.stringify(reason));
    return true;
  });
}

async function queues(account) {
  const mns = new AliMNS.MNS(account, 'hangzhou');
  assert.strictEqual(await mns.createP('ali-queue', {VisibilityTimeout: 30}), 201);
  assert.strictEqual(await mns.createP('ali-queue', {VisibilityTimeout: 30}), 204);
  await rejects(mns.createP('ali-queue', {VisibilityTimeout: 31}), 'QueueAlreadyExist');
  assert.strictEqual(await mns.createP('ali-other'), 201);
  const page = (await mns.listP('ali-', 1)).Queues;
  const rest = (await mns.listP('ali-', 1, page.NextMarker)).Queues;
  assert.deepStrictEqual([page.Queue.QueueName, rest.Queue.QueueName].sort(), ['ali-other', 'ali-queue']);
  assert.strictEqual(rest.NextMarker, undefined);
  assert.strictEqual(await mns.deleteP('ali-other'), 204);
  await rejects(new AliMNS.MQ('ali-other', account).getAttrsP(), 'QueueNotExist');
}

async function messages(account) {
  const queue = new AliMNS.MQ('ali-queue', account, 'hangzhou');
  assert.strictEqual(await queue.setAttrsP({VisibilityTimeout: 40}), 204);
  assert.strictEqual((await queue.getAttrsP()).Queue.VisibilityTimeout, '40');
  const sent = (await queue.sendP('na\u00efve & \u4e2d\u6587', 3, 0)).Message;
  assert.strictEqual((await queue.peekP()).Message.MessageId, sent.MessageId);
  const received = (await queue.recvP(5)).Message;
  assert.deepStrictEqual([received.MessageBody, received.Priority], ['na\u00efve & \u4e2d\u6587', '3']);
  const changed = (await queue.reserveP(received.ReceiptHandle, 60)).ChangeVisibility;
  await rejects(queue.deleteP(received.ReceiptHandle), 'ReceiptHandleError');
  assert.strictEqual(await queue.deleteP(changed.ReceiptHandle), 204);
  await rejects(queue.recvP(1), 'MessageNotExist');
  await rejects(queue.peekP(), 'MessageNotExist');
  await rejects(queue.sendP('x', 17), 'InvalidArgument');
}

async function batches(account) {
  const queue = new AliMNS.MQBatch('ali-queue', account, 'hangzhou');
  const bodies = Array.from({length: 16}, (_, i) => `message ${i}`);
  const sent = (await queue.sendP(bodies.map((body) => new AliMNS.Msg(body)))).Messages.Message;
  assert.strictEqual(sent.length, 16);
  assert.strictEqual((await queue.peekP(16)).Messages.Message.length, 16);
  const received = (await queue.recvP(5, 16)).Messages.Message;
  assert.deepStrictEqual(received.map((m) => m.MessageBody), bodies);
  const handles = received.map((m) => m.ReceiptHandle);
  await assert.rejects(Promise.resolve(queue.deleteP([...handles.slice(0, 15), 'no-handle'])), (reason) => {
    assert.strictEqual(reason.Errors.Error.ReceiptHandle, 'no-handle');
    return true;
  });
  assert.strictEqual(await queue.deleteP(handles.slice(15)), 204);
}

async function topics(account) {
  const mns = new AliMNS.MNSTopic(account, 'hangzhou');
  assert.strictEqual(await mns.createTopicP('ali-topic'), 201);
  assert.strictEqual((await mns.listTopicP('ali-')).Topics.Topic.TopicName, 'ali-topic');
  const topic = new AliMNS.Topic('ali-topic', account, 'hangzhou');
  assert.strictEqual(await topic.setAttrsP({MaximumMessageSize: 2048}), 204);
  assert.strictEqual((await topic.getAttrsP()).Topic.MaximumMessageSize, '2048');

  const endpoint = `acs:mns:cn-hangzhou:${account.getAccountId()}:queues/ali-queue`;
  assert.strictEqual(await topic.subscribeP('sub', endpoint, 'BACKOFF_RETRY', 'SIMPLIFIED', 'red'), 201);
  assert.strictEqual(await topic.subscribeP('sub', endpoint, 'BACKOFF_RETRY', 'SIMPLIFIED', 'red'), 204);
  await rejects(topic.subscribeP('bad', 'nowhere'), 'EndpointInvalid');
  assert.match((await topic.listP()).Subscriptions.Subscription.SubscriptionURL, /\/subscriptions\/sub$/);
  const subscription = new AliMNS.Subscription('sub', topic);
  assert.strictEqual(await subscription.setAttrsP({NotifyStrategy: 'EXPONENTIAL_DECAY_RETRY'}), 204);
  const attributes = (await subscription.getAttrsP()).Subscription;
  assert.deepStrictEqual([attributes.Endpoint, attributes.FilterTag, attributes.NotifyStrategy],
    [endpoint, 'red', 'EXPONENTIAL_DECAY_RETRY']);

  assert.match((await topic.publishP('news', true, 'red')).Message.MessageId, /^[0-9A-F]{32}$/);
  await topic.publishP('other news', true, 'blue');
  const queue = new AliMNS.MQ('ali-queue', account, 'hangzhou');
  assert.strictEqual((await queue.recvP(5)).Message.MessageBody, 'news');
  await rejects(queue.recvP(0), 'MessageNotExist');
  assert.strictEqual(await topic.unsubscribeP('sub'), 204);
  assert.strictEqual(await mns.deleteTopicP('ali-topic'), 204);
  await rejects(topic.publishP('news', true), 'TopicNotExist');
}

async function main([id, key, secret]) {
  const account = new AliMNS.Account(id, key, secret);
  account.setGA(false);
  await queues(account);
  await messages(account);
  await batches(account);
  await topics(account);
  const stranger = new AliMNS.Account(id, key, 'wrong');
  stranger.setGA(false);
  await rejects(new AliMNS.MNS(stranger).createP('other'), 'SignatureDoesNotMatch');
  assert.strictEqual(await new AliMNS.MNS(account).deleteP('ali-queue'), 204);
  console.log('ali-mns flows passed');
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
