// Where a value lies on the canvas, and which round values get a line.

/** Values from `low` to `high` on pixels from `bottom` up to `top`. */
export class Scale {
  constructor(low, high, bottom, top) {
    const room = (high - low || Math.abs(high) * 0.002 || 1) * 0.06;
    this.low = low - room;
    this.high = high + room;
    this.bottom = bottom;
    this.top = top;
  }

  at(value) {
    return this.bottom - ((value - this.low) / (this.high - this.low)) * (this.bottom - this.top);
  }

  /** About `count` round values within the scale. */
  ticks(count) {
    const rough = (this.high - this.low) / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
    const ticks = [];
    for (let number = Math.ceil(this.low / step); number * step <= this.high; number += 1)
      ticks.push(number * step);
    return { ticks, step };
  }
}
