/**
 * Every message of the `global` protocol, version 8: the shapes, their encoders and a strict
 * decoder. Pure. A term that is no message of the protocol decodes to `undefined`; what to do
 * about it is the receiver's decision.
 *
 * Lists may be empty but must be proper, node names must be atoms, tags integers. Tags and
 * operation ids exceed 2^53; they are kept as they came (`number` or `bigint`) and echoed.
 *
 * Source: OTP 25 to 29 `global` (init_connect … in_sync, lost_connection, remove_connection).
 */
import { Atom, atom, isAtom } from '../../terms/atom.ts';
import { ErlangMap } from '../../terms/erlang-map.ts';
import { Pid } from '../../terms/pid.ts';
import { isTuple, type Term, Tuple, tuple } from '../../terms/term.ts';

/** The name under which every node registers its `global` server. */
export const GLOBAL_NAME_SERVER = 'global_name_server';

/** The protocol version we speak. */
export const GLOBAL_VERSION = 8;

/** Versions below this one lack what keeps partitions from overlapping; OTP 25 and later never send them. */
export const LOWEST_GLOBAL_VERSION = 7;

/** A synchronisation tag or operation id: any integer, compared and echoed exactly. */
export type Tag = number | bigint;

/** `{ResourceId, RequesterId}`: the lock on a resource, as held by one requester. */
export interface LockId {
  readonly resource: Term;
  readonly requester: Term;
}

/** A registered name with the function that resolves a conflict over it. */
export interface NamedPid {
  readonly name: Term;
  readonly pid: Pid;
  readonly method: Term;
}

/** A change of the name table, as computed when two partitions meet. */
export type NameOperation =
  | ({ readonly type: 'insert' } & NamedPid)
  | { readonly type: 'delete'; readonly name: Term };

/** A name that a C node registered through `registrationNode`. */
export interface ExternalName {
  readonly name: Term;
  readonly pid: Pid;
  readonly registrationNode: string;
}

/** A member of a partition and the protocol version it speaks (0 when the teller did not know). */
export interface KnownNode {
  readonly node: string;
  readonly version: number;
}

/** Messages that come as `{'$gen_cast', …}`. */
export type GlobalCast =
  | {
      readonly type: 'init_connect';
      readonly node: string;
      /** the highest version the peer speaks */
      readonly version: number;
      readonly tag: Tag;
      readonly locker: Pid;
    }
  | {
      readonly type: 'lock_set';
      readonly locker: Pid;
      readonly granted: boolean;
      /** our own tag; absent in version 7 */
      readonly tag: Tag | undefined;
    }
  | {
      readonly type: 'exchange';
      readonly node: string;
      readonly names: readonly NamedPid[];
      readonly tag: Tag;
    }
  | {
      readonly type: 'resolved';
      readonly node: string;
      readonly operations: readonly NameOperation[];
      readonly known: readonly KnownNode[];
      readonly externalNames: readonly ExternalName[];
      readonly tag: Tag;
    }
  | {
      readonly type: 'new_nodes';
      readonly node: string;
      readonly operations: readonly NameOperation[];
      readonly externalNames: readonly ExternalName[];
      readonly nodes: readonly KnownNode[];
      /** the lock under which the operations were computed */
      readonly lock: LockId | undefined;
    }
  | { readonly type: 'in_sync'; readonly node: string }
  /** messages of releases long gone, to be ignored without complaint */
  | { readonly type: 'obsolete' };

/** Messages that come without an envelope. */
export type GlobalInfo =
  | {
      readonly type: 'init_connect_ack';
      readonly node: string;
      /** the receiver's tag, as the sender knows it */
      readonly receiverTag: Tag;
      readonly senderTag: Tag;
    }
  | { readonly type: 'cancel_connect'; readonly node: string; readonly tag: Tag }
  | {
      readonly type: 'lost_connection';
      /** the node that lost its connection */
      readonly node: string;
      readonly extendedCreation: Tag;
      readonly operationId: Tag;
      /** the node it lost */
      readonly lost: string;
    }
  | { readonly type: 'remove_connection'; readonly node: string }
  | { readonly type: 'whereis'; readonly name: Term; readonly from: Term };

