/** One member of a singleton whose other members, and whose `global`, are the test. */
import {
  atom,
  CallError,
  type DistributedNode,
  type GenServer,
  Pid,
  startNode,
  type Term,
} from '../../lib/distribution/index.ts';
import { Backup } from '../../lib/singleton/backup.ts';
import { MemberContext } from '../../lib/singleton/context.ts';
import { Gate } from '../../lib/singleton/gate.ts';
import { decodeRequest, type MemberRequest, okWithOwner } from '../../lib/singleton/messages.ts';
import type { SingletonOptions } from '../../lib/singleton/role.ts';
import { States } from '../../lib/singleton/states.ts';
import { type Owner, Tenure } from '../../lib/singleton/tenure.ts';
import { Telemetry } from '../../lib/telemetry/telemetry.ts';
import { FakeClock, settle } from './fake-clock.ts';

interface Teardown {
  teardown(fn: () => unknown): void;
}

/** A call to another member. */
export interface MemberCall {
  readonly node: string;
  readonly request: MemberRequest;
  readonly timeoutMs: number;
  /** answers; nothing is no answer, as of a node that is gone */
  readonly answer: (term?: Term) => void;
}

type TakesFrom = (holder: Pid | undefined) => boolean;

export const NAME = atom('thing');

/** The pid of a process of another node. */
export const pidOf = (node: string, id = 1): Pid => new Pid(node, id, 0, 1);

/** A member on the node `m@h`; the others are `a@h` and `z@h`. */
export async function memberRig(t: Teardown) {
  const real = await startNode();
  t.teardown(() => real.stop());
  const { processes } = real.local;
  const clock = new FakeClock();
  const telemetry = new Telemetry();
  const calls: MemberCall[] = [];
  const events: string[] = [];
  const words: string[] = [];
  const errors: unknown[] = [];
  const ended: { readonly owner: Owner; readonly successor: Pid | undefined }[] = [];
  const known: number[] = [];
  const names = ['a@h', 'z@h'];
  const end = { isLeaving: false };
  const global = {
    owner: undefined as Pid | undefined,
    registrations: [] as { readonly pid: Pid; readonly settle: (won: boolean) => void }[],
    waits: [] as number[],
  };
  telemetry.attach('rig', 'thing.*', (event) => void events.push(event));
  const register = (pid: Pid, takesFrom: TakesFrom = () => true): Promise<boolean> =>
    new Promise((resolve) => {
      const settleOne = (locked: boolean): void => {
        const won = locked && takesFrom(global.owner);
        if (won) global.owner = pid;
        resolve(won);
      };
      global.registrations.push({ pid, settle: settleOne });
    });
  const server: GenServer = { handleCall: (request) => ({ reply: request }) };
  const options: SingletonOptions = {
    node: {
      local: { name: 'm@h', processes, nodes: () => names } as unknown as DistributedNode['local'],
      client: {
        call: ({ node }: { node: string }, term: Term, { timeoutMs = 0 } = {}) =>
          new Promise((resolve, reject) => {
            const answer = (answered?: Term): void => {
              if (answered === undefined) reject(new CallError('noconnection', 'gone'));
              else resolve(answered);
            };
            calls.push({ node, request: decodeRequest(term)!, timeoutMs, answer });
          }),
      } as unknown as DistributedNode['client'],
      global: {
        whereisName: () => global.owner,
        waitForName: async (_: Term, { timeoutMs = 0 }: { timeoutMs?: number }) => {
          global.waits.push(timeoutMs);
          return undefined;
        },
        registerName: (_: Term, pid: Pid) => register(pid),
        passName: (_: Term, pid: Pid, takesFrom: TakesFrom) => register(pid, takesFrom),
      } as unknown as DistributedNode['global'],
    },
    name: NAME,
    memberName: 'thing_member',
    event: 'thing',
    telemetry,
    clock,
    role: {
      createServer: () => server,
      exportState: () => [...known],
      mergeState: (term) => {
        if (!Array.isArray(term)) return false;
        known.push(...(term as number[]));
        return true;
      },
    },
  };
  const process = processes.spawnServer({ onMessage: () => undefined });
  const context = new MemberContext(options, process, {
    isLeaving: () => end.isLeaving,
    onError: (error) => errors.push(error),
  });
  const gate = new Gate(clock);
  const members = () => names;
  const hooks = { onWord: (_node: string, _owner: Pid | undefined): void => undefined };
  const states: States = new States(context, gate, {
    members,
    owner: () => tenure.servingPid,
    onWord: (node, owner) => {
      words.push(`${node}: ${owner?.node ?? 'none'}`);
      hooks.onWord(node, owner);
    },
  });
  const tenure: Tenure = new Tenure(context, {
    services: {
      isOwner: false,
      replicate: async () => undefined,
      reconciled: () => undefined,
    },
    onServe: (cause) => events.push(`serves ${cause}`),
    onEnd: (owner, _reason, successor) => ended.push({ owner, successor }),
  });
  /** The request under way to a node, answered no matter what. */
  const callTo = (node: string): MemberCall => {
    const call = calls.findLast((one) => one.node === node);
    if (call === undefined) throw new Error(`expected a call to ${node}`);
    return call;
  };
  /** Answers a node's request for a state. */
  const tell = async (node: string, state: Term, owner?: Pid): Promise<void> => {
    callTo(node).answer(okWithOwner(state, owner));
    await settle();
  };
  return {
    ...{ context, gate, states, tenure, processes, process, clock, calls, callTo, tell },
    ...{ events, words, errors, ended, known, end, names, global, hooks, node: real },
    backup: new Backup(context, members),
  };
}

export type MemberRig = Awaited<ReturnType<typeof memberRig>>;
