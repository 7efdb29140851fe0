/** A reproducible source of random numbers for property tests: the seed is part of the failure. */
export interface SeededRandom {
  /** an integer from 0 to `below` - 1 */
  below(below: number): number;
  bytes(count: number): Uint8Array;
}

/** The xorshift generator of 32 bits; the same seed gives the same numbers on every machine. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0 || 1;
  const below = (limit: number): number => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % limit;
  };
  return { below, bytes: (count) => Uint8Array.from({ length: count }, () => below(256)) };
}

/** Cuts `bytes` at random places into chunks, empty ones included. */
export function randomChunks(bytes: Uint8Array, random: SeededRandom): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = random.below(3) === 0 ? random.below(bytes.length + 1) : random.below(9);
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

/** A copy of `bytes` with one to three bytes changed, and sometimes cut or extended. */
export function mutate(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const kind = random.below(8);
  if (kind === 0) return bytes.slice(0, random.below(bytes.length + 1));
  if (kind === 1) return Buffer.concat([bytes, random.bytes(1 + random.below(8))]);
  const mutated = Uint8Array.from(bytes);
  for (let i = 0; i <= random.below(3) && mutated.length > 0; i += 1) {
    mutated[random.below(mutated.length)] = random.below(256);
  }
  return mutated;
}
