/** Finds out what a node runs that says nothing of itself, by asking it as Erlang nodes ask each other. */
import {
  atom,
  CallError,
  isAtom,
  ProcessError,
  ProcessExit,
  type Term,
} from '../distribution/index.ts';

/** Calls a function on another node; `Kernel.rpc`. */
export type Rpc = (
  node: string,
  module: string,
  name: string,
  args: readonly Term[],
  options: { readonly timeoutMs: number },
) => Promise<Term>;

/** What was found. `runtime` is `null` when the node did not say in time. */
export type Probe =
  | { readonly kind: 'beam'; readonly runtime: string | null }
  /** it understands the question and has no such function: no BEAM */
  | { readonly kind: 'unknown' };

const TIMEOUT_MS = 2000;
const MAX_VERSION = 40;

/** Asks a node for its release. Rejects with nothing but a bug, and takes some seconds at most. */
export async function probeRuntime(rpc: Rpc, node: string): Promise<Probe> {
  const ask = (module: string, name: string, args: readonly Term[]) =>
    rpc(node, module, name, args, { timeoutMs: TIMEOUT_MS });
  let release: string | undefined;
  try {
    release = textOf(await ask('erlang', 'system_info', [atom('otp_release')]));
  } catch (error) {
    if (!isNoAnswer(error)) throw error;
    const isUndefined = error instanceof CallError && error.code === 'exit';
    return isUndefined ? { kind: 'unknown' } : { kind: 'beam', runtime: null };
  }
  if (release === undefined) return { kind: 'beam', runtime: null };
  const otp = `Erlang/OTP ${release}`;
  try {
    const version = textOf(await ask('Elixir.System', 'version', []));
    return { kind: 'beam', runtime: version === undefined ? otp : `Elixir ${version}, ${otp}` };
  } catch (error) {
    if (!isNoAnswer(error)) throw error;
    return { kind: 'beam', runtime: otp };
  }
}

/** The call failed, or ended with the processes of this node, which stops. */
function isNoAnswer(error: unknown): boolean {
  if (error instanceof ProcessError) return error.code === 'stopped';
  return error instanceof CallError || error instanceof ProcessExit;
}

/** A short text as Erlang (a list of characters) or Elixir (a binary) has it. */
function textOf(term: Term): string | undefined {
  if (isAtom(term)) return undefined;
  const bytes = term instanceof Uint8Array || Array.isArray(term) ? [...term] : [];
  const text = bytes
    .map((code) => (typeof code === 'number' ? String.fromCharCode(code) : '?'))
    .join('');
  return /^[\w.+-]+$/.test(text) && text.length <= MAX_VERSION ? text : undefined;
}
