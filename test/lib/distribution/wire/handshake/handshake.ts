import t from 'tap';
import { HandshakeError } from '../../../../../lib/distribution/errors.ts';
import { DFLAG_PUBLISHED, OFFERED_FLAGS } from '../../../../../lib/distribution/wire/flags.ts';
import {
  type AcceptorEffect,
  HandshakeAcceptor,
  type TableDecision,
} from '../../../../../lib/distribution/wire/handshake/acceptor.ts';
import { digest } from '../../../../../lib/distribution/wire/handshake/challenge.ts';
import {
  HandshakeInitiator,
  type InitiatorEffect,
} from '../../../../../lib/distribution/wire/handshake/initiator.ts';
import * as messages from '../../../../../lib/distribution/wire/handshake/messages.ts';
import {
  type CapturedConnection,
  distributionCapture,
} from '../../../../support/distribution-capture.ts';
import { mutate, seededRandom } from '../../../../support/seeded-random.ts';

const COOKIE = 'secret';
const A = { name: 'a@127.0.0.1', flags: OFFERED_FLAGS, creation: 11 };
const B = { name: 'b@127.0.0.1', flags: OFFERED_FLAGS, creation: 22 };
const CHALLENGE_A = 1001;
const CHALLENGE_B = 2002;

const sendName = messages.encodeSendName(A);
const challenge = messages.encodeChallenge({ ...B, challenge: CHALLENGE_B });
const reply = messages.encodeChallengeReply({
  challenge: CHALLENGE_A,
  digest: digest(COOKIE, CHALLENGE_B),
});
const ack = messages.encodeChallengeAck({ digest: digest(COOKIE, CHALLENGE_A) });
const status = messages.encodeStatus;
const statusReply = messages.encodeStatusReply;

const newInitiator = () =>
  new HandshakeInitiator({ self: A, peerName: B.name, cookie: COOKIE, challenge: CHALLENGE_A });
const newAcceptor = () => new HandshakeAcceptor({ self: B, challenge: CHALLENGE_B });

type Effect = InitiatorEffect | AcceptorEffect;

/** Effects in short: the text of what is sent, the type of everything else. */
function brief(effects: readonly Effect[]): string[] {
  return effects.map((effect) => {
    if (effect.type === 'failed') return `failed:${effect.error.code}`;
    if (effect.type !== 'send') return effect.type;
    const tag = String.fromCharCode(effect.body[0]!);
    return tag === 's' ? Buffer.from(effect.body).toString('latin1') : `send:${tag}`;
  });
}

function errorOf(effects: readonly Effect[]): HandshakeError {
  const last = effects.at(-1);
  if (last?.type !== 'failed') throw new Error(`expected failed, got ${brief(effects)}`);
  return last.error;
}

/** Brings a fresh initiator into `phase`. */
function initiatorIn(phase: HandshakeInitiator['phase']): HandshakeInitiator {
  const initiator = newInitiator();
  if (phase === 'idle') return initiator;
  initiator.start();
  if (phase === 'awaiting_status') return initiator;
  if (phase === 'awaiting_alive_answer') {
    initiator.receive(status('alive'));
    return initiator;
  }
  if (phase === 'failed') {
    initiator.closed();
    return initiator;
  }
  initiator.receive(status('ok'));
  if (phase === 'awaiting_challenge') return initiator;
  initiator.receive(challenge);
  if (phase === 'awaiting_challenge_ack') return initiator;
  initiator.receive(ack);
  return initiator;
}

/** Brings a fresh acceptor into `phase`. */
function acceptorIn(phase: HandshakeAcceptor['phase']): HandshakeAcceptor {
  const acceptor = newAcceptor();
  if (phase === 'awaiting_name') return acceptor;
  acceptor.receive(sendName);
  if (phase === 'awaiting_decision') return acceptor;
  if (phase === 'failed') {
    acceptor.closed();
    return acceptor;
  }
  if (phase === 'awaiting_status_reply') {
    acceptor.decide({ status: 'alive', cookie: COOKIE });
    return acceptor;
  }
  acceptor.decide({ status: 'ok', cookie: COOKIE });
  if (phase === 'awaiting_challenge_reply') return acceptor;
  acceptor.receive(reply);
  if (phase === 'awaiting_completion') return acceptor;
  acceptor.complete();
  return acceptor;
}

