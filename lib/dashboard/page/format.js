/** Values in words, as a person reads them. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const twoDigits = new Intl.NumberFormat('en', { maximumSignificantDigits: 2 });
const minutes = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short' });
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

/**
 * A count with separators; its digits stay exact, however many there are.
 *
 * @param {bigint} count
 */
export function formatCount(count) {
  return whole.format(count);
}

/** @param {number} perSecond */
export function formatRate(perSecond) {
  return perSecond < 10 ? tenths.format(perSecond) : whole.format(perSecond);
}

/** @param {number} ms */
export function formatLatency(ms) {
  if (ms >= 1000) return `${tenths.format(ms / 1000)} s`;
  return `${ms < 10 ? twoDigits.format(ms) : whole.format(ms)} ms`;
}

/** @param {number} bytes */
export function formatBytes(bytes) {
  const mega = bytes / 1e6;
  return mega >= 1000 ? `${tenths.format(mega / 1000)} GB` : `${whole.format(mega)} MB`;
}

/**
 * The two greatest units of a duration.
 *
 * @param {number} ms
 */
export function formatDuration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = /** @type {const} */ ([
    ['d', Math.floor(seconds / 86_400)],
    ['h', Math.floor(seconds / 3600) % 24],
    ['min', Math.floor(seconds / 60) % 60],
    ['s', seconds % 60],
  ]);
  const first = parts.findIndex(([, amount]) => amount > 0);
  if (first < 0) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([, amount]) => amount > 0)
    .map(([unit, amount]) => `${amount} ${unit}`)
    .join(' ');
}

/** @param {number} at milliseconds since 1970 */
export function formatMinute(at) {
  return minutes.format(at);
}

/** @param {number} at milliseconds since 1970 */
export function formatTime(at) {
  return clock.format(at);
}

/**
 * The shortest names that tell the nodes apart: what is before the `@`, or after it, or all.
 *
 * @param {readonly string[]} names
 * @returns {Map<string, string>}
 */
export function shortNames(names) {
  for (const part of [0, 1]) {
    const short = names.map((name) => name.split('@')[part] ?? name);
    if (new Set(short).size === names.length) {
      return new Map(names.map((name, at) => [name, short[at] ?? name]));
    }
  }
  return new Map(names.map((name) => [name, name]));
}

/**
 * @param {readonly string[]} items
 * @returns {string} `a`, `a and b`, `a, b and c`
 */
export function listOf(items) {
  if (items.length < 2) return items.join('');
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}
