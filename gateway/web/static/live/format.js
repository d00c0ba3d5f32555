// Numbers and times as people read them.

const DASH = "-";
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

const formats = new Map();

function fixed(value, digits) {
  if (!formats.has(digits)) {
    const exact = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    formats.set(digits, new Intl.NumberFormat("en-US", exact));
  }
  return formats.get(digits).format(value);
}

/** Digits behind the point that a tick size needs; prices show two at least. */
export function digitsOf(tick) {
  if (!isNumber(tick) || tick <= 0) return 2;
  let digits = 2;
  while (digits < 6 && Math.abs(tick * 10 ** digits - Math.round(tick * 10 ** digits)) > 1e-6) digits += 1;
  return digits;
}

export const price = (value, digits = 2) => (isNumber(value) ? fixed(value, digits) : DASH);

/** A price that may have more digits than two, as those of orders. */
export const exactPrice = (value) => price(value, digitsOf(value));

export const signed = (value, digits = 2) =>
  isNumber(value) ? `${value > 0 ? "+" : ""}${fixed(value, digits)}` : DASH;

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 6 });

/** A quantity in full. 64-bit integers come as texts. */
export function quantity(value) {
  const number = Number(value ?? NaN);
  return isNumber(number) ? whole.format(number) : DASH;
}

const SCALES = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "K"],
];

/** A large figure in short: 4.05M. */
export function short(value) {
  const number = Number(value ?? NaN);
  if (!isNumber(number)) return DASH;
  const [scale, letter] = SCALES.find(([least]) => Math.abs(number) >= least) ?? [1, ""];
  return letter ? `${fixed(number / scale, 2)}${letter}` : whole.format(number);
}

/** "2026-11-22 17:20:00.123" -> "17:20:00": the exchange's own time, never moved to another zone. */
export const clock = (time) => (time ?? "").slice(11, 19) || DASH;

export const minute = (time) => (time ?? "").slice(11, 16) || DASH;

const DAY_S = 86_400;

/** The time of something that may be of another day: "17:20:00", or "01-31 17:20" when it is older. */
export const clockOrDay = (time, timestamp) =>
  Date.now() / 1000 - timestamp < DAY_S ? clock(time) : (time ?? "").slice(5, 16) || DASH;

/** The sign of a change as a class of the style sheet, and as a mark for those who do not see colours. */
export const direction = (change) => (change > 0 ? "up" : change < 0 ? "down" : "flat");
export const arrow = (change) => (change > 0 ? "\u25b2" : change < 0 ? "\u25bc" : "");
