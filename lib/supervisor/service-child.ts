import type { Child, ExitReason } from './child.ts';

/**
 * A running service, which only ends when it is stopped, as a child.
 *
 * @param stop releases everything; called once. What it throws becomes the reason of the end.
 */
export function serviceChild(stop: () => void | Promise<void>): Child {
  let settle: (reason: ExitReason) => void = () => undefined;
  const exited = new Promise<ExitReason>((resolve) => {
    settle = resolve;
  });
  let stopping: Promise<ExitReason> | undefined;
  const release = async (reason: ExitReason): Promise<ExitReason> => {
    try {
      await stop();
      return reason;
    } catch (error) {
      return { type: 'error', error };
    }
  };
  const end = (reason: ExitReason): void => {
    stopping ??= release(reason);
    void stopping.then(settle);
  };
  return {
    exited,
    shutdown: () => end({ type: 'shutdown' }),
    kill: () => {
      end({ type: 'killed' });
      // Whoever kills does not wait for a stop that hangs; what it releases late is released late.
      settle({ type: 'killed' });
    },
  };
}
