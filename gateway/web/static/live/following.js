// Follows one symbol: subscribes on the socket, reads what there is so far, hands pushes to the panels.

import { ApiError, post } from "./api.js";
import { OperationError } from "./socket.js";

/** What went wrong, in words; a defect of this page is thrown on. */
export function words(error) {
  if (error instanceof ApiError || error instanceof OperationError) return error.message;
  throw error;
}

export class Following {
  #turn = 0;
  #followed = null;

  /** A panel: subType, proto, endpoint, question(symbol), clear(), fill(s2c), push(data), fault(text). */
  constructor(socket, panels) {
    this.socket = socket;
    this.panels = panels;
    this.symbol = null;
  }

  /** Show another symbol, or null for none. */
  select(symbol) {
    if (symbol === this.symbol) return;
    this.symbol = symbol;
    this.#drop();
    for (const panel of this.panels) panel.clear();
    this.again();
  }

  /** The claims of a socket have ended with it. */
  forget() {
    this.#followed = null;
  }

  /** Subscribe and read (again), as after a new socket or when OpenD is back. */
  again() {
    if (!this.symbol || !this.socket.isOpen) return;
    this.#followed = this.symbol;
    this.#turn += 1;
    for (const panel of this.panels) this.#begin(panel, this.symbol, this.#turn);
  }

  /** A quote event; those of other symbols are not for these panels. */
  push(frame) {
    if (frame.sec_key !== this.symbol) return;
    this.panels.find((panel) => panel.proto === frame.proto_id)?.push(frame.data);
  }

  /** Events of this symbol were merged away. */
  skipped({ proto_id, sec_key, count }) {
    if (sec_key === this.symbol) this.panels.find((panel) => panel.proto === proto_id)?.skipped?.(count);
  }

  async #begin(panel, symbol, turn) {
    try {
      await this.socket.ask("subscribe", { security_list: [symbol], sub_type_list: [panel.subType] });
      const answer = await post(panel.endpoint, panel.question(symbol));
      if (turn !== this.#turn) return;
      panel.fill(answer);
      panel.fault(null);
    } catch (error) {
      const text = words(error);
      if (turn === this.#turn) panel.fault(text);
    }
  }

  #drop() {
    const symbol = this.#followed;
    this.#turn += 1;
    this.#followed = null;
    if (!symbol || !this.socket.isOpen) return;
    const sub_type_list = this.panels.map((panel) => panel.subType);
    // Refused or cut off, the claims end with the socket; nothing is left to tell.
    this.socket.ask("unsubscribe", { security_list: [symbol], sub_type_list }).catch(words);
  }
}
