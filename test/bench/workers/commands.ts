/** The other end of `harness/worker.ts`: answers commands until the channel closes. */

/** What a worker can do, by name. */
export type Commands = Readonly<Record<string, (argument: never) => unknown>>;

interface Question {
  readonly id: number;
  readonly command: string;
  readonly argument: unknown;
}

/** Answers commands; `stop` runs when the channel closes, and then the process ends. */
export function answerCommands(
  commands: Commands,
  stop: () => void | Promise<void> = () => {},
): void {
  process.on('message', (message) => void answer(commands, message as Question));
  process.once('disconnect', async () => {
    await stop();
    process.exit(0);
  });
}

async function answer(commands: Commands, { id, command, argument }: Question): Promise<void> {
  try {
    const run = commands[command] as ((argument: unknown) => unknown) | undefined;
    if (run === undefined && command !== 'ready') throw new Error(`no command ${command}`);
    const result = await run?.(argument);
    process.send?.({ id, result: result ?? null });
  } catch (error) {
    process.send?.({
      id,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }
}
