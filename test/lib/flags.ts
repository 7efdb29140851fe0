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
    ...['y', '--noodles', 'x', '--loud=1', '--nodes', '--key', '--hush', '--key'],
  ]);
  t.match(problems, [
    'expected a flag, such as --nodes N, got an argument that is none',
    '--noodles: unknown flag; the flags are --nodes, --key, --loud',
    '--loud: expected no value after it',
    '--nodes: expected N after it, got --key',
    '--hush: unknown flag',
    '--key: expected KEY after it, got nothing',
  ]);
  t.match(parseFlags(FLAGS, ['--key', '--hush']).problems, [
    '--key: expected KEY after it, got a flag',
  ]);
  for (const argv of [
    ['s3cret'],
    ['key=s3cret'],
    ['--key', 'my', 's3cret'],
    ['--loud=s3cret'],
    ['--kye', 's3cret'],
    ['-key', 's3cret'],
    ['--nodes', '--key', 's3cret'],
    ['--key', '--loud', 's3cret'],
  ]) {
    const { problems } = parseFlags(FLAGS, argv);
    t.not(problems.length, 0);
    t.notMatch(problems.join('\n'), /s3cret/, argv.join(' '));
  }
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
