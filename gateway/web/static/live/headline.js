// The chosen symbol's quote in large, above the chart.

import { byId, element, flash, write } from "./dom.js";
import { arrow, digitsOf, direction, price, short, signed } from "./format.js";

const FIGURES = [
  ["open", (quote, digits) => price(quote.open_price, digits)],
  ["high", (quote, digits) => price(quote.high_price, digits)],
  ["low", (quote, digits) => price(quote.low_price, digits)],
  ["close before", (quote, digits) => price(quote.last_close_price, digits)],
  ["volume", (quote) => short(quote.volume)],
  ["turnover", (quote) => short(quote.turnover)],
];

export class Headline {
  #last = null;

  constructor() {
    this.figures = FIGURES.map(([name, text]) => ({ text, node: element("dd", { textContent: "-" }), name }));
    byId("head-figures").replaceChildren(
      ...this.figures.map(({ name, node }) => element("div", {}, element("dt", { textContent: name }), node)),
    );
  }

  /** Another symbol, of which nothing is known yet. */
  clear(symbol) {
    this.#last = null;
    write(byId("head-symbol"), symbol ?? "No symbol");
    for (const id of ["head-name", "head-change"]) write(byId(id), "");
    write(byId("head-price"), "-");
    for (const { node } of this.figures) write(node, "-");
    document.title = "Live - OpenD gateway";
  }

  show(symbol, quote) {
    const digits = digitsOf(quote.price_spread);
    const change = quote.cur_price - quote.last_close_price;
    const text = price(quote.cur_price, digits);
    write(byId("head-name"), quote.name ?? "");
    write(byId("head-price"), text);
    byId("head-price").className = byId("head-change").className = direction(change);
    const share = signed((change / quote.last_close_price) * 100);
    write(byId("head-change"), `${arrow(change)} ${signed(change, digits)} (${share}%)`);
    for (const figure of this.figures) write(figure.node, figure.text(quote, digits));
    if (this.#last !== null && this.#last !== quote.cur_price) {
      flash(byId("head-price"), direction(quote.cur_price - this.#last));
    }
    this.#last = quote.cur_price;
    document.title = `${text} ${symbol}`;
  }
}
