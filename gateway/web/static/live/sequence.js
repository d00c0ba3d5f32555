// Every frame has a number one higher than the last, but after a gap frame, which says what is missing.

export class Sequence {
  constructor() {
    this.skipped = 0;
    this.lost = 0;
    this.restart();
  }

  /** A new socket counts from 1 again; what was missed before stays counted. */
  restart() {
    this.last = 0;
  }

  /** Take a frame's number. A gap frame accounts for the numbers from `from_seq` to `to_seq`. */
  take(frame) {
    const from = frame.type === "gap" ? frame.from_seq : frame.seq;
    this.lost += Math.max(0, from - this.last - 1);
    if (frame.type === "gap") this.skipped += frame.to_seq - frame.from_seq + 1;
    this.last = frame.seq;
  }
}
