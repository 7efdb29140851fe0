/** From this magnitude on not every integer has a float, so OTP shows no digits it would make up. */
const EXACT_INTEGERS_END = 2 ** 53;

/**
 * A float as `float_to_list(F, [short])` prints it: the fewest digits that read back as the same
 * float, with or without an exponent, whichever is shorter, and always with a decimal point.
 *
 * @see OTP 25 `erts/emulator/ryu/to_chars.h`
 */
export function inspectFloat(value: number): string {
  if (!Number.isFinite(value)) return `<${value}>`;
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const magnitude = Math.abs(value);
  if (magnitude === 0) return `${sign}0.0`;
  const [mantissa, exponentText] = magnitude.toExponential().split('e');
  const digits = mantissa!.replace('.', '');
  const exponent = Number(exponentText);
  const scientific = scientificForm(digits, exponent);
  if (magnitude >= EXACT_INTEGERS_END) return sign + scientific;
  const plain = plainForm(digits, exponent);
  return sign + (plain.length <= scientific.length ? plain : scientific);
}

function scientificForm(digits: string, exponent: number): string {
  return `${digits[0]}.${digits.slice(1) || '0'}e${exponent}`;
}

function plainForm(digits: string, exponent: number): string {
  const point = exponent + 1;
  if (point <= 0) return `0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return `${digits.padEnd(point, '0')}.0`;
  return `${digits.slice(0, point)}.${digits.slice(point)}`;
}
