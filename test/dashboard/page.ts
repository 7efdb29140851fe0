/** The live page in a real browser, served by the built program as three processes. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { z } from 'zod';
import { skipWithoutChromium, TestBrowser } from '../support/browser.ts';
import { freePort } from '../support/free-ports.ts';
import { erlangPeer, startErl, until } from '../support/peers.ts';
import { type Program, startProgram } from '../support/program.ts';
import { startRelay } from '../support/relay.ts';

// A browser and three processes, on a machine that may be busy with other tests.
t.setTimeout(300_000);

const COOKIE = 'dashboard-test';
const nameOf = (number: number): string => `node${number}@127.0.0.1`;

interface World {
  readonly browser: TestBrowser;
  readonly epmdPort: number;
  /** by the names of their nodes */
  readonly programs: Map<string, Program>;
}

/** A browser and a cluster of three, for one test and its subtests. */
async function start(t: Test): Promise<World> {
  const epmdPort = await freePort();
  const browser = await TestBrowser.start();
  t.teardown(() => browser.stop());
  const programs = new Map<string, Program>();
  t.teardown(() => Promise.all([...programs.values()].map((program) => program.kill('SIGKILL'))));
  for (let number = 1; number <= 3; number += 1) {
    const program = await startProgram({
      env: {
        ...{ NODE_NAME: nameOf(number), ERLANG_COOKIE: COOKIE, HOST: '127.0.0.1' },
        ERL_EPMD_PORT: String(epmdPort),
      },
    });
    programs.set(nameOf(number), program);
  }
  return { browser, epmdPort, programs };
}

const urlOf = ({ programs }: World, number: number): string =>
  `${programs.get(nameOf(number))?.url}`;

/** What the page shows, as a person reads it. */
const shownSchema = z.object({
  connection: z.string(),
  count: z.string(),
  owner: z.string(),
  picture: z.array(z.object({ label: z.string(), kinds: z.array(z.string()) })),
  links: z.number(),
  description: z.string(),
  rows: z.array(z.array(z.string())),
  events: z.array(z.string()),
});

async function shown(page: Page): Promise<z.infer<typeof shownSchema>> {
  const read = await page.evaluate(`(() => {
    const text = (element) => element?.textContent?.trim() ?? '';
    const all = (selector) => [...document.querySelectorAll(selector)];
    return {
      connection: text(document.querySelector('#connection')),
      count: text(document.querySelector('#count')),
      owner: text(document.querySelector('#owner')),
      picture: all('#nodes .node:not(.leaving)').map((node) => ({
        label: text(node.querySelector('.label')), kinds: [...node.classList],
      })),
      links: all('#links line').length,
      description: text(document.querySelector('#picture-text')),
      rows: all('#rows tr').map((row) => [...row.children].map(text)),
      events: all('#events .what').map(text),
    };
  })()`);
  return shownSchema.parse(read);
}

/** Waits until the page shows something. */
async function shows(
  page: Page,
  what: string,
  check: (now: z.infer<typeof shownSchema>) => boolean,
  timeoutMs = 30_000,
): Promise<void> {
  let last: unknown;
  await until(
    async () => {
      const now = await shown(page);
      last = now;
      return check(now);
    },
    { timeoutMs, intervalMs: 50, what: () => `${what}; the page shows ${JSON.stringify(last)}` },
  );
}

const isComplete = ({ connection, picture, rows }: z.infer<typeof shownSchema>): boolean =>
  connection === 'Live' && picture.length === 3 && rows.every(([, , runtime]) => runtime !== '–');

async function violations(page: Page): Promise<string[]> {
  // By the debugger, since the page's policy lets no foreign script in.
  await page.evaluate(axe.source);
  const found = await page.evaluate(
    `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
      .then(({ violations }) => violations.map(({ id, nodes }) => id + ' ' + nodes.map(({ html }) => html).join()))`,
  );
  return z.array(z.string()).parse(found);
}