/** Requests that come as `{'$gen_call', From, …}`. */
export type GlobalCall =
  | { readonly type: 'set_lock'; readonly lock: LockId }
  | { readonly type: 'del_lock'; readonly lock: LockId }
  | ({
      readonly type: 'register';
      /** set for the names of C nodes */
      readonly registrationNode: string | undefined;
    } & NamedPid)
  | { readonly type: 'unregister'; readonly name: Term }
  | { readonly type: 'get_protocol_version' }
  | { readonly type: 'get_known' }
  | { readonly type: 'get_synced' }
  | { readonly type: 'get_names_ext' }
  | { readonly type: 'info' };

const NO_LONGER_A_PID = atom('no_longer_a_pid');
const UNUSED = atom('unused');

/** Turns one list of terms into a list of values; `undefined` as soon as one of them is malformed. */
function mapList<T>(term: Term, decode: (element: Term) => T | undefined): T[] | undefined {
  if (!Array.isArray(term)) return undefined;
  const result: T[] = [];
  for (const element of term as readonly Term[]) {
    const value = decode(element);
    if (value === undefined) return undefined;
    result.push(value);
  }
  return result;
}

function isTag(term: Term | undefined): term is Tag {
  return typeof term === 'bigint' || Number.isSafeInteger(term);
}

function nodeName(term: Term | undefined): string | undefined {
  return term instanceof Atom ? term.name : undefined;
}

function booleanOf(term: Term | undefined): boolean | undefined {
  if (isAtom(term, 'true')) return true;
  return isAtom(term, 'false') ? false : undefined;
}

/** `{ResourceId, RequesterId}` */
export function encodeLockId(lock: LockId): Tuple {
  return tuple(lock.resource, lock.requester);
}

function decodeLockId(term: Term | undefined): LockId | undefined {
  if (!isTuple(term, 2)) return undefined;
  const [resource, requester] = term.elements;
  return { resource: resource!, requester: requester! };
}

/** `{Name, Pid, Method}` */
function encodeNamedPid(entry: NamedPid): Tuple {
  return tuple(entry.name, entry.pid, entry.method);
}

function decodeNamedPid(term: Term): NamedPid | undefined {
  if (!isTuple(term, 3)) return undefined;
  const [name, pid, method] = term.elements;
  return pid instanceof Pid ? { name: name!, pid, method: method! } : undefined;
}

/** `{insert, {Name, Pid, Method}}` or `{delete, Name}` */
function encodeOperation(operation: NameOperation): Tuple {
  return operation.type === 'insert'
    ? tuple(atom('insert'), encodeNamedPid(operation))
    : tuple(atom('delete'), operation.name);
}

function decodeOperation(term: Term): NameOperation | undefined {
  if (isTuple(term, 2, 'delete')) return { type: 'delete', name: term.elements[1]! };
  if (!isTuple(term, 2, 'insert')) return undefined;
  const entry = decodeNamedPid(term.elements[1]!);
  return entry && { type: 'insert', ...entry };
}

/** `{Name, Pid, RegistrationNode}` */
function encodeExternalName(entry: ExternalName): Tuple {
  return tuple(entry.name, entry.pid, atom(entry.registrationNode));
}

function decodeExternalName(term: Term): ExternalName | undefined {
  if (!isTuple(term, 3)) return undefined;
  const [name, pid, node] = term.elements;
  const registrationNode = nodeName(node);
  if (!(pid instanceof Pid) || registrationNode === undefined) return undefined;
  return { name: name!, pid, registrationNode };
}

/** `{Node, Version}`, or the bare node where the version is not known. */
function encodeKnownNode(known: KnownNode): Tuple {
  return tuple(atom(known.node), known.version);
}

function decodeKnownNode(term: Term): KnownNode | undefined {
  if (term instanceof Atom) return { node: term.name, version: 0 };
  if (!isTuple(term, 2)) return undefined;
  const node = nodeName(term.elements[0]);
  const version = term.elements[1];
  if (node === undefined || typeof version !== 'number' || !Number.isInteger(version)) {
    return undefined;
  }
  return { node, version };
}

