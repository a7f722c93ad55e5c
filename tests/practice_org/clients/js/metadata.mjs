// Drives unmodified jsforce's metadata and tooling APIs. Takes its orders as JSON on stdin, answers as JSON.
import jsforce from 'jsforce';

const given = JSON.parse(await new Promise((done) => {
  let text = '';
  process.stdin.on('data', (part) => { text += part; });
  process.stdin.on('end', () => done(text));
}));

const conn = new jsforce.Connection({ instanceUrl: given.url, accessToken: given.token, version: '60.0' });
conn.metadata.pollInterval = 50;
conn.metadata.pollTimeout = 60000;
const said = {};

const text = (name, more = {}) => ({ fullName: `Lead.${name}`, label: name, type: 'Text', length: '40', ...more });
said.created = await conn.metadata.create('CustomField', [text('Js_One__c'), text('Js_Two__c', { length: '900' })]);
said.one = await conn.metadata.create('CustomField', text('Js_Three__c'));
said.read = await conn.metadata.read('CustomField', 'Lead.Js_One__c');
said.updated = await conn.metadata.update('CustomField', [text('Js_One__c', { label: 'Changed', externalId: true })]);
said.upserted = await conn.metadata.upsert('CustomField', [text('Js_One__c'), text('Js_Four__c')]);
said.renamed = await conn.metadata.rename('CustomField', 'Lead.Js_Four__c', 'Lead.Js_Five__c');
said.permissions = await conn.metadata.create('PermissionSet', {
  fullName: 'Js_Fields', label: 'Js fields',
  fieldPermissions: [{ field: 'Lead.Js_One__c', editable: true, readable: true }],
  objectPermissions: [{ object: 'Lead', allowRead: true, allowCreate: false, allowEdit: true, allowDelete: false,
    viewAllRecords: false, modifyAllRecords: false }],
});
const layout = await conn.metadata.read('Layout', 'Lead-Lead Layout');
layout.layoutSections[0].layoutColumns[0].layoutItems.push({ behavior: 'Edit', field: 'Js_One__c' });
said.layout = await conn.metadata.update('Layout', layout);
said.object = await conn.metadata.create('CustomObject', {
  fullName: 'Js_House__c', label: 'House', pluralLabel: 'Houses', deploymentStatus: 'Deployed', sharingModel: 'ReadWrite',
  nameField: { type: 'AutoNumber', label: 'Number', displayFormat: 'H-{0}' },
});
said.listed = (await conn.metadata.list([{ type: 'CustomField' }, { type: 'PermissionSet' }], '60.0'))
  .map((one) => `${one.type}:${one.fullName}`).sort();
const described = await conn.metadata.describe('60.0');
said.types = described.metadataObjects.map((one) => one.xmlName);
said.partialSave = described.partialSaveAllowed;

const deploy = await conn.metadata.deploy(Buffer.from(given.zip, 'base64'), { rollbackOnError: true, singlePackage: true }).complete(true);
said.deploy = { status: deploy.status, done: deploy.done, total: deploy.numberComponentsTotal };
const rest = await conn.metadata.deployRest(Buffer.from(given.zip, 'base64'), { checkOnly: true, singlePackage: true });
const told = await conn.metadata.checkDeployStatus(rest.id, true, true);
said.rest = { status: told.status, checkOnly: told.checkOnly, names: told.details.componentSuccesses.map((one) => one.fullName) };
const retrieved = await conn.metadata.retrieve({
  apiVersion: '60.0', singlePackage: true,
  unpackaged: { types: [{ members: ['Lead.Js_One__c'], name: 'CustomField' }], version: '60.0' },
}).complete();
said.retrieved = { success: retrieved.success, zip: retrieved.zipFile };

said.fields = (await conn.tooling.query(
  "SELECT QualifiedApiName, DataType FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = 'Lead'"
)).records.filter((one) => one.QualifiedApiName.startsWith('Js_')).map((one) => `${one.QualifiedApiName} ${one.DataType}`).sort();
const made = await conn.tooling.create('CustomField', {
  FullName: 'Contact.Js_Tool__c', Metadata: { label: 'Tool', type: 'Number', precision: 5, scale: 0 },
});
said.made = made.success;
const tool = await conn.tooling.retrieve('CustomField', made.id);
said.tool = { FullName: tool.FullName, precision: tool.Metadata.precision };
said.changed = (await conn.tooling.update('CustomField', { Id: made.id, Metadata: { ...tool.Metadata, label: 'Tool 2' } })).success;
said.destroyed = (await conn.tooling.destroy('CustomField', made.id)).success;
try {
  await conn.tooling.create('CustomField', { FullName: 'Lead.Js_One__c', Metadata: { label: 'x', type: 'Text', length: 5 } });
} catch (error) {
  said.refused = { code: error.errorCode, message: error.message };
}
said.tooling = (await conn.tooling.describeGlobal()).sobjects.length;
said.described = (await conn.tooling.sobject('CustomField').describe()).name;
said.apex = (await conn.tooling.executeAnonymous('System.debug(1);')).compiled;
said.deleted = await conn.metadata.delete('CustomField', ['Lead.Js_Five__c', 'Lead.Nope__c']);
console.log(JSON.stringify(said));
