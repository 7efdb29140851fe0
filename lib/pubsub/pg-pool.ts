/**
 * The names of the workers of Phoenix.PubSub's adapter on `pg`. Each name is an atom; the worker is
 * registered under it, and is a member of the group of that name.
 *
 * ```
 * PubSub `My.PubSub`     adapter `Elixir.My.PubSub.Adapter`
 * worker 1               the adapter's own name
 * worker k, from 2 on    `Elixir.My.PubSub.Adapter_k`
 * ```
 *
 * @see Phoenix.PubSub.PG2; reference 8.3
 */

/** The scope in which all PubSubs of a Phoenix application have their groups. */
export const PHOENIX_SCOPE = 'Elixir.Phoenix.PubSub';

/** The largest pool that is followed: Phoenix has a worker for every four cores. */
export const MAX_POOL_SIZE = 256;

/**
 * The name of the adapter.
 *
 * @param pubsub the name of the PubSub as it is written in Elixir, such as `My.PubSub`
 */
export function adapterName(pubsub: string): string {
  return `Elixir.${pubsub}.Adapter`;
}

/** The name of worker `number`, from 1 on. */
export function workerName(adapter: string, number: number): string {
  return number === 1 ? adapter : `${adapter}_${number}`;
}

/** Which worker has this name; `undefined` when none has. */
export function workerNumber(adapter: string, name: string): number | undefined {
  if (name === adapter) return 1;
  if (!name.startsWith(adapter)) return undefined;
  const digits = /^_([1-9]\d{0,8})$/.exec(name.slice(adapter.length))?.[1];
  const number = Number(digits);
  return number >= 2 ? number : undefined;
}

/**
 * @throws {RangeError} unless both are whole numbers, and `broadcastPoolSize` is not the greater one
 */
export function checkPoolSizes(poolSize: number, broadcastPoolSize: number): void {
  if (!Number.isInteger(poolSize) || poolSize < 1 || poolSize > MAX_POOL_SIZE) {
    throw new RangeError(`expected a pool size from 1 to ${MAX_POOL_SIZE}, got ${poolSize}`);
  }
  if (!Number.isInteger(broadcastPoolSize) || broadcastPoolSize < 1) {
    throw new RangeError(`expected a broadcast pool size of 1 or more, got ${broadcastPoolSize}`);
  }
  if (broadcastPoolSize > poolSize) {
    throw new RangeError(
      `expected a broadcast pool size up to the pool size of ${poolSize}, got ${broadcastPoolSize}`,
    );
  }
}
