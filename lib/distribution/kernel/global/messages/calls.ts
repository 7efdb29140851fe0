/** The calls of the `global` protocol: the shapes, their encoders and a strict decoder. */
import { Atom, atom } from '../../../terms/atom.ts';
import { Pid } from '../../../terms/pid.ts';
import { type Term, type Tuple, tuple } from '../../../terms/term.ts';
import {
  decodeLockId,
  encodeLockId,
  type LockId,
  type NamedPid,
  nodeName,
  shapeOf,
} from './protocol.ts';

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
