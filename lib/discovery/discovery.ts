/**
 * Where the names of nodes worth connecting to come from: the one contract behind EPMD's list, the
 * `--connect` flags and, on a platform, its file of peers. The {@link ./connector.ts} does the rest.
 */
export interface DiscoverySource {
  /** for logs */
  readonly name: string;
  /**
   * Node names worth connecting to right now, never our own. Settles soon after `signal` aborts.
   * A rejection means that nothing is known at the moment; it is asked again.
   */
  discover(signal?: AbortSignal): Promise<readonly string[]>;
  /**
   * Whether the nodes that it names are there. When one of them cannot be dialled at the start, something has just
   * changed: it is asked again soon, so that whoever starts does not believe to be alone. Default false.
   */
  readonly namesLiveNodes?: boolean;
  /**
   * What tells one incarnation of a node just discovered from the next. A source that has this
   * method finds nodes that nobody asked for: such a node, once it has refused us for its cookie or
   * its policy, is left alone until this value changes. Without it a node is dialled for ever.
   */
  incarnationOf?(node: string): string | undefined;
}
