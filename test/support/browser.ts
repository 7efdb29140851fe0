/** A headless Chromium for tests, and what a page under test has complained about. */
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

const executable = findChromium();

/** For tap's `skip`: a reason, or false; with `CI=true` a missing browser fails the test instead. */
export const skipWithoutChromium: string | false =
  executable !== undefined || process.env.CI === 'true' ? false : 'chromium not found';

function findChromium(): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin'];
  return folders
    .flatMap((folder) => NAMES.map((name) => join(folder, name)))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

const FLAGS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
  // Containers often have a small /dev/shm.
  '--disable-dev-shm-usage',
];

/** As a person's browser: a window of a size, a theme. */
export interface PageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
  readonly reducedMotion?: 'reduce' | 'no-preference';
  readonly scale?: number;
}

/** A page, with everything in it that went wrong. */
export interface PageUnderTest {
  readonly page: Page;
  /** errors and warnings of the console, exceptions, violations of the content security policy */
  readonly complaints: string[];
}

export class TestBrowser {
  readonly #browser: Awaited<ReturnType<typeof chromium.launch>>;
  readonly #folder: string;
  readonly #contexts: BrowserContext[] = [];

  private constructor(browser: Awaited<ReturnType<typeof chromium.launch>>, folder: string) {
    this.#browser = browser;
    this.#folder = folder;
  }

  /** Starts a browser with a profile of its own. @throws {Error} if there is none */
  static async start(): Promise<TestBrowser> {
    if (executable === undefined) throw new Error('expected chromium on the PATH, found none');
    const folder = mkdtempSync(join(tmpdir(), 'hello-distributed-browser-'));
    const env = { PATH: process.env.PATH ?? '', HOME: folder };
    const browser = await chromium.launch({ executablePath: executable, args: FLAGS, env });
    return new TestBrowser(browser, folder);
  }

  async open(url: string, options: PageOptions = {}): Promise<PageUnderTest> {
    const { width = 1240, height = 900, scale = 1 } = options;
    const context = await this.#browser.newContext({
      viewport: { width, height },
      deviceScaleFactor: scale,
      colorScheme: options.colorScheme ?? 'light',
      reducedMotion: options.reducedMotion ?? 'no-preference',
    });
    this.#contexts.push(context);
    context.setDefaultTimeout(30_000);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    // Also those that the console would not show as an error.
    await page.exposeFunction('complain', (violation: string) => complaints.push(violation));
    await page.addInitScript(`document.addEventListener('securitypolicyviolation',
      ({ violatedDirective, blockedURI }) => complain(violatedDirective + ' ' + blockedURI))`);
    await page.goto(url);
    return { page, complaints };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#contexts.map((context) => context.close()));
    await this.#browser.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
