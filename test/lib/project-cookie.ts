import { execFileSync } from 'node:child_process';
import t from 'tap';
import { isCookie, isPlaceholderCookie } from '../../lib/cookie.ts';
import { isProjectEntropy, projectCookie } from '../../lib/project-cookie.ts';
import { elixirPeer } from '../support/peers.ts';

const ENTROPY = 'QW7Y4ZTHXN2JVLC5MDKPAS3RGE6UIOB1F8W0XHTYLQNZ5JVRAC2MKDPE';

t.test('is a cookie, and the same for the same project', async (t) => {
  const cookie = projectCookie(ENTROPY);
  t.match(cookie, /^[0-9a-f]{64}$/);
  t.ok(isCookie(cookie));
  t.notOk(isPlaceholderCookie(cookie));
  t.equal(projectCookie(ENTROPY), cookie);
  t.not(projectCookie(`${ENTROPY.slice(0, -1)}F`), cookie);
  t.notMatch(cookie, ENTROPY);
});

t.test('what is short is not of the platform', async (t) => {
  t.ok(isProjectEntropy(ENTROPY));
  t.notOk(isProjectEntropy(''));
  t.notOk(isProjectEntropy('x'.repeat(31)));
});

t.test('Elixir derives the same, as the header says', { skip: elixirPeer.skip }, async (t) => {
  const script = `
    entropy = System.fetch_env!("PLATFORM_PROJECT_ENTROPY")
    key = :crypto.mac(:hmac, :sha256, "hello_distributed", entropy)
    cookie = :crypto.mac(:hmac, :sha256, key, <<"erlang cookie", 1>>) |> Base.encode16(case: :lower)
    IO.write(cookie)`;
  const env = { ...process.env, PLATFORM_PROJECT_ENTROPY: ENTROPY };
  t.equal(
    execFileSync('elixir', ['-e', script], { env, encoding: 'utf8' }),
    projectCookie(ENTROPY),
  );
});
