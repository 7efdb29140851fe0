/** Whether several instances answer, and are one cluster. */
import { type Check, nodes } from './endpoints.ts';
import { CheckFailure } from './visitor.ts';

/** Requests for each instance that is expected: by chance alone, one in 10^8 checks would miss one. */
const REQUESTS_PER_INSTANCE = 20;

/** As many instances answer as are expected, and those that do see the same cluster. */
export function instancesCheck(expected: number): Check {
  return {
    title: expected === 1 ? 'instances see each other' : `${expected} instances answer`,
    async run(visitor) {
      const views = new Map<string, string>();
      const most = REQUESTS_PER_INSTANCE * expected * (1 + Math.ceil(Math.log2(expected)));
      let requests = 0;
      for (; requests < most && (views.size < expected || requests < REQUESTS_PER_INSTANCE); ) {
        const { body } = await visitor.json('/nodes', nodes);
        requests += 1;
        views.set(body.current_node, [...body.all_nodes].sort().join(', '));
      }
      const names = [...views.keys()].sort();
      if (names.length < expected) {
        throw new CheckFailure(
          `expected answers of ${expected} instances, got those of ${names.length} in ${requests} requests: ${names.join(', ')}`,
        );
      }
      const clusters = [...new Set(views.values())];
      const [cluster = ''] = clusters;
      if (clusters.length > 1) {
        const told = [...views].map(([node, view]) => `${node} sees ${view}`);
        throw new CheckFailure(`they are not one cluster: ${told.join('; ')}`);
      }
      const inCluster = cluster.split(', ');
      const strangers = names.filter((name) => !inCluster.includes(name));
      if (strangers.length > 0) {
        throw new CheckFailure(
          `${strangers.join(', ')} answered and is not in the cluster ${cluster}`,
        );
      }
      return `${names.join(', ')} answered ${requests} requests; the cluster is ${cluster}`;
    },
  };
}
