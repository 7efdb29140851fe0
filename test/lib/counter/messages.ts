import t from 'tap';
import {
  type BatchRequest,
  decodeBatch,
  decodeOutcome,
  decodeState,
  encodeBatch,
  encodeOutcome,
  encodeState,
} from '../../../lib/counter/messages.ts';
import type { CounterSnapshot } from '../../../lib/counter/state.ts';
import { atom, Float, Pid, type Term, Tuple, tuple } from '../../../lib/distribution/index.ts';
import { decodeExternal } from '../../../lib/distribution/terms/decode.ts';
import { encodeExternal } from '../../../lib/distribution/terms/encode.ts';

const ENTRY = { seq: 3, share: 2n ** 60n, counted: 2, value: 2n ** 61n };
const BATCH: BatchRequest = {
  batch: { session: 'a@h/1/ä', seq: 4, plain: 2, keys: ['k', 'l'], confirmed: ENTRY },
  formerOwners: [new Pid('a@h', 1, 2, 3)],
};
const STATE: CounterSnapshot = {
  watermarkDay: 12,
  base: 5,
  sessions: [['a@h/20000/n', ENTRY]],
  keys: [['k', { value: 7, expiresAt: 1_700_000_000_000, certainty: 2 }]],
};
const COUNTED = {
  type: 'counted' as const,
  entry: ENTRY,
  keyRecords: [{ value: 1, expiresAt: 2, certainty: 1 as const }],
};

const wire = (term: Term): Term => decodeExternal(encodeExternal(term));

t.test('every message survives the wire', async (t) => {
  t.strictSame(decodeBatch(wire(encodeBatch(BATCH))), BATCH);
  const batch = { ...BATCH.batch, confirmed: undefined, keys: [] };
  const first = { batch, formerOwners: [] };
  t.strictSame(decodeBatch(wire(encodeBatch(first))), first);
  t.strictSame(decodeState(wire(encodeState(STATE))), STATE);
  t.strictSame(decodeOutcome(wire(encodeOutcome(COUNTED))), COUNTED);
  for (const outcome of [{ type: 'stale' }, { type: 'folded', day: 20_000 }] as const) {
    t.strictSame(decodeOutcome(wire(encodeOutcome(outcome))), outcome);
  }
});

/** The term with each part replaced in turn, at every depth. */
function* spoilt(term: Term): Generator<Term> {
  const wrong: Term[] = [atom('x'), -1, new Float(1), tuple(), tuple(1, 2, 3, 4)];
  yield* wrong;
  const isTuple = term instanceof Tuple;
  const parts: readonly Term[] = isTuple ? term.elements : Array.isArray(term) ? term : [];
  for (const [at, part] of parts.entries()) {
    for (const bad of spoilt(part)) {
      const changed = parts.with(at, bad);
      yield isTuple ? new Tuple(changed) : changed;
    }
  }
}

t.test('anything else is not understood, and does not throw', async (t) => {
  const cases = [
    [encodeBatch(BATCH), decodeBatch, encodeBatch],
    [encodeState(STATE), decodeState, encodeState],
    [encodeOutcome(COUNTED), decodeOutcome, encodeOutcome],
  ] as const;
  for (const [good, decode, encode] of cases) {
    for (const bad of spoilt(good)) {
      const decoded = decode(bad);
      // Some changes give another valid message; then it is read exactly as it stands.
      if (decoded !== undefined) t.strictSame(encode(decoded as never), bad);
    }
  }
  t.equal(decodeOutcome(tuple(atom('error'), atom('other'))), undefined);
  t.equal(decodeBatch(atom('increment')), undefined);
});
