/**
 * One way to put equal data into bytes and back: `ours`, `json`, or `erlpack` where it is installed. Each
 * runs in a process of its own, because code that has seen one kind of data is slower with another.
 *
 * Arguments: the way, and what: `call`, `reply` or `map`.
 */
import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';
import { atom, ErlangMap, Pid, type Term, tuple } from '../../../lib/distribution/index.ts';
import { decodeExternal } from '../../../lib/distribution/terms/decode.ts';
import { encodeExternal } from '../../../lib/distribution/terms/encode.ts';
import { Reference } from '../../../lib/distribution/terms/reference.ts';
import { binary, ImproperList } from '../../../lib/distribution/terms/term.ts';
import { answerCommands } from './commands.ts';

const NODE = 'node1@127.0.0.1';
const CREATION = 1_700_000_000;
const WORDS = [1234, 567_890, 4_000_000_000];
const MAP_ENTRIES = 1_000;

const alias = new ImproperList([atom('alias')], new Reference(NODE, CREATION, WORDS));
const aliasJson = ['alias', { node: NODE, creation: CREATION, words: WORDS }];

/** Some 100 kB: a map of maps with numbers, texts and lists. */
function mapTerm(): Term {
  return new ErlangMap(
    Array.from({ length: MAP_ENTRIES }, (_, i) => [
      binary(`key ${i}`),
      new ErlangMap([
        [binary('id'), i],
        [binary('name'), binary(`a name of some length ${i}`)],
        [binary('score'), i + 0.5],
        [binary('tags'), [binary('one'), binary('two'), binary('three')]],
      ]),
    ]),
  );
}

function mapJson(): unknown {
  return Object.fromEntries(
    Array.from({ length: MAP_ENTRIES }, (_, i) => [
      `key ${i}`,
      { id: i, name: `a name of some length ${i}`, score: i + 0.5, tags: ['one', 'two', 'three'] },
    ]),
  );
}

const DATA: Readonly<Record<string, { readonly term: Term; readonly json: unknown }>> = {
  call: {
    term: tuple(
      atom('$gen_call'),
      tuple(new Pid(NODE, 113, 0, CREATION), alias),
      atom('increment'),
    ),
    json: [
      '$gen_call',
      [{ node: NODE, id: 113, serial: 0, creation: CREATION }, aliasJson],
      'increment',
    ],
  },
  reply: { term: tuple(alias, 42), json: [aliasJson, 42] },
  map: { term: mapTerm(), json: mapJson() },
};

interface Erlpack {
  pack(value: unknown): Buffer;
  unpack(bytes: Buffer): unknown;
}

interface Codec {
  readonly bytes: number;
  /** whether what is read back is what was written */
  isExact(): boolean;
  encode(): unknown;
  decode(): unknown;
}

/** `undefined` if it did not build here: it is written in C++, and optional. */
function loadErlpack(): Erlpack | undefined {
  const require = createRequire(import.meta.url);
  try {
    return require('erlpack') as Erlpack;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') {
      return undefined;
    }
    throw error;
  }
}

function codecOf(way: string, what: string): Codec | undefined {
  const { term, json } = DATA[what]!;
  if (way === 'ours') {
    const bytes = encodeExternal(term);
    const [encode, decode] = [() => encodeExternal(term), () => decodeExternal(bytes)];
    const isExact = () => Buffer.compare(encodeExternal(decodeExternal(bytes)), bytes) === 0;
    return { bytes: bytes.length, isExact, encode, decode };
  }
  if (way === 'json') {
    const text = JSON.stringify(json);
    const [encode, decode] = [() => JSON.stringify(json), () => JSON.parse(text)];
    const isExact = () => isDeepStrictEqual(decode(), json);
    return { bytes: Buffer.byteLength(text), isExact, encode, decode };
  }
  const erlpack = loadErlpack();
  if (erlpack === undefined) return undefined;
  const bytes = erlpack.pack(json);
  const [encode, decode] = [() => erlpack.pack(json), () => erlpack.unpack(bytes)];
  const isExact = () => isDeepStrictEqual(decode(), json);
  return { bytes: bytes.length, isExact, encode, decode };
}

/** Times per second. */
function rate(durationMs: number, work: () => unknown): number {
  const startedAt = performance.now();
  let done = 0;
  do {
    for (let i = 0; i < 20; i += 1) work();
    done += 20;
  } while (performance.now() - startedAt < durationMs);
  return (done * 1000) / (performance.now() - startedAt);
}

const [way = '', what = ''] = process.argv.slice(2);
const codec = codecOf(way, what);
answerCommands({
  bytes: () => {
    if (codec?.isExact() === false) throw new Error(`${way} gives back another ${what}`);
    return codec?.bytes;
  },
  /** there and back, so that neither half can be bought with the other */
  both: (durationMs: number) => {
    if (codec === undefined) throw new Error(`${way} is not there`);
    const encode = rate(durationMs / 2, () => codec.encode());
    const decode = rate(durationMs / 2, () => codec.decode());
    return { encode, decode, both: 1 / (1 / encode + 1 / decode) };
  },
});
