// What this tab remembers. sessionStorage ends with the tab, and no other tab reads it.

const TOKEN = "gateway-token";
const SYMBOLS = "gateway-symbols";
const FIRST_SYMBOLS = ["HK.00700", "US.AAPL"];

export const readToken = () => sessionStorage.getItem(TOKEN) ?? "";

export function keepToken(token) {
  if (token) sessionStorage.setItem(TOKEN, token);
  else sessionStorage.removeItem(TOKEN);
}

export function readSymbols() {
  try {
    const symbols = JSON.parse(sessionStorage.getItem(SYMBOLS));
    if (Array.isArray(symbols) && symbols.every((each) => typeof each === "string")) return symbols;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return FIRST_SYMBOLS;
}

export const keepSymbols = (symbols) => sessionStorage.setItem(SYMBOLS, JSON.stringify(symbols));
