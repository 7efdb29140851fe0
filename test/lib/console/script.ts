import { PassThrough, Readable } from 'node:stream';
import t from 'tap';
import { Conversation } from '../../../lib/console/conversation.ts';
import { runScript } from '../../../lib/console/script.ts';
import { Session } from '../../../lib/console/session.ts';

function listen(scope: Record<string, unknown> = {}) {
  const session = new Session(scope);
  const printed: string[] = [];
  const print = (text: string) => printed.push(text);
  t.teardown(() => session.close());
  return { printed, conversation: new Conversation({ session, print }) };
}

const never = new AbortController().signal;

t.test('runs statements strictly one after the other', async (t) => {
  const order: string[] = [];
  const slow = async (name: string) => {
    order.push(`${name} begins`);
    await new Promise((resolve) => setImmediate(resolve));
    order.push(`${name} ends`);
    return name;
  };
  const { conversation, printed } = listen({ slow });
  await runScript(
    conversation,
    Readable.from(['slow("a")\nslow(\n', '"b")\r\nawait slow("c")']),
    never,
  );
  t.strictSame(printed, ['"a"', '"b"', '"c"']);
  t.strictSame(
    order,
    ['a', 'b', 'c'].flatMap((name) => [`${name} begins`, `${name} ends`]),
  );
});

t.test('reports an end within a statement', async (t) => {
  const { conversation, printed } = listen();
  await runScript(conversation, Readable.from(['1\nfoo(']), never);
  t.match(printed, ['1', /SyntaxError/]);
});

t.test('ends at .exit', async (t) => {
  const { conversation, printed } = listen();
  await runScript(conversation, Readable.from(['1\n.exit\n2\n']), never);
  t.strictSame(printed, ['1']);
});

t.test('ends when asked, by a statement or while it waits for lines', async (t) => {
  const leaving = new AbortController();
  const { conversation, printed } = listen({ exit: () => leaving.abort() });
  await runScript(conversation, Readable.from(['1;\nexit(); 2\n3\n']), leaving.signal);
  t.strictSame(printed, ['1']);
  await runScript(conversation, Readable.from(['4']), leaving.signal);

  const asked = new AbortController();
  const running = runScript(conversation, new PassThrough(), asked.signal);
  asked.abort();
  await running;
  t.strictSame(printed, ['1']);
  t.notOk(conversation.hasFailed);
});
