/** The words for a value that was given where a term was expected; only failures come here. */
import { ErlangMap } from './erlang-map.ts';
import { MAX_TERM_DEPTH } from './limits.ts';
import { ImproperList, OpaqueFun, Tuple } from './term.ts';

/** Names a value and, for the usual mistakes, what to write instead. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `the string ${JSON.stringify(value.slice(0, 40))} (write binary() or atom())`;
    case 'boolean':
      return `${value} (write atom('${value}'))`;
    case 'object':
      return value === null ? 'null (write an atom)' : `an object of class ${className(value)}`;
    case 'undefined':
    case 'number':
      return String(value);
    default:
      return `a ${typeof value}`;
  }
}

function className(value: object): string {
  const made: unknown = value.constructor;
  return typeof made === 'function' && made.name !== '' ? made.name : 'unknown';
}

/** Where in `root` the first occurrence of `value` stands: ` at element 2 of a tuple, in …`. */
export function locate(root: unknown, value: unknown): string {
  const path = find(root, value, 0);
  return path === undefined || path.length === 0 ? '' : ` at ${path.join(' in ')}`;
}

function find(container: unknown, value: unknown, depth: number): string[] | undefined {
  if (Object.is(container, value)) return [];
  if (depth > MAX_TERM_DEPTH) return undefined;
  for (const [name, child] of children(container)) {
    const path = find(child, value, depth + 1);
    if (path !== undefined) {
      path.push(name);
      return path;
    }
  }
  return undefined;
}

function* children(container: unknown): Generator<[string, unknown]> {
  if (container instanceof Tuple) yield* numbered('element', container.elements, 'a tuple');
  else if (Array.isArray(container)) yield* numbered('element', container, 'a list');
  else if (container instanceof ImproperList) {
    yield* numbered('element', container.elements, 'a list');
    yield ['the tail of a list', container.tail];
  } else if (container instanceof ErlangMap) {
    yield* numbered(
      'key',
      container.entries.map((pair) => pair[0]),
      'a map',
    );
    yield* numbered(
      'value',
      container.entries.map((pair) => pair[1]),
      'a map',
    );
  } else if (container instanceof OpaqueFun) {
    yield* numbered('free variable', container.parts.freeVariables, 'a closure');
  }
}

function* numbered(
  part: string,
  values: readonly unknown[],
  whole: string,
): Generator<[string, unknown]> {
  // Not forEach: a hole in an array is one of the mistakes looked for.
  for (let i = 0; i < values.length; i++) yield [`${part} ${i + 1} of ${whole}`, values[i]];
}
