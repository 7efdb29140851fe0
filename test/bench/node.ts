/**
 * Two nodes in one process, over real loopback sockets: the round trip of one message, alone and
 * with many under way, and a one-way stream. No processes: from `deliver` to the peer's signal.
 *
 * Run: `node --import=tsx test/bench/node.ts [seconds per figure, default 2]`
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Connections } from '../../lib/distribution/node/connections.ts';
import { DEFAULT_LIMITS } from '../../lib/distribution/node/local-node.ts';
import type { Signal } from '../../lib/distribution/process/signals.ts';
import { atom } from '../../lib/distribution/terms/atom.ts';
import { Pid } from '../../lib/distribution/terms/pid.ts';
import { type Term, tuple } from '../../lib/distribution/terms/term.ts';
import { OFFERED_FLAGS, PASS_THROUGH_FLAGS } from '../../lib/distribution/wire/flags.ts';
import { dialTo, serve } from '../support/sockets.ts';

const measureMs = Number(process.argv[2] ?? 2) * 1000;

interface End {
  readonly name: string;
  readonly connections: Connections;
  onSignal: (signal: Signal) => void;
  close(): Promise<void>;
}

async function end(name: string, flags: bigint, ports: Map<string, number>): Promise<End> {
  const connections: Connections = new Connections({
    identity: { name, creation: 5, flags, cookieFor: () => 'oreo' },
    limits: DEFAULT_LIMITS,
    nobody: new Pid(name, 0, 0, 5),
    dial: (node) => dialTo(ports.get(node)!),
    onSignal: (_peer, signal) => self.onSignal(signal),
    onUnreachable: () => {},
    onRefused: ({ error }) => console.error(error),
    onFault: (error) => console.error(error),
  });
  const server = await serve((socket) => connections.accept(socket));
  ports.set(name, server.port);
  const self: End = {
    ...{ name, connections, onSignal: () => {} },
    close() {
      connections.close();
      return server.close();
    },
  };
  return self;
}

interface Rate {
  readonly perSecond: number;
  /** processor time for each, of both nodes together; steadier than the clock on a busy machine */
  readonly cpuUs: number;
}

/** `start` begins the traffic and `count` says how many have arrived. */
async function rate(start: () => void, count: () => number): Promise<Rate> {
  start();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const [from, since, cpuSince] = [count(), performance.now(), process.cpuUsage()];
  await new Promise((resolve) => setTimeout(resolve, measureMs));
  const done = count() - from;
  const { user, system } = process.cpuUsage(cpuSince);
  return {
    perSecond: (done * 1000) / (performance.now() - since),
    cpuUs: (user + system) / done,
  };
}

async function pair(flags: bigint): Promise<{ a: End; b: End; close(): Promise<unknown> }> {
  const ports = new Map<string, number>();
  const [a, b] = [await end('a@h', flags, ports), await end('b@h', flags, ports)];
  await a.connections.connect(b.name);
  return { a, b, close: () => Promise.all([a.close(), b.close()]) };
}

const call = (n: number): Term => tuple(atom('$gen_call'), n, atom('increment'));
const signal = (from: End, to: End, message: Term): Signal => ({
  ...{ type: 'send', from: new Pid(from.name, 1, 0, 5), to: new Pid(to.name, 1, 0, 5) },
  message,
});

async function roundTrips(flags: bigint, underWay: number): Promise<Rate> {
  const { a, b, close } = await pair(flags);
  const [there, back] = [signal(a, b, call(1)), signal(b, a, tuple(atom('reply'), 1))];
  let done = 0;
  b.onSignal = () => b.connections.deliver(a.name, back);
  a.onSignal = () => {
    done += 1;
    a.connections.deliver(b.name, there);
  };
  const result = await rate(
    () => {
      for (let i = 0; i < underWay; i += 1) a.connections.deliver(b.name, there);
    },
    () => done,
  );
  a.onSignal = () => {};
  await close();
  return result;
}

async function stream(flags: bigint, message: Term, perTurn: number): Promise<Rate> {
  const { a, b, close } = await pair(flags);
  const there = signal(a, b, message);
  let done = 0;
  let running = true;
  b.onSignal = () => {
    done += 1;
  };
  const result = await rate(
    () => {
      const turn = async (): Promise<void> => {
        while (running) {
          for (let i = 0; i < perTurn; i += 1) a.connections.deliver(b.name, there);
          await a.connections.get(b.name)?.whenWritable();
          await new Promise(setImmediate);
        }
      };
      void turn();
    },
    () => done,
  );
  running = false;
  await close();
  return result;
}

type Figure = (flags: bigint) => Promise<Rate>;

const FIGURES: readonly (readonly [string, Figure])[] = [
  ...[1, 16, 256].map(
    (underWay) =>
      [
        `round trips, ${underWay} under way`,
        (flags: bigint) => roundTrips(flags, underWay),
      ] as const,
  ),
  ['messages one way, small', (flags) => stream(flags, call(1), 500)],
  ['messages one way, 64 KiB', (flags) => stream(flags, new Uint8Array(64 * 1024), 8)],
  ['messages one way, 1 MiB', (flags) => stream(flags, new Uint8Array(1024 * 1024), 2)],
];

const FORMS = [
  ['pass-through', PASS_THROUGH_FLAGS],
  ['header, cache', OFFERED_FLAGS],
] as const;

/** Each figure comes from a process of its own: code that has run in one form is slower in another. */
function measureApart(figure: number, form: number): Rate {
  const args = [...process.execArgv, fileURLToPath(import.meta.url), `${measureMs / 1000}`];
  const output = execFileSync(process.execPath, [...args, `${figure}`, `${form}`]);
  return JSON.parse(String(output)) as Rate;
}

const [, , , figureAsked, formAsked] = process.argv;
if (figureAsked !== undefined) {
  const [, measure] = FIGURES[Number(figureAsked)]!;
  console.log(JSON.stringify(await measure(FORMS[Number(formAsked)]![1])));
} else {
  console.log('| what | form | per second | processor µs each |\n|---|---|---|---|');
  for (const [figure, [what]] of FIGURES.entries()) {
    for (const [form, [title]] of FORMS.entries()) {
      const { perSecond, cpuUs } = measureApart(figure, form);
      const rounded = Math.round(perSecond).toLocaleString('en-US');
      console.log(`| ${what} | ${title} | ${rounded} | ${cpuUs.toFixed(1)} |`);
    }
  }
}
