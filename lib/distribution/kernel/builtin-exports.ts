import type { ClusterNode } from '../node/cluster-node.ts';
import { Atom, atom } from '../terms/atom.ts';
import { Pid } from '../terms/pid.ts';
import type { Term } from '../terms/term.ts';
import type { Exports } from './exports.ts';
import type { GlobalNames } from './global/global-names.ts';

const UNDEFINED = atom('undefined');

/**
 * Exports what peers expect of any node: `global:resolve_it/4`, without which conflicts over our
 * names could not be settled, and a few questions that change nothing.
 */
export function addBuiltinExports(exports: Exports, node: ClusterNode, global: GlobalNames): void {
  const { processes } = node;
  exports.add('erlang', 'node', 0, () => atom(node.name));
  exports.add('erlang', 'nodes', 0, () => node.nodes().map((name) => atom(name)));
  exports.add('erlang', 'whereis', 1, ([name]) => {
    const pid = name instanceof Atom ? processes.whereis(name.name) : undefined;
    return pid ?? UNDEFINED;
  });
  exports.add('erlang', 'is_process_alive', 1, ([pid]) =>
    truth(pid instanceof Pid && processes.isAlive(pid)),
  );
  exports.add('erlang', 'registered', 0, () => processes.registered().map((name) => atom(name)));
  exports.add('global', 'whereis_name', 1, ([name]) => global.whereisName(name!) ?? UNDEFINED);
  exports.add('global', 'registered_names', 0, () => global.registeredNames());
  exports.add('global', 'resolve_it', 4, ([method, name, pid1, pid2]) => {
    if (!(pid1 instanceof Pid) || !(pid2 instanceof Pid)) {
      throw new TypeError('expected two pids as the third and fourth argument');
    }
    return global.resolveIt(method!, name!, pid1, pid2);
  });
}

function truth(value: boolean): Term {
  return atom(value ? 'true' : 'false');
}
