// The 1-minute K-lines of the chosen symbol: read once, then moved by pushes.

import { byId, showFault } from "./dom.js";
import { CandleChart } from "./chart.js";
import { KL_1MIN, Push, REHAB_FORWARD, SubType } from "./words.js";

const KEPT = 400;
const READ = 240;

export class Candles {
  subType = SubType.KL_1MIN;
  proto = Push.KLINE;
  endpoint = "kline";
  #rows = new Map();
  #pushed = new Set();

  constructor() {
    this.chart = new CandleChart(byId("chart"), byId("chart-legend"));
  }

  question = (symbol) => ({ security: symbol, kl_type: KL_1MIN, rehab_type: REHAB_FORWARD, req_num: READ });

  fault = (text) => showFault(byId("chart-fault"), text);

  clear() {
    this.#rows.clear();
    this.#pushed.clear();
    this.fault(null);
    this.#show();
  }

  /** What was read; of a minute that was pushed first the push is newer. */
  fill({ kl_list: lines = [] }) {
    for (const line of lines) if (!this.#pushed.has(line.time)) this.#rows.set(line.time, line);
    this.#pushed.clear();
    this.#show();
  }

  push({ kl_type: type, kl_list: lines = [] }) {
    if (type !== KL_1MIN) return;
    for (const line of lines) {
      this.#rows.set(line.time, line);
      this.#pushed.add(line.time);
    }
    this.#show();
  }

  #show() {
    // Times are texts of one zone and one form, so they sort as they are.
    const sorted = [...this.#rows.values()]
      .filter((line) => !line.is_blank)
      .sort((a, b) => (a.time < b.time ? -1 : 1));
    for (const old of sorted.splice(0, Math.max(0, sorted.length - KEPT))) this.#rows.delete(old.time);
    this.chart.show(sorted);
  }
}
