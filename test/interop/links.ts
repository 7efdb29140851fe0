/** Links and exit signals between processes of ours and of a live erl, in both directions. */
import t, { type Test } from 'tap';
import {
  atom,
  inspectTerm,
  isTuple,
  type Pid,
  type Process,
} from '../../lib/distribution/index.ts';
import { RemoteActor, receiveText, startCluster } from '../support/interop.ts';
import { erlangPeer, until } from '../support/peers.ts';

const NORMAL = atom('normal');
const BOOM = atom('boom');
const PING = atom('ping');
const KILL = atom('kill');

interface Pair {
  readonly ours: Process;
  readonly theirs: RemoteActor;
  readonly theirPid: Pid;
}

t.test('links and exits', { skip: erlangPeer.skip }, async (t) => {
  const cluster = await startCluster(t);
  const [node, erl] = await Promise.all([cluster.node('ours'), cluster.erl('erl')]);
  await node.connect(erl);
  let pairs = 0;

  /** One process on either side that know each other; either may trap exits. */
  async function pair({
    trap = 'none',
  }: {
    trap?: 'ours' | 'theirs' | 'none';
  } = {}): Promise<Pair> {
    pairs += 1;
    const ours = node.actor(undefined, { trapExit: trap === 'ours' });
    const theirs = await RemoteActor.start(erl, `theirs${pairs}`);
    const theirPid = await theirs.meet(ours);
    await theirs.eval(`process_flag(trap_exit, ${trap === 'theirs'})`);
    return { ours, theirs, theirPid };
  }

  /** Shows that theirs has lived through everything that ours sent it before. */
  async function theirsLives(t: Test, { ours, theirs, theirPid }: Pair): Promise<void> {
    ours.send(theirPid, PING);
    t.equal(await theirs.receive(), 'ping', 'theirs lives on');
  }

  /** Shows that ours has lived through everything that theirs sent it before. */
  async function oursLives(t: Test, { ours, theirs }: Pair): Promise<void> {
    await theirs.eval('P ! ping');
    t.equal(await receiveText(ours), 'ping', 'ours lives on');
  }

  const linked = {
    'linked by erl': async ({ theirs, ...rest }: Pair) => {
      await theirs.eval('link(P)');
      await oursLives(t, { theirs, ...rest });
    },
    'linked by us': async ({ ours, theirPid, ...rest }: Pair) => {
      ours.link(theirPid);
      await theirsLives(t, { ours, theirPid, ...rest });
    },
  };

  for (const [how, link] of Object.entries(linked)) {
    await t.test(how, async (t) => {
      await t.test('our end ends theirs', async (t) => {
        const both = await pair();
        await link(both);
        both.ours.stop(BOOM);
        t.equal(await both.theirs.ended(), 'boom');
      });

      await t.test('our end is a message to one that traps exits', async (t) => {
        const both = await pair({ trap: 'theirs' });
        await link(both);
        both.ours.stop(BOOM);
        t.equal(
          await both.theirs.eval("receive {'EXIT', P, Why} -> Why after 5000 -> nothing end"),
          'boom',
        );
      });

      await t.test('our normal end is none of theirs', async (t) => {
        const both = await pair();
        await link(both);
        both.ours.stop(NORMAL);
        const other = node.actor();
        await theirsLives(t, { ...both, ours: other });
        other.stop();
      });

      await t.test('their end ends ours', async (t) => {
        const both = await pair();
        await link(both);
        await erl.eval(`exit(whereis(${both.theirs.name}), boom)`);
        t.equal(inspectTerm(await both.ours.exited), 'boom');
      });

      await t.test('their end is a message to ours if it traps exits', async (t) => {
        const both = await pair({ trap: 'ours' });
        await link(both);
        await erl.eval(`exit(whereis(${both.theirs.name}), {because, [1.0, "text"]})`);
        const message = await both.ours.receive({ timeoutMs: 5_000 });
        t.ok(isTuple(message, 3, 'EXIT') && both.theirPid.equals(message.elements[1] as Pid));
        t.match(inspectTerm(message), '{because,[1.0,"text"]}');
        both.ours.stop();
      });

      await t.test('their normal end is none of ours', async (t) => {
        const both = await pair();
        await link(both);
        const other = await pair();
        await both.theirs.eval('exit(self(), normal)').catch(() => undefined);
        t.equal(await both.theirs.ended(), 'normal');
        other.ours.send(other.theirPid, both.ours.pid);
        await other.theirs.eval('receive O -> O ! ping end');
        t.equal(await receiveText(both.ours), 'ping', 'ours lives on');
        both.ours.stop();
        other.ours.stop();
      });

      await t.test('unlinked by erl, no end crosses over', async (t) => {
        const both = await pair();
        await link(both);
        await both.theirs.eval('unlink(P)');
        await oursLives(t, both);
        both.ours.stop(BOOM);
        const other = node.actor();
        await theirsLives(t, { ...both, ours: other });
        other.stop();
      });

      await t.test('unlinked by us, no end crosses over', async (t) => {
        const both = await pair();
        await link(both);
        both.ours.unlink(both.theirPid);
        await theirsLives(t, both);
        await erl.eval(`exit(whereis(${both.theirs.name}), boom)`);
        t.equal(await both.theirs.ended(), 'boom');
        const other = await pair();
        other.ours.send(other.theirPid, both.ours.pid);
        await other.theirs.eval('receive O -> O ! ping end');
        t.equal(await receiveText(both.ours), 'ping', 'ours lives on');
        both.ours.stop();
        other.ours.stop();
      });

      await t.test('linked, unlinked and linked again, it is a link', async (t) => {
        const both = await pair();
        for (let i = 0; i < 5; i += 1) {
          both.ours.link(both.theirPid);
          both.ours.unlink(both.theirPid);
        }
        await theirsLives(t, both);
        await link(both);
        both.ours.stop(BOOM);
        t.equal(await both.theirs.ended(), 'boom');
      });
    });
  }

  await t.test('linked from both sides, an unlink by either ends it', async (t) => {
    const both = await pair();
    both.ours.link(both.theirPid);
    await both.theirs.eval('link(P), unlink(P)');
    await oursLives(t, both);
    t.strictSame(node.local.processes.linksOf(both.ours.pid), []);
    t.equal(await both.theirs.eval('element(2, process_info(self(), links))'), '[]');
    both.ours.stop();
  });

  await t.test('a link to a dead process gives noproc', async (t) => {
    const theirs = await pair({ trap: 'theirs' });
    theirs.ours.stop();
    await theirs.theirs.eval('link(P)');
    t.match(await theirs.theirs.receive(), /^\{'EXIT',<.*>,noproc\}$/);

    const ours = await pair({ trap: 'ours' });
    await erl.eval(`exit(whereis(${ours.theirs.name}), kill)`);
    t.equal(await ours.theirs.ended(), 'killed');
    ours.ours.link(ours.theirPid);
    t.match(await receiveText(ours.ours), /^\{'EXIT',<.*>,noproc\}$/);
    ours.ours.stop();
  });

  await t.test('exit/2 with kill cannot be trapped', async (t) => {
    const both = await pair({ trap: 'theirs' });
    both.ours.exit(both.theirPid, KILL);
    t.equal(await both.theirs.ended(), 'killed');
    both.ours.stop();

    const reverse = await pair({ trap: 'ours' });
    await reverse.theirs.eval('exit(P, kill)');
    t.equal(inspectTerm(await reverse.ours.exited), 'killed');
  });

  await t.test('exit/2 with another reason ends, or is a message', async (t) => {
    const both = await pair();
    both.ours.exit(both.theirPid, BOOM);
    t.equal(await both.theirs.ended(), 'boom');
    await both.ours.stop();

    const trapped = await pair({ trap: 'theirs' });
    trapped.ours.exit(trapped.theirPid, BOOM);
    t.match(await trapped.theirs.receive(), /^\{'EXIT',<.*>,boom\}$/);
    trapped.ours.stop();

    const reverse = await pair();
    await reverse.theirs.eval('exit(P, boom)');
    t.equal(inspectTerm(await reverse.ours.exited), 'boom');

    const trapping = await pair({ trap: 'ours' });
    await trapping.theirs.eval('exit(P, boom)');
    t.match(await receiveText(trapping.ours), /^\{'EXIT',<.*>,boom\}$/);
    trapping.ours.stop();
  });

  await t.test('exit/2 with normal is ignored, or is a message', async (t) => {
    const both = await pair();
    both.ours.exit(both.theirPid, NORMAL);
    await theirsLives(t, both);
    await both.theirs.eval('exit(P, normal)');
    await oursLives(t, both);
    both.ours.stop();

    const trapping = await pair({ trap: 'ours' });
    await trapping.theirs.eval('exit(P, normal)');
    t.match(await receiveText(trapping.ours), /^\{'EXIT',<.*>,normal\}$/);
    trapping.ours.stop();
  });

  await t.test('kill as the reason of an end over a link is a reason like any other', async (t) => {
    const both = await pair({ trap: 'theirs' });
    both.ours.link(both.theirPid);
    await theirsLives(t, both);
    both.ours.stop(KILL);
    t.match(await both.theirs.receive(), /^\{'EXIT',<.*>,kill\}$/);

    const reverse = await pair({ trap: 'ours' });
    await reverse.theirs.eval('spawn(fun() -> link(P), exit(kill) end)');
    t.match(await receiveText(reverse.ours), /^\{'EXIT',<.*>,kill\}$/);
    reverse.ours.stop();
  });

  await t.test('spawn_link on our node', async (t) => {
    node.node.kernel.export('test', 'wait', 1, async ([reason], self) => {
      const message = await self.receive();
      if (inspectTerm(message) === 'go') self.stop(reason);
      return message;
    });
    const at = `'${node.name}'`;
    const theirs = await RemoteActor.start(erl, 'spawner');
    await theirs.eval('process_flag(trap_exit, true)');
    await theirs.eval(`S1 = spawn_link(${at}, test, wait, [boom])`);
    t.equal(await theirs.eval('node(S1)'), at);
    await theirs.eval('S1 ! go');
    t.equal(await theirs.eval("receive {'EXIT', S1, R1} -> R1 after 5000 -> nothing end"), 'boom');
    await theirs.eval(`S2 = spawn_link(${at}, test, wait, [boom])`);
    await theirs.eval('S2 ! return');
    t.equal(
      await theirs.eval("receive {'EXIT', S2, R2} -> R2 after 5000 -> nothing end"),
      'normal',
    );
    await theirs.eval(`{S3, M3} = spawn_monitor(${at}, test, wait, [boom])`);
    await theirs.eval('S3 ! go');
    t.equal(
      await theirs.eval("receive {'DOWN', M3, process, S3, R3} -> R3 after 5000 -> nothing end"),
      'boom',
    );
    await theirs.eval(`S4 = spawn_link(${at}, test, nothing, [a])`);
    t.equal(
      await theirs.eval("receive {'EXIT', S4, R4} -> R4 after 5000 -> nothing end"),
      '{undef,[{test,nothing,[a],[]}]}',
    );
    await theirs.eval(`S5 = spawn_link(${at}, test, wait, [boom])`);
    t.equal(await theirs.eval(`rpc:call(${at}, erlang, is_process_alive, [S5])`), 'true');
    await theirs.eval('exit(self(), kill)').catch(() => undefined);
    await until(() => node.local.processes.sizes.links === 0, { what: 'our end of the link gone' });
  });

  await t.test('a lost connection ends links with noconnection', async (t) => {
    const trapping = await pair({ trap: 'ours' });
    trapping.ours.link(trapping.theirPid);
    const plain = await pair();
    plain.ours.link(plain.theirPid);
    const theirs = await pair({ trap: 'theirs' });
    await theirs.theirs.eval('link(P)');
    await oursLives(t, theirs);
    node.local.disconnect(erl.name);
    t.match(await receiveText(trapping.ours), /^\{'EXIT',<.*>,noconnection\}$/);
    t.equal(inspectTerm(await plain.ours.exited), 'noconnection');
    t.match(await theirs.theirs.receive(), /^\{'EXIT',<.*>,noconnection\}$/);
    trapping.ours.stop();
    theirs.ours.stop();
  });

  await t.test('erl killed with SIGKILL', async (t) => {
    const victim = await cluster.erl('victim');
    const theirs = await RemoteActor.start(victim, 'theirs');
    const ours = node.actor(undefined, { trapExit: true });
    ours.link(await theirs.meet(ours));
    ours.send({ name: 'theirs', node: victim.name }, PING);
    t.equal(await theirs.receive(), 'ping');
    await victim.kill();
    t.match(await receiveText(ours), /^\{'EXIT',<.*>,noconnection\}$/);
    ours.stop();
  });

  await t.test('nothing is left behind', async (t) => {
    await node.connect(erl);
    await until(() => node.local.processes.sizes.links === 0, {
      what: () => `no links; there are ${JSON.stringify(node.local.processes.sizes)}`,
    });
    t.equal(node.local.processes.sizes.names, node.initialSizes.names);
  });

  await t.test('our node stops: its processes end with shutdown', async (t) => {
    const both = await pair({ trap: 'theirs' });
    await both.theirs.eval('link(P)');
    await oursLives(t, both);
    await node.stop();
    t.match(await both.theirs.receive(), /^\{'EXIT',<.*>,shutdown\}$/);
    await erl.evalUntil('nodes()', '[]');
  });

  t.notMatch(erl.log, /error/i);
});