const INITIATOR_PHASES = [
  'idle',
  'awaiting_status',
  'awaiting_alive_answer',
  'awaiting_challenge',
  'awaiting_challenge_ack',
  'established',
  'failed',
] as const;
const ACCEPTOR_PHASES = [
  'awaiting_name',
  'awaiting_decision',
  'awaiting_status_reply',
  'awaiting_challenge_reply',
  'awaiting_completion',
  'established',
  'failed',
] as const;

t.test('two machines establish a connection, each knowing the other', async (t) => {
  const initiator = newInitiator();
  const acceptor = newAcceptor();
  const toInitiator: Uint8Array[] = [];
  const toAcceptor: Uint8Array[] = [];
  const seen: Effect[] = [];
  const run = (effects: readonly Effect[], out: Uint8Array[]) => {
    for (const effect of effects) {
      if (effect.type === 'send') out.push(effect.body);
      else seen.push(effect);
      if (effect.type === 'ask_table') run(acceptor.decide({ status: 'ok', cookie: COOKIE }), out);
      if (effect.type === 'verified') run(acceptor.complete(), out);
    }
  };
  run(initiator.start(), toAcceptor);
  while (toAcceptor.length + toInitiator.length > 0) {
    for (const body of toAcceptor.splice(0)) run(acceptor.receive(body), toInitiator);
    for (const body of toInitiator.splice(0)) run(initiator.receive(body), toAcceptor);
  }
  t.same(seen, [
    { type: 'ask_table', peerName: A.name },
    { type: 'verified', peer: A, superseding: false },
    { type: 'established', peer: A },
    { type: 'established', peer: B },
  ]);
});

t.test('initiator: every phase times every input', async (t) => {
  const bodies = {
    ok: status('ok'),
    ok_simultaneous: status('ok_simultaneous'),
    nok: status('nok'),
    not_allowed: status('not_allowed'),
    alive: status('alive'),
    challenge,
    ack,
    reply,
    empty: new Uint8Array(0),
  } as const;
  const none: string[] = [];
  const unexpected = ['failed:unexpected_message'];
  const invalid = ['failed:invalid_message'];
  const all = (effects: string[]) =>
    Object.fromEntries(Object.keys(bodies).map((key) => [key, effects]));
  const expected: Record<string, Record<string, string[]>> = {
    idle: all(unexpected),
    awaiting_status: {
      ...all(invalid),
      ok: none,
      ok_simultaneous: none,
      nok: ['failed:nok'],
      not_allowed: ['failed:not_allowed'],
      alive: ['ask_alive'],
    },
    awaiting_alive_answer: all(unexpected),
    awaiting_challenge: { ...all(invalid), challenge: ['send:r'] },
    awaiting_challenge_ack: { ...all(invalid), ack: ['established'] },
    established: all(none),
    failed: all(none),
  };
  for (const phase of INITIATOR_PHASES) {
    for (const [name, body] of Object.entries(bodies)) {
      const initiator = initiatorIn(phase);
      t.equal(initiator.phase, phase);
      t.same(brief(initiator.receive(body)), expected[phase]?.[name], `${phase}: ${name}`);
    }
    const over = phase === 'established' || phase === 'failed';
    t.same(brief(initiatorIn(phase).closed()), over ? [] : ['failed:closed'], `${phase}: closed`);
    t.same(brief(initiatorIn(phase).timedOut()), over ? [] : ['failed:timeout'], `${phase}: time`);
    for (const [step, own] of [
      [(i: HandshakeInitiator) => i.start(), 'idle'],
      [(i: HandshakeInitiator) => i.answerAlive(true), 'awaiting_alive_answer'],
    ] as const) {
      if (phase !== own) {
        t.throws(() => step(initiatorIn(phase)), { code: 'unexpected_message' });
      }
    }
  }
});

