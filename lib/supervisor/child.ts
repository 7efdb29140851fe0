/** What a supervisor supervises, and how it ends. */

/**
 * Why a child ended. `normal`: its work was done. `shutdown`: it was asked to. `killed`: it was not
 * asked. `error`: anything else, with what was thrown.
 */
export type ExitReason =
  | { readonly type: 'normal' }
  | { readonly type: 'shutdown' }
  | { readonly type: 'killed' }
  | { readonly type: 'error'; readonly error: unknown };

/** Something that runs until it ends: a server, a pool, another supervisor. */
export interface Child {
  /** Settles once, when the child has ended and holds nothing any more. A rejection counts as `error`. */
  readonly exited: Promise<ExitReason>;
  /** Asks for an orderly end. Returns at once; further requests change nothing. */
  shutdown(): void;
  /** Ends the child without ceremony: `exited` settles soon, whatever state it is in. Repeatable. */
  kill(): void;
}

/** One line for logs and error messages. */
export function describeExitReason(reason: ExitReason): string {
  return reason.type === 'error' ? `error: ${describeError(reason.error)}` : reason.type;
}

/** The message of an error, or the text of whatever else was thrown. */
export function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
