import { test } from 'tap';
import {
  IDLE_MONITOR_MS,
  ServerMonitors,
  type WaitingCall,
} from '../../../../lib/distribution/gen-server/server-monitors.ts';
import { ProcessTable } from '../../../../lib/distribution/process/process-table.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import type { Term } from '../../../../lib/distribution/terms/term.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { RecordingRemote } from '../../../support/recording-remote.ts';

function setUp() {
  const clock = new FakeClock();
  const remote = new RecordingRemote();
  const processes = new ProcessTable({ node: 'a@x', creation: 1, remote, clock });
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
