/**
 * A node of ours with a gen_server that counts, known to all nodes as `counter`, or a caller of it.
 *
 * Arguments: node name, port of the port mapper, cookie.
 */
import {
  atom,
  type Pid,
  startGenServer,
  startNode,
  type Term,
} from '../../../lib/distribution/index.ts';
import { answerCommands } from './commands.ts';
import { callCommands } from './load.ts';

const [name = '', epmdPort = '', cookie = ''] = process.argv.slice(2);
const node = await startNode({ name, cookie, epmdPort: Number(epmdPort) });
const request = atom('increment');
const server = { global: atom('counter') };

const call = (): Promise<Term> => node.client.call(server, request);

async function serve(): Promise<void> {
  let count = 0;
  const counting = {
    handleCall: () => {
      count += 1;
      return { reply: count };
    },
  };
  const started = await startGenServer(node.local.processes, counting, { name: 'counter' });
  if (started.type !== 'started') throw new Error('expected the server to start');
  await node.global.registerName(atom('counter'), started.pid);
}

async function connect(peer: string): Promise<string> {
  if (!(await node.local.connect(peer))) throw new Error(`expected a connection with ${peer}`);
  await node.global.whenSynced([peer], 5_000);
  return String(node.global.whereisName(atom('counter')) as Pid);
}

/** How many bytes one call takes on the wire, both ways together. */
async function bytesPerCall(calls: number): Promise<{ readonly out: number; readonly in: number }> {
  const [connection] = node.local.connections();
  if (connection === undefined) throw new Error('expected a connection');
  const before = { out: connection.bytesWritten, in: connection.bytesReceived };
  for (let i = 0; i < calls; i += 1) await call();
  return {
    out: (connection.bytesWritten - before.out) / calls,
    in: (connection.bytesReceived - before.in) / calls,
  };
}

answerCommands(
  {
    serve,
    connect,
    bytesPerCall,
    ...callCommands(call),
  },
  () => node.stop(),
);
