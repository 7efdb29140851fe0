/**
 * What the kernel servers (`global`, `pg`, …) may ask of the node they run on. `LocalNode`
 * implements it; their tests use a fake.
 */
import type { ProcessTable } from '../process/process-table.ts';

/** `connectionId` is unique per connection of this node, so a late event is never mistaken for a newer connection's. */
export type NodeEvent =
  | {
      readonly type: 'nodeup';
      readonly node: string;
      readonly connectionId: number;
      /** false for hidden peers: no `global`, no `pg`, not in `nodes()` */
      readonly visible: boolean;
    }
  | {
      readonly type: 'nodedown';
      readonly node: string;
      readonly connectionId: number;
      readonly visible: boolean;
      /** `connection_closed`, `net_tick_timeout`, `disconnect`, `protocol_error`, … */
      readonly reason: string;
      /** the socket's or the protocol's error behind it, where there is one */
      readonly error?: Error;
    };

export interface ClusterNode {
  readonly name: string;
  readonly creation: number;
  readonly processes: ProcessTable;
  /** Names of the visible nodes that are connected now. */
  nodes(): readonly string[];
  isConnected(node: string): boolean;
  /** Dials unless connected. Resolves to whether the node is connected; never rejects. */
  connect(node: string): Promise<boolean>;
  /**
   * Closes the connection, with all of its nodedown processing, before it returns; called by a
   * listener of {@link onNodeEvent}, the other listeners hear of it after the event under way.
   *
   * @returns whether there was one
   */
  disconnect(node: string): boolean;
  /**
   * Adds a listener for nodeup and nodedown. Listeners run synchronously, in the order in which
   * they were added. On nodeup no signal has been sent on the new connection yet, so the first
   * listener's messages come first. On nodedown the peer's monitors and links have fired already;
   * a new connection to the node cannot come up before every listener has returned.
   *
   * @returns removes the listener
   */
  onNodeEvent(listener: (event: NodeEvent) => void): () => void;
}
