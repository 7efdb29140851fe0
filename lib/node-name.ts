/** Names of nodes, `NAME@HOST`: their form and their parts. */

/** The name of a node outside of any cluster, as in Erlang. */
export const NO_NODE = 'nonode@nohost';

const ALIVE_NAME = /^[0-9A-Za-z_-]+$/;
const HOST = /^[\x21-\x3f\x41-\x7e]+$/;

/** Whether `text` can stand before the `@`: letters, digits, `_` and `-`. */
export function isAliveName(text: string): boolean {
  return ALIVE_NAME.test(text);
}

/**
 * Whether BEAM nodes accept `name`: ASCII, one `@`, before it letters, digits, `_` and `-`, after
 * it something, at most 255 characters in all. Source: OTP `net_kernel`, `valid_name_head/1`.
 */
export function isNodeName(name: string): boolean {
  return name.length <= 255 && isAliveName(aliveName(name)) && HOST.test(hostOf(name));
}

/** The part of a node name before the `@`, as the port mapper knows it. */
export function aliveName(node: string): string {
  return node.slice(0, Math.max(0, node.indexOf('@')));
}

/** The part of a node name after the `@`: where others reach it. */
export function hostOf(node: string): string {
  return node.slice(node.indexOf('@') + 1);
}
