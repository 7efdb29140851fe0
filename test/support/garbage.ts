import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/**
 * Collects, and waits until it shows: the memory of array buffers is given back by another thread, which a
 * further collection has to wait for before it begins.
 */
export function collectGarbage(): void {
  collect();
  collect();
}
