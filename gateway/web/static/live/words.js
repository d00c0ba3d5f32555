// Numbers of OpenD's protocol in words, as proto/Qot_Common.proto and proto/Trd_Common.proto name them.

export const SubType = { BASIC: 1, ORDER_BOOK: 2, TICKER: 4, KL_1MIN: 11 };
export const Push = {
  NOTIFY: 1003,
  BASIC: 3005,
  KLINE: 3007,
  TICKER: 3011,
  ORDER_BOOK: 3013,
  ORDER: 2208,
  FILL: 2218,
};
export const KL_1MIN = 1;
export const REHAB_FORWARD = 1;

const SIDES = { 1: ["Buy", "up"], 2: ["Sell", "down"], 3: ["Sell short", "down"], 4: ["Buy back", "up"] };

/** [word, class] of a TrdSide. */
export const side = (number) => SIDES[number] ?? [`side ${number}`, "flat"];

/** TickerDirection: who started the trade. */
export const tickDirection = (number) => ({ 1: "up", 2: "down" })[number] ?? "flat";

const ORDER_STATES = {
  "-1": ["Unknown", "bad"],
  0: ["Not submitted", "open"],
  1: ["Waiting", "open"],
  2: ["Submitting", "open"],
  3: ["Submit failed", "bad"],
  4: ["Timed out, unknown", "bad"],
  5: ["Submitted", "open"],
  10: ["Partly filled", "open"],
  11: ["Filled", "good"],
  12: ["Cancelling rest", "open"],
  13: ["Cancelling", "open"],
  14: ["Rest cancelled", "over"],
  15: ["Cancelled", "over"],
  21: ["Failed", "bad"],
  22: ["Disabled", "over"],
  23: ["Deleted", "over"],
  24: ["Fills undone", "bad"],
};

/** [words, class] of an OrderStatus. */
export const orderState = (number) => ORDER_STATES[number] ?? [`status ${number}`, "bad"];

const FILL_STATES = { 0: "", 1: "undone", 2: "corrected", 3: "payout" };
export const fillState = (number) => FILL_STATES[number ?? 0] ?? `status ${number}`;

const SECURITY_MARKETS = {
  1: "HK",
  2: "US",
  31: "SH",
  32: "SZ",
  41: "SG",
  51: "JP",
  61: "AU",
  71: "MY",
  81: "CA",
};

/** "HK.00700" of an order's TrdSecMarket and code. */
export const symbolOf = (market, code) =>
  SECURITY_MARKETS[market] ? `${SECURITY_MARKETS[market]}.${code}` : code;

const MARKETS = {
  1: "HK",
  2: "US",
  3: "CN",
  4: "HKCC",
  5: "Futures",
  6: "SG",
  8: "AU",
  10: "HK futures",
  11: "US futures",
  12: "SG futures",
  13: "JP futures",
  15: "JP",
  111: "MY",
  112: "CA",
  113: "HK funds",
  123: "US funds",
  124: "SG funds",
  125: "MY funds",
  126: "JP funds",
};
const SEVEN = { documented: "JP", official: "Crypto" };

/** A TrdMarket in the gateway's numbering, whose 7 is not the protocol's unless that is `official`. */
export const tradeMarket = (number, numbering) =>
  (number === 7 ? SEVEN[numbering] : MARKETS[number]) ?? `market ${number}`;

export const PAPER = "PAPER";
const REAL = "REAL";
const ENVIRONMENTS = { documented: { 1: PAPER, 2: REAL }, official: { 0: PAPER, 1: REAL } };

/** PAPER or REAL. Whatever is not certainly paper is named by its number, and styled as real money. */
export const environment = (number, numbering) => ENVIRONMENTS[numbering]?.[number] ?? `ENV ${number}?`;

const CLOSES = {
  1000: "closed",
  1001: "the other side went away",
  1005: "closed without a reason",
  1006: "the connection broke",
  1009: "a message was too large",
  1011: "the gateway gave up waiting",
  1012: "the worker restarts",
  1013: "this page read too slowly",
  4401: "the key is no longer valid",
};
export const closeMeaning = (code) => CLOSES[code] ?? "closed";
export const KEY_IS_GONE = 4401;
