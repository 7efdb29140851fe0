import {
  type CallResult,
  type From,
  type GenServer,
  isTuple,
  type Term,
} from '../distribution/index.ts';
import type { Backup } from './backup.ts';
import type { MemberContext } from './context.ts';
import type { Members } from './members.ts';
import { BAD_STATE, DONE, decodeRequest, type MemberRequest, ok, okWithOwner } from './messages.ts';
import type { Rivals } from './rivals.ts';
import type { States } from './states.ts';
import type { Tenure } from './tenure.ts';

/** The parts of a member that answer. */
export interface MemberServerParts {
  readonly members: Members;
  readonly states: States;
  readonly rivals: Rivals;
  readonly tenure: Tenure;
  readonly backup: Backup;
}

/** What other members ask of this one: the requests of `messages.ts`. */
export class MemberServer implements GenServer {
  readonly #context: MemberContext;
  readonly #parts: MemberServerParts;

  constructor(context: MemberContext, parts: MemberServerParts) {
    this.#context = context;
    this.#parts = parts;
  }

  handleCall(term: Term, from: From): CallResult {
    const { members, states, rivals } = this.#parts;
    const request = decodeRequest(term);
    if (request === undefined || !this.#context.process.isAlive) return { reply: BAD_STATE };
    const { node } = from.pid;
    switch (request.type) {
      case 'hello':
        members.joined(request.member);
        // Only word of an owner: what the member knows comes later.
        if (request.owner !== undefined) rivals.heard(node, request.owner);
        return { reply: this.#withOwner(this.#context.process.pid) };
      case 'collect':
        return { reply: this.#withOwner(states.export()) };
      case 'merge':
        if (!states.merge(request.state, node)) return { reply: BAD_STATE };
        rivals.heard(node, request.owner);
        return { reply: this.#withOwner(states.export()) };
      case 'owner':
        return rivals.asked(from, request.owner);
      case 'replicate':
        // Kept by one that is about to go it would be lost with the owner.
        if (this.#context.isLeaving) return { reply: BAD_STATE };
        return { reply: states.merge(request.state, node) ? DONE : BAD_STATE };
      case 'leaving':
        return this.#peerLeaves(request, from);
      case 'take_over':
        return this.#takeOverFrom(request.state, from);
    }
  }

  /** A member has ended. */
  handleInfo(message: Term): void {
    if (isTuple(message, 5, 'DOWN')) this.#parts.members.down(message.elements[1]!);
  }

  #withOwner(value: Term): Term {
    return okWithOwner(value, this.#parts.tenure.servingPid);
  }

  #peerLeaves({ node, state }: MemberRequest & { type: 'leaving' }, from: From): CallResult {
    const { members, states, tenure, backup } = this.#parts;
    if (!states.merge(state, node)) return { reply: BAD_STATE };
    members.leaving(node);
    // What the leaving node kept for us and is not in our state yet has to be in it first.
    const settled = tenure.owner?.serves ? this.#context.options.role.suspend?.() : undefined;
    this.#context.background(
      Promise.resolve(settled)
        .then(() => backup.keep({ type: 'replicate', state: states.export() }))
        .then(() => this.#context.reply(from, DONE)),
    );
    return { noReply: true };
  }

  #takeOverFrom(state: Term, from: From): CallResult {
    const { members, states, tenure } = this.#parts;
    const { node } = from.pid;
    if (this.#context.isLeaving || !states.merge(state, node)) return { reply: BAD_STATE };
    members.leaving(node);
    this.#context.background(
      tenure.take('hand_off').then(({ process }) => this.#context.reply(from, ok(process.pid))),
    );
    return { noReply: true };
  }
}
