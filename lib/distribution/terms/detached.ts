import { ErlangMap } from './erlang-map.ts';
import { BitString, ImproperList, OpaqueFun, type Term, Tuple } from './term.ts';

/**
 * A term to be kept: the same one, with binaries that hold on to nothing but their own bytes. Those of a term
 * that was received are views of what came with it from the socket, some 64 KiB, and more if it was a large message.
 */
export function detached(term: Term): Term {
  if (term instanceof Uint8Array) return detachedBytes(term);
  if (term instanceof Tuple) {
    const elements = detachedAll(term.elements);
    return elements === term.elements ? term : new Tuple(elements);
  }
  if (Array.isArray(term)) return detachedAll(term);
  if (term instanceof ErlangMap) return detachedMap(term);
  if (term instanceof ImproperList) {
    const [elements, tail] = [detachedAll(term.elements), detached(term.tail)];
    const isSame = elements === term.elements && tail === term.tail;
    return isSame ? term : new ImproperList(elements, tail);
  }
  if (term instanceof BitString) {
    const bytes = detachedBytes(term.bytes);
    return bytes === term.bytes ? term : new BitString(bytes, term.bits);
  }
  if (term instanceof OpaqueFun) {
    const { parts } = term;
    const uniq = detachedBytes(parts.uniq);
    const freeVariables = detachedAll(parts.freeVariables);
    const isSame = uniq === parts.uniq && freeVariables === parts.freeVariables;
    return isSame ? term : new OpaqueFun({ ...parts, uniq, freeVariables });
  }
  return term;
}

function detachedBytes(bytes: Uint8Array): Uint8Array {
  return bytes.length === bytes.buffer.byteLength ? bytes : Uint8Array.from(bytes);
}

function detachedAll(terms: readonly Term[]): readonly Term[] {
  let copies: Term[] | undefined;
  for (let i = 0; i < terms.length; i++) {
    const copy = detached(terms[i]!);
    if (copies === undefined && copy !== terms[i]) copies = terms.slice(0, i);
    copies?.push(copy);
  }
  return copies ?? terms;
}

function detachedMap(map: ErlangMap): ErlangMap {
  let isSame = true;
  const entries = map.entries.map(([key, value]) => {
    const entry = [detached(key), detached(value)] as const;
    if (entry[0] !== key || entry[1] !== value) isSame = false;
    return entry;
  });
  return isSame ? map : new ErlangMap(entries);
}
