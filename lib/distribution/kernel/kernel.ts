/**
 * The servers that peers expect on every node, started together: `global_name_server`, `net_kernel`,
 * `rex`, `logger_proxy`, the group leader, and the answers to spawn requests.
 *
 * They must be there before the first peer is, because its first messages come with the connection;
 * and `global` must hear of a nodeup before anybody else, because peers expect its message first.
 */
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { CallError } from '../errors.ts';
import { GenServerClient } from '../gen-server/client.ts';
import type { ClusterNode } from '../node/cluster-node.ts';
import { atom, isAtom } from '../terms/atom.ts';
import type { Term } from '../terms/term.ts';
import { addBuiltinExports } from './builtin-exports.ts';
import { erpcCall } from './erpc-client.ts';
import { ErpcServer } from './erpc-server.ts';
import { type ExportedFunction, Exports } from './exports.ts';
import { GlobalNames, type GlobalNamesOptions } from './global/global-names.ts';
import { SESSION_LIMIT_MS } from './global/locker.ts';
import { startGroupLeader } from './group-leader.ts';
import { reportIgnored } from './ignored-message.ts';
import { startLoggerProxy } from './logger-proxy.ts';
import { startNetKernel } from './net-kernel.ts';
import { startRex } from './rex.ts';
import { type RpcOptions, rpcCall } from './rpc-client.ts';

export interface KernelOptions {
  readonly telemetry?: Telemetry | undefined;
  readonly global?: Pick<
    GlobalNamesOptions,
    'clock' | 'random' | 'lockerPause' | 'preventOverlappingPartitions'
  >;
}

export interface Kernel {
  readonly global: GlobalNames;
  /** calls and casts of this node, `{ global: name }` destinations included */
  readonly client: GenServerClient;
  /** Lets peers call a function of ours. */
  export(module: string, name: string, arity: number, body: ExportedFunction): void;
  /** Calls a function on another node. See {@link rpcCall} for what it throws. */
  rpc(
    node: string,
    module: string,
    name: string,
    args: readonly Term[],
    options?: RpcOptions,
  ): Promise<Term>;
  /** To be called before the node closes its connections: their ends are nobody's fault. */
  prepareShutdown(): void;
  /** Ends all servers. */
  stop(): void;
}

/** Starts the kernel servers of a node. To be called before the node accepts connections. */
export function startKernel(node: ClusterNode, options: KernelOptions = {}): Kernel {
  const { processes } = node;
  const { telemetry } = options;
  const client: GenServerClient = new GenServerClient({
    processes,
    whereisGlobal: (name) => global.whereisName(name),
    ...(telemetry === undefined ? {} : { telemetry }),
  });
  const global = new GlobalNames({
    ...options.global,
    node,
    client,
    telemetry,
    resolveAt: (owner, { name, ours, theirs }) => {
      const args = [ours.method, name, theirs.pid, ours.pid];
      const target = { module: 'global', function: 'resolve_it', args };
      // The session with the peer does not wait longer anyway.
      const timeoutMs = SESSION_LIMIT_MS;
      const asked = erpcCall(processes, owner, target, { timeoutMs }).catch((error: unknown) => {
        if (!isNotSupported(error)) throw error;
        return rpcCall(client, owner, target.module, target.function, args, { timeoutMs });
      });
      return asked.catch((error: unknown) => {
        const metadata = { node: node.name, peer: owner, name, error };
        telemetry?.execute('global.resolve.failed', {}, metadata);
        return undefined;
      });
    },
  });
  const exports = new Exports();
  addBuiltinExports(exports, node, global);
  const erpc = new ErpcServer({ processes, exports, telemetry });
  const onIgnored = reportIgnored(telemetry, node.name);
  const servers = [
    startGroupLeader(processes, telemetry, onIgnored),
    startNetKernel(processes, onIgnored),
    startLoggerProxy(processes, telemetry, onIgnored),
    startRex({ processes, exports, onIgnored }),
  ];
  processes.onSpawnRequest = (peer, request) => erpc.onSpawnRequest(peer, request);
  global.start();
  return {
    global,
    client,
    export: (module, name, arity, body) => exports.add(module, name, arity, body),
    rpc: (peer, module, name, args, rpcOptions) =>
      rpcCall(client, peer, module, name, args, rpcOptions),
    prepareShutdown: () => global.prepareShutdown(),
    stop: () => {
      processes.onSpawnRequest = undefined;
      global.stop();
      client.stop();
      for (const server of servers.reverse()) server.stop(atom('shutdown'));
    },
  };
}

/** Whether a peer knows no requests to spawn, so that its `rex` server has to do. */
function isNotSupported(error: unknown): boolean {
  return error instanceof CallError && isAtom(error.context.exitReason, 'notsup');
}
