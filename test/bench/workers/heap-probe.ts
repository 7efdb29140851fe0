/** Loaded before the program with `--import`: tells of its memory over the IPC channel. */
import { collectGarbage } from '../../support/garbage.ts';

process.on('message', () => {
  collectGarbage();
  const { rss, heapUsed } = process.memoryUsage();
  process.send?.({ rss, heapUsed });
});
// The channel alone must not keep the program alive, nor end it.
process.channel?.unref();
