import { test } from 'tap';
import { parseCall } from '../../../../lib/distribution/gen-server/envelope.ts';
import {
  IDLE_MONITOR_MS,
  ServerMonitors,
  type WaitingCall,
} from '../../../../lib/distribution/gen-server/server-monitors.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';
import { ImproperList, type Term, tuple } from '../../../../lib/distribution/terms/term.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { CLIENT_ONLY, clientAlone } from '../../../support/gen-server-client.ts';
import { processTable } from '../../../support/process-table.ts';

function setUp() {
  const clock = new FakeClock();
  const { processes, remote } = processTable({ clock });
  const caller = processes.spawnServer({ onMessage: () => {} });
  return { clock, remote, processes, caller, monitors: new ServerMonitors(caller, clock) };
}

class Call implements WaitingCall {
  previousCall: WaitingCall | undefined = undefined;
  nextCall: WaitingCall | undefined = undefined;
  readonly told: Term[] = [];
  onDown(reason: Term): void {
    this.told.push(reason);
  }
}

const remoteServer = (id: number): Pid => new Pid('b@x', id, 0, 1);

test('a server on another node is monitored once, until it was idle for a while', (t) => {
  const { clock, remote, monitors } = setUp();
  const [a, b] = [new Call(), new Call()];
  const monitor = monitors.join(remoteServer(1), a);
  t.equal(monitors.join(remoteServer(1), b), monitor);
  t.same(remote.takeTypes(), ['monitor']);
  monitors.leave(monitor, a);
  t.equal(clock.pending, 0);
  monitors.leave(monitor, b);
  clock.step(IDLE_MONITOR_MS - 1);
  t.equal(monitors.join(remoteServer(1), a), monitor, 'used again');
  monitors.leave(monitor, a);
  clock.step(IDLE_MONITOR_MS);
  t.same(remote.takeTypes(), []);
  clock.step(IDLE_MONITOR_MS);
  t.same(remote.takeTypes(), ['demonitor']);
  t.equal(monitors.size, 0);
  t.equal(clock.pending, 0);
  t.end();
});

test('a monitor in use is not swept', (t) => {
  const { clock, remote, monitors } = setUp();
  const [a, b] = [new Call(), new Call()];
  const busy = monitors.join(remoteServer(1), a);
  monitors.leave(monitors.join(remoteServer(2), b), b);
  clock.step(3 * IDLE_MONITOR_MS);
  t.same(remote.takeTypes(), ['monitor', 'monitor', 'demonitor']);
  t.equal(monitors.size, 1);
  monitors.leave(busy, a);
  clock.step(2 * IDLE_MONITOR_MS);
  t.equal(monitors.size, 0);
  t.end();
});

test('the end of a server is told to every call, once', (t) => {
  const { processes, monitors } = setUp();
  const [a, b] = [new Call(), new Call()];
  const server = processes.spawnServer({ onMessage: () => {} });
  monitors.join(server.pid, a);
  const monitor = monitors.join(server.pid, b);
  server.stop(atom('tired'));
  t.match([...a.told, ...b.told], [{ name: 'tired' }, { name: 'tired' }]);
  t.equal(monitors.size, 0);
  monitors.leave(monitor, a);
  monitors.leave(monitor, b);
  t.equal(processes.sizes.monitors, 0);
  t.end();
});

test('a server on this node is monitored while it is called, and told of at once if it is not', (t) => {
  const { clock, processes, monitors } = setUp();
  const server = processes.spawnServer({ onMessage: () => {} });
  const call = new Call();
  const monitor = monitors.join(server.pid, call);
  t.equal(processes.sizes.monitors, 1);
  monitors.leave(monitor, call);
  t.equal(processes.sizes.monitors, 0);
  server.stop();
  monitors.leave(monitors.join(server.pid, call), call);
  t.match(call.told, [{ name: 'noproc' }]);
  t.equal(monitors.size, 0);
  t.equal(clock.pending, 0);
  t.end();
});

test('stop ends all of them', (t) => {
  const { clock, remote, monitors } = setUp();
  const call = new Call();
  monitors.join(remoteServer(1), call);
  monitors.leave(monitors.join(remoteServer(2), call), call);
  monitors.stop();
  t.same(remote.takeTypes(), ['monitor', 'monitor', 'demonitor', 'demonitor']);
  t.equal(clock.pending, 0);
  t.end();
});

test('calls of one pid share a monitor, which goes when it was not needed for a while', async (t) => {
  const { processes, remote, client, clock } = clientAlone();
  const server = new Pid('b@x', 1, 0, 1);
  const answer = (count: number): void => {
    for (const { signal } of remote.take()) {
      if (signal.type !== 'send') continue;
      const { tag } = parseCall(signal.message)!.from;
      if (!(tag instanceof ImproperList && tag.tail instanceof Reference))
        throw new Error('no alias');
      const message = tuple(tag, count);
      processes.receive('b@x', { type: 'send_alias', from: server, to: tag.tail, message });
    }
  };
  const first = [client.call(server, 1), client.call(server, 2)];
  t.same(
    remote.delivered.map(({ signal }) => signal.type),
    ['monitor', 'send', 'send'],
  );
  answer(7);
  t.same(await Promise.all(first), [7, 7]);
  const third = client.call(server, 3);
  t.same(
    remote.delivered.map(({ signal }) => signal.type),
    ['send'],
  );
  answer(8);
  t.equal(await third, 8);
  clock.step(IDLE_MONITOR_MS);
  t.equal(processes.sizes.monitors, 1);
  clock.step(IDLE_MONITOR_MS);
  t.same(remote.takeTypes(), ['demonitor']);
  t.same(processes.sizes, CLIENT_ONLY);
  t.equal(clock.pending, 0);
});

test('all calls of one pid fail when it ends, and later ones ask anew', async (t) => {
  const { processes, remote, client, clock } = clientAlone();
  const server = new Pid('b@x', 1, 0, 1);
  const calls = [client.call(server, 1), client.call(server, 2)];
  const [monitor] = remote.take();
  if (monitor?.signal.type !== 'monitor') throw new Error('expected a monitor first');
  const { ref, from } = monitor.signal;
  processes.receive('b@x', { type: 'down', from: server, to: from, ref, reason: atom('tired') });
  for (const call of calls) await t.rejects(call, { code: 'exit', message: /tired/ });
  const again = client.call(server, 3);
  t.same(remote.takeTypes(), ['monitor', 'send']);
  processes.nodedown('b@x');
  await t.rejects(again, { code: 'noconnection' });
  t.same(processes.sizes, CLIENT_ONLY);
  t.equal(clock.pending, 0);
});

test('the end of the client takes the monitors that it kept', async (t) => {
  const { processes, remote, client, clock } = clientAlone();
  const call = client.call(new Pid('b@x', 1, 0, 1), 1);
  client.stop();
  await t.rejects(call, { name: 'ProcessExit' });
  t.same(remote.takeTypes(), ['monitor', 'send', 'demonitor']);
  t.equal(processes.sizes.monitors, 0);
  t.equal(clock.pending, 0);
});
