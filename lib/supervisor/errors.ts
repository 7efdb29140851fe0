/** Every error that the supervisor itself raises. Callers branch on `code`. */

/** What a supervisor may refuse or give up on. */
export type SupervisorErrorCode =
  /** a child's start failed: `childId` and `cause` say which and why */
  | 'start_failed'
  /** too many restarts in the period: `childId` is the last child, `cause` the error it ended with */
  | 'intensity_exceeded'
  /** the start was abandoned by its AbortSignal */
  | 'aborted'
  /** startChild: a child of that id runs */
  | 'already_started'
  /** startChild: a child of that id is on the list, but does not run */
  | 'already_present'
  /** no child of that id is on the list */
  | 'not_found'
  /** restartChild, deleteChild: the child runs */
  | 'running'
  /** restartChild, deleteChild: the child is about to be restarted */
  | 'restarting'
  /** the supervisor has ended or is about to */
  | 'stopped';

/** A supervisor could not start, or would not do what was asked. */
export class SupervisorError extends Error {
  readonly code: SupervisorErrorCode;
  readonly childId: string | undefined;

  constructor(
    code: SupervisorErrorCode,
    message: string,
    context: { readonly childId?: string; readonly cause?: unknown } = {},
  ) {
    super(message, 'cause' in context ? { cause: context.cause } : undefined);
    this.name = 'SupervisorError';
    this.code = code;
    this.childId = context.childId;
  }
}