/** Kept where DASHBOARD_SCREENSHOTS says, for people to look at. */
async function photograph(page: Page, name: string): Promise<void> {
  const folder = process.env.DASHBOARD_SCREENSHOTS;
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}

t.test(
  'the page of a cluster of three',
  { skip: skipWithoutChromium, timeout: 300_000 },
  async (t) => {
    const world = await start(t);
    const { browser, epmdPort, programs } = world;
    const { page, complaints } = await browser.open(`${urlOf(world, 1)}/dashboard`);

    await t.test('shows all nodes with their figures, and the owner', async (t) => {
      await shows(page, 'three nodes', isComplete);
      const now = await shown(page);
      t.equal(now.links, 3, 'each is linked with each');
      t.match(now.description, /^3 nodes: .*node1 \(owns the counter, serves this page\)/);
      t.equal(now.owner, `owned by ${nameOf(1)}`);
      t.strictSame(
        now.picture.filter(({ kinds }) => kinds.includes('owner')).map(({ label }) => label),
        ['node1 (this page)'],
      );
      t.match(now.rows[0]?.[0], /^node1@127\.0\.0\.1 *owner *this page$/);
      for (const [, version, runtime, upFor, memory, connections] of now.rows) {
        t.match(version, /^\d+\.\d+\.\d+$/);
        t.equal(runtime, `Node.js ${process.versions.node}`);
        t.match(upFor, / s$/);
        t.match(memory, /^\d+ MB$/);
        t.equal(connections, '2');
      }
    });

    await t.test('a press of the button is seen by every page on every node', async (t) => {
      const others = await Promise.all(
        [2, 3].map((number) => browser.open(`${urlOf(world, number)}/dashboard`)),
      );
      for (const other of others) await shows(other.page, 'three nodes', isComplete);
      await page.click('#increment');
      await page.click('#increment');
      for (const other of [page, ...others.map((each) => each.page)]) {
        await shows(other, 'two increments', ({ count }) => count === '2');
      }
      await others[0]?.page.click('#increment');
      await shows(page, 'an increment on another node', ({ count }) => count === '3');
      t.strictSame(
        others.flatMap((other) => other.complaints),
        [],
      );
      for (const other of others) await other.page.context().close();
    });

    await t.test('the keyboard alone is enough, and the count is spoken', async (t) => {
      const { page: other } = await browser.open(`${urlOf(world, 3)}/dashboard`);
      await shows(other, 'three nodes', isComplete);
      await other.keyboard.press('Tab');
      t.equal(await other.evaluate('document.activeElement.id'), 'increment', 'the first stop');
      const outline = await other.evaluate('getComputedStyle(document.activeElement).outlineStyle');
      t.equal(outline, 'solid', 'it can be seen');
      await other.keyboard.press('Enter');
      await other.keyboard.press('Space');
      await shows(other, 'two increments more', ({ count }) => count === '5');
      await until(async () => (await other.textContent('#spoken-count')) === 'Count: 5', {
        timeoutMs: 20_000,
        what: 'the count in the live region',
      });
      t.equal(await other.getAttribute('#spoken-count', 'aria-live'), 'polite');
      await other.context().close();
    });

    await t.test('the plots are said in words', async (t) => {
      await until(
        async () =>
          /median .* 99 percent within/.test((await page.textContent('#latency-text')) ?? ''),
        { timeoutMs: 20_000, what: 'the latency in words' },
      );
      t.match(await page.textContent('#rate-text'), /^Last 5 minutes: .* now, .* at most\.$/);
      t.equal(await page.locator('.canvas canvas').count(), 2, 'and drawn');
    });

    await t.test('is accessible, in light and dark', async (t) => {
      t.strictSame(await violations(page), []);
      await photograph(page, 'light');
      await page.emulateMedia({ colorScheme: 'dark' });
      t.strictSame(await violations(page), []);
      await photograph(page, 'dark');
      await page.emulateMedia({ colorScheme: 'light' });
    });

    await t.test('fits a phone, without a sideways scroll', async (t) => {
      for (const width of [360, 320]) {
        const phone = await browser.open(`${urlOf(world, 2)}/dashboard`, { width, height: 740 });
        await shows(phone.page, 'three nodes', isComplete);
        t.ok(
          await phone.page.evaluate('document.documentElement.scrollWidth <= innerWidth'),
          `${width}`,
        );
        t.strictSame(await violations(phone.page), []);
        t.strictSame(phone.complaints, []);
        await photograph(phone.page, `phone-${width}`);
        await phone.page.context().close();
      }
    });

    await t.test('a stream that breaks is resumed, with what was missed', async (t) => {
      let target = Number(new URL(urlOf(world, 2)).port);
      const relay = await startRelay(() => target);
      t.teardown(() => relay.close());
      const { page: other } = await browser.open(`http://127.0.0.1:${relay.port}/dashboard`);
      await shows(other, 'three nodes', isComplete);
      // Where nobody listens: the page is told so at once, and tries again.
      target = await freePort();
      relay.cut();
      await shows(other, 'a broken stream', ({ connection }) => connection === 'Reconnecting');
      await page.click('#increment');
      await shows(page, 'the increment', ({ count }) => count === '6');
      t.equal((await shown(other)).count, '5');
      target = Number(new URL(urlOf(world, 2)).port);
      await shows(
        other,
        'a resumed stream',
        ({ connection, count }) => connection === 'Live' && count === '6',
      );
      await other.context().close();
    });

    await t.test('a node of the BEAM is shown as one', { skip: erlangPeer.skip }, async (t) => {
      const erl = await startErl({ name: 'erl@127.0.0.1', cookie: COOKIE, epmdPort });
      t.teardown(() => erl.stop());
      await erl.eval(`net_kernel:connect_node('${nameOf(1)}')`);
      await shows(page, 'an Erlang node', ({ picture, rows }) => {
        const isDrawn = picture.some(
          ({ label, kinds }) => label === 'erl' && kinds.includes('beam'),
        );
        return (
          isDrawn &&
          rows.some(
            ([name, , runtime]) =>
              /BEAM/.test(name ?? '') && /^Erlang\/OTP \d+$/.test(runtime ?? ''),
          )
        );
      });
      await shows(page, 'its coming', ({ events }) => events[0] === 'erl@127.0.0.1 joined');
      t.match((await shown(page)).description, 'erl (Erlang or Elixir)');
      await photograph(page, 'beam');
      await erl.stop();
      await shows(page, 'its going', ({ picture }) => picture.length === 3);
    });

    await t.test(
      'the death of the owner is seen within seconds: it goes, another takes over',
      async (t) => {
        const { page: witness, complaints: ofWitness } = await browser.open(
          `${urlOf(world, 2)}/dashboard`,
        );
        await shows(witness, 'three nodes', isComplete);
        await programs.get(nameOf(1))?.kill('SIGKILL');
        await shows(
          witness,
          'the other owner',
          ({ picture, owner }) =>
            picture.length === 2 &&
            /^owned by node[23]@/.test(owner) &&
            picture.some(({ kinds }) => kinds.includes('owner')),
          10_000,
        );
        await shows(witness, 'both events', ({ events }) =>
          [
            /^node1@127\.0\.0\.1 left: its connection was closed$/,
            /^node[23]@.* took over the counter/,
          ].every((pattern) => events.filter((event) => pattern.test(event)).length === 1),
        );
        await shows(
          page,
          'that its node is gone',
          ({ connection }) => connection === 'Reconnecting',
        );
        await witness.click('#increment');
        await shows(witness, 'an increment on the new owner', ({ count }) => count === '7');
        t.strictSame(ofWitness, []);
        await photograph(witness, 'take-over');
      },
    );

    // The page of the killed node has lost its streams, of which the console tells.
    t.strictSame(
      complaints.filter((complaint) => !/net::ERR_/.test(complaint)),
      [],
    );
  },
);
