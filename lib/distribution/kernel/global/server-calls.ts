/**
 * Calls to the `global` servers of other nodes. OTP waits for their answers without a time-out, so
 * that one server which takes part but falls silent stops every registration in the cluster. A
 * healthy server answers at once, a node that freezes is lost to net ticks; what is left are nodes
 * with half of a `global`, or a broken one, and for those this file has its limits.
 */
import type { Telemetry } from '../../../telemetry/telemetry.ts';
import { CallError } from '../../errors.ts';
import type { GenServerClient } from '../../gen-server/client.ts';
import type { ClusterNode } from '../../node/cluster-node.ts';
import type { Process } from '../../process/process.ts';
import type { Term } from '../../terms/term.ts';
import { GLOBAL_NAME_SERVER } from './messages/protocol.ts';

/**
 * A node that we share names with and that does not answer for this long is disconnected. Longer than
 * net ticks take to find a frozen node (75 s), for which a healthy server of OTP 25 may have to wait.
 */
export const KNOWN_ANSWER_LIMIT_MS = 90_000;
/** A node whose names we do not share yet is refused when it does not answer for this long. */
export const STRANGER_ANSWER_LIMIT_MS = 30_000;
/** What is let go is gone once the request is sent; nobody has to hear it for longer than this. */
export const RELEASE_ANSWER_LIMIT_MS = 5_000;

/** The answers by node. Nodes that are down or have no server are in neither of the two. */
export interface ServerReplies {
  readonly replies: ReadonlyMap<string, Term>;
  /** nodes that are connected and did not answer within the limit */
  readonly silent: readonly string[];
}

/**
 * Calls the `global` server of each node in the name of `as`.
 *
 * @param limitMs how long to wait; without it as long as the two limits above say
 */
export type CallServers = (
  as: Process,
  nodes: readonly string[],
  request: Term,
  limitMs?: number,
) => Promise<ServerReplies>;

export interface ServerCallsOptions {
  readonly node: ClusterNode;
  readonly client: GenServerClient;
  /** whether names are shared with a node */
  readonly isKnown: (node: string) => boolean;
  readonly telemetry: Telemetry | undefined;
}

/** @throws {ProcessExit} (as rejection) when the calling process has ended */
export function serverCalls(options: ServerCallsOptions): CallServers {
  const { node, client, isKnown, telemetry } = options;
  return async (as, nodes, request, limitMs) => {
    const replies = new Map<string, Term>();
    const silent: string[] = [];
    const call = async (peer: string): Promise<void> => {
      const known = isKnown(peer);
      const timeoutMs = limitMs ?? (known ? KNOWN_ANSWER_LIMIT_MS : STRANGER_ANSWER_LIMIT_MS);
      const server = { name: GLOBAL_NAME_SERVER, node: peer };
      try {
        replies.set(peer, await client.call(server, request, { as, timeoutMs }));
      } catch (error) {
        if (!(error instanceof CallError)) throw error;
        if (error.code !== 'timeout') return;
        telemetry?.execute('global.peer.silent', { timeoutMs }, { node: node.name, peer, known });
        // Without its connection it counts as absent, here and for what waits for it elsewhere.
        if (limitMs === undefined && known) node.disconnect(peer);
        else silent.push(peer);
      }
    };
    await Promise.all(nodes.map(call));
    return { replies, silent };
  };
}
