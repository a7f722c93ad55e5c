// Which of the queries on stdin does @jetstreamapp/soql-parser-js accept? Answers {accepted: [bool], said: [text]}.
import { parseQuery } from '@jetstreamapp/soql-parser-js';
import { readFileSync } from 'node:fs';

const { queries } = JSON.parse(readFileSync(0, 'utf8'));
const answers = queries.map((query) => {
  try {
    parseQuery(query);
    return [true, ''];
  } catch (error) {
    return [false, String(error.message).slice(0, 200)];
  }
});
process.stdout.write(JSON.stringify({ accepted: answers.map((a) => a[0]), said: answers.map((a) => a[1]) }));
