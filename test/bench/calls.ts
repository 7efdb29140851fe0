/**
 * Calls of a gen_server on another node: ours to ours, ours to OTP, OTP to ours and OTP to OTP, each in
 * a process of its own on one machine.
 *
 * ```sh
 * node --import=tsx test/bench/calls.ts
 * ```
 */

import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import {
  atom,
  type DistributedNode,
  startGenServer,
  startNode,
} from '../../lib/distribution/index.ts';
import { erlangPeer, freePort, type Peer, startErl } from '../support/peers.ts';

const COOKIE = 'bench';
const IN_FLIGHT = [1, 16, 64, 256];
const SELF = fileURLToPath(import.meta.url);

/** A counter on OTP that answers as ours does, without `global`. */
const ERLANG_COUNTER = `
  Loop = fun Loop(N) -> receive {'$gen_call', From, increment} ->
    gen_server:reply(From, N + 1), Loop(N + 1) end end,
  register(counter, spawn(fun() -> Loop(0) end)), ok`;

function erlangCalls(target: string, calls: number, inFlight: number): string {
  return `
    Self = self(), Server = ${target},
    One = fun One(0) -> Self ! done; One(K) -> gen_server:call(Server, increment), One(K - 1) end,
    T0 = erlang:monotonic_time(microsecond),
    [spawn(fun() -> One(${Math.ceil(calls / inFlight)}) end) || _ <- lists:seq(1, ${inFlight})],
    [receive done -> ok end || _ <- lists:seq(1, ${inFlight})],
    erlang:monotonic_time(microsecond) - T0`;
}

function report(what: string, inFlight: number, calls: number, elapsedMs: number): void {
  const perSecond = Math.round((calls / elapsedMs) * 1000).toLocaleString('en');
  const each = Math.round((elapsedMs / calls) * inFlight * 1000);
  console.log(
    `${what.padEnd(14)} ${String(inFlight).padStart(4)} in flight  ${perSecond.padStart(9)}/s  ${each} µs each`,
  );
}

const callsFor = (inFlight: number): number => (inFlight === 1 ? 5_000 : 50_000);

async function measureOurs(what: string, node: DistributedNode, server: string): Promise<void> {
  const request = atom('increment');
  for (const inFlight of IN_FLIGHT) {
    const calls = callsFor(inFlight);
    let left = calls;
    const started = performance.now();
    const worker = async (): Promise<void> => {
      while (left-- > 0) await node.client.call({ name: 'counter', node: server }, request);
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
    report(what, inFlight, calls, performance.now() - started);
  }
}

async function measureErlang(what: string, caller: Peer, server: string): Promise<void> {
  for (const inFlight of IN_FLIGHT) {
    const calls = callsFor(inFlight);
    const source = erlangCalls(`{counter, '${server}'}`, calls, inFlight);
    report(what, inFlight, calls, await elapsed(caller, source));
  }
}

/** In a process of its own each time, because a variable of the shell is bound for good. */
async function elapsed(caller: Peer, source: string): Promise<number> {
  const options = { timeoutMs: 60_000, as: randomUUID() };
  return Number(await caller.eval(source, options)) / 1000;
}

/** The child process: a node with a server that adds, as the one on OTP does. */
async function serve(epmdPort: number): Promise<void> {
  const node = await startNode({ name: 'ours@127.0.0.1', cookie: COOKIE, epmdPort });
  let count = 0;
  const server = {
    handleCall: () => {
      count += 1;
      return { reply: count };
    },
  };
  await startGenServer(node.local.processes, server, { name: 'counter' });
  process.once('disconnect', () => void node.stop());
  process.send?.('ready');
}

async function main(): Promise<void> {
  const epmdPort = await freePort();
  const caller = await startNode({ name: 'caller@127.0.0.1', cookie: COOKIE, epmdPort });
  const child = fork(SELF, [String(epmdPort)]);
  await once(child, 'message');
  await measureOurs('ours → ours', caller, 'ours@127.0.0.1');
  if (erlangPeer.available) {
    const erl = await startErl({ name: 'otp@127.0.0.1', cookie: COOKIE, epmdPort });
    const client = await startErl({ name: 'client@127.0.0.1', cookie: COOKIE, epmdPort });
    await erl.eval(ERLANG_COUNTER);
    await measureOurs('ours → OTP', caller, 'otp@127.0.0.1');
    await measureErlang('OTP → ours', client, 'ours@127.0.0.1');
    await measureErlang('OTP → OTP', client, 'otp@127.0.0.1');
    await Promise.all([erl.stop(), client.stop()]);
  } else {
    console.log(erlangPeer.skip);
  }
  child.disconnect();
  await once(child, 'exit');
  await caller.stop();
}

const port = process.argv[2];
await (port === undefined ? main() : serve(Number(port)));
