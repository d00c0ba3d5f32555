// One's accounts, and the orders and fills of the one that is chosen.

import { get, post } from "./api.js";
import { byId, element, showFault, write } from "./dom.js";
import { words } from "./following.js";
import { fillTable, orderTable } from "./ledger.js";
import { environment, PAPER, Push, tradeMarket } from "./words.js";

export class Accounts {
  #chips = new Map();
  #chosen = null;
  #turn = 0;

  constructor(socket) {
    this.socket = socket;
    this.numbering = "documented";
    this.orders = orderTable(byId("orders"));
    this.fills = fillTable(byId("fills"));
  }

  /** Read the accounts (again), ask for pushes of each, and read the chosen one's orders and fills. */
  async again() {
    try {
      const { acc_list: accounts = [] } = await get("accounts");
      this.#list(accounts);
      this.#fault(accounts.length ? null : "OpenD names no account that this key may see.");
    } catch (error) {
      this.#fault(words(error));
      return;
    }
    for (const account of this.#chips.keys()) this.#follow(account);
    const chosen = this.#chips.has(this.#chosen) ? this.#chosen : this.#chips.keys().next().value;
    if (chosen) this.choose(chosen);
  }

  /** Show nothing of any account: what one key may see is not for the next. */
  forget() {
    this.#turn += 1;
    this.#chosen = null;
    this.#list([]);
    this.#fault(null);
    this.orders.clear();
    this.fills.clear();
    write(byId("orders-of"), "");
  }

  /** An order or a fill was pushed. Accounts that are not shown get a mark. */
  push(frame) {
    const account = String(frame.acc_id);
    if (account !== this.#chosen) {
      this.#chips.get(account)?.node.classList.add("news");
    } else if (frame.proto_id === Push.ORDER) {
      this.orders.put(frame.data.order, true);
    } else if (frame.proto_id === Push.FILL) {
      this.fills.put(frame.data.order_fill, true);
    }
  }

  /** Show one account's orders and fills. */
  choose(id) {
    if (id !== this.#chosen) {
      this.orders.clear();
      this.fills.clear();
    }
    this.#chosen = id;
    for (const [each, { node }] of this.#chips) node.setAttribute("aria-pressed", String(each === id));
    const { account, node } = this.#chips.get(id);
    node.classList.remove("news");
    write(byId("orders-of"), `of ${id}, ${environment(account.trd_env, this.numbering)}`);
    this.#read(account);
  }

  #list(accounts) {
    this.#chips = new Map(
      accounts.map((account) => [String(account.acc_id), { account, node: this.#chip(account) }]),
    );
    byId("account-list").replaceChildren(...[...this.#chips.values()].map(({ node }) => node));
  }

  #chip(account) {
    const word = environment(account.trd_env, this.numbering);
    const id = String(account.acc_id);
    const markets = (account.trd_market_auth_list ?? [])
      .map((each) => tradeMarket(each, this.numbering))
      .join(" ");
    const node = element(
      "button",
      {
        type: "button",
        className: word === PAPER ? "paper" : "real",
        title: id,
        onclick: () => this.choose(id),
      },
      element("b", { textContent: word }),
      ` ${markets} `,
      element("small", { textContent: id.length > 8 ? `\u2026${id.slice(-4)}` : id }),
    );
    node.setAttribute("aria-label", `${word} account ${id}, ${markets}`);
    return node;
  }

  async #follow(id) {
    try {
      await this.socket.ask("subscribe", { acc_id_list: [id] });
    } catch (error) {
      this.#fault(`no pushes of account ${id}: ${words(error)}`);
    }
  }

  /** The header names one market of the account, whichever; OpenD lists what is of all its markets. */
  async #read({ trd_env, acc_id, trd_market_auth_list: markets = [] }) {
    const turn = (this.#turn += 1);
    const read = async (endpoint, name, table, none) => {
      const answer = await post(endpoint, { header: { trd_env, acc_id, trd_market: markets[0] ?? 0 } });
      if (turn !== this.#turn) return;
      for (const item of answer[name] ?? []) table.put(item, false);
      table.settle(none);
    };
    try {
      await read("orders", "order_list", this.orders, "No orders today.");
      if (environment(trd_env, this.numbering) === PAPER)
        this.fills.settle("OpenD lists no fills of paper accounts.");
      else await read("order-fills", "order_fill_list", this.fills, "No fills today.");
    } catch (error) {
      const text = words(error);
      if (turn === this.#turn) this.#fault(text);
    }
  }

  #fault(text) {
    showFault(byId("accounts-fault"), text);
  }
}
