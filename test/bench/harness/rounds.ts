/** Interleaved rounds: every variant once, then every variant again, so that a noisy spell hits all of them. */
import type { Figure, RunSettings } from './scenario.ts';
import { median } from './statistics.ts';

/** Something that is measured again and again. */
export interface Variant {
  readonly name: string;
  readonly unit: string;
  measure(): Promise<number>;
}

/** Measures each variant once to warm up, then `rounds` times, in turns. */
export async function interleave(
  variants: readonly Variant[],
  { rounds, log }: Pick<RunSettings, 'rounds' | 'log'>,
): Promise<Map<string, Figure>> {
  const values = new Map<string, number[]>(variants.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round += 1) {
    const line: string[] = [];
    // Each round begins with another variant: what comes first after a pause must not always be the same.
    for (let at = 0; at < variants.length; at += 1) {
      const variant = variants[(at + round) % variants.length]!;
      const value = await variant.measure();
      if (round > 0) values.get(variant.name)?.push(value);
      line.push(`${variant.name} ${format(value)}`);
    }
    log(`  ${round === 0 ? 'warm-up' : `round ${round}/${rounds}`}: ${line.join(' | ')}`);
  }
  const figures = variants.map(({ name, unit }): readonly [string, Figure] => {
    const all = values.get(name) ?? [];
    return [name, { name, unit, rounds: all, median: median(all) }];
  });
  return new Map(figures);
}

/**
 * The median of the ratios of one round each: what slows both down in the same round cancels out.
 */
export function ratioOf(figures: ReadonlyMap<string, Figure>, a: string, b: string): number {
  const [first, second] = [figures.get(a)?.rounds ?? [], figures.get(b)?.rounds ?? []];
  return median(first.map((value, round) => value / (second[round] ?? Number.NaN)));
}

function format(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
}
