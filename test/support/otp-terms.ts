import { readFileSync } from 'node:fs';

/** A term as OTP encodes and prints it. Long ones are kept as size and digest alone. */
export type CapturedTerm =
  | { readonly source: string; readonly hex: string; readonly text: string }
  | { readonly source: string; readonly size: number; readonly sha256: string };

/** Bytes that OTP reads, and the form it writes for the same term. */
export interface CapturedForm {
  readonly name: string;
  readonly bytes: string;
  readonly hex: string;
}

/** What `test/fixtures/otp-25/generate-terms.escript` wrote. */
export interface CapturedTerms {
  readonly terms: readonly CapturedTerm[];
  readonly identifiers: readonly CapturedForm[];
  readonly old: readonly CapturedForm[];
  readonly refused: readonly { readonly name: string; readonly bytes: string }[];
}

export function capturedTerms(): CapturedTerms {
  const file = new URL('../fixtures/otp-25/terms.json', import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as CapturedTerms;
}