t.test('acceptor: every phase times every input', async (t) => {
  const bodies = {
    sendName,
    true: statusReply(true),
    false: statusReply(false),
    reply,
    ack,
    empty: new Uint8Array(0),
  } as const;
  const none: string[] = [];
  const all = (effects: string[]) =>
    Object.fromEntries(Object.keys(bodies).map((key) => [key, effects]));
  const invalid = ['failed:invalid_message'];
  const expected: Record<string, Record<string, string[]>> = {
    awaiting_name: { ...all(invalid), sendName: ['ask_table'] },
    awaiting_decision: all(['failed:unexpected_message']),
    awaiting_status_reply: {
      ...all(invalid),
      true: ['send:N'],
      false: ['failed:already_connected'],
    },
    awaiting_challenge_reply: { ...all(invalid), reply: ['verified'] },
    awaiting_completion: all(['failed:unexpected_message']),
    established: all(none),
    failed: all(none),
  };
  for (const phase of ACCEPTOR_PHASES) {
    for (const [name, body] of Object.entries(bodies)) {
      const acceptor = acceptorIn(phase);
      t.equal(acceptor.phase, phase);
      t.same(brief(acceptor.receive(body)), expected[phase]?.[name], `${phase}: ${name}`);
    }
    const over = phase === 'established' || phase === 'failed';
    t.same(brief(acceptorIn(phase).closed()), over ? [] : ['failed:closed'], `${phase}: closed`);
    t.same(brief(acceptorIn(phase).timedOut()), over ? [] : ['failed:timeout'], `${phase}: time`);
    for (const [step, own] of [
      [(a: HandshakeAcceptor) => a.decide({ status: 'nok' }), 'awaiting_decision'],
      [(a: HandshakeAcceptor) => a.complete(), 'awaiting_completion'],
    ] as const) {
      if (phase !== own) {
        t.throws(() => step(acceptorIn(phase)), { code: 'unexpected_message' });
      }
    }
  }
});

t.test('acceptor: every decision of the connection table', async (t) => {
  const expected: readonly (readonly [TableDecision, string[], string])[] = [
    [{ status: 'ok', cookie: COOKIE }, ['sok', 'send:N'], 'awaiting_challenge_reply'],
    [
      { status: 'ok_simultaneous', cookie: COOKIE },
      ['sok_simultaneous', 'send:N'],
      'awaiting_challenge_reply',
    ],
    [{ status: 'alive', cookie: COOKIE }, ['salive'], 'awaiting_status_reply'],
    [{ status: 'nok' }, ['snok', 'failed:nok'], 'failed'],
    [{ status: 'not_allowed' }, ['snot_allowed', 'failed:not_allowed'], 'failed'],
    [{ status: 'refuse' }, ['failed:already_connected'], 'failed'],
  ];
  for (const [decision, effects, phase] of expected) {
    const acceptor = acceptorIn('awaiting_decision');
    t.same(brief(acceptor.decide(decision)), effects, decision.status);
    t.equal(acceptor.phase, phase);
  }
});

t.test('acceptor: sends the ack only after the older connection is gone', async (t) => {
  const acceptor = acceptorIn('awaiting_status_reply');
  t.same(brief(acceptor.receive(statusReply(true))), ['send:N']);
  t.same(acceptor.receive(reply), [{ type: 'verified', peer: A, superseding: true }]);
  t.same(brief(acceptor.complete()), ['send:a', 'established']);
});

t.test('acceptor: a wrong digest never leads to verified', async (t) => {
  const acceptor = acceptorIn('awaiting_status_reply');
  acceptor.receive(statusReply(true));
  const guess = messages.encodeChallengeReply({
    challenge: 1,
    digest: digest('guess', CHALLENGE_B),
  });
  const error = errorOf(acceptor.receive(guess));
  t.match(error, { code: 'bad_cookie', context: { node: A.name } });
  t.notMatch(error.message, /secret|guess/);
  t.same(acceptor.receive(reply), [], 'there is no second try');
});

