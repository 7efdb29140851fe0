/**
 * Draws the results as SVG files with vega-lite. Reads a JSON array of {@link Drawing} from standard input.
 *
 * Argument: the directory for the files.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parse, View, Warn } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';

/** One picture: bars of one value each, or lines through points. */
interface Drawing {
  readonly name: string;
  readonly title: string;
  readonly kind: 'bars' | 'lines';
  readonly x: string;
  readonly y: string;
  readonly points: readonly { readonly series: string; readonly x: number; readonly y: number }[];
}

function specification({ kind, title, x, y, points }: Drawing): TopLevelSpec {
  const values = points.map((point) => ({ ...point }));
  const base = { title, data: { values }, background: 'white', config: { font: 'sans-serif' } };
  if (kind === 'bars') {
    return {
      ...base,
      width: 420,
      mark: { type: 'bar', tooltip: null },
      encoding: {
        x: { field: 'y', type: 'quantitative', title: y },
        y: { field: 'series', type: 'nominal', title: null, sort: null, axis: { labelLimit: 320 } },
      },
    };
  }
  return {
    ...base,
    ...{ width: 420, height: 240 },
    mark: { type: 'line', point: true },
    encoding: {
      x: { field: 'x', type: 'quantitative', title: x },
      y: { field: 'y', type: 'quantitative', title: y },
      color: { field: 'series', type: 'nominal', title: null },
    },
  };
}

const [directory = '.'] = process.argv.slice(2);
for (const drawing of JSON.parse(await text(process.stdin)) as Drawing[]) {
  const { spec } = compile(specification(drawing));
  const view = new View(parse(spec), { renderer: 'none', logLevel: Warn });
  writeFileSync(join(directory, `${drawing.name}.svg`), `${await view.toSVG()}\n`);
}
