// One WebSocket at a time: operations with their replies, pings, and a new one after a close.

import { Backoff } from "./backoff.js";
import { readToken } from "./session.js";

const PING_EVERY_MS = 3_000;
const REPLY_WITHIN_MS = 15_000;
const NO_REPLY = 4000; // Our own code: the browser allows 3000 to 4999 to a page.

/** An operation that the gateway refused, or that never got its reply. */
export class OperationError extends Error {}

export class Socket {
  #websocket = null;
  #backoff = new Backoff();
  #pending = new Map();
  #timers = new Set();
  #nextId = 1;

  /** `hooks`: opened(), frame(frame), closed({code, reason, wasOpen}) -> whether to try again,
   *  roundTrip(milliseconds). */
  constructor(hooks) {
    this.hooks = hooks;
  }

  get isOpen() {
    return this.#websocket?.readyState === WebSocket.OPEN;
  }

  /** Connect now, whatever was before. */
  connect() {
    this.disconnect();
    const websocket = new WebSocket(address());
    this.#websocket = websocket;
    let wasOpen = false;
    websocket.onopen = () => {
      wasOpen = true;
      this.#repeat(() => this.#ping(), PING_EVERY_MS);
      this.hooks.opened();
      this.#ping();
    };
    websocket.onmessage = (message) => this.#take(JSON.parse(message.data));
    websocket.onclose = ({ code, reason }) => this.#closed({ code, reason, wasOpen });
  }

  /** Close, and try no more. */
  disconnect() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    if (this.#websocket) {
      this.#websocket.onopen = this.#websocket.onmessage = this.#websocket.onclose = null;
      this.#websocket.close();
      this.#websocket = null;
    }
    this.#failPending("the socket was closed");
  }

  /** Do an operation. Resolves with its reply; rejects with an OperationError in the gateway's words. */
  ask(op, fields = {}) {
    return new Promise((resolve, reject) => {
      if (!this.isOpen) {
        reject(new OperationError("the socket is not open"));
        return;
      }
      const id = this.#nextId++;
      this.#pending.set(id, { resolve, reject });
      this.#websocket.send(JSON.stringify({ op, id, ...fields }));
    });
  }

  #take(frame) {
    this.#backoff.succeeded();
    this.hooks.frame(frame);
    const waiting = frame.type === "reply" && this.#pending.get(frame.id);
    if (!waiting) return;
    this.#pending.delete(frame.id);
    if (frame.ok) waiting.resolve(frame);
    else waiting.reject(new OperationError(frame.error));
  }

  async #ping() {
    const sent = performance.now();
    const silence = this.#after(
      () => this.#closed({ code: NO_REPLY, reason: "no reply to a ping", wasOpen: true }),
      REPLY_WITHIN_MS,
    );
    try {
      await this.ask("ping");
      this.hooks.roundTrip(performance.now() - sent);
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
    } finally {
      clearTimeout(silence);
      this.#timers.delete(silence);
    }
  }

  #closed(how) {
    this.disconnect();
    if (!this.hooks.closed(how)) return;
    this.#after(() => this.connect(), this.#backoff.next());
  }

  #failPending(text) {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(new OperationError(text));
  }

  #after(run, milliseconds) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, milliseconds);
    this.#timers.add(timer);
    return timer;
  }

  #repeat(run, milliseconds) {
    this.#after(() => {
      run();
      this.#repeat(run, milliseconds);
    }, milliseconds);
  }
}

/** The address of /ws. A browser sends no Authorization header with a handshake, so the query has the token. */
function address() {
  const url = new URL("ws", document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.searchParams.set("int64", "string");
  const token = readToken();
  if (token) url.searchParams.set("token", token);
  return url;
}
