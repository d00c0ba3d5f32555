// Puts the page together: which frame goes to which panel, and what happens when the connection changes.

import { Accounts } from "./accounts.js";
import { getPlain } from "./api.js";
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
const socket = new Socket({ opened, frame, closed, roundTrip: setRoundTrip });
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

const NOT_A_HANDSHAKE = 400;
const TOO_MANY_OR_A_PROXY =
  "No socket: too many are open (ws.max_sockets_per_key), or a proxy between does not pass WebSockets on.";

const NOTIFY = {
  opened({ trd_env_numbering, is_opend_ready }) {
    accounts.numbering = trd_env_numbering;
    showOpend(is_opend_ready);
    readAgain();
  },
  opend_lost() {
    showOpend(false);
  },
  opend_back() {
    showOpend(true);
    readAgain();
  },
};

const TYPES = {
  quote: (event) => (event.proto_id === Push.BASIC ? watch.push(event) : following.push(event)),
  trade: (event) => accounts.push(event),
  notify: (event) => NOTIFY[event.event]?.(event.data),
  gap: (event) => event.skipped.forEach((each) => (each.sec_key ? following.skipped(each) : readAgain())),
};

/** Begin, with the token that there is. In mode keys nothing is tried without one. */
async function start() {
  socket.disconnect();
  setLamp("socket", "wait", "connecting");
  if (!readToken() && (await needsToken())) askForToken(null);
  else socket.connect();
}

async function needsToken() {
  try {
    return (await getPlain("health")).auth_mode === "keys";
  } catch (error) {
    words(error); // The socket will tell, and go on trying.
    return false;
  }
}

function askForToken(reason) {
  socket.disconnect();
  accounts.forget();
  hideNotice();
  setLamp("socket", "off", "closed");
  setLamp("opend", "off", "unknown");
  tokenForm.ask(reason);
}

function showOpend(isReady) {
  setLamp("opend", isReady ? "on" : "off", isReady ? "connected" : "lost");
}

function readAgain() {
  watch.again();
  following.again();
  accounts.again();
}

function opened() {
  hideNotice();
  tokenForm.hide();
  setLamp("socket", "on", "open");
  figures.restart();
  following.forget();
}

function frame(event) {
  figures.take(event);
  TYPES[event.type]?.(event);
}

/** Whether to try again: not when the key is gone, since it will not come back. */
function closed({ code, reason, wasOpen }) {
  const why = `Socket closed: ${code}, ${reason || closeMeaning(code)}.`;
  setLamp("opend", "off", "unknown");
  if (code === KEY_IS_GONE) {
    askForToken(why);
    return false;
  }
  setLamp("socket", "wait", "waiting");
  showWhy(why);
  if (!wasOpen) explain();
  return true;
}

function showWhy(why) {
  showNotice(`${why} Trying again by itself.`, start);
}

/** A browser does not tell why a handshake was refused. A plain request is refused for the same reasons. */
async function explain() {
  try {
    await getPlain("ws");
  } catch (error) {
    const text = words(error);
    if (error.status === 401) askForToken(text);
    else if (error.status === NOT_A_HANDSHAKE) showWhy(TOO_MANY_OR_A_PROXY);
    else showWhy(`No socket: ${text}.`);
  }
}

start();
