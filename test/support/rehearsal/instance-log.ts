/** What one instance wrote: kept without the lines of its many requests, of which only failures stay. */

export class InstanceLog {
  readonly #lines: string[] = [];
  #rest = '';
  /** lines of requests that were answered with a 5xx */
  readonly serverErrors: string[] = [];
  /** what it said last about the counter, and when: `taken_over`, `handed_over`, … */
  ownerEvent: { readonly event: string; readonly atMs: number } | undefined;

  /** Takes what a process wrote, cut anywhere. @returns the lines that are complete by now */
  add(text: string): readonly string[] {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#take(line);
    return lines;
  }

  /** The process has ended: what it wrote last has no end of line perhaps. */
  end(): void {
    if (this.#rest !== '') this.#take(this.#rest);
    this.#rest = '';
  }

  /** The last lines, for a person who looks for a cause. */
  tail(count = 40): string {
    return this.#lines.slice(-count).join('\n');
  }

  #take(line: string): void {
    if (line.includes('"msg":"request"')) {
      if (!/"status":5\d\d/.test(line)) return;
      this.serverErrors.push(line);
    }
    this.#lines.push(line);
    const event = /"event":"counter\.owner\.(\w+)"/.exec(line)?.[1];
    const time = /"time":"([^"]+)"/.exec(line)?.[1];
    if (event !== undefined && time !== undefined) {
      this.ownerEvent = { event, atMs: Date.parse(time) };
    }
  }
}
