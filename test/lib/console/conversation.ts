import t from 'tap';
import { Conversation } from '../../../lib/console/conversation.ts';
import type { Outcome } from '../../../lib/console/session.ts';

function converse(answer: (source: string) => Outcome | Promise<Outcome>) {
  const printed: string[] = [];
  const sources: string[] = [];
  const evaluate = async (source: string): Promise<Outcome> => {
    sources.push(source);
    return answer(source);
  };
  const print = (text: string) => printed.push(text);
  return { printed, sources, conversation: new Conversation({ session: { evaluate }, print }) };
}

const untilSemicolon = (source: string): Outcome =>
  source.endsWith(';') ? { type: 'value', value: source.length } : { type: 'incomplete' };

t.test('gathers lines until they make a statement', async (t) => {
  const { conversation, printed, sources } = converse(untilSemicolon);
  await conversation.line('a');
  t.ok(conversation.isPending);
  t.equal(conversation.count, 1);
  await conversation.line('b;');
  t.notOk(conversation.isPending);
  await conversation.line('c;');
  t.strictSame(sources, ['a', 'a\nb;', 'c;']);
  t.strictSame(printed, ['4', '2']);
  t.equal(conversation.count, 3);
  t.notOk(conversation.hasFailed);
});

t.test('goes on after an error, and remembers it', async (t) => {
  const { conversation, printed } = converse((source) =>
    source === 'bad' ? { type: 'error', error: new TypeError('x') } : { type: 'value', value: 1 },
  );
  await conversation.line('bad');
  await conversation.line('good');
  t.strictSame(printed, ['** (TypeError) x', '1']);
  t.ok(conversation.hasFailed);
});

t.test('an empty line does not count', async (t) => {
  const { conversation, printed } = converse(() => ({ type: 'nothing' }));
  await conversation.line('  ');
  t.equal(conversation.count, 1);
  await conversation.line('let x');
  t.equal(conversation.count, 2);
  t.strictSame(printed, []);
});

t.test('an end within a statement is an error, unless it was cancelled', async (t) => {
  const { conversation, printed } = converse(untilSemicolon);
  await conversation.line('a');
  conversation.cancel();
  conversation.end();
  t.notOk(conversation.hasFailed);
  await conversation.line('a');
  conversation.end();
  t.match(printed, [/SyntaxError/]);
  t.ok(conversation.hasFailed);
});

t.test('stops waiting when asked, also by the statement itself', async (t) => {
  const { conversation, printed } = converse(() => new Promise(() => {}));
  const asked = new AbortController();
  const waiting = conversation.line('x', asked.signal);
  asked.abort();
  await waiting;
  await conversation.line('y', asked.signal);
  t.strictSame(printed, []);
  t.notOk(conversation.hasFailed);
  t.notOk(conversation.isPending);
});
