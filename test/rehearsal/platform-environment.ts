import t from 'tap';
import {
  buildVariables,
  type Deployment,
  INSTANCE_PORT,
  instanceVariables,
  memoryLimit,
  runConfig,
} from '../support/rehearsal/platform-environment.ts';
import { readUpsunConfig } from '../support/upsun.ts';

const DEPLOYMENT: Deployment = {
  config: readUpsunConfig(),
  project: { id: 'abcdefghijklm', entropy: 'e'.repeat(56) },
  treeId: '0123456789abcdef',
  folder: '/box/app',
};

const decoded = (text: string | undefined): unknown =>
  JSON.parse(Buffer.from(text ?? '', 'base64').toString());

t.test('an instance gets the variables of the file, and those of the platform', async (t) => {
  const variables = instanceVariables(DEPLOYMENT);
  t.match(variables, {
    ...DEPLOYMENT.config.env,
    PORT: String(INSTANCE_PORT),
    PLATFORM_APPLICATION_NAME: 'hello_distributed',
    PLATFORM_PROJECT_ENTROPY: 'e'.repeat(56),
    PLATFORM_TREE_ID: '0123456789abcdef',
    PLATFORM_APP_DIR: '/box/app',
    PLATFORM_ENVIRONMENT_TYPE: 'production',
  });
  t.strictSame(decoded(variables.PLATFORM_VARIABLES), {});
  t.strictSame(decoded(variables.PLATFORM_RELATIONSHIPS), {});
});

t.test('one route is primary, and leads to the application', async (t) => {
  const routes = decoded(instanceVariables(DEPLOYMENT).PLATFORM_ROUTES) as Record<string, unknown>;
  t.match(routes['https://rehearsal.example/'], {
    primary: true,
    type: 'upstream',
    upstream: 'hello_distributed',
  });
  t.match(routes['https://www.rehearsal.example/'], { primary: null, type: 'redirect' });
});

t.test('the build knows no port, no route, no branch, and that it is one', async (t) => {
  const variables = buildVariables(DEPLOYMENT);
  t.match(variables, { ...DEPLOYMENT.config.env, CI: 'true', PLATFORM_CACHE_DIR: '/box/cache' });
  for (const name of ['PORT', 'PLATFORM_ROUTES', 'PLATFORM_BRANCH', 'PLATFORM_ENVIRONMENT']) {
    t.notHas(variables, name);
  }
  t.notHas(instanceVariables(DEPLOYMENT), 'CI');
});

t.test('the platform wins over the file', async (t) => {
  const config = { ...DEPLOYMENT.config, env: { PORT: '1', PLATFORM_PROJECT: 'mine' } };
  const variables = instanceVariables({ ...DEPLOYMENT, config });
  t.match(variables, { PORT: String(INSTANCE_PORT), PLATFORM_PROJECT: 'abcdefghijklm' });
});

t.test('the memory is that of the smallest size of the profile', async (t) => {
  t.equal(memoryLimit({ profile: 'BALANCED' }), 352);
  t.equal(memoryLimit({ profile: 'HIGH_CPU' }), 64);
  t.throws(() => memoryLimit({ profile: 'HUGE' }), {
    message: /expected HIGH_CPU or BALANCED, got "HUGE"/,
  });
  t.strictSame(JSON.parse(runConfig(352)), { info: { limits: { memory: 352, cpu: 0.1 } } });
});
