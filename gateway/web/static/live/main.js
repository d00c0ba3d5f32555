// Puts the page together: which frame goes to which panel, and what happens when the connection changes.

import { Accounts } from "./accounts.js";
import { ApiError, get, getPlain } from "./api.js";
import { Book } from "./book.js";
import { Candles } from "./candles.js";
import { Following, words } from "./following.js";
import { Headline } from "./headline.js";
import { hideNotice, showNotice } from "./notice.js";
import { readToken } from "./session.js";
import { Socket } from "./socket.js";
import { Figures, setLamp, setRoundTrip } from "./status.js";
import { Tape } from "./tape.js";
import { TokenForm } from "./token_form.js";
import { Watch } from "./watch.js";
import { closeMeaning, KEY_IS_GONE, Push } from "./words.js";

const figures = new Figures();
const headline = new Headline();
const socket = new Socket({ opened, frame, closed, waiting, roundTrip: setRoundTrip });
const following = new Following(socket, [new Candles(), new Book(), new Tape()]);
const accounts = new Accounts(socket);
const watch = new Watch(socket, {
  chosen(symbol) {
    headline.clear(symbol);
    following.select(symbol);
  },
  ticked: (symbol, quote) => headline.show(symbol, quote),
});
const tokenForm = new TokenForm(start);
let why = "";

const NOTIFY = {
  opend_lost() {
    setLamp("opend", "off", "lost");
  },
  opend_back() {
    setLamp("opend", "on", "connected");
    readAgain();
  },
};

const TYPES = {
  quote: (event) => (event.proto_id === Push.BASIC ? watch.push(event) : following.push(event)),
  trade: (event) => accounts.push(event),
  notify: (event) => NOTIFY[event.event]?.(event),
  gap: (event) => event.skipped.forEach((each) => following.skipped(each)),
};

/** Begin, with the token that there is. In mode keys nothing is tried without one. */
async function start() {
  socket.disconnect();
  setLamp("socket", "wait", "connecting");
  try {
    const health = await getPlain("health");
    accounts.numbering = health.trd_env_numbering;
    setLamp("opend", health.opend.is_ready ? "on" : "off", health.opend.is_ready ? "connected" : "not connected");
    if (health.auth_mode === "keys" && !readToken()) {
      setLamp("socket", "off", "closed");
      tokenForm.ask(null);
      return;
    }
  } catch (error) {
    words(error); // The socket will say the same, and go on trying.
  }
  socket.connect();
}

function readAgain() {
  watch.again();
  following.again();
  accounts.again();
}

function opened() {
  why = "";
  hideNotice();
  tokenForm.hide();
  setLamp("socket", "on", "open");
  figures.restart();
  following.forget();
  readAgain();
}

function frame(event) {
  figures.take(event);
  TYPES[event.type]?.(event);
}

/** Whether to try again: not when the key is gone, since it will not come back. */
function closed({ code, reason, wasOpen }) {
  why = `Socket closed: ${code}, ${reason || closeMeaning(code)}.`;
  setLamp("socket", "off", "closed");
  setLamp("opend", "off", "unknown");
  if (code === KEY_IS_GONE) {
    tokenForm.ask(why);
    return false;
  }
  if (!wasOpen) explain();
  return true;
}

function waiting(milliseconds) {
  setLamp("socket", "wait", "waiting");
  showNotice(`${why} Trying again in ${(milliseconds / 1000).toFixed(1)} s.`, start);
}

/** A browser does not tell why a handshake was refused; the same token gets the same answer from the API. */
async function explain() {
  try {
    await get("global-state");
  } catch (error) {
    why = `${words(error)}.`;
    if (!(error instanceof ApiError) || error.status !== 401) return;
    socket.disconnect();
    hideNotice();
    setLamp("socket", "off", "closed");
    tokenForm.ask(error.message);
  }
}

start();
