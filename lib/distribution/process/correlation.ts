import { Reference } from '../terms/reference.ts';
import { ImproperList, type Term, Tuple } from '../terms/term.ts';

/**
 * The reference that ties a message to a request of ours: that of `{Ref, …}`, `{[alias|Ref], …}`,
 * `{[[alias|Alias]|Ref], …}` and `{'DOWN', Ref, …}`. What the BEAM does with its receive markers: a
 * process that waits for many answers finds each of them without a search.
 */
export function correlationOf(message: Term): Reference | undefined {
  if (!(message instanceof Tuple)) return undefined;
  const [tag, second] = message.elements;
  if (tag instanceof Reference) return tag;
  if (tag instanceof ImproperList) return tag.tail instanceof Reference ? tag.tail : undefined;
  return message.arity === 5 && second instanceof Reference ? second : undefined;
}