t.test('acceptor: uses the cookie that the table gives for the peer', async (t) => {
  const acceptor = acceptorIn('awaiting_decision');
  acceptor.decide({ status: 'ok', cookie: 'another' });
  const proof = digest('another', CHALLENGE_B);
  t.same(brief(acceptor.receive(messages.encodeChallengeReply({ challenge: 5, digest: proof }))), [
    'verified',
  ]);
  const [sent] = acceptor.complete();
  t.same(sent, {
    type: 'send',
    body: messages.encodeChallengeAck({ digest: digest('another', 5) }),
  });
});

t.test(
  'acceptor: answers a peer with our own name, without flags, or without a name',
  async (t) => {
    const withName = (name: string, flags: bigint) =>
      brief(newAcceptor().receive(messages.encodeSendName({ name, flags, creation: 1 })));
    t.same(withName(B.name, OFFERED_FLAGS), ['snok', 'failed:nok']);
    t.same(withName(A.name, 0x1070f94n), ['snot_allowed', 'failed:missing_flags']);
    t.same(withName(A.name, OFFERED_FLAGS | (1n << 33n)), ['snot_allowed', 'failed:not_allowed']);
    const short = newAcceptor();
    const missing = errorOf(short.receive(messages.encodeSendName({ ...A, flags: 0x1070f94n })));
    t.match(missing.message, /UNLINK_ID, V4_NC/);
  },
);

t.test('acceptor: refuses the form of handshake version 5', async (t) => {
  const acceptor = newAcceptor();
  const error = errorOf(acceptor.receive(Buffer.from('6e000507df7fbd614062', 'hex')));
  t.match(error, { code: 'invalid_message', message: /version 5.*phase awaiting_name/ });
});

t.test('initiator: sends who we are', async (t) => {
  t.same(newInitiator().start(), [{ type: 'send', body: sendName }]);
});

t.test('initiator: answers alive as the owner decides', async (t) => {
  const replacing = initiatorIn('awaiting_alive_answer');
  t.same(brief(replacing.answerAlive(true)), ['strue']);
  t.same(brief(replacing.receive(challenge)), ['send:r']);
  const keeping = initiatorIn('awaiting_alive_answer');
  t.same(brief(keeping.answerAlive(false)), ['sfalse', 'failed:already_connected']);
});

t.test('initiator: refuses another node, a lacking flag and a wrong ack', async (t) => {
  const answer = (changes: Partial<messages.Challenge>) =>
    errorOf(
      initiatorIn('awaiting_challenge').receive(
        messages.encodeChallenge({ ...B, challenge: 1, ...changes }),
      ),
    );
  t.match(answer({ name: 'c@127.0.0.1' }), { code: 'wrong_node', message: /c@127.0.0.1/ });
  t.match(answer({ flags: 0x1070f94n }), { code: 'missing_flags', message: /V4_NC/ });
  const wrongAck = messages.encodeChallengeAck({ digest: digest('guess', CHALLENGE_A) });
  const error = errorOf(initiatorIn('awaiting_challenge_ack').receive(wrongAck));
  t.match(error, { code: 'bad_cookie', context: { node: B.name } });
});

t.test('initiator: reports a hidden peer in the negotiated flags', async (t) => {
  const initiator = initiatorIn('awaiting_challenge');
  const flags = OFFERED_FLAGS & ~DFLAG_PUBLISHED;
  initiator.receive(messages.encodeChallenge({ ...B, flags, challenge: CHALLENGE_B }));
  t.same(initiator.receive(ack), [{ type: 'established', peer: { ...B, flags } }]);
});

t.test('an error of turn names both phases', async (t) => {
  t.throws(() => newInitiator().answerAlive(true), {
    message: /awaiting_alive_answer.*phase idle/,
    context: { phase: 'idle', node: B.name },
  });
  t.throws(() => newAcceptor().complete(), {
    message: /awaiting_completion.*phase awaiting_name/,
  });
});

