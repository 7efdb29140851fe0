/**
 * A node of ours that sends large binaries to another one, or takes them, while small calls go on beside.
 *
 * Arguments: node name, port of the port mapper, cookie.
 */
import {
  atom,
  isTuple,
  Pid,
  startGenServer,
  startNode,
  type Term,
  tuple,
} from '../../../lib/distribution/index.ts';
import { answerCommands } from './commands.ts';

const [name = '', epmdPort = '', cookie = ''] = process.argv.slice(2);
const node = await startNode({ name, cookie, epmdPort: Number(epmdPort) });
const { processes } = node.local;
const PING = atom('ping');
const RECEIVED = atom('received');

/** `{chunk, From, Binary}` is counted; with the last one of `{expect, N}` the sender is told. */
async function serve(): Promise<void> {
  let expected = 0;
  let received = 0;
  const sink = {
    handleInfo: (message: Term) => {
      if (!isTuple(message)) return;
      const [kind, from, what] = message.elements;
      if (isTuple(message, 3, 'expect') && typeof what === 'number') {
        expected = what;
        received = 0;
      } else if (kind !== undefined && what instanceof Uint8Array) {
        received += what.length;
        if (received === expected && from instanceof Pid)
          processes.send(processes.nobody, from, RECEIVED);
      }
    },
  };
  await startGenServer(processes, sink, { name: 'sink' });
  await startGenServer(processes, { handleCall: () => ({ reply: PING }) }, { name: 'pong' });
}

interface Blast {
  readonly peer: string;
  readonly count: number;
  readonly bytes: number;
}

/** @returns megabytes per second, and the times of calls meanwhile in milliseconds */
async function blast({ peer, count, bytes }: Blast) {
  const chunk = new Uint8Array(bytes).fill(7);
  const sink = { name: 'sink', node: peer };
  let over = false;
  const times: number[] = [];
  const calls = (async () => {
    while (!over) {
      const before = performance.now();
      await node.client.call({ name: 'pong', node: peer }, PING);
      times.push(performance.now() - before);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  const startedAt = performance.now();
  const sender = processes.spawn(async (self) => {
    self.send(sink, tuple(atom('expect'), self.pid, count * bytes));
    for (let i = 0; i < count; i += 1) {
      self.send(sink, tuple(atom('chunk'), self.pid, chunk));
      await node.local.whenWritable(peer);
    }
    await self.receive({ timeoutMs: 120_000 });
  });
  await sender.exited;
  const seconds = (performance.now() - startedAt) / 1000;
  over = true;
  await calls;
  times.sort((a, b) => a - b);
  return {
    megabytesPerSecond: (count * bytes) / 1_000_000 / seconds,
    medianMs: times[times.length >> 1] ?? 0,
    worstMs: times.at(-1) ?? 0,
  };
}

answerCommands(
  {
    serve,
    connect: (peer: string) => node.local.connect(peer),
    blast,
  },
  () => node.stop(),
);
