/** Tests about the tree itself: what no file contains, and what every export has. */
import { basename } from 'node:path';
import t from 'tap';
import { codeOf, linesMatching, sourceFiles, textOf } from './support/source-tree.ts';

const SOURCES = sourceFiles('lib', 'handlers');
const TESTS = sourceFiles('test');

t.test('nothing at the top level of a module changes: nodes share a process', async (t) => {
  t.strictSame(linesMatching(SOURCES, /^(export )?(let|var) /), [], 'no variables');
  const constant =
    /^(?:export )?const \w+(?::\s*(?<type>[^=]+?))?\s=\s(?<value>new \w+|\[[^;]*;)/gm;
  const immutable = /^new (Atom|TextDecoder|TextEncoder|Uint8Array)$/;
  const changeable = SOURCES.flatMap((path) =>
    [...textOf(path).matchAll(constant)]
      .filter(({ groups }) => {
        const { type = '', value = '' } = groups ?? {};
        if (/^(readonly |Readonly)/.test(type)) return false;
        return !(immutable.test(value) || value.endsWith('as const;'));
      })
      .map(([statement]) => `${path}: ${statement.split('\n')[0]}`),
  );
  t.strictSame(changeable, [], 'collections are declared readonly');
});

t.test('types are never given up', async (t) => {
  const all = [...SOURCES, ...TESTS];
  const givenUp = /(:|\bas|<|,|\||=>) *any\b(?! [a-z])|\bany\[\]|@ts-(ignore|nocheck|expect-error)/;
  t.strictSame(linesMatching(all, givenUp, codeOf), []);
  // Its name is put together, so that this line is none of those it looks for.
  const marks = new RegExp(`@ts-${'ignore'}|@ts-${'nocheck'}|@ts-${'expect-error'}`);
  t.strictSame(linesMatching(all, marks), []);
});

t.test('nothing is left to be done, and no test is run alone', async (t) => {
  const all = [...SOURCES, ...TESTS];
  t.strictSame(linesMatching(all, new RegExp(`\\b(${'TO'}DO|${'FIX'}ME|X${'XX'})\\b`)), []);
  t.strictSame(linesMatching(TESTS, new RegExp(`\\.${'only'}\\(`)), []);
});

t.test('no file depends on the machine where it was written', async (t) => {
  const all = [...SOURCES, ...TESTS].filter((path) => path !== 'test/conventions.ts');
  const path = /['"`](\/(work|root|tmp|Users|mnt)\/|\/home\/(?!user\b)|[A-Z]:\\)/;
  t.strictSame(linesMatching(all, path), []);
  const registry = /registry\.(npmjs|yarnpkg)|npm\.pkg|artifactory|nexus/;
  const tracked = [...all, 'package.json', 'package-lock.json', 'tsconfig.json', '.biome.json'];
  t.strictSame(linesMatching(tracked, registry), []);
});

t.test('every export says what it is for', async (t) => {
  const undocumented = SOURCES.flatMap(undocumentedExports);
  t.strictSame(undocumented, []);
});

/**
 * Exports without a docstring. Three kinds need none: the export that a file is named for, since the
 * file's header speaks of it; constants of the specification under the name they have there; the
 * options of something documented, whose fields are what there is to say.
 */
function undocumentedExports(path: string): string[] {
  const declaration =
    /^export (?:abstract |async )*(?<kind>class|function|const|interface|type) (?<name>\w+)/;
  const text = textOf(path);
  const lines = text.split('\n');
  const subject = basename(path, '.ts').replaceAll('-', '').toLowerCase();
  const headed = text.startsWith('/**');
  const names = new Set<string>();
  return lines.flatMap((line, at) => {
    const { kind = '', name = '' } = declaration.exec(line)?.groups ?? {};
    if (name === '' || names.has(name)) return [];
    names.add(name);
    if (lines[at - 1]?.endsWith('*/')) return [];
    if (headed && name.toLowerCase().endsWith(subject)) return [];
    if (kind === 'interface' && name.endsWith('Options')) return [];
    if (kind === 'const' && /^export const [A-Z0-9_]+ = \d+;$/.test(line)) return [];
    return [`${path}:${at + 1}: ${kind} ${name}`];
  });
}
