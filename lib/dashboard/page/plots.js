/**
 * The load of the last minutes, drawn by uPlot, and said in words for those who do not see it.
 *
 * @import { LoadPoint, State } from './state.js'
 */
import { formatLatency, formatMinute, formatRate } from './format.js';

const MINUTES = 5;
const HEIGHT = 170;
const HELD_S = 8;

/** @typedef {{ setData(data: (number | null)[][]): void, setSize(size: { width: number, height: number }): void, destroy(): void }} UPlot */
/** @typedef {{ uPlot: new (options: object, data: (number | null)[][], host: HTMLElement) => UPlot }} UPlotScope */

export class Plots {
  #rate = new Plot('rate', [{ color: '--rate', fill: '--rate-fill' }], formatRate);
  #latency = new Plot(
    'latency',
    [{ color: '--p99', dash: [5, 4] }, { color: '--p50' }],
    formatLatency,
  );
  #spokenAt = Number.NEGATIVE_INFINITY;

  /** @param {State} state @param {number} nowMs monotonic */
  show({ load }, nowMs) {
    const points = evenly(load);
    const seconds = points.map(([second]) => second);
    this.#rate.show([seconds, points.map(([, increments]) => increments)]);
    this.#latency.show([seconds, latencies(points, 4), latencies(points, 3)]);
    const last = points.at(-1);
    write('rate-now', last === undefined ? '' : `${formatRate(last[1])} now`);
    const isBusy = last !== undefined && last[2] > 0;
    write('p50-now', isBusy ? formatLatency(last[3]) : '–');
    write('p99-now', isBusy ? formatLatency(last[4]) : '–');
    if (nowMs - this.#spokenAt < 2000) return;
    this.#spokenAt = nowMs;
    write('rate-text', rateInWords(points));
    write('latency-text', latencyInWords(points));
  }
}

/**
 * One point for each second up to the last one known; those that are missing, because the page was not
 * connected, are not drawn.
 *
 * @param {readonly LoadPoint[]} load
 */
function evenly(load) {
  const last = load.at(-1)?.[0];
  if (last === undefined) return [];
  return load.filter(([second]) => second > last - MINUTES * 60);
}

/**
 * A second without requests has no latency, which is something else than one of 0. What was last known is
 * held for a moment, so that a few requests now and then make a line.
 *
 * @param {readonly LoadPoint[]} points
 * @param {3 | 4} at
 */
function latencies(points, at) {
  let held = 0;
  let ageS = HELD_S;
  return points.map((point) => {
    if (point[2] > 0) {
      held = point[at];
      ageS = 0;
    } else ageS += 1;
    return ageS < HELD_S ? held : null;
  });
}

/** @param {readonly LoadPoint[]} points */
function rateInWords(points) {
  if (points.length === 0) return 'No data yet.';
  const highest = Math.max(...points.map(([, increments]) => increments));
  const now = points.at(-1)?.[1] ?? 0;
  return `Last ${MINUTES} minutes: ${formatRate(now)} now, ${formatRate(highest)} at most.`;
}

/** @param {readonly LoadPoint[]} points */
function latencyInWords(points) {
  const busy = points.filter(([, , requests]) => requests > 0);
  const last = busy.at(-1);
  if (last === undefined) return `No requests in the last ${MINUTES} minutes.`;
  const worst = Math.max(...busy.map(([, , , , p99]) => p99));
  const words = `median ${formatLatency(last[3])}, 99 percent within ${formatLatency(last[4])}`;
  return `Last second with requests: ${words}. Worst of the last ${MINUTES} minutes: ${formatLatency(worst)}.`;
}

class Plot {
  #host;
  #series;
  #format;
  /** @type {UPlot | undefined} */
  #plot;
  /** @type {(number | null)[][]} */
  #data = [];

  /**
   * @param {string} id
   * @param {readonly { color: string, fill?: string, dash?: number[] }[]} series names of CSS variables
   * @param {(value: number) => string} format
   */
  constructor(id, series, format) {
    this.#host = /** @type {HTMLElement} */ (document.getElementById(id));
    this.#series = series;
    this.#format = format;
    new ResizeObserver(() => {
      this.#plot?.setSize({ width: this.#host.clientWidth, height: HEIGHT });
    }).observe(this.#host);
    // Colours are drawn, so a change of the theme means a new drawing.
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.#plot?.destroy();
      this.#plot = undefined;
      this.show(this.#data);
    });
  }

  /** @param {(number | null)[][]} data */
  show(data) {
    this.#data = data;
    if (this.#plot === undefined) this.#plot = this.#make(data);
    else this.#plot.setData(data);
  }

  /** @param {(number | null)[][]} data @returns {UPlot} */
  #make(data) {
    const style = getComputedStyle(document.documentElement);
    const color = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const axis = {
      stroke: color('--muted'),
      font: '12px system-ui, sans-serif',
      grid: { stroke: color('--grid'), width: 1 },
      ticks: { show: false },
    };
    // A script of its own has defined it.
    const { uPlot } = /** @type {UPlotScope} */ (/** @type {unknown} */ (globalThis));
    return new uPlot(
      {
        width: this.#host.clientWidth,
        height: HEIGHT,
        padding: [8, 20, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: {
            range: (
              /** @type {unknown} */ _plot,
              /** @type {number} */ _min,
              /** @type {number} */ max,
            ) => [max - MINUTES * 60, max],
          },
          y: {
            range: (
              /** @type {unknown} */ _plot,
              /** @type {number} */ _min,
              /** @type {number} */ max,
            ) => [0, Math.max(1, max * 1.15)],
          },
        },
        axes: [
          {
            ...axis,
            size: 30,
            space: 40,
            // Whole minutes, since that is what is written.
            incrs: [60, 120, 300],
            grid: { show: false },
            values: (/** @type {unknown} */ _plot, /** @type {number[]} */ seconds) =>
              seconds.map((second) => formatMinute(second * 1000)),
          },
          {
            ...axis,
            size: 62,
            space: 36,
            values: (/** @type {unknown} */ _plot, /** @type {number[]} */ values) =>
              values.map(this.#format),
          },
        ],
        series: [
          {},
          ...this.#series.map(({ color: stroke, fill, dash }) => ({
            stroke: color(stroke),
            width: 2,
            ...(fill === undefined ? {} : { fill: color(fill) }),
            ...(dash === undefined ? {} : { dash }),
            points: { show: false },
          })),
        ],
      },
      data,
      this.#host,
    );
  }
}

/** @param {string} id @param {string} text */
function write(id, text) {
  const found = document.getElementById(id);
  if (found !== null && found.textContent !== text) found.textContent = text;
}
