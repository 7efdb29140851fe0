import { test } from 'tap';
import { decodeExternal } from '../../../../lib/distribution/terms/decode.ts';
import { detached } from '../../../../lib/distribution/terms/detached.ts';
import { ErlangMap } from '../../../../lib/distribution/terms/erlang-map.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import {
  BitString,
  ImproperList,
  OpaqueFun,
  type OpaqueFunParts,
  type Term,
  tuple,
} from '../../../../lib/distribution/terms/term.ts';
import { termEquals } from '../../../../lib/distribution/terms/term-equals.ts';
import { capturedTerms } from '../../../support/otp-terms.ts';

/** The buffers that binaries anywhere in a value are views of. */
function buffersOf(value: unknown, found = new Set<ArrayBufferLike>()): Set<ArrayBufferLike> {
  if (value instanceof Uint8Array) found.add(value.buffer);
  else if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) buffersOf(inner, found);
  }
  return found;
}

test('a term that is kept holds on to nothing of what it came with', (t) => {
  let views = 0;
  for (const captured of capturedTerms().terms) {
    if (!('hex' in captured)) continue;
    const bytes = Buffer.from(captured.hex, 'hex');
    const chunk = new Uint8Array(bytes.length + 1000);
    chunk.set(bytes, 500);
    const term = decodeExternal(chunk.subarray(500, 500 + bytes.length));
    if (buffersOf(term).has(chunk.buffer)) views += 1;
    const kept = detached(term);
    t.notOk(buffersOf(kept).has(chunk.buffer), captured.source);
    t.ok(termEquals(kept, term), captured.source);
  }
  t.ok(views > 5, 'many of them are views at first');
  t.end();
});

test('in every place where a binary can be', (t) => {
  const view = new Uint8Array(100).subarray(10, 20);
  const fun: OpaqueFunParts = {
    ...{ arity: 1, index: 0, module: 'm', oldIndex: 0, oldUniq: 0 },
    uniq: new Uint8Array(16),
    pid: new Pid('a@x', 1, 0, 1),
    freeVariables: [],
  };
  const terms: Term[] = [
    view,
    [1, view, 2],
    tuple(1, tuple(view)),
    new ImproperList([view], 1),
    new ImproperList([1], view),
    new BitString(view, 3),
    new ErlangMap([[view, 1]]),
    new ErlangMap([[1, view]]),
    new OpaqueFun({ ...fun, uniq: new Uint8Array(32).subarray(16) }),
    new OpaqueFun({ ...fun, freeVariables: [view] }),
  ];
  for (const [index, term] of terms.entries()) {
    const kept = detached(term);
    t.ok(termEquals(kept, term), `${index} is the same term`);
    for (const buffer of buffersOf(kept)) t.ok(buffer.byteLength < 32, `${index} is detached`);
    t.equal(detached(kept), kept, `${index} is not copied again`);
  }
  t.end();
});
