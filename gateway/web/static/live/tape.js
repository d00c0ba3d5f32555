// The latest trades (tickers), newest first.

import { byId, element, showFault } from "./dom.js";
import { clock, digitsOf, price, quantity } from "./format.js";
import { Push, SubType, tickDirection } from "./words.js";

const ROWS = 60;

export class Tape {
  subType = SubType.TICKER;
  proto = Push.TICKER;
  endpoint = "ticker";
  #newest = 0n;

  constructor() {
    this.body = byId("tape");
  }

  question = (symbol) => ({ security: symbol, max_ret_num: ROWS });

  fault = (text) => showFault(byId("tape-fault"), text);

  clear() {
    this.#newest = 0n;
    this.body.replaceChildren();
    this.fault(null);
  }

  /** What was read. Trades that were pushed meanwhile are among it, or follow it. */
  fill({ ticker_list: trades = [] }) {
    this.push({ ticker_list: trades });
  }

  /** Trades; those that stand here already come again after a reconnect. Sequences exceed 53 bits. */
  push({ ticker_list: trades = [] }) {
    for (const trade of trades) {
      const sequence = BigInt(trade.sequence);
      if (sequence <= this.#newest) continue;
      this.#newest = sequence;
      this.#prepend(row(trade));
    }
  }

  /** Some trades were merged away for this reader. */
  skipped(count) {
    const cell = element("td", { colSpan: 3, textContent: `${count} skipped` });
    this.#prepend(element("tr", { className: "skipped" }, cell));
  }

  #prepend(node) {
    this.body.prepend(node);
    while (this.body.rows.length > ROWS) this.body.lastChild.remove();
  }
}

function row(trade) {
  return element(
    "tr",
    { className: tickDirection(trade.dir) },
    element("td", { textContent: clock(trade.time) }),
    element("td", { textContent: price(trade.price, digitsOf(trade.price)) }),
    element("td", { textContent: quantity(trade.volume) }),
  );
}
