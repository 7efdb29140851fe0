import { PassThrough } from 'node:stream';
import t, { type Test } from 'tap';
import { Conversation } from '../../../lib/console/conversation.ts';
import { complete, Prompt } from '../../../lib/console/prompt.ts';
import { Session } from '../../../lib/console/session.ts';
import { until } from '../../support/until.ts';

const CTRL_C = '\x03';
const CTRL_D = '\x04';

function open(t: Test, scope: Record<string, unknown> = {}) {
  const [input, output] = [new PassThrough(), new PassThrough()];
  let written = '';
  output.on('data', (chunk: Buffer) => {
    written += chunk.toString();
  });
  const session = new Session(scope);
  const print = (text: string): void => void output.write(`${text}\n`);
  const conversation = new Conversation({ session, print });
  const nodeName = 'a@h';
  const prompt = new Prompt({ conversation, nodeName, bindings: scope, input, output });
  t.teardown(() => {
    prompt.close();
    session.close();
  });
  const expect = (pattern: RegExp) =>
    until(() => pattern.test(written), { what: `${pattern}`, timeoutMs: 2_000 });
  return { input, output, prompt, conversation, expect, written: () => written };
}

t.test('shows the node and the number of the statement', async (t) => {
  const { input, expect } = open(t);
  await expect(/hello\(a@h\)1> /);
  input.write('1 + 1\r');
  await expect(/2\n[\s\S]*hello\(a@h\)2> /);
  input.write('foo(\r');
  await expect(/ \.\.\. /);
});

t.test('closes although the terminal is gone and cannot be restored', async (t) => {
  const { input, prompt } = open(t);
  Object.assign(input, {
    setRawMode: () => {
      throw new Error('setRawMode EIO');
    },
  });
  prompt.close();
  await prompt.closed;
});

t.test('lines typed ahead wait for their turn', async (t) => {
  let resume: (value: number) => void = () => {};
  const slow = () =>
    new Promise<number>((resolve) => {
      resume = resolve;
    });
  const { input, expect, written } = open(t, { slow });
  input.write('slow()\r20 + 2\r');
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.notMatch(written(), /^22/m);
  resume(11);
  await expect(/11\n[\s\S]*22\n/);
});

t.test('Ctrl-C gives up a statement that is being evaluated', async (t) => {
  const { input, expect, conversation } = open(t, { never: () => new Promise(() => {}) });
  input.write('never()\r');
  await new Promise((resolve) => setTimeout(resolve, 20));
  input.write(CTRL_C);
  await expect(/\*\* \(interrupted\)\n/);
  input.write('7\r');
  await expect(/7\n/);
  t.notOk(conversation.hasFailed);
});

t.test('Ctrl-C drops what is typed, then warns, then leaves', async (t) => {
  const { input, expect, prompt, conversation } = open(t);
  input.write('foo(\r');
  await expect(/\.\.\./);
  input.write(CTRL_C);
  t.notOk(conversation.isPending);
  input.write('abc');
  input.write(CTRL_C);
  input.write(CTRL_C);
  await expect(/press Ctrl-C again/);
  input.write(CTRL_C);
  await prompt.closed;
});

t.test('Ctrl-D and .exit leave', async (t) => {
  const first = open(t);
  first.input.write(CTRL_D);
  await first.prompt.closed;
  const second = open(t);
  second.input.write('.exit\r');
  await second.prompt.closed;
});

t.test('writes lines of the log above what is typed', async (t) => {
  const { input, prompt, written } = open(t);
  input.write('abc');
  prompt.writeAbove('log line\n');
  t.match(written(), /log line\n[\s\S]*hello\(a@h\)1> abc/);
  prompt.close();
  prompt.writeAbove('later\n');
  t.match(written(), /later\n$/);
});

t.test('completes names in scope and their members', async (t) => {
  const bindings = { Node: { self: 0, connect: 0 }, help: 0 };
  t.strictSame(complete('No', bindings), [['Node'], 'No']);
  t.strictSame(complete('f(Node.c', bindings), [['Node.connect'], 'Node.c']);
  t.strictSame(complete('Nothing.x', bindings), [[], 'Nothing.x']);
  t.strictSame(complete('help.x', bindings), [[], 'help.x']);
  t.strictSame(complete('1 + ', bindings), [['Node', 'help'], '']);
});
