// What is wrong with the connection as a whole, in words, and a way to try again at once.

import { byId, write } from "./dom.js";

const notice = byId("notice");
const [text, button] = notice.children;

export function showNotice(words, tryNow) {
  notice.hidden = false;
  write(text, words);
  button.hidden = !tryNow;
  button.onclick = tryNow;
}

export function hideNotice() {
  notice.hidden = true;
}
