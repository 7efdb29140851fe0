/**
 * A Node.js process as a full, visible member of an Erlang cluster. The only door into this folder.
 *
 * ```ts
 * const node = await startNode({ name: 'a@127.0.0.1', cookie: 'secret' });
 * await node.local.connect('b@127.0.0.1');
 * const reply = await node.client.call({ global: atom('counter') }, atom('increment'));
 * await node.stop();
 * ```
 *
 * Layers, each of which knows only those before it: `bytes` → `terms` → `wire` → `process` →
 * `gen-server` → `node` → `kernel`; `epmd` serves `node`. The wire is OTP's, so the field's own
 * documents describe it: "Distribution Protocol", "External Term Format", and the sources named
 * in each file.
 */
export { listNames } from './epmd/client.ts';
export { isLoopback } from './epmd/loopback.ts';
export * from './errors.ts';
export { genServerChild } from './gen-server/child.ts';
export {
  type CallOptions,
  DEFAULT_CALL_TIMEOUT_MS,
  GenServerClient,
  type ServerDestination,
} from './gen-server/client.ts';
export { callMessage, castMessage } from './gen-server/envelope.ts';
export {
  type CallResult,
  type CastResult,
  type From,
  type GenServer,
  type InitResult,
  reply,
  startGenServer,
} from './gen-server/gen-server.ts';
export type { GlobalNames } from './kernel/global/global-names.ts';
export type { GroupEvent, GroupListener } from './kernel/pg/group-monitors.ts';
export type { Membership } from './kernel/pg/messages.ts';
export {
  DEFAULT_PG_LIMITS,
  DEFAULT_SCOPE,
  type GroupMonitor,
  type PgLimits,
  PgScope,
  type PgScopeOptions,
} from './kernel/pg/scope.ts';
export type { ClusterNode, NodeEvent } from './node/cluster-node.ts';
export type { DialResult } from './node/connections.ts';
export { ANY_PORT, type PortRange } from './node/listener.ts';
export { LocalNode, type LocalNodeOptions } from './node/local-node.ts';
export { Process } from './process/process.ts';
export { ProcessExit } from './process/process-exit.ts';
export { ProcessTable } from './process/process-table.ts';
export { type DistributedNode, startNode } from './start-node.ts';
export * from './terms/atom.ts';
export { detached } from './terms/detached.ts';
export { ErlangMap } from './terms/erlang-map.ts';
export { inspectTerm } from './terms/inspect.ts';
export { isTermObject } from './terms/is-term.ts';
export { compareNodeNames, Pid } from './terms/pid.ts';
export { Port } from './terms/port.ts';
export { Reference } from './terms/reference.ts';
export * from './terms/term.ts';
export { termEquals } from './terms/term-equals.ts';
