/**
 * Where the nodes of a picture are: on an ellipse, the first one at its top, so that each of them has room
 * for its name and no link runs through a third node.
 *
 * @typedef {{ x: number, y: number }} Point
 */

/**
 * @param {readonly string[]} names one at least
 * @param {{ width: number, height: number }} size
 * @returns {Map<string, Point>}
 */
export function layout(names, { width, height }) {
  const centre = { x: width / 2, y: height / 2 };
  if (names.length === 1) return new Map([[names[0] ?? '', centre]]);
  const radius = { x: Math.max(width * 0.3, width / 2 - 110), y: height / 2 - 76 };
  // Two nodes are side by side, where there is more room.
  const start = names.length === 2 ? Math.PI : -Math.PI / 2;
  const angles = names.map((_, at) => start + (at / names.length) * 2 * Math.PI);
  // An odd number of nodes reaches further up than down.
  const heights = angles.map((angle) => radius.y * Math.sin(angle));
  const middle = (Math.min(...heights) + Math.max(...heights)) / 2;
  return new Map(
    names.map((name, at) => {
      const x = centre.x + radius.x * Math.cos(angles[at] ?? 0);
      return [name, { x, y: centre.y + (heights[at] ?? 0) - middle }];
    }),
  );
}

/**
 * The links that are known of: a node that tells names its peers, one that does not is named by others.
 *
 * @param {Iterable<{ name: string, peers: readonly string[] }>} nodes
 * @returns {{ key: string, a: string, b: string }[]}
 */
export function linksOf(nodes) {
  const all = [...nodes];
  const names = new Set(all.map(({ name }) => name));
  /** @type {Map<string, { key: string, a: string, b: string }>} */
  const links = new Map();
  for (const { name, peers } of all) {
    for (const peer of peers) {
      if (!names.has(peer) || peer === name) continue;
      const [a, b] = name < peer ? [name, peer] : [peer, name];
      links.set(`${a} ${b}`, { key: `${a} ${b}`, a, b });
    }
  }
  return [...links.values()];
}
