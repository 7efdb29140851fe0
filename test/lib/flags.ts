import t from 'tap';
import { describeFlags, parseFlags } from '../../lib/flags.ts';

const FLAGS = {
  nodes: { value: 'N', help: 'how many' },
  key: { value: 'KEY', secret: true, help: 'secret' },
  loud: { help: 'say more' },
} as const;

t.test('collects values and switches', async (t) => {
  const given = parseFlags(FLAGS, ['--nodes', '3', '--loud', '--nodes=4']);
  t.strictSame(given.values, { nodes: ['3', '4'] });
  t.strictSame([...given.switches], ['loud']);
  t.strictSame(given.problems, []);
});

t.test('reports every argument that it does not understand, and shows no secret', async (t) => {
  const { problems } = parseFlags(FLAGS, [
    ...['--noodles', 'x', '--loud=1', '--nodes', '--key', '--hush', '--key'],
  ]);
  t.match(problems, [
    '--noodles: unknown flag; the flags are --nodes, --key, --loud',
    '"x": expected a flag',
    '--loud: expected no value, got "1"',
    '--nodes: expected N after it, got --key',
    '--hush: unknown flag',
    '--key: expected KEY after it, got nothing',
  ]);
  t.match(parseFlags(FLAGS, ['--key', '--hush']).problems, [
    '--key: expected KEY after it, got a flag',
  ]);
});

t.test('describes each flag on a line', async (t) => {
  t.equal(
    describeFlags(FLAGS),
    [
      '  --nodes N             how many',
      '  --key KEY             secret',
      '  --loud                say more',
    ].join('\n'),
  );
});
