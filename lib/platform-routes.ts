/**
 * The platform's routes, `PLATFORM_ROUTES`: under which addresses the world reaches this application. Base64 of
 * a JSON object, from each URL to what is there; one of them is the primary one.
 */
import * as z from 'zod';

const routesSchema = z.record(
  z.url({ protocol: /^https?$/ }),
  z.object({ primary: z.boolean().nullish(), type: z.string() }),
);

/** The text is none that the platform would write. The message holds nothing of it. */
export class RoutesError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'RoutesError';
  }
}

/**
 * The address to give to people: that of the primary route, or else the first one that leads to an
 * application, without the slash at its end.
 *
 * @param text the value of `PLATFORM_ROUTES`
 * @returns `undefined` if no route leads to an application
 * @throws {RoutesError} if the text does not have the documented form
 */
export function primaryUrl(text: string): string | undefined {
  const routes = Object.entries(parseRoutes(text));
  const [url] =
    routes.find(([, { primary }]) => primary === true) ??
    routes.find(([, { type }]) => type === 'upstream') ??
    [];
  return url === undefined ? undefined : new URL(url).href.replace(/\/$/, '');
}

function parseRoutes(text: string): z.infer<typeof routesSchema> {
  const expected = 'expected base64 of a JSON object of URLs and their routes';
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(text, 'base64').toString('utf8'));
  } catch (cause) {
    throw new RoutesError(`${expected}, got something that is not JSON`, { cause });
  }
  const result = routesSchema.safeParse(json);
  if (result.success) return result.data;
  throw new RoutesError(`${expected}, got JSON of another form`, { cause: result.error });
}