t.test('whatever the bytes, a machine answers with effects', async (t) => {
  const random = seededRandom(4);
  const initiatorInputs = [status('ok'), status('alive'), challenge, ack];
  const acceptorInputs = [sendName, statusReply(true), reply];
  for (let round = 0; round < 3000; round += 1) {
    const initiator = initiatorIn(INITIATOR_PHASES[random.below(7)]!);
    initiator.receive(mutate(initiatorInputs[random.below(4)]!, random));
    const acceptor = acceptorIn(ACCEPTOR_PHASES[random.below(7)]!);
    const effects = acceptor.receive(mutate(acceptorInputs[random.below(3)]!, random));
    for (const effect of effects) {
      if (effect.type === 'failed' && !(effect.error instanceof HandshakeError)) {
        t.fail('only HandshakeError may come out');
      }
    }
  }
});

/** What a side of a captured handshake said of itself, and its challenge. */
function capturedSides(connection: CapturedConnection) {
  const a = messages.decodeSendName(connection.initiator.handshake[0]!);
  const b = messages.decodeChallenge(connection.acceptor.handshake[1]!);
  const proof = connection.initiator.handshake.at(-1)!;
  return { a, b, challengeA: messages.decodeChallengeReply(proof).challenge };
}

/** The bodies among `effects`. */
function sent(effects: readonly Effect[]): Uint8Array[] {
  return effects.flatMap((effect) => (effect.type === 'send' ? [Buffer.from(effect.body)] : []));
}

t.test('initiator: says to an OTP node what an OTP node says', async (t) => {
  for (const connection of ['messages', 'pass-through', 'alive'].flatMap(distributionCapture)) {
    const { a, b, challengeA } = capturedSides(connection);
    const initiator = new HandshakeInitiator({
      self: a,
      peerName: b.name,
      cookie: COOKIE,
      challenge: challengeA,
    });
    const effects: InitiatorEffect[] = [...initiator.start()];
    for (const body of connection.acceptor.handshake) {
      effects.push(...initiator.receive(body));
      if (initiator.phase === 'awaiting_alive_answer') effects.push(...initiator.answerAlive(true));
    }
    t.same(sent(effects), connection.initiator.handshake);
    t.same(effects.at(-1), {
      type: 'established',
      peer: { name: b.name, flags: b.flags, creation: b.creation },
    });
  }
});

t.test('acceptor: says to an OTP node what an OTP node says', async (t) => {
  for (const connection of ['messages', 'pass-through', 'alive'].flatMap(distributionCapture)) {
    const { a, b } = capturedSides(connection);
    const acceptor = new HandshakeAcceptor({ self: b, challenge: b.challenge });
    const decision = messages.decodeStatus(connection.acceptor.handshake[0]!);
    const effects: AcceptorEffect[] = [];
    for (const body of connection.initiator.handshake) {
      effects.push(...acceptor.receive(body));
      if (acceptor.phase === 'awaiting_decision') {
        effects.push(...acceptor.decide({ status: decision, cookie: COOKIE }));
      }
    }
    t.match(effects.at(-1), { type: 'verified', superseding: decision === 'alive' });
    effects.push(...acceptor.complete());
    t.same(sent(effects), connection.acceptor.handshake);
    t.same(effects.at(-1), {
      type: 'established',
      peer: { name: a.name, flags: a.flags, creation: a.creation },
    });
  }
});

t.test('refusals of an OTP node are understood, and so is a wrong cookie of one', async (t) => {
  const [refused] = distributionCapture('not-allowed');
  const initiator = initiatorIn('awaiting_status');
  t.same(brief(initiator.receive(refused!.acceptor.handshake[0]!)), ['failed:not_allowed']);

  const [guessed] = distributionCapture('wrong-cookie');
  const { b } = capturedSides(guessed!);
  const acceptor = new HandshakeAcceptor({ self: b, challenge: b.challenge });
  const [name, proof] = guessed!.initiator.handshake;
  acceptor.receive(name!);
  acceptor.decide({ status: 'ok', cookie: COOKIE });
  t.same(brief(acceptor.receive(proof!)), ['failed:bad_cookie']);
});
