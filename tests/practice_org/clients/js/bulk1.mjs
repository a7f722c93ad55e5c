// Drives unmodified jsforce's Bulk API 1.0 against a practice org. Takes its orders as JSON on stdin, answers as JSON.
import jsforce from 'jsforce';

const given = JSON.parse(await new Promise((done) => {
  let text = '';
  process.stdin.on('data', (part) => { text += part; });
  process.stdin.on('end', () => done(text));
}));

const said = {};
const conn = new jsforce.Connection({ instanceUrl: given.url, accessToken: given.accessToken, version: '60.0' });
conn.bulk.pollInterval = 200;
conn.bulk.pollTimeout = 60000;

const rows = [
  { LastName: 'First', Company: given.company, Description: given.text },
  { LastName: 'Second', Company: given.company },
  { LastName: '', Company: given.company },
];
said.inserted = await conn.bulk.load('Lead', 'insert', rows);
const ids = said.inserted.filter((one) => one.success).map((one) => one.id);
said.updated = await conn.bulk.load('Lead', 'update', ids.map((Id) => ({ Id, Title: given.title })));
said.upserted = await conn.bulk.load('Lead', 'upsert', { extIdField: 'Legacy_Id__c', concurrencyMode: 'Serial' }, [
  { Legacy_Id__c: given.company, LastName: 'Third', Company: given.company },
]);

const read = async (soql) => {
  const found = [];
  const stream = await conn.bulk.query(soql);
  await new Promise((done, failed) => {
    stream.on('record', (row) => found.push(row));
    stream.on('error', failed);
    stream.on('end', done);
  });
  return found;
};
const mine = `SELECT Id, LastName, Title, Description FROM Lead WHERE Company = '${given.company}'`;
said.read = (await read(mine)).map(({ LastName, Title, Description }) => ({ LastName, Title, Description }));
said.deleted = await conn.bulk.load('Lead', 'delete', [{ Id: ids[1] }]);
said.left = (await read(mine)).length;

try {
  await read('SELECT Id, Address FROM Lead');
} catch (error) {
  said.compound = error.message;
}
try {
  await conn.bulk.load('Lead', 'insert', [{ Nope: '1' }]);
} catch (error) {
  said.unknownField = error.message;
}
const job = conn.bulk.createJob('Lead', 'insert');
said.opened = (await job.open()).state;
said.checked = (await job.check()).operation;
const batch = job.createBatch();
await new Promise((done, failed) => {
  batch.on('response', done);
  batch.on('error', failed);
  batch.on('queue', () => batch.poll(200, 60000));
  batch.execute([{ LastName: 'Fourth', Company: given.company }]);
}).catch((error) => { said.batch = error.message; });
said.batches = (await job.list()).map((one) => one.state);
said.closed = (await job.close()).state;
try {
  await job.abort();
} catch (error) {
  said.abort = error.message;
}

const expired = new jsforce.Connection({ instanceUrl: given.url, accessToken: '00D!expired', version: '60.0' });
try {
  await expired.bulk.load('Lead', 'insert', rows);
} catch (error) {
  said.expired = error.errorCode ?? error.name;
}
console.log(JSON.stringify(said));
