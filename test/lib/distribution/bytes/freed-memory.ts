import { memoryUsage, report, resourceUsage } from 'node:process';
import t from 'tap';
import { keepFreedMemory } from '../../../../lib/distribution/bytes/freed-memory.ts';
import { collectGarbage } from '../../../support/garbage.ts';

const MEGABYTE = 1_000_000;
const PAGE = 4096;
const COUNT = 16;

/** The page faults of filling and dropping so many large buffers. */
function faults(): number {
  const before = resourceUsage().minorPageFault;
  const kept = Array.from({ length: COUNT }, () => Buffer.allocUnsafeSlow(MEGABYTE).fill(7));
  kept.length = 0;
  collectGarbage();
  return resourceUsage().minorPageFault - before;
}

const described = report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
const hasGlibc = described?.header?.glibcVersionRuntime !== undefined;
const skip = !hasGlibc && 'without glibc nothing comes of it';

t.test('the memory of large buffers serves for the next ones', { skip }, async (t) => {
  const before = memoryUsage().arrayBuffers;
  keepFreedMemory();
  collectGarbage();
  t.ok(memoryUsage().arrayBuffers - before < MEGABYTE, 'the block itself is not kept');
  faults();
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 10; round += 1) least = Math.min(least, faults());
  const pages = (COUNT * MEGABYTE) / PAGE;
  t.ok(least < pages / 4, `${least} page faults for ${pages} pages`);
});
