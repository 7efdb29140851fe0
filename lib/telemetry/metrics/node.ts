/**
 * The node in its cluster. What concerns a peer is read from the connections that are up, so that its
 * series end with its connection and there are never more than connections.
 */
import type { Instruments, Labels, Metering, Sample } from './instruments.ts';
import { LabelValues } from './label-values.ts';

/** One connection with a peer. */
export interface ConnectionFigures {
  readonly peer: string;
  readonly bytesReceived: number;
  readonly bytesWritten: number;
  /** what the peer has not taken yet */
  readonly bytesQueued: number;
}

/** What is read when somebody asks for the metrics. */
export interface NodeFigures {
  readonly name: string;
  readonly version: string;
  /** nodes of the cluster that this one sees, itself included */
  clusterNodes(): number;
  connections(): Iterable<ConnectionFigures>;
  processes(): number;
  mailboxes(): { readonly messages: number; readonly longest: number };
}

const MAX_REASONS = 20;

/** @param figures read when somebody asks for the metrics */
export function nodeMetrics(figures: NodeFigures): Metering {
  return (instruments: Instruments) => {
    const info: Labels = { node: figures.name, version: figures.version };
    instruments.readGauge(
      {
        name: 'hello_distributed_info',
        help: 'Always 1; the name of the node and the version of the program.',
        labels: ['node', 'version'],
      },
      () => [[info, 1]],
    );
    instruments.readGauge(
      {
        name: 'hello_distributed_cluster_nodes',
        help: 'Visible nodes of the cluster, whatever they run on, this one included.',
      },
      () => [[{}, figures.clusterNodes()]],
    );
    const ofPeers = (of: (connection: ConnectionFigures) => number) =>
      function* (): Generator<Sample> {
        for (const connection of figures.connections()) {
          yield [{ peer: connection.peer }, of(connection)];
        }
      };
    instruments.readCounter(
      {
        name: 'hello_distributed_connection_received_bytes_total',
        help: 'Bytes received on the present connection with a peer.',
        labels: ['peer'],
      },
      ofPeers(({ bytesReceived }) => bytesReceived),
    );
    instruments.readCounter(
      {
        name: 'hello_distributed_connection_sent_bytes_total',
        help: 'Bytes written to the present connection with a peer.',
        labels: ['peer'],
      },
      ofPeers(({ bytesWritten }) => bytesWritten),
    );
    instruments.readGauge(
      {
        name: 'hello_distributed_connection_queue_bytes',
        help: 'Length of the queue of a connection: what the peer has not taken yet.',
        labels: ['peer'],
      },
      ofPeers(({ bytesQueued }) => bytesQueued),
    );
    instruments.readGauge(
      { name: 'hello_distributed_processes', help: 'Processes that live on this node.' },
      () => [[{}, figures.processes()]],
    );
    instruments.readGauge(
      {
        name: 'hello_distributed_mailbox_messages',
        help: 'Messages that nobody has received yet, in all mailboxes.',
      },
      () => [[{}, figures.mailboxes().messages]],
    );
    instruments.readGauge(
      {
        name: 'hello_distributed_mailbox_longest_messages',
        help: 'Messages in the longest mailbox.',
      },
      () => [[{}, figures.mailboxes().longest]],
    );
    const ups = instruments.counter({
      name: 'hello_distributed_nodeups_total',
      help: 'Connections with other nodes that came up.',
    });
    const downs = instruments.counter({
      name: 'hello_distributed_nodedowns_total',
      help: 'Connections with other nodes that ended, by reason.',
      labels: ['reason'],
    });
    const refusals = instruments.counter({
      name: 'hello_distributed_handshakes_refused_total',
      help: 'Attempts at a connection, of either side, that came to none, by error code.',
      labels: ['code'],
    });
    const reasons = new LabelValues(MAX_REASONS);
    const codes = new LabelValues(MAX_REASONS);
    return {
      'distribution.node.up': () => ups.inc(),
      'distribution.node.down': (_event, _measured, { reason }) =>
        downs.inc({ reason: reasons.of(reason) }),
      'distribution.handshake.refused': (_event, _measured, { code }) =>
        refusals.inc({ code: codes.of(code) }),
    };
  };
}
