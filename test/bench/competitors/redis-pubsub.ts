/** Publishes through ioredis, or subscribes with many handlers on one connection. */
import { Redis } from 'ioredis';
import { answerCommands } from '../workers/commands.ts';
import { Deliveries } from '../workers/deliveries.ts';

const TOPIC = 'bench';
/** As with ours. */
const PER_TURN = 50;
/** Messages that Redis has not yet confirmed, so that it never waits for the publisher. */
const UNDER_WAY = 1_000;

const [port = ''] = process.argv.slice(2);
const redis = new Redis({ host: '127.0.0.1', port: Number(port), enableAutoPipelining: true });
const deliveries = new Deliveries();

answerCommands(
  {
    subscribe: async (count: number) => {
      redis.setMaxListeners(count + 10);
      for (let i = 0; i < count; i += 1) {
        redis.on('message', (topic: string) => {
          if (topic === TOPIC) deliveries.add();
        });
      }
      await redis.subscribe(TOPIC);
    },
    reached: (wanted: number) => deliveries.reached(wanted),
    reset: () => deliveries.reset(),
    publish: async ({ count, text }: { readonly count: number; readonly text: string }) => {
      const turns: Promise<unknown>[] = [];
      for (let sent = 0; sent < count; ) {
        const turn: Promise<number>[] = [];
        for (let i = 0; i < PER_TURN && sent < count; i += 1, sent += 1) {
          turn.push(redis.publish(TOPIC, text));
        }
        turns.push(Promise.all(turn));
        if (turns.length * PER_TURN >= UNDER_WAY) await turns.shift();
        await new Promise(setImmediate);
      }
      await Promise.all(turns);
    },
  },
  () => redis.disconnect(),
);
