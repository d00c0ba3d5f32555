// The order book: ten levels a side, with a bar for what stands there.

import { byId, element, showFault, write } from "./dom.js";
import { digitsOf, price, quantity, short } from "./format.js";
import { Push, SubType } from "./words.js";

const LEVELS = 10;

class Level {
  constructor() {
    this.cells = [element("td"), element("td"), element("td")];
    this.node = element("tr", {}, ...this.cells);
  }

  show(level, most, digits) {
    const texts = level
      ? [price(level.price, digits), quantity(level.volume), String(level.oreder_count || "")]
      : ["", "", ""];
    texts.forEach((text, index) => write(this.cells[index], text));
    const share = level && most ? (Number(level.volume) / most) * 100 : 0;
    this.node.style.setProperty("--depth", `${share.toFixed(1)}%`);
  }
}

export class Book {
  subType = SubType.ORDER_BOOK;
  proto = Push.ORDER_BOOK;
  endpoint = "orderbook";
  #isPushed = false;

  constructor() {
    this.asks = Array.from({ length: LEVELS }, () => new Level());
    this.bids = Array.from({ length: LEVELS }, () => new Level());
    // The best ask stands at the bottom, next to the best bid.
    byId("asks").replaceChildren(...this.asks.map((level) => level.node).reverse());
    byId("bids").replaceChildren(...this.bids.map((level) => level.node));
  }

  question = (symbol) => ({ security: symbol, num: LEVELS });

  fault = (text) => showFault(byId("book-fault"), text);

  clear() {
    this.#isPushed = false;
    this.#show({});
    this.fault(null);
  }

  /** What was read; a push that came first is newer. */
  fill(book) {
    if (!this.#isPushed) this.#show(book);
  }

  push(book) {
    this.#isPushed = true;
    this.#show(book);
  }

  #show({ order_book_ask_list: asks = [], order_book_bid_list: bids = [] }) {
    const shown = [...asks.slice(0, LEVELS), ...bids.slice(0, LEVELS)];
    const most = Math.max(0, ...shown.map((level) => Number(level.volume)));
    const digits = Math.max(2, ...shown.map((level) => digitsOf(level.price)));
    this.asks.forEach((level, index) => level.show(asks[index], most, digits));
    this.bids.forEach((level, index) => level.show(bids[index], most, digits));
    write(byId("spread"), asks[0] && bids[0] ? spreadText(asks, bids, digits) : "-");
  }
}

function spreadText(asks, bids, digits) {
  const total = (side) => short(side.slice(0, LEVELS).reduce((sum, level) => sum + Number(level.volume), 0));
  return `spread ${price(asks[0].price - bids[0].price, digits)} \u00b7 bid ${total(bids)} \u00b7 ask ${total(asks)}`;
}
