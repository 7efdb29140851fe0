/** Whole numbers without an upper limit: a `number` as long as it is exact, then a `bigint`. */

/** A count: never negative. Beyond 2^53 it is a `bigint`, and only there. */
export type Count = number | bigint;

/** Whether a value is a count in its one proper form. */
export function isCount(value: unknown): value is Count {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0;
  return typeof value === 'bigint' && value > BigInt(Number.MAX_SAFE_INTEGER);
}

/** The exact sum. */
export function add(a: Count, b: Count): Count {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (sum <= Number.MAX_SAFE_INTEGER) return sum;
  }
  return normalised(BigInt(a) + BigInt(b));
}

/** The exact difference `a - b`, where `b` is not the greater one. */
export function subtract(a: Count, b: Count): Count {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return normalised(BigInt(a) - BigInt(b));
}

/** The greater one. */
export function max(a: Count, b: Count): Count {
  return a > b ? a : b;
}

function normalised(value: bigint): Count {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}