/** `{init_connect, {8, Tag}, Node, {locker, no_longer_a_pid, #{}, Locker}}` */
export function encodeInitConnect(self: string, tag: Tag, locker: Pid): Tuple {
  return tuple(
    atom('init_connect'),
    tuple(GLOBAL_VERSION, tag),
    atom(self),
    tuple(atom('locker'), NO_LONGER_A_PID, new ErlangMap([]), locker),
  );
}

/** Of a longer version tuple, which a later release may send, the first two elements count. */
function decodeInitConnect(message: Tuple): GlobalCast | undefined {
  const [, versionAndTag, sender, init] = message.elements;
  const node = nodeName(sender);
  if (node === undefined || !(versionAndTag instanceof Tuple)) return undefined;
  const [version, tag] = versionAndTag.elements;
  if (typeof version !== 'number' || !Number.isInteger(version) || !isTag(tag)) return undefined;
  if (!isTuple(init, 4, 'locker')) return undefined;
  const locker = init.elements[3];
  if (!(locker instanceof Pid)) return undefined;
  return { type: 'init_connect', node, version, tag, locker };
}

/** `{lock_set, Locker, Granted, Known, Tag}`; version 7 has no tag. */
export function encodeLockSet(
  locker: Pid,
  granted: boolean,
  known: readonly string[],
  tag: Tag | undefined,
): Tuple {
  const elements = [
    atom('lock_set'),
    locker,
    atom(granted ? 'true' : 'false'),
    known.map((node) => atom(node)),
  ];
  return new Tuple(tag === undefined ? elements : [...elements, tag]);
}

function decodeLockSet(message: Tuple): (GlobalCast & { type: 'lock_set' }) | undefined {
  const [, locker, flag, , tag] = message.elements;
  const granted = booleanOf(flag);
  if (!(locker instanceof Pid) || granted === undefined) return undefined;
  if (message.arity === 5 && !isTag(tag)) return undefined;
  return { type: 'lock_set', locker, granted, tag: isTag(tag) ? tag : undefined };
}

/**
 * Decodes the `lock_set` that one locker sends straight to the other, outside the server: how OTP
 * refuses a peer that is not among its candidates.
 */
export function decodeLockerMessage(
  message: Term,
): (GlobalCast & { type: 'lock_set' }) | undefined {
  if (isTuple(message, 4, 'lock_set') || isTuple(message, 5, 'lock_set')) {
    return decodeLockSet(message);
  }
  return undefined;
}

/** `{exchange, Node, [{Name, Pid, Method}], [], Tag}` */
export function encodeExchange(self: string, names: readonly NamedPid[], tag: Tag): Tuple {
  return tuple(atom('exchange'), atom(self), names.map(encodeNamedPid), [], tag);
}

function decodeExchange(message: Tuple): GlobalCast | undefined {
  const [, sender, list, , tag] = message.elements;
  const node = nodeName(sender);
  const names = mapList(list!, decodeNamedPid);
  if (node === undefined || names === undefined || !isTag(tag)) return undefined;
  return { type: 'exchange', node, names, tag };
}

/** `{resolved, Node, Operations, Known, unused, ExternalNames, Tag}` */
export function encodeResolved(
  self: string,
  operations: readonly NameOperation[],
  known: readonly KnownNode[],
  externalNames: readonly ExternalName[],
  tag: Tag,
): Tuple {
  return tuple(
    atom('resolved'),
    atom(self),
    operations.map(encodeOperation),
    known.map(encodeKnownNode),
    UNUSED,
    externalNames.map(encodeExternalName),
    tag,
  );
}

function decodeResolved(message: Tuple): GlobalCast | undefined {
  const [, sender, operationList, knownList, , externalList, tag] = message.elements;
  const node = nodeName(sender);
  const operations = mapList(operationList!, decodeOperation);
  const known = mapList(knownList!, decodeKnownNode);
  const externalNames = mapList(externalList!, decodeExternalName);
  if (node === undefined || !isTag(tag)) return undefined;
  if (operations === undefined || known === undefined || externalNames === undefined) {
    return undefined;
  }
  return { type: 'resolved', node, operations, known, externalNames, tag };
}

