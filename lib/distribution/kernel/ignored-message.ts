import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { Term } from '../terms/term.ts';

/** Told about a message that a kernel server has no use for. */
export type IgnoredMessage = (receiver: string, message: Term) => void;

/** Reports ignored messages as the event `distribution.message.ignored`. */
export function reportIgnored(telemetry: Telemetry | undefined, node: string): IgnoredMessage {
  return (receiver, message) =>
    telemetry?.execute('distribution.message.ignored', {}, { node, receiver, message });
}
