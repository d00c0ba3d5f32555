// Tables of orders and of fills: the newest first, each in a row of its own that changes in place.

import { element, flash, write } from "./dom.js";
import { clockOrDay, exactPrice, quantity } from "./format.js";
import { fillState, orderState, side, symbolOf } from "./words.js";

const ROWS = 100;

/** One table. `columns` give a cell's [text, class, tooltip] from an item. */
class Table {
  #rows = new Map();

  constructor(body, { idOf, timeOf, columns }) {
    Object.assign(this, { body, idOf, timeOf, columns });
    this.clear();
  }

  clear() {
    this.#rows.clear();
    this.body.replaceChildren();
  }

  /** What there is was read; an empty table says why it is. */
  settle(why) {
    if (this.#rows.size) return;
    const cell = element("td", { colSpan: this.columns.length, textContent: why });
    this.body.replaceChildren(element("tr", { className: "empty" }, cell));
  }

  /** A new item, or a newer state of one. Older states, as a late answer to a read, change nothing. */
  put(item, isPush) {
    const id = this.idOf(item);
    const known = this.#rows.get(id);
    if (known && this.timeOf(item) < known.time) return;
    const row = known ?? this.#insert(id, item);
    row.time = this.timeOf(item);
    this.columns.forEach((column, index) => show(row.node.cells[index], column(item)));
    if (isPush) flash(row.node, "note");
  }

  #insert(id, item) {
    if (!this.#rows.size) this.body.replaceChildren();
    const node = element("tr", {}, ...this.columns.map(() => element("td")));
    const row = { node, time: 0, created: item.create_timestamp ?? 0 };
    const older = [...this.#rows.values()].filter((each) => each.created <= row.created);
    const next = older.reduce(
      (newest, each) => (newest && newest.created >= each.created ? newest : each),
      null,
    );
    this.body.insertBefore(node, next?.node ?? null);
    this.#rows.set(id, row);
    this.#forgetOldest();
    return row;
  }

  #forgetOldest() {
    if (this.#rows.size <= ROWS) return;
    const last = this.body.lastElementChild;
    const [id] = [...this.#rows].find(([, row]) => row.node === last);
    this.#rows.delete(id);
    last.remove();
  }
}

function show(cell, [text, className = "", title = ""]) {
  write(cell, text);
  cell.className = className;
  cell.title = title;
}

const created = (item) => [clockOrDay(item.create_time, item.create_timestamp), "", item.create_time];
const security = (item) => [symbolOf(item.sec_market, item.code), "", item.name];
const sideOf = (item) => side(item.trd_side);

function filled(order) {
  if (!order.fill_qty) return ["-"];
  return [`${quantity(order.fill_qty)} @ ${exactPrice(order.fill_avg_price)}`];
}

function state(order) {
  const [text, className] = orderState(order.order_status);
  const why = order.last_err_msg ?? "";
  return [why ? `${text}: ${why}` : text, `state ${className}`, why];
}

/** The table of orders. */
export const orderTable = (body) =>
  new Table(body, {
    idOf: (order) => String(order.order_id),
    timeOf: (order) => order.update_timestamp ?? 0,
    columns: [
      created,
      sideOf,
      security,
      (order) => [quantity(order.qty)],
      (order) => [order.price ? exactPrice(order.price) : "market"],
      state,
      filled,
    ],
  });

/** The table of fills. */
export const fillTable = (body) =>
  new Table(body, {
    idOf: (fill) => String(fill.fill_id),
    timeOf: (fill) => fill.update_timestamp ?? 0,
    columns: [
      created,
      sideOf,
      security,
      (fill) => [[quantity(fill.qty), fillState(fill.status)].filter(Boolean).join(" ")],
      (fill) => [exactPrice(fill.price)],
    ],
  });
