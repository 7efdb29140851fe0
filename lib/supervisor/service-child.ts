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
  let ending = false;
  const end = async (reason: ExitReason): Promise<void> => {
    if (ending) return;
    ending = true;
    try {
      await stop();
      settle(reason);
    } catch (error) {
      settle({ type: 'error', error });
    }
  };
  return {
    exited,
    shutdown: () => void end({ type: 'shutdown' }),
    kill: () => void end({ type: 'killed' }),
  };
}
