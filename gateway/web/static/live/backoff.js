// How long to wait before the next try: longer after each failure, with some chance in it.

const FIRST_MS = 500;
const LONGEST_MS = 15_000;

export class Backoff {
  constructor() {
    this.failures = 0;
  }

  succeeded() {
    this.failures = 0;
  }

  /** The wait before the next try, in milliseconds. */
  next() {
    const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.failures);
    this.failures += 1;
    return longest * (0.5 + Math.random() / 2);
  }
}
