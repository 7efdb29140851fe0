/**
 * Messages per second through the wire layer, in memory: control message and payload to frames,
 * and frames, arriving in chunks as a socket gives them, to messages.
 *
 * Run: `node --import=tsx test/bench/wire.ts`
 */
import { atom } from '../../lib/distribution/terms/atom.ts';
import { Pid } from '../../lib/distribution/terms/pid.ts';
import { Reference } from '../../lib/distribution/terms/reference.ts';
import { ImproperList, type Term, tuple } from '../../lib/distribution/terms/term.ts';
import { encodeControl } from '../../lib/distribution/wire/control/control.ts';
import { OFFERED_FLAGS, PASS_THROUGH_FLAGS } from '../../lib/distribution/wire/flags.ts';
import { FrameParser } from '../../lib/distribution/wire/frame.ts';
import { MessageDecoder } from '../../lib/distribution/wire/message-decoder.ts';
import { MessageEncoder } from '../../lib/distribution/wire/message-encoder.ts';

const CHUNK_BYTES = 64 * 1024;
const WARM_UP_MS = 300;
const MEASURE_MS = 1500;

const from = new Pid('node1@127.0.0.1', 101, 0, 1_700_000_000);
const to = new Pid('node2@127.0.0.1', 102, 0, 1_700_000_001);
const alias = new Reference(from.node, from.creation, [1, 2, 3]);
const name = atom('Elixir.HelloDistributed.DistributedCounter');
const tag = new ImproperList([atom('alias')], alias);

const MESSAGES: Record<string, { control: () => ReturnType<typeof encodeControl>; payload: Term }> =
  {
    '`gen_server` call to a name': {
      control: () => encodeControl({ operation: 'REG_SEND', from, to: name }),
      payload: tuple(atom('$gen_call'), tuple(from, tag), atom('increment')),
    },
    '`gen_server` reply to an alias': {
      control: () => encodeControl({ operation: 'ALIAS_SEND', from: to, to: alias }),
      payload: tuple(tag, 42),
    },
    'binary of 1 MiB to a pid': {
      control: () => encodeControl({ operation: 'SEND_SENDER', from, to }),
      payload: new Uint8Array(1024 * 1024),
    },
  };

/** Repeats `batch`, which handles some messages and says how many, and returns messages per second. */
function rate(batch: () => number): number {
  const run = (durationMs: number): number => {
    const start = performance.now();
    let messages = 0;
    while (performance.now() - start < durationMs) messages += batch();
    return (messages * 1000) / (performance.now() - start);
  };
  run(WARM_UP_MS);
  return run(MEASURE_MS);
}

function chunksOf(stream: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < stream.length; at += CHUNK_BYTES) {
    chunks.push(stream.subarray(at, at + CHUNK_BYTES));
  }
  return chunks;
}

console.log('| message | form | bytes | encode/s | decode/s |\n|---|---|---|---|---|');
for (const [title, { control, payload }] of Object.entries(MESSAGES)) {
  for (const [form, flags] of [
    ['pass-through', PASS_THROUGH_FLAGS],
    ['header, cache', OFFERED_FLAGS],
  ] as const) {
    const encoder = new MessageEncoder(flags);
    const learning = encoder.encode(control(), payload);
    const steady = encoder.encode(control(), payload);
    const bytes = steady.reduce((sum, each) => sum + each.length, 0);
    const perBatch = bytes > CHUNK_BYTES ? 1 : 500;

    const encoded = rate(() => {
      for (let i = 0; i < perBatch; i += 1) encoder.encode(control(), payload);
      return perBatch;
    });

    const parser = new FrameParser({ prefixBytes: 4, maxFrameBytes: 2 ** 27 });
    const decoder = new MessageDecoder(flags);
    const feed = (chunk: Uint8Array): number => {
      let messages = 0;
      parser.push(chunk);
      for (let body = parser.next(); body !== undefined; body = parser.next()) {
        if (decoder.decode(body) !== undefined) messages += 1;
      }
      return messages;
    };
    feed(Buffer.concat(learning));
    const chunks = chunksOf(Buffer.concat(Array.from({ length: perBatch }, () => steady).flat()));
    const decoded = rate(() => chunks.reduce((messages, chunk) => messages + feed(chunk), 0));

    const cells = [title, form, bytes, Math.round(encoded), Math.round(decoded)];
    console.log(`| ${cells.map((cell) => cell.toLocaleString('en')).join(' | ')} |`);
  }
}
