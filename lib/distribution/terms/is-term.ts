import { Atom } from './atom.ts';
import { ErlangMap } from './erlang-map.ts';
import { Pid } from './pid.ts';
import { Port } from './port.ts';
import { Reference } from './reference.ts';
import {
  BitString,
  ExternalFun,
  Float,
  ImproperList,
  OpaqueFun,
  type Term,
  Tuple,
} from './term.ts';

const CLASSES: readonly (abstract new (...parts: never[]) => Term)[] = [
  ...[Atom, Tuple, Pid, Reference, Port, ErlangMap],
  ...[Float, ImproperList, BitString, ExternalFun, OpaqueFun],
];

/** Whether a value is a term that no other part of a program would use for something else: an
 * atom, a tuple, a pid and the like, but not a number, an array or bytes. */
export function isTermObject(value: unknown): value is Term {
  return CLASSES.some((termClass) => value instanceof termClass);
}
