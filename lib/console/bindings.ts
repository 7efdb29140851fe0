/**
 * What is in scope in the console: the functions of Erlang's and Elixir's shells under the names that
 * Elixir has for them, and constructors for terms.
 *
 * Everything that is typed is checked and made a term here; what comes back is a term, so that it
 * can be used in the next line. Node names are atoms, as in Erlang.
 */
import type { Counter } from '../counter.ts';
import {
  type Atom,
  atom,
  binary,
  CallError,
  type DistributedNode,
  type ErlangMap,
  type Float,
  float,
  ImproperList,
  isAtom,
  Pid,
  type ServerDestination,
  type Term,
  type Tuple,
  tuple,
} from '../distribution/index.ts';
import { PlainText } from './format.ts';
import { HELP } from './help.ts';
import { kindOf, toAtom, toMap, toTerm } from './to-term.ts';
import { type CurrentPubSub, topicBindings } from './topics.ts';

export interface BindingsOptions {
  readonly node: DistributedNode;
  readonly counter: Counter;
  readonly application: CurrentPubSub;
  /** stops the application */
  readonly exit: () => void;
}

export type Bindings = Readonly<Record<string, unknown>>;

const OK = atom('ok');
const PONG = atom('pong');
const PANG = atom('pang');
/** What Elixir answers when there is no distribution to connect with. */
const IGNORED = atom('ignored');

export function createBindings({ node, counter, application, exit }: BindingsOptions): Bindings {
  return {
    Node: nodeBindings(node),
    Global: globalBindings(node),
    GenServer: genServerBindings(node),
    Counter: { get: () => counter.get(), increment: () => counter.increment() },
    ...topicBindings(application),
    ...constructors(node),
    help: () => new PlainText(HELP),
    exit,
  };
}

function nodeBindings({ local, client }: DistributedNode) {
  return {
    self: (): Atom => atom(local.name),

    /** The visible nodes that are connected. */
    list: (): Atom[] => local.nodes().map((name) => atom(name)),

    connect: async (name: unknown): Promise<boolean | Atom> => {
      const peer = nodeName(name);
      return local.isDistributed ? local.connect(peer) : IGNORED;
    },

    disconnect: (name: unknown): boolean | Atom => {
      const peer = nodeName(name);
      return local.isDistributed ? local.disconnect(peer) : IGNORED;
    },

    /** As `net_adm:ping/1`: asks the `net_kernel` there. */
    ping: async (name: unknown): Promise<Atom> => {
      const peer = nodeName(name);
      if (peer === local.name) return PONG;
      if (!(await local.connect(peer))) return PANG;
      try {
        const request = tuple(atom('is_auth'), atom(local.name));
        const reply = await client.call({ name: 'net_kernel', node: peer }, request);
        return isAtom(reply, 'yes') ? PONG : PANG;
      } catch (error) {
        if (error instanceof CallError) return PANG;
        throw error;
      }
    },
  };
}

function globalBindings({ global }: DistributedNode) {
  return {
    registeredNames: (): Term[] => global.registeredNames(),
    /** `undefined` when nobody has the name */
    whereis: (name: unknown): Pid | undefined => global.whereisName(globalName(name)),
  };
}

function genServerBindings({ client }: DistributedNode) {
  return {
    call: (to: unknown, request: unknown, timeoutMs?: unknown): Promise<Term> =>
      client.call(destination(to), toTerm(request), timeoutOption(timeoutMs)),

    cast: (to: unknown, request: unknown): Atom => {
      client.cast(destination(to), toTerm(request));
      return OK;
    },
  };
}

function constructors({ local }: DistributedNode) {
  return {
    atom: (name: string): Atom => toAtom(name, 'a name'),
    tuple: (...elements: unknown[]): Tuple => tuple(...elements.map(toTerm)),
    list: (...elements: unknown[]): Term[] => elements.map(toTerm),
    improper: (...parts: unknown[]): ImproperList => {
      const terms = parts.map(toTerm);
      const tail = terms.pop();
      if (tail === undefined) throw new TypeError('expected elements and a tail, got nothing');
      return new ImproperList(terms, tail);
    },
    map: (entries: unknown = {}): ErlangMap => toMap(entries),
    binary: (text: unknown): Uint8Array => {
      if (typeof text === 'string') return binary(text);
      throw new TypeError(`expected a string, got ${kindOf(text)}`);
    },
    float: (value: unknown): Float | number => float(Number(value)),
    pid: (text: unknown): Pid => parsePid(text, (name) => creationOf(local, name)),
  };
}

function nodeName(name: unknown): string {
  return toAtom(name, 'the name of a node').name;
}

/** A string stands for an atom here, which is what nearly all global names are. */
function globalName(name: unknown): Term {
  return typeof name === 'string' ? atom(name) : toTerm(name);
}

function destination(to: unknown): ServerDestination {
  if (to instanceof Pid || isAtom(to)) return to;
  if (typeof to === 'string') return atom(to);
  if (typeof to === 'object' && to !== null) {
    if ('global' in to) return { global: globalName(to.global) };
    if ('name' in to && 'node' in to) {
      return { name: toAtom(to.name, 'a registered name').name, node: nodeName(to.node) };
    }
  }
  throw new TypeError(
    `expected a pid, a name, {name, node} or {global: name} as destination, got ${kindOf(to)}`,
  );
}

function timeoutOption(timeoutMs: unknown): { readonly timeoutMs?: number } {
  if (timeoutMs === undefined) return {};
  if (isAtom(timeoutMs, 'infinity')) return { timeoutMs: Number.POSITIVE_INFINITY };
  if (typeof timeoutMs === 'number' && timeoutMs >= 0) return { timeoutMs };
  throw new TypeError(`expected a time-out in milliseconds, got ${kindOf(timeoutMs)}`);
}

const PRINTED_PID = /^<(.+)\.(\d+)\.(\d+)>$/;

/** Reads what {@link Pid} prints; the incarnation of the node is that which runs now. */
function parsePid(text: unknown, creation: (node: string) => number | undefined): Pid {
  if (text instanceof Pid) return text;
  const [, node, id, serial] = (typeof text === 'string' && PRINTED_PID.exec(text)) || [];
  if (node === undefined) {
    throw new TypeError(`expected a pid as it is printed, '<node.id.serial>', got ${kindOf(text)}`);
  }
  const current = creation(node);
  if (current === undefined) throw new TypeError(`expected a connected node, got ${node}`);
  return new Pid(node, Number(id), Number(serial), current);
}

function creationOf(local: DistributedNode['local'], node: string): number | undefined {
  if (node === local.name) return local.creation;
  return local.connections().find(({ peer }) => peer === node)?.peerCreation;
}
