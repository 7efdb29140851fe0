/**
 * What the platform tells an application: variables of its environment, and `/run/config.json`. Pure.
 *
 * Variables of the configuration file are visible to the build and at run time, and anything of the platform wins over
 * them. `PORT`, routes and the names of branch and environment exist at run time only.
 */
import { posix } from 'node:path';
import type { UpsunConfig } from '../upsun.ts';

/** Variables by name. */
export type Variables = Readonly<Record<string, string>>;

/** What is the same for all deployments of a project. */
export interface Project {
  readonly id: string;
  /** 56 characters, for the project alone */
  readonly entropy: string;
}

/** One tree of sources that was built. */
export interface Deployment {
  readonly config: UpsunConfig;
  readonly project: Project;
  readonly treeId: string;
  /** where the application lies, built */
  readonly folder: string;
}

/** Where an application has to listen. */
export const INSTANCE_PORT = 8888;

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64');
}

function always({ config, project, treeId, folder }: Deployment): Variables {
  return {
    ...config.env,
    PLATFORM_APPLICATION_NAME: config.name,
    PLATFORM_APPLICATION: encode({ name: config.name, type: config.type }),
    PLATFORM_PROJECT: project.id,
    PLATFORM_PROJECT_ENTROPY: project.entropy,
    PLATFORM_TREE_ID: treeId,
    PLATFORM_APP_DIR: folder,
    PLATFORM_VARIABLES: encode({}),
  };
}

/** The variables of the build hook, beside those of the machine that npm needs. */
export function buildVariables(deployment: Deployment): Variables {
  const cache = posix.join(posix.dirname(deployment.folder), 'cache');
  return { ...always(deployment), PLATFORM_CACHE_DIR: cache, CI: 'true' };
}

/** Every variable of an instance, but its `PATH`. */
export function instanceVariables(deployment: Deployment): Variables {
  const { config, folder } = deployment;
  const url = 'https://rehearsal.example/';
  return {
    LANG: 'C.UTF-8',
    ...always(deployment),
    HOME: folder,
    PORT: String(INSTANCE_PORT),
    PLATFORM_BRANCH: 'main',
    PLATFORM_ENVIRONMENT: 'main-bvxea6i',
    PLATFORM_ENVIRONMENT_TYPE: 'production',
    PLATFORM_RELATIONSHIPS: encode({}),
    PLATFORM_ROUTES: encode({
      [url]: {
        ...{ primary: true, id: null, type: 'upstream', upstream: config.name, attributes: {} },
        original_url: 'https://{default}/',
      },
      'https://www.rehearsal.example/': {
        ...{ primary: null, id: null, type: 'redirect', to: url, attributes: {} },
        original_url: 'https://www.{default}/',
      },
    }),
  };
}

/** Megabytes of the smallest size of each profile, with 0.1 CPU. */
const LEAST_MEMORY: Readonly<Record<string, number>> = { HIGH_CPU: 64, BALANCED: 352 };

/**
 * The memory of an instance in the smallest size that its profile has.
 *
 * @throws {Error} for a profile whose sizes are not known here
 */
export function memoryLimit({ profile }: Pick<UpsunConfig, 'profile'>): number {
  const limit = LEAST_MEMORY[profile];
  if (limit !== undefined) return limit;
  const known = Object.keys(LEAST_MEMORY).join(' or ');
  throw new Error(`container_profile: expected ${known}, got ${JSON.stringify(profile)}`);
}

/** The text of `/run/config.json`. */
export function runConfig(memoryMb: number): string {
  return JSON.stringify({ info: { limits: { memory: memoryMb, cpu: 0.1 } } });
}
