/**
 * Tests about the tree itself: what lies where, how files are named and how long they are.
 * The table here names exceptions, and gives the reason with each of them.
 */
import { basename, dirname } from 'node:path';
import t from 'tap';
import { codeOf, reachableFrom, sourceFiles, textOf } from './support/source-tree.ts';

const SOURCES = sourceFiles('lib', 'handlers');
const TESTS = sourceFiles('test');

/** Sources without a test of the same path, with the reason: types only, or the test that covers them. */
const WITHOUT_MIRROR: Readonly<Record<string, 'types' | { readonly coveredBy: string }>> = {
  'lib/discovery/discovery.ts': 'types',
  'lib/distribution/kernel/global/messages/calls.ts': {
    coveredBy: 'test/lib/distribution/kernel/global/messages/protocol.ts',
  },
  'lib/distribution/kernel/global/messages/casts.ts': {
    coveredBy: 'test/lib/distribution/kernel/global/messages/protocol.ts',
  },
  'lib/distribution/kernel/global/messages/infos.ts': {
    coveredBy: 'test/lib/distribution/kernel/global/messages/protocol.ts',
  },
  'lib/distribution/kernel/global/monitors.ts': 'types',
  'lib/distribution/node/cluster-node.ts': 'types',
  'lib/distribution/node/identity.ts': 'types',
  'lib/distribution/process/signals.ts': 'types',
  'lib/distribution/wire/control/fields.ts': {
    coveredBy: 'test/lib/distribution/wire/control/control.ts',
  },
  'lib/distribution/wire/control/operations.ts': {
    coveredBy: 'test/lib/distribution/wire/control/control.ts',
  },
  'lib/distribution/wire/control/messages.ts': {
    coveredBy: 'test/lib/distribution/wire/control/control.ts',
  },
  'lib/distribution/wire/handshake/acceptor.ts': {
    coveredBy: 'test/lib/distribution/wire/handshake/handshake.ts',
  },
  'lib/distribution/wire/handshake/initiator.ts': {
    coveredBy: 'test/lib/distribution/wire/handshake/handshake.ts',
  },
  'lib/singleton/role.ts': 'types',
  'lib/distribution/terms/limits.ts': { coveredBy: 'test/lib/distribution/terms/decode.ts' },
  'lib/distribution/terms/map-entries.ts': {
    coveredBy: 'test/lib/distribution/terms/erlang-map.ts',
  },
  'lib/distribution/terms/tags.ts': { coveredBy: 'test/lib/distribution/terms/decode.ts' },
};

/**
 * The source of a test that is one of several: where there is much to say of one file, its further tests are in
 * a folder of its name, one file a topic. A folder that has sources of its own is no such folder.
 */
function sourceOfTopic(path: string): string | undefined {
  const folder = dirname(path.slice('test/'.length));
  if (SOURCES.some((source) => source.startsWith(`${folder}/`))) return undefined;
  return SOURCES.find((source) => source === `${folder}.ts`);
}

t.test(
  'every source file has its test at the same path, or a reason for having none',
  async (t) => {
    const missing = SOURCES.filter(
      (path) => !TESTS.includes(`test/${path}`) && !Object.hasOwn(WITHOUT_MIRROR, path),
    );
    t.strictSame(missing, []);
  },
);

t.test('the table of sources without a test of their own is true', async (t) => {
  for (const [path, reason] of Object.entries(WITHOUT_MIRROR)) {
    t.ok(SOURCES.includes(path), `${path} exists`);
    t.notOk(TESTS.includes(`test/${path}`), `${path} has no test of its own`);
    if (reason === 'types') {
      t.notMatch(codeOf(path), /^export (?!type |interface )/m, `${path} holds types only`);
    } else {
      t.ok(TESTS.includes(reason.coveredBy), `${reason.coveredBy} exists`);
      t.ok(reachableFrom(reason.coveredBy).has(path), `${reason.coveredBy} runs ${path}`);
    }
  }
});

t.test('every test of a source file has its source', async (t) => {
  const mirrors = TESTS.filter((path) => /^test\/(lib|handlers)\//.test(path));
  const stray = mirrors.filter((path) => {
    if (SOURCES.includes(path.slice('test/'.length))) return false;
    const source = sourceOfTopic(path);
    return source === undefined || !reachableFrom(path).has(source);
  });
  t.strictSame(stray, []);
});

t.test('files stay readable in a few screens', async (t) => {
  const long = SOURCES.filter((path) => textOf(path).split('\n').length - 1 > 450);
  t.strictSame(long, []);
});

t.test('files are named for what they hold', async (t) => {
  const all = [...SOURCES, ...TESTS];
  const vague = /(^|-)(utils?|helpers?|common|misc|managers?)(-|\.)/;
  t.strictSame(
    all.filter((path) => vague.test(basename(path))),
    [],
  );
  t.strictSame(
    all.filter((path) => !/^[a-z0-9]+(-[a-z0-9]+)*\.ts$/.test(basename(path))),
    [],
    'kebab-case',
  );
});
