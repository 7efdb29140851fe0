import { atom } from '../terms/atom.ts';
import { Pid } from '../terms/pid.ts';
import { Reference } from '../terms/reference.ts';
import { isTuple, type Term, type Tuple, tuple } from '../terms/term.ts';
import type { Monitor } from './monitors.ts';

const EXIT = atom('EXIT');
const DOWN = atom('DOWN');
const PROCESS = atom('process');

/** `{'EXIT', From, Reason}`: an exit signal, as a process that traps exits sees it. */
export function exitMessage(from: Pid, reason: Term): Tuple {
  return tuple(EXIT, from, reason);
}

/** `{'DOWN', Ref, process, Pid | {Name, Node}, Reason}`. */
export function downMessage(monitor: Monitor, reason: Term): Tuple {
  const { ref, target, node } = monitor;
  const object = target instanceof Pid ? target : tuple(target, atom(node));
  return tuple(DOWN, ref, PROCESS, object, reason);
}

/** Whether a message is the down message of the monitor `ref`. */
export function isDownMessage(message: Term, ref: Reference): message is Tuple {
  if (!isTuple(message, 5, 'DOWN')) return false;
  const carried = message.elements[1];
  return carried instanceof Reference && carried.equals(ref);
}
