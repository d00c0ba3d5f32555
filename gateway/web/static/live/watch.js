// The list of symbols with their ticking prices.

import { post } from "./api.js";
import { byId, element, flash, showFault, write } from "./dom.js";
import { words } from "./following.js";
import { arrow, digitsOf, direction, price, short, signed } from "./format.js";
import { keepSymbols, readSymbols } from "./session.js";
import { SubType } from "./words.js";

const SYMBOL = /^[A-Z_]+\.\S+$/;

/** "hk.00700" -> "HK.00700": prefixes are capital letters, codes stay as they are written. */
function normal(text) {
  const [prefix, ...code] = text.trim().split(".");
  return [prefix.toUpperCase(), ...code].join(".");
}

class Row {
  constructor(symbol, { choose, remove }) {
    this.symbol = symbol;
    this.quote = null;
    this.isPushed = false;
    this.name = element("small");
    this.price = element("b", { textContent: "-" });
    this.change = element("span", { className: "change" });
    this.volume = element("small");
    this.fault = element("p", { className: "fault", hidden: true });
    this.button = element(
      "button",
      { type: "button", className: "row", onclick: choose },
      element("span", { className: "who" }, element("b", { textContent: symbol }), this.name),
      element("span", { className: "what" }, this.price, this.change),
      this.volume,
    );
    const cross = element("button", {
      type: "button",
      className: "remove",
      textContent: "\u00d7",
      onclick: remove,
    });
    cross.setAttribute("aria-label", `Remove ${symbol}`);
    this.node = element("li", {}, this.button, cross, this.fault);
  }

  show(quote) {
    const before = this.quote?.cur_price;
    this.quote = quote;
    const change = quote.cur_price - quote.last_close_price;
    const digits = digitsOf(quote.price_spread);
    write(this.name, quote.name ?? "");
    write(this.price, price(quote.cur_price, digits));
    write(this.change, `${arrow(change)} ${signed((change / quote.last_close_price) * 100)}%`);
    this.change.className = `change ${direction(change)}`;
    write(this.volume, `vol ${short(quote.volume)}`);
    if (before !== undefined && before !== quote.cur_price)
      flash(this.price, direction(quote.cur_price - before));
  }

  choose(isChosen) {
    if (isChosen) this.button.setAttribute("aria-current", "true");
    else this.button.removeAttribute("aria-current");
  }
}

export class Watch {
  #rows = new Map();

  /** `chosen(symbol or null)` and `ticked(symbol, quote)` tell what happens here. */
  constructor(socket, { chosen, ticked }) {
    this.socket = socket;
    this.chosen = chosen;
    this.ticked = ticked;
    this.symbol = null;
    this.list = byId("watch-list");
    byId("add-form").onsubmit = (event) => this.#submit(event);
    for (const symbol of readSymbols()) this.#append(symbol);
    this.choose(this.#rows.keys().next().value ?? null);
  }

  /** Show one symbol in the other panels. */
  choose(symbol) {
    this.symbol = symbol;
    for (const row of this.#rows.values()) row.choose(row.symbol === symbol);
    this.chosen(symbol);
    const quote = this.#rows.get(symbol)?.quote;
    if (quote) this.ticked(symbol, quote);
  }

  /** Subscribe and read (again). Each symbol by itself: a wrong one fails alone. */
  again() {
    for (const row of this.#rows.values()) this.#begin(row);
  }

  /** A basic quote was pushed. */
  push(frame) {
    const row = this.#rows.get(frame.sec_key);
    if (!row) return;
    row.isPushed = true;
    for (const quote of frame.data.basic_qot_list) this.#show(row, quote);
  }

  async #begin(row) {
    if (!this.socket.isOpen) return;
    row.isPushed = false;
    try {
      await this.socket.ask("subscribe", { security_list: [row.symbol], sub_type_list: [SubType.BASIC] });
      const answer = await post("quote", { security_list: [row.symbol] });
      // A push that came first is newer.
      for (const quote of row.isPushed ? [] : (answer.basic_qot_list ?? [])) this.#show(row, quote);
      showFault(row.fault, null);
    } catch (error) {
      showFault(row.fault, words(error));
    }
  }

  #show(row, quote) {
    row.show(quote);
    if (row.symbol === this.symbol) this.ticked(row.symbol, quote);
  }

  #submit(event) {
    event.preventDefault();
    const input = byId("add-symbol");
    const symbol = normal(input.value);
    const isWrong = !SYMBOL.test(symbol);
    showFault(
      byId("watch-fault"),
      isWrong ? "A symbol is a market and a code, such as HK.00001 or US.MSFT." : null,
    );
    if (isWrong) return;
    input.value = "";
    if (!this.#rows.has(symbol)) this.#begin(this.#append(symbol));
    this.#keep();
    this.choose(symbol);
  }

  #append(symbol) {
    const row = new Row(symbol, { choose: () => this.choose(symbol), remove: () => this.#remove(symbol) });
    this.#rows.set(symbol, row);
    this.list.append(row.node);
    return row;
  }

  #remove(symbol) {
    this.#rows.get(symbol).node.remove();
    this.#rows.delete(symbol);
    this.#keep();
    const claim = { security_list: [symbol], sub_type_list: [SubType.BASIC] };
    // Refused or cut off, the claim ends with the socket; nothing is left to tell.
    if (this.socket.isOpen) this.socket.ask("unsubscribe", claim).catch(words);
    if (symbol === this.symbol) this.choose(this.#rows.keys().next().value ?? null);
  }

  #keep() {
    keepSymbols([...this.#rows.keys()]);
  }
}