/** `{new_nodes, Node, Operations, ExternalNames, [{Node, Version}], [{vsn, 8}, {lock, LockId}]}` */
export function encodeNewNodes(
  self: string,
  operations: readonly NameOperation[],
  externalNames: readonly ExternalName[],
  nodes: readonly KnownNode[],
  version: number,
  lock: LockId,
): Tuple {
  return tuple(
    atom('new_nodes'),
    atom(self),
    operations.map(encodeOperation),
    externalNames.map(encodeExternalName),
    nodes.map(encodeKnownNode),
    [tuple(atom('vsn'), version), tuple(atom('lock'), encodeLockId(lock))],
  );
}

function decodeNewNodes(message: Tuple): GlobalCast | undefined {
  const [, sender, operationList, externalList, nodeList, extra] = message.elements;
  const node = nodeName(sender);
  const operations = mapList(operationList!, decodeOperation);
  const externalNames = mapList(externalList!, decodeExternalName);
  const nodes = mapList(nodeList!, decodeKnownNode);
  if (node === undefined || nodes === undefined || !Array.isArray(extra)) return undefined;
  if (operations === undefined || externalNames === undefined) return undefined;
  const lockEntry = (extra as readonly Term[]).find((entry) => isTuple(entry, 2, 'lock'));
  const lock = lockEntry instanceof Tuple ? decodeLockId(lockEntry.elements[1]) : undefined;
  return { type: 'new_nodes', node, operations, externalNames, nodes, lock };
}

/** `{in_sync, Node, true}` */
export function encodeInSync(self: string): Tuple {
  return tuple(atom('in_sync'), atom(self), atom('true'));
}

function decodeInSync(message: Tuple): GlobalCast | undefined {
  const node = nodeName(message.elements[1]);
  return node === undefined ? undefined : { type: 'in_sync', node };
}

type CastDecoder = (message: Tuple) => GlobalCast | undefined;

/** Tag and arity of each cast, with its decoder. */
const CASTS: ReadonlyMap<string, CastDecoder> = new Map<string, CastDecoder>([
  ['init_connect/4', decodeInitConnect],
  ['lock_set/4', decodeLockSet],
  ['lock_set/5', decodeLockSet],
  ['exchange/5', decodeExchange],
  ['resolved/7', decodeResolved],
  ['new_nodes/6', decodeNewNodes],
  ['in_sync/3', decodeInSync],
  ['async_del_name/3', () => ({ type: 'obsolete' })],
  ['async_del_lock/3', () => ({ type: 'obsolete' })],
]);

/** The key of a tagged tuple in the tables of decoders: `tag/arity`. */
function shapeOf(message: Term): string {
  if (!(message instanceof Tuple) || !isAtom(message.elements[0])) return '';
  return `${message.elements[0].name}/${message.arity}`;
}

/** Decodes the request inside a `$gen_cast`; `undefined` when it is no well-formed message. */
export function decodeCast(message: Term): GlobalCast | undefined {
  return CASTS.get(shapeOf(message))?.(message as Tuple);
}

/** `{init_connect_ack, Node, ReceiverTag, SenderTag}` */
export function encodeInitConnectAck(self: string, receiverTag: Tag, senderTag: Tag): Tuple {
  return tuple(atom('init_connect_ack'), atom(self), receiverTag, senderTag);
}

/** `{cancel_connect, Node, ReceiverTag}` */
export function encodeCancelConnect(self: string, receiverTag: Tag): Tuple {
  return tuple(atom('cancel_connect'), atom(self), receiverTag);
}

/** `{lost_connection, Node, ExtendedCreation, OperationId, LostNode}` */
export function encodeLostConnection(
  message: Omit<GlobalInfo & { type: 'lost_connection' }, 'type'>,
): Tuple {
  return tuple(
    atom('lost_connection'),
    atom(message.node),
    message.extendedCreation,
    message.operationId,
    atom(message.lost),
  );
}

/** `{remove_connection, Node}` */
export function encodeRemoveConnection(node: string): Tuple {
  return tuple(atom('remove_connection'), atom(node));
}

