// Drives the SOAP API of unmodified jsforce. Takes its orders as JSON on stdin, answers as JSON.
import jsforce from 'jsforce';

const given = JSON.parse(await new Promise((done) => {
  let text = '';
  process.stdin.on('data', (part) => { text += part; });
  process.stdin.on('end', () => done(text));
}));

const conn = new jsforce.Connection({ loginUrl: given.url, version: '60.0' });
await conn.login(given.username, given.password + given.token);
const { soap } = conn;
const said = {};

said.user = (await soap.getUserInfo()).userName;
said.clock = (await soap.getServerTimestamp()).timestamp;
said.tabs = (await soap.describeTabs()).map((set) => set.tabs.map((tab) => tab.sobjectName));

said.created = await soap.create([
  { type: 'Lead', LastName: 'Soap', Company: 'A & <B>', Title: 'one' },
  { type: 'Lead', LastName: 'No company' },
]);
const lead = said.created[0].id;
said.updated = await soap.update({ type: 'Lead', Id: lead, Title: null, City: 'Rome' });
said.read = await conn.sobject('Lead').retrieve(lead, { fields: ['Title', 'City', 'Company'] });
said.upserted = await soap.upsert('Id', [{ type: 'Lead', LastName: 'Up', Company: 'c' }]);

said.converted = await soap.convertLead({
  leadId: lead, convertedStatus: 'Closed - Converted', opportunityName: 'Deal',
  doNotCreateOpportunity: false, overwriteLeadSource: false, sendNotificationEmail: false,
});
said.refused = await soap.convertLead([{
  leadId: lead, convertedStatus: 'Closed - Converted',
  doNotCreateOpportunity: true, overwriteLeadSource: false, sendNotificationEmail: false,
}]);
said.lead = await conn.sobject('Lead').retrieve(lead, { fields: ['IsConverted', 'ConvertedContactId'] });

const accounts = (await soap.create(['x', 'y'].map((Name) => ({ type: 'Account', Name })))).map((one) => one.id);
said.merged = await soap.merge([
  { masterRecord: { type: 'Account', Id: accounts[0], Site: 'kept' }, recordToMergeIds: [accounts[1]] },
]);
said.loser = (await conn.query(`SELECT MasterRecordId FROM Account WHERE Id = '${accounts[1]}'`, { scanAll: true })).records
  .map((one) => one.MasterRecordId);
said.accounts = accounts;

said.deleted = await soap.delete([accounts[0], 'nonsense']);
said.undeleted = await soap.undelete([accounts[0]]);
await soap.delete(accounts[0]);
said.emptied = await soap.emptyRecycleBin([accounts[0]]);
said.emptiedAgain = await soap.emptyRecycleBin([accounts[0]]);
try {
  await soap.create({ type: 'Nope', Name: 'x' });
} catch (error) {
  said.fault = [error.errorCode ?? error.name, error.message];
}
await conn.logout();
console.log(JSON.stringify(said));
