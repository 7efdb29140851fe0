import type { EventEmitter } from 'node:events';

/** Why a process was asked to end. */
export interface StopRequest {
  readonly cause: NodeJS.Signals | 'parent_gone';
  /** it was asked before, and somebody has lost patience */
  readonly urgent: boolean;
}

export interface StopRequestOptions {
  /** default {@link STOP_SIGNALS} */
  readonly signals?: readonly NodeJS.Signals[];
  /** also when the IPC channel to the parent process closes, which it does however the parent ends */
  readonly withParent?: boolean;
  /** what is listened to; default this process */
  readonly source?: StopRequestSource;
  /** milliseconds, monotonic */
  readonly now?: () => number;
}

/**
 * Asked by a service manager, by Ctrl-C, by a terminal that is closed. Who means a process to outlive its
 * terminal detaches it (`setsid`); `nohup` does not do it for Node.js, which takes back that SIGHUP is ignored.
 */
export const STOP_SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];

/** The part of `process` that matters here. */
export interface StopRequestSource extends Pick<EventEmitter, 'on' | 'off'> {
  /** whether the IPC channel is open */
  readonly connected?: boolean;
}

/**
 * A Ctrl-C reaches a program under `npm run` twice: from the terminal, and passed on by npm. Only
 * what comes later than this is meant as a second one.
 */
export const REPEAT_AFTER_MS = 500;

/**
 * Listens for whatever asks this process to end. The handler runs for the first request, and
 * again, `urgent`, for each signal that comes more than {@link REPEAT_AFTER_MS} after it.
 *
 * @returns ends the listening, and lets the default actions of the signals be again
 */
export function onStopRequest(
  handler: (request: StopRequest) => void,
  options: StopRequestOptions = {},
): () => void {
  const { signals = STOP_SIGNALS, source = process } = options;
  const now = options.now ?? (() => performance.now());
  let firstAtMs: number | undefined;
  const first = (cause: StopRequest['cause']): void => {
    firstAtMs = now();
    handler({ cause, urgent: false });
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (firstAtMs === undefined) first(signal);
    else if (now() - firstAtMs > REPEAT_AFTER_MS) handler({ cause: signal, urgent: true });
  };
  const onDisconnect = (): void => {
    if (firstAtMs === undefined) first('parent_gone');
  };
  for (const signal of signals) source.on(signal, onSignal);
  if (options.withParent === true) {
    source.on('disconnect', onDisconnect);
    // The parent may have ended before anybody listened.
    if (source.connected !== true) onDisconnect();
  }
  return () => {
    for (const signal of signals) source.off(signal, onSignal);
    source.off('disconnect', onDisconnect);
  };
}
