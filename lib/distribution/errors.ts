/**
 * Every error class and code of the distribution. Callers branch on `code`, never on the message.
 * A message names what was expected and what came; it never holds a cookie.
 */

/** Codes of {@link TermError}. */
export type TermErrorCode =
  | 'truncated'
  | 'unknown_tag'
  | 'invalid_term'
  | 'limit_exceeded'
  | 'trailing_bytes'
  | 'unencodable';

/** Codes of {@link FrameError}. */
export type FrameErrorCode =
  | 'frame_too_long'
  | 'unexpected_body'
  | 'invalid_header'
  | 'invalid_control_message'
  | 'invalid_fragment'
  | 'limit_exceeded';

/** Codes of {@link HandshakeError}. */
export type HandshakeErrorCode =
  | 'unexpected_message'
  | 'invalid_message'
  | 'missing_flags'
  | 'bad_cookie'
  | 'wrong_node'
  | 'not_allowed'
  | 'nok'
  | 'already_connected'
  | 'timeout'
  | 'closed';

/** Codes of {@link EpmdError}. */
export type EpmdErrorCode =
  | 'truncated'
  | 'unexpected_tag'
  | 'invalid_message'
  | 'refused'
  | 'name_taken'
  | 'timeout'
  | 'closed'
  | 'too_long'
  | 'unreachable';

/** Codes of {@link ConnectionError}. */
export type ConnectionErrorCode =
  | 'unknown_node'
  | 'unreachable'
  | 'send_queue_full'
  | 'disconnect'
  | 'closed'
  | 'distribution_off';

/** Codes of {@link CallError}. */
export type CallErrorCode =
  | 'timeout'
  | 'noproc'
  | 'noconnection'
  | 'calling_self'
  | 'exit'
  | 'bad_reply';

/** Codes of {@link ProcessError}. */
export type ProcessErrorCode =
  | 'name_taken'
  | 'already_registered'
  | 'bad_name'
  | 'noproc'
  | 'stopped';

/** Every code. Codes repeat between classes: the `timeout` of a handshake is not that of a call. */
export type DistributionErrorCode =
  | TermErrorCode
  | FrameErrorCode
  | HandshakeErrorCode
  | EpmdErrorCode
  | ConnectionErrorCode
  | CallErrorCode
  | ProcessErrorCode;

/** Typed facts about the failure; which are present depends on the class. */
export interface ErrorContext {
  /** byte offset in the input at which decoding failed */
  readonly offset?: number;
  /** control message operation number */
  readonly operation?: number;
  /** the peer's node name */
  readonly node?: string;
  /** the step of a handshake or of a connection's life */
  readonly phase?: string;
  /** the exit reason behind a failed call, as a term of the distribution */
  readonly exitReason?: unknown;
  readonly cause?: unknown;
}

/** What all errors of the distribution have in common: a code to branch on, and typed context. */
export class DistributionError extends Error {
  readonly code: DistributionErrorCode;
  readonly context: ErrorContext;

  constructor(code: DistributionErrorCode, message: string, context: ErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.name = new.target.name;
    this.code = code;
    this.context = context;
  }
}

/** Bytes that are not a term, a term beyond a limit, or a value that is not a term. */
export class TermError extends DistributionError {
  declare readonly code: TermErrorCode;
  constructor(code: TermErrorCode, message: string, context?: ErrorContext) {
    super(code, message, context);
  }
}

/** A frame, distribution header, fragment or control message that breaks the protocol. */
export class FrameError extends DistributionError {
  declare readonly code: FrameErrorCode;
  constructor(code: FrameErrorCode, message: string, context?: ErrorContext) {
    super(code, message, context);
  }
}

/** The set-up of a connection was refused by us or by the peer. */
export class HandshakeError extends DistributionError {
  declare readonly code: HandshakeErrorCode;
  constructor(code: HandshakeErrorCode, message: string, context?: ErrorContext) {
    super(code, message, context);
  }
}

/** The port mapper refused, did not answer, or answered something else. */
export class EpmdError extends DistributionError {
  declare readonly code: EpmdErrorCode;
  constructor(code: EpmdErrorCode, message: string, context?: ErrorContext) {
    super(code, message, context);
  }
}

/** A connection could not be made, or ended. */
export class ConnectionError extends DistributionError {
  declare readonly code: ConnectionErrorCode;
  constructor(code: ConnectionErrorCode, message: string, context?: ErrorContext) {
    super(code, message, context);
  }
}

/** A GenServer call got no reply; `context.exitReason` says why when the server ended. */
export class CallError extends DistributionError {
  declare readonly code: CallErrorCode;
  constructor(code: CallErrorCode, message: string, context?: ErrorContext) {
    super(code, message, context);
  }
}

/** A process or a registered name is not in the state that an operation on it needs. */
export class ProcessError extends DistributionError {
  declare readonly code: ProcessErrorCode;
  constructor(code: ProcessErrorCode, message: string, context?: ErrorContext) {
    super(code, message, context);
  }
}
