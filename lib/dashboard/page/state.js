/**
 * What the page knows, as a value: each event of the stream makes the next one.
 *
 * @typedef {{
 *   name: string,
 *   kind: 'node' | 'beam' | 'unknown',
 *   runtime: string | null,
 *   version: string | null,
 *   startedAt: number | null,
 *   memoryBytes: number | null,
 *   connections: number | null,
 *   peers: readonly string[],
 * }} ClusterNode
 * @typedef {{ id: string, at: number, type: string, about: string, detail: string, nodes: readonly string[] }} ClusterEvent
 * @typedef {readonly [second: number, increments: number, requests: number, p50Ms: number, p99Ms: number]} LoadPoint
 * @typedef {{ requests: number, increments: number, p50Ms: number, p99Ms: number }} NodeLoad
 * @typedef {{
 *   self: string | undefined,
 *   count: bigint | undefined,
 *   owner: string | undefined,
 *   nodes: ReadonlyMap<string, ClusterNode>,
 *   events: readonly ClusterEvent[],
 *   load: readonly LoadPoint[],
 *   nodeLoad: Readonly<Record<string, NodeLoad>>,
 *   clockSkewMs: number,
 * }} State
 */

const MAX_EVENTS = 100;
const MAX_POINTS = 300;

/** @type {State} */
export const EMPTY = {
  self: undefined,
  count: undefined,
  owner: undefined,
  nodes: new Map(),
  events: [],
  load: [],
  nodeLoad: {},
  clockSkewMs: 0,
};

/**
 * @param {State} state
 * @param {string} type of the event
 * @param {string} json its data
 * @param {number} now milliseconds since 1970, by the clock of this machine
 * @returns {State}
 */
export function next(state, type, json, now) {
  const data = JSON.parse(json);
  switch (type) {
    case 'snapshot':
      return {
        self: data.self,
        count: data.counter === null ? undefined : countIn(json),
        owner: data.owner ?? undefined,
        nodes: new Map(data.nodes.map((/** @type {ClusterNode} */ node) => [node.name, node])),
        events: data.events,
        load: data.load,
        nodeLoad: {},
        clockSkewMs: data.now - now,
      };
    case 'counter':
      return { ...state, count: countIn(json) };
    case 'owner':
      return { ...state, owner: data.node ?? undefined };
    case 'node':
      return { ...state, nodes: new Map(state.nodes).set(data.name, data) };
    case 'gone': {
      const nodes = new Map(state.nodes);
      nodes.delete(data.name);
      return { ...state, nodes };
    }
    case 'event':
      return { ...state, events: withEvent(state.events, data) };
    case 'load':
      return {
        ...state,
        load: [...state.load.slice(1 - MAX_POINTS), data.point],
        nodeLoad: data.nodes,
      };
    default:
      return state;
  }
}

/**
 * The count that an increment of this page was answered with; the stream may know a later one already.
 *
 * @param {State} state
 * @param {string} json the body of the answer
 * @returns {State}
 */
export function counted(state, json) {
  const count = countIn(json);
  if (count === undefined || (state.count !== undefined && count <= state.count)) return state;
  return { ...state, count };
}

/**
 * `JSON.parse` would round what is beyond 2^53. The first count of an answer or an event is the counter's.
 *
 * @param {string} json
 */
function countIn(json) {
  const digits = /"count":(\d+)/.exec(json)?.[1];
  return digits === undefined ? undefined : BigInt(digits);
}

/**
 * Replaces the event, if one more node has seen it, or puts it where its time is.
 *
 * @param {readonly ClusterEvent[]} events oldest first
 * @param {ClusterEvent} event
 */
function withEvent(events, event) {
  const others = events.filter(({ id }) => id !== event.id);
  const before = others.findLastIndex(({ at }) => at <= event.at);
  return others.toSpliced(before + 1, 0, event).slice(-MAX_EVENTS);
}
