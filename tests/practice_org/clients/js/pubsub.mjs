// Drives unmodified salesforce-pubsub-api-client against a practice org. Orders as JSON on stdin, answers as JSON.
// The library brings certificate authorities of its own; its option rejectUnauthorizedSsl lets it meet a local one.
import fs from 'node:fs';
import jsforce from 'jsforce';
import PubSubApiClient from 'salesforce-pubsub-api-client';

const given = JSON.parse(fs.readFileSync(0, 'utf8'));
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const plain = (value) => JSON.parse(JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? v.toString() : v)));

async function connect(auth) {
  const client = new PubSubApiClient(
    { loginUrl: given.url, pubSubEndpoint: given.endpoint, rejectUnauthorizedSsl: false, ...auth }, quiet);
  await client.connect();
  return client;
}

function received(client, subscribe, count, then = () => {}) {
  const events = [];
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`only ${events.length} of ${count} events came`)), 60000);
    let begun = false;
    subscribe((_, type, data) => {
      if (type === 'error') reject(data);
      if (!begun) { begun = true; then(); }
      if (type === 'event') events.push(data);
      if (events.length === count) { clearTimeout(timer); resolve(plain(events)); }
    });
  });
}

const secrets = { clientId: given.clientId, clientSecret: given.clientSecret };
const logins = [
  { authType: 'username-password', username: given.username, password: given.password, userToken: given.token },
  { authType: 'oauth-client-credentials', ...secrets },
  { authType: 'oauth-jwt-bearer', clientId: given.clientId, username: given.username, privateKey: fs.readFileSync(given.keyFile) },
];
const said = { logins: 0 };
for (const login of logins) {
  const client = await connect(login);
  said.logins += 1;
  client.close();
}

const topic = '/data/LeadChangeEvent';
const first = await connect(logins[1]);
const events = await received(first, (take) => first.subscribeFromEarliestEvent(topic, take, 4), 4);
said.events = events.map((one) => one.payload);
first.close();

const second = await connect(logins[1]);
const resumed = await received(
  second, (take) => second.subscribeFromReplayId(topic, take, 2, events[1].replayId), 2);
said.resumed = resumed.map((one, n) => one.replayId === events[n + 2].replayId);
second.close();

const third = await connect(logins[1]);
const rest = new jsforce.Connection({ instanceUrl: given.url, accessToken: given.accessToken, version: '60.0' });
const live = await received(third, (take) => third.subscribe(topic, take), 1,
  () => rest.sobject('Lead').update({ Id: given.lead, Title: given.title }));
said.live = live.map((one) => one.payload.ChangeEventHeader.changedFields);
third.close();

const fourth = await connect(logins[1]);
const payload = (text) => ({ CreatedDate: Date.now(), CreatedById: '005000000000001AAA', Text__c: { string: text } });
const done = await fourth.publish(given.event, payload(given.text), 'key-1');
said.published = [done.correlationKey, done.replayId];
said.batch = await new Promise((resolve, reject) => {
  fourth.publishBatch(given.event, [{ id: 'a', payload: payload('a') }, { id: 'b', payload: payload('b') }],
    (_, type, data) => (type === 'publishResponse' ? resolve(data.results.map((one) => one.correlationKey)) : reject(data)));
});
const back = await received(fourth, (take) => fourth.subscribeFromEarliestEvent(given.event, take, 3), 3);
said.back = back.slice(-3).map((one) => [one.replayId, one.payload.Text__c]);
fourth.close();

const fifth = await connect(logins[1]);
const managed = await received(fifth, (take) => {
  fifth.subscribeWithManagedSubscription(given.managed, (info, type, data) => {
    if (type === 'event' && data.payload.Text__c === 'a') fifth.commitReplayId(info.subscriptionId, data.replayId);
    take(info, type, data);
  }, 3);
}, 3);
said.managed = managed.map((one) => one.payload.Text__c);
await new Promise((resolve) => setTimeout(resolve, 1500));
fifth.close();
const sixth = await connect(logins[1]);
const onward = await received(sixth, (take) => sixth.subscribeWithManagedSubscription(given.managed, take, 1), 1);
said.committed = onward.map((one) => one.payload.Text__c);
sixth.close();

console.log(JSON.stringify(said));
process.exit(0);
