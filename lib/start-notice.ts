/** What a program tells the process that started it, so that nobody has to guess from outside. */

/** The only message there is: the program serves. */
export const STARTED = 'started';

/** The part of `process` that matters here. */
export interface NoticeChannel {
  readonly send?:
    | ((
        message: string,
        handle: undefined,
        options: undefined,
        callback: (error: Error | null) => void,
      ) => boolean)
    | undefined;
}

/** Says {@link STARTED} over the IPC channel, if there is one. */
export function noticeStarted(channel: NoticeChannel = process): void {
  // A parent that has just ended hears nothing; the end of the channel is noticed elsewhere.
  channel.send?.(STARTED, undefined, undefined, () => {});
}
