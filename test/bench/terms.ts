/**
 * Encodes and decodes the messages of everyday: a gen_server call, its reply, a pg join, a map.
 *
 * Command: `npx tsx test/bench/terms.ts [seconds per figure, default 1]`
 */
import { atom } from '../../lib/distribution/terms/atom.ts';
import { decodeExternal } from '../../lib/distribution/terms/decode.ts';
import { encodeExternal } from '../../lib/distribution/terms/encode.ts';
import { ErlangMap } from '../../lib/distribution/terms/erlang-map.ts';
import { Pid } from '../../lib/distribution/terms/pid.ts';
import { Reference } from '../../lib/distribution/terms/reference.ts';
import { binary, ImproperList, type Term, tuple } from '../../lib/distribution/terms/term.ts';

const NODE = 'node1@127.0.0.1';
const ref = new Reference(NODE, 1_700_000_000, [1234, 567_890, 4_000_000_000]);
const pid = new Pid(NODE, 113, 0, 1_700_000_000);
const alias = new ImproperList([atom('alias')], ref);

const MESSAGES: Readonly<Record<string, Term>> = {
  'gen_server call': tuple(atom('$gen_call'), tuple(pid, alias), tuple(atom('add'), 1)),
  'gen_server reply': tuple(alias, 42),
  'pg join': tuple(atom('join'), pid, atom('Elixir.Phoenix.PubSub'), [pid, pid]),
  'map of 4 atoms': new ErlangMap([
    [atom('id'), 17],
    [atom('name'), binary('a name of some length')],
    [atom('active'), atom('true')],
    [atom('score'), 1.5],
  ]),
};

function perSecond(work: () => unknown, seconds: number): number {
  for (let i = 0; i < 20_000; i++) work();
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < seconds * 1000) {
    for (let i = 0; i < 1000; i++) work();
    count += 1000;
  }
  return (count * 1000) / (performance.now() - start);
}

const seconds = Number(process.argv[2] ?? 1);
for (const [name, message] of Object.entries(MESSAGES)) {
  const bytes = encodeExternal(message);
  const encoded = Math.round(perSecond(() => encodeExternal(message), seconds));
  const decoded = Math.round(perSecond(() => decodeExternal(bytes), seconds));
  console.log(`${name.padEnd(18)} ${bytes.length} bytes  encode ${encoded}/s  decode ${decoded}/s`);
}
