// The state of the connection, in lamps and figures.

import { byId, write } from "./dom.js";
import { Sequence } from "./sequence.js";

const LAMPS = { socket: byId("lamp-socket"), opend: byId("lamp-opend") };

/** `state` is one of the style sheet's: on, wait, off. */
export function setLamp(name, state, text) {
  LAMPS[name].dataset.state = state;
  write(LAMPS[name].querySelector("b"), text);
}

export const setRoundTrip = (milliseconds) => write(byId("figure-rtt"), `${milliseconds.toFixed(1)} ms`);

export class Figures {
  #sequence = new Sequence();
  #count = 0;

  constructor() {
    setInterval(() => this.#show(), 1000);
  }

  restart() {
    this.#sequence.restart();
  }

  take(frame) {
    this.#sequence.take(frame);
    this.#count += 1;
  }

  #show() {
    const { last, skipped, lost } = this.#sequence;
    write(byId("figure-seq"), last ? last.toLocaleString("en-US") : "-");
    write(byId("figure-rate"), String(this.#count));
    write(byId("figure-skipped"), skipped.toLocaleString("en-US"));
    write(byId("figure-lost"), lost.toLocaleString("en-US"));
    byId("figure-lost").classList.toggle("bad", lost > 0);
    this.#count = 0;
  }
}
