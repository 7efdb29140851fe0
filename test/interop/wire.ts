/**
 * The wire layer alone against a live node: handshake, then messages in every form that can be
 * negotiated, echoed by a process of the peer. No layer of ours above `wire/` takes part.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { atom } from '../../lib/distribution/terms/atom.ts';
import { Pid } from '../../lib/distribution/terms/pid.ts';
import { Reference } from '../../lib/distribution/terms/reference.ts';
import { type Term, Tuple, tuple } from '../../lib/distribution/terms/term.ts';
import { termKey } from '../../lib/distribution/terms/term-key.ts';
import {
  DFLAG_DIST_HDR_ATOM_CACHE,
  DFLAG_FRAGMENTS,
  OFFERED_FLAGS,
  PASS_THROUGH_FLAGS,
} from '../../lib/distribution/wire/flags.ts';
import { FrameParser, frame } from '../../lib/distribution/wire/frame.ts';
import { HandshakeInitiator } from '../../lib/distribution/wire/handshake/initiator.ts';
import { type Message, MessageDecoder } from '../../lib/distribution/wire/message-decoder.ts';
import { MessageEncoder } from '../../lib/distribution/wire/message-encoder.ts';
import { freePort } from '../support/free-ports.ts';
import { erlangPeer, startEpmd, startErl } from '../support/peers.ts';

const COOKIE = 'wire';
const PEER = 'wire_peer@127.0.0.1';
const CREATION = 77;

/** A connection made of nothing but a socket and the wire layer. */
async function dial(port: number, name: string, flags: bigint) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const parser = new FrameParser({ prefixBytes: 2, maxFrameBytes: 2048 });
  const initiator = new HandshakeInitiator({
    self: { name, flags, creation: CREATION },
    peerName: PEER,
    cookie: COOKIE,
    challenge: 0xfedcba98,
  });
  const run = (effects: ReturnType<HandshakeInitiator['receive']>): void => {
    for (const effect of effects) {
      if (effect.type === 'send') socket.write(frame(effect.body, 2));
      if (effect.type === 'failed') throw effect.error;
    }
  };
  run(initiator.start());
  while (initiator.phase !== 'established') {
    const body = parser.next();
    if (body !== undefined) run(initiator.receive(body));
    else parser.push((await once(socket, 'data'))[0]);
  }
  parser.usePrefix(4, 2 ** 27);
  return { socket, parser };
}

t.test('a live node echoes every form', { skip: erlangPeer.skip, timeout: 60_000 }, async (t) => {
  const epmd = await startEpmd(await freePort());
  t.teardown(() => epmd.stop());
  const peer = await startErl({ name: PEER, cookie: COOKIE, epmdPort: epmd.port });
  t.teardown(() => peer.stop());
  await peer.eval(`
    Echo = fun F() -> receive {From, Ref, Term} -> From ! {Ref, Term} end, F() end,
    register(echo, spawn(Echo))`);
  const port = Number(
    await peer.eval(`{port, P, _} = erl_epmd:port_please("wire_peer", {127,0,0,1}), P`),
  );

  const forms: Record<string, bigint> = {
    pass_through: PASS_THROUGH_FLAGS,
    header: PASS_THROUGH_FLAGS | DFLAG_DIST_HDR_ATOM_CACHE,
    fragments: PASS_THROUGH_FLAGS | DFLAG_FRAGMENTS,
    both: OFFERED_FLAGS,
  };
  for (const [form, flags] of Object.entries(forms)) {
    await t.test(form, async (t) => {
      const name = `wire_${form}@127.0.0.1`;
      const { socket, parser } = await dial(port, name, flags);
      t.teardown(() => socket.destroy());
      const encoder = new MessageEncoder(flags);
      const decoder = new MessageDecoder(flags);
      const answers = new Map<string, Term>();
      const take = ({ payload }: Message): void => {
        if (!(payload instanceof Tuple)) return;
        const [ref, term] = payload.elements;
        if (ref instanceof Reference && term !== undefined) answers.set(ref.key, term);
      };
      socket.on('data', (chunk) => {
        parser.push(chunk);
        for (let body = parser.next(); body !== undefined; body = parser.next()) {
          const message = body.length > 0 ? decoder.decode(body) : undefined;
          if (message !== undefined) take(message);
        }
      });

      let words = 0;
      /** Frames of a request from process `id` of ours, and what must come back. */
      const request = (term: Term, id = 1) => {
        const self = new Pid(name, id, 0, CREATION);
        words += 1;
        const ref = new Reference(name, CREATION, [words, 0, 0]);
        const frames = encoder.encode(
          tuple(6, self, atom(''), atom('echo')),
          tuple(self, ref, term),
        );
        return { frames, key: ref.key, expected: termKey(term) };
      };
      const answered = async (sent: { key: string; expected: string }): Promise<boolean> => {
        const deadline = Date.now() + 10_000;
        while (!answers.has(sent.key) && Date.now() < deadline) await nextTurn();
        const answer = answers.get(sent.key);
        return answer !== undefined && termKey(answer) === sent.expected;
      };

      const single: Record<string, Term> = {
        'an atom': atom('hello'),
        'more atoms than a header lists': Array.from({ length: 400 }, (_, i) => atom(`many_${i}`)),
        'an atom of 1020 bytes': [atom('\u{1F600}'.repeat(255)), atom('short')],
        'a megabyte': new Uint8Array(1024 * 1024).fill(7),
        'a large list with atoms': Array.from({ length: 40_000 }, (_, i) => atom(`l${i % 50}`)),
      };
      for (const [what, term] of Object.entries(single)) {
        const sent = request(term);
        for (const each of sent.frames) socket.write(each);
        t.ok(await answered(sent), what);
      }

      // More than twice around the 2048 slots, with unsent messages in between.
      const sent = [];
      for (let round = 0; round < 60; round += 1) {
        t.throws(() => encoder.encode(tuple(atom(`lost_${round}`)), Number.NaN));
        const names = Array.from({ length: 110 }, (_, i) => atom(`turn_${round * 90 + i}`));
        const each = request(names);
        for (const bytes of each.frames) socket.write(bytes);
        sent.push(each);
      }
      for (const each of sent)
        if (!(await answered(each))) t.fail('an evicted atom came back wrong');

      // Fragments of three senders, taking turns, with a whole message and a tick between them.
      const large = [1, 2, 3].map((id) =>
        request(tuple(atom(`sender_${id}`), new Uint8Array(300_000).fill(id)), id),
      );
      const small = request(atom('between'), 4);
      const queues = large.map(({ frames }) => [...frames]);
      for (const queue of queues) socket.write(queue.shift()!);
      socket.write(small.frames[0]!);
      socket.write(new Uint8Array(4));
      while (queues.some((queue) => queue.length > 0)) {
        for (const queue of queues) {
          const next = queue.shift();
          if (next !== undefined) socket.write(next);
        }
      }
      for (const each of [...large, small]) t.ok(await answered(each), 'interleaved');
      t.notOk(socket.destroyed, 'the peer found nothing to object to');
    });
  }
  t.notMatch(peer.log, /ERROR REPORT/);
});
