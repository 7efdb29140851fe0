/**
 * A node of ours with a PubSub, which publishes or has many subscribers.
 *
 * Arguments: node name, port of the port mapper.
 */
import { PgScope, startNode } from '../../../lib/distribution/index.ts';
import { PgAdapter } from '../../../lib/pubsub/adapter-pg.ts';
import { PubSub } from '../../../lib/pubsub/pubsub.ts';
import { answerCommands } from './commands.ts';
import { Deliveries } from './deliveries.ts';

const TOPIC = 'bench';
/** Messages that are sent in one turn of the event loop. */
const PER_TURN = 50;

const [name = '', epmdPort = ''] = process.argv.slice(2);
const node = await startNode({ name, cookie: 'bench-pubsub', epmdPort: Number(epmdPort) });
const scope = PgScope.start({ node: node.local, scope: 'bench' });
const adapter = new PgAdapter({ node: node.local, scope, pubsub: 'Bench.PubSub' });
const pubsub = await PubSub.start({ adapter });
const deliveries = new Deliveries();

answerCommands(
  {
    connect: async (peers: readonly string[]) => {
      for (const peer of peers) await node.local.connect(peer);
    },
    subscribe: (count: number) => {
      for (let i = 0; i < count; i += 1) pubsub.subscribe(TOPIC, () => deliveries.add());
    },
    reached: (wanted: number) => deliveries.reached(wanted),
    reset: () => deliveries.reset(),
    publish: async ({ count, text }: { readonly count: number; readonly text: string }) => {
      for (let sent = 0; sent < count; ) {
        for (let i = 0; i < PER_TURN && sent < count; i += 1, sent += 1) {
          pubsub.broadcast(TOPIC, text);
        }
        for (const peer of node.local.nodes()) await node.local.whenWritable(peer);
        await new Promise(setImmediate);
      }
    },
  },
  () => node.stop(),
);
