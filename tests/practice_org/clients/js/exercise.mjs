// Drives unmodified jsforce against a practice org. Takes its orders as JSON on stdin, answers as JSON.
import jsforce from 'jsforce';

const given = JSON.parse(await new Promise((done) => {
  let text = '';
  process.stdin.on('data', (part) => { text += part; });
  process.stdin.on('end', () => done(text));
}));

const said = {};
const soap = new jsforce.Connection({ loginUrl: given.url, version: '60.0' });
const login = await soap.login(given.username, given.password + given.token);
said.soap = { userId: login.id, orgId: login.organizationId, instanceUrl: soap.instanceUrl };

const oauth2 = new jsforce.OAuth2({
  loginUrl: given.url, clientId: given.clientId, clientSecret: given.clientSecret,
  redirectUri: 'http://127.0.0.1:1717/back',
});
const conn = new jsforce.Connection({ oauth2, version: '60.0' });
const user = await conn.login(given.username, given.password + given.token);
said.oauth = { userId: user.id, orgId: user.organizationId };
said.identity = (await conn.identity()).username;

const pkce = new jsforce.OAuth2({
  loginUrl: given.url, clientId: given.clientId, redirectUri: 'http://127.0.0.1:1717/back', useVerifier: true,
});
said.authorizationUrl = pkce.getAuthorizationUrl({ scope: 'api refresh_token', state: 'from jsforce' });
said.usesChallenge = said.authorizationUrl.includes('code_challenge=');

said.leads = (await conn.query('SELECT Id FROM Lead', { autoFetch: true, maxFetch: 100000 })).totalSize;
const described = await conn.sobject('Lead').describe();
said.fields = described.fields.length;

const read = await conn.sobject('Lead').retrieve(given.leadId);
said.read = { Title: read.Title, Description: read.Description, Email: read.Email };
const updated = await conn.sobject('Lead').update({ Id: given.leadId, Title: given.title, Description: given.text });
said.updated = updated.success;
const many = await conn.sobject('Lead').create([
  { LastName: 'One', Company: 'jsforce' }, { LastName: 'Two', Company: 'jsforce' }, { LastName: 'Three' },
], { allOrNone: false });
said.created = many.map((one) => one.success);
try {
  await conn.sobject('Lead').update({ Id: given.leadId, Email: 'no address' });
} catch (error) {
  said.refused = error.errorCode ?? error.name;
}

const rows = [];
const stream = await conn.bulk2.query('SELECT Id, LastName, Description FROM Lead');
await new Promise((done, failed) => {
  stream.on('record', (row) => rows.push(row));
  stream.on('error', failed);
  stream.on('end', done);
});
said.bulk = rows.length;
said.bulkText = rows.find((row) => row.Id === given.leadId)?.Description;
await conn.logout(true).catch(() => {});
console.log(JSON.stringify(said));
