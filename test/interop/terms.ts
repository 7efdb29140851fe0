import { spawnSync } from 'node:child_process';
import t from 'tap';
import { decodeExternal } from '../../lib/distribution/terms/decode.ts';
import { encodeExternal } from '../../lib/distribution/terms/encode.ts';
import { inspectTerm } from '../../lib/distribution/terms/inspect.ts';
import { float } from '../../lib/distribution/terms/term.ts';
import { termEquals } from '../../lib/distribution/terms/term-equals.ts';
import { erlangPeer } from '../support/peers.ts';
import { randomTerm } from '../support/random-terms.ts';
import { seededRandom } from '../support/seeded-random.ts';

/** Runs `answer(Term)` in an Erlang that reads and writes packets with a length of four bytes. */
function askErlang(answer: string, packets: readonly Uint8Array[]): Buffer[] {
  const program = `
    Port = open_port({fd, 0, 1}, [{packet, 4}, binary, eof]),
    Answer = fun(T) -> ${answer} end,
    Loop = fun Loop() ->
      receive
        {Port, {data, Bytes}} -> port_command(Port, Answer(binary_to_term(Bytes))), Loop();
        {Port, eof} -> halt(0)
      end
    end,
    Loop().`;
  const input = Buffer.concat(packets.flatMap((packet) => [lengthOf(packet), packet]));
  const run = spawnSync('erl', ['-noinput', '-eval', program], {
    input,
    maxBuffer: 1 << 28,
    timeout: 60_000,
  });
  if (run.status !== 0) throw new Error(`erl ended with ${run.status}: ${run.stderr}`);
  return split(run.stdout);
}

function lengthOf(packet: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(packet.length);
  return length;
}

function split(output: Buffer): Buffer[] {
  const packets: Buffer[] = [];
  for (let at = 0; at < output.length; ) {
    const end = at + 4 + output.readUInt32BE(at);
    packets.push(output.subarray(at + 4, end));
    at = end;
  }
  return packets;
}

t.test('a live erl echoes random terms unchanged', { skip: erlangPeer.skip }, async (t) => {
  const random = seededRandom(5);
  const terms = Array.from({ length: 2000 }, () => randomTerm(random, 4));
  const answers = askErlang('term_to_binary(T, [{minor_version, 2}])', terms.map(encodeExternal));
  t.equal(answers.length, terms.length);
  for (const [i, term] of terms.entries()) {
    const echoed = decodeExternal(answers[i]!);
    if (!termEquals(echoed, term)) t.equal(inspectTerm(echoed), inspectTerm(term), `term ${i}`);
  }
});

t.test('floats are printed as a live erl prints them', { skip: erlangPeer.skip }, async (t) => {
  const random = seededRandom(6);
  const floats: number[] = [];
  for (let i = 0; i < 3000; i++) {
    const anyBits = Buffer.from(random.bytes(8)).readDoubleBE(0);
    if (Number.isFinite(anyBits)) floats.push(anyBits);
    floats.push((random.below(1_000_000) / 10 ** random.below(12)) * 10 ** random.below(24));
  }
  const packets = floats.map((value) => encodeExternal(float(value)));
  const answers = askErlang('iolist_to_binary(io_lib:format("~0p", [T]))', packets);
  for (const [i, value] of floats.entries()) {
    const text = inspectTerm(float(value));
    if (text !== `${answers[i]}`) t.equal(text, `${answers[i]}`);
  }
  t.equal(answers.length, floats.length);
});
