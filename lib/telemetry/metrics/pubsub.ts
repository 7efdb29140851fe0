/** Messages of the publish-and-subscribe service. Topics are no label: anybody may make one. */
import type { Instruments, Metering } from './instruments.ts';

/** Since the service was started; it counts from 0 when it is started again. */
export interface PubSubFigures {
  /** published by this node, to all nodes, to one, or to its own subscribers */
  readonly published: number;
  /** received from other nodes */
  readonly received: number;
  /** handed to subscribers of this node: one message to three of them counts three times */
  readonly delivered: number;
}

/** @param read called when somebody asks for the metrics */
export function pubsubMetrics(read: () => PubSubFigures): Metering {
  return (instruments: Instruments) => {
    instruments.readCounter(
      {
        name: 'hello_distributed_pubsub_published_messages_total',
        help: 'Messages that this node has published.',
      },
      () => [[{}, read().published]],
    );
    instruments.readCounter(
      {
        name: 'hello_distributed_pubsub_received_messages_total',
        help: 'Messages that came from other nodes.',
      },
      () => [[{}, read().received]],
    );
    instruments.readCounter(
      {
        name: 'hello_distributed_pubsub_delivered_messages_total',
        help: 'Messages handed to subscribers of this node, once for each of them.',
      },
      () => [[{}, read().delivered]],
    );
    const failures = instruments.counter({
      name: 'hello_distributed_pubsub_listener_failures_total',
      help: 'Messages on which a subscriber failed.',
    });
    const overflows = instruments.counter({
      name: 'hello_distributed_pubsub_overflows_total',
      help: 'Streams that began to lose messages, because they are read too slowly.',
    });
    return {
      'pubsub.listener.failure': () => failures.inc(),
      'pubsub.stream.overflow': () => overflows.inc(),
    };
  };
}