type InfoDecoder = (elements: readonly Term[]) => GlobalInfo | undefined;

const INFOS: ReadonlyMap<string, InfoDecoder> = new Map<string, InfoDecoder>([
  [
    'init_connect_ack/4',
    ([, sender, receiverTag, senderTag]) => {
      const node = nodeName(sender);
      if (node === undefined || !isTag(receiverTag) || !isTag(senderTag)) return undefined;
      return { type: 'init_connect_ack', node, receiverTag, senderTag };
    },
  ],
  [
    'cancel_connect/3',
    ([, sender, tag]) => {
      const node = nodeName(sender);
      if (node === undefined || !isTag(tag)) return undefined;
      return { type: 'cancel_connect', node, tag };
    },
  ],
  [
    'lost_connection/5',
    ([, accuser, extendedCreation, operationId, accused]) => {
      const node = nodeName(accuser);
      const lost = nodeName(accused);
      if (node === undefined || lost === undefined) return undefined;
      if (!isTag(extendedCreation) || !isTag(operationId)) return undefined;
      return { type: 'lost_connection', node, extendedCreation, operationId, lost };
    },
  ],
  [
    'remove_connection/2',
    ([, sender]) => {
      const node = nodeName(sender);
      return node === undefined ? undefined : { type: 'remove_connection', node };
    },
  ],
  ['whereis/3', ([, name, from]) => ({ type: 'whereis', name: name!, from: from! })],
]);

/** Decodes a message without envelope; `undefined` when it is no well-formed message. */
export function decodeInfo(message: Term): GlobalInfo | undefined {
  return INFOS.get(shapeOf(message))?.((message as Tuple).elements);
}

/** `{set_lock, LockId}` */
export function encodeSetLock(lock: LockId): Tuple {
  return tuple(atom('set_lock'), encodeLockId(lock));
}

/** `{del_lock, LockId}` */
export function encodeDelLock(lock: LockId): Tuple {
  return tuple(atom('del_lock'), encodeLockId(lock));
}

/** `{register, Name, Pid, Method}` */
export function encodeRegister(entry: NamedPid): Tuple {
  return tuple(atom('register'), entry.name, entry.pid, entry.method);
}

/** `{unregister, Name}` */
export function encodeUnregister(name: Term): Tuple {
  return tuple(atom('unregister'), name);
}

const ATOM_CALLS: readonly string[] = [
  'get_protocol_version',
  'get_known',
  'get_synced',
  'get_names_ext',
  'info',
];

type CallDecoder = (elements: readonly Term[]) => GlobalCall | undefined;

function lockCall(type: 'set_lock' | 'del_lock'): CallDecoder {
  return ([, id]) => {
    const lock = decodeLockId(id);
    return lock && { type, lock };
  };
}

const CALLS: ReadonlyMap<string, CallDecoder> = new Map<string, CallDecoder>([
  ['set_lock/2', lockCall('set_lock')],
  ['del_lock/2', lockCall('del_lock')],
  [
    'register/4',
    ([, name, pid, method]) => {
      if (!(pid instanceof Pid)) return undefined;
      return { type: 'register', name: name!, pid, method: method!, registrationNode: undefined };
    },
  ],
  [
    'register_ext/5',
    ([, name, pid, method, node]) => {
      const registrationNode = nodeName(node);
      if (!(pid instanceof Pid) || registrationNode === undefined) return undefined;
      return { type: 'register', name: name!, pid, method: method!, registrationNode };
    },
  ],
  ['unregister/2', ([, name]) => ({ type: 'unregister', name: name! })],
]);

/** Decodes the request inside a `$gen_call`; `undefined` when it is no well-formed request. */
export function decodeCall(request: Term): GlobalCall | undefined {
  if (request instanceof Atom) {
    if (!ATOM_CALLS.includes(request.name)) return undefined;
    return { type: request.name } as GlobalCall;
  }
  return CALLS.get(shapeOf(request))?.((request as Tuple).elements);
}

/** Whether two tags are the same integer, in whichever of the two JavaScript types they came. */
export function sameTag(a: Tag | undefined, b: Tag | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a === b || BigInt(a) === BigInt(b);
}
