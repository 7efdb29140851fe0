/** The casts of the `global` protocol: the shapes, their encoders and a strict decoder. */
import { atom } from '../../../terms/atom.ts';
import { ErlangMap } from '../../../terms/erlang-map.ts';
import { Pid } from '../../../terms/pid.ts';
import { isTuple, type Term, Tuple, tuple } from '../../../terms/term.ts';
import {
  booleanOf,
  decodeExternalName,
  decodeKnownNode,
  decodeLockId,
  decodeNamedPid,
  decodeOperation,
  type ExternalName,
  encodeExternalName,
  encodeKnownNode,
  encodeLockId,
  encodeNamedPid,
  encodeOperation,
  GLOBAL_VERSION,
  isTag,
  type KnownNode,
  type LockId,
  mapList,
  type NamedPid,
  type NameOperation,
  nodeName,
  shapeOf,
  type Tag,
} from './protocol.ts';

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

const NO_LONGER_A_PID = atom('no_longer_a_pid');
const UNUSED = atom('unused');

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

/** Decodes the request inside a `$gen_cast`; `undefined` when it is no well-formed message. */
export function decodeCast(message: Term): GlobalCast | undefined {
  return CASTS.get(shapeOf(message))?.(message as Tuple);
}
